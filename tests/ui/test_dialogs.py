"""Dialogs with real keys and the mouse: what they return, where the focus is, and what is on the screen."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from dialog_desk import EVIL, OPEN, PATTERNS, SIZES, SMALL, Desk, Dialogs, at_sizes, form
from hypothesis import given
from hypothesis import strategies as st
from screen import text_of
from textual.widgets import Input, Static, TextArea

from widgets.ask_line import AskLine
from widgets.choice import RESERVED, Choice, Option, letter_places
from widgets.confirm import Confirm
from widgets.help_sheet import HelpRow, HelpSheet
from widgets.task_form import TaskForm
from widgets.too_small import TooSmall, too_small
from widgets.welcome import Welcome

# --- confirm ------------------------------------------------------------------------------------------------------

LOSES = "Its work is kept under refs/aurora; its locks are released. These wait for it: ui, docs and 3 more."


def confirm(loses: str = LOSES, question: str = "Drop auth?") -> Confirm:
    return Confirm(question, loses, "Drop it")


def test_confirm_answers_only_an_express_yes_with_true() -> None:
    async def scene(desk: Desk) -> None:
        for keys in (["enter"], ["n"], ["escape"], ["l", "h", "enter"], ["tab", "tab", "enter"]):
            assert await desk.ask(confirm("Nothing."), *keys) is False, keys
        for keys in (
            ["y"],
            ["right", "enter"],
            ["left", "enter"],
            ["tab", "enter"],
            ["shift+tab", "enter"],
            ["j", "enter"],
        ):
            assert await desk.ask(confirm("Nothing."), *keys) is True, keys

    at_sizes(scene, SMALL)


def test_confirm_says_everything_and_no_has_the_focus() -> None:
    question = "Take src/billing/invoices/templates/** and all below it away from payments-rework?"

    async def scene(desk: Desk) -> None:
        await desk.put(confirm(question=question))
        assert desk.focused == "no"
        await desk.see(question, LOSES, " No ", "Drop it", "y yes", "esc no")
        await desk.click_on("Drop it")
        assert desk.answer is True

    at_sizes(scene)


def test_a_long_loss_is_scrolled_and_hides_no_answer() -> None:
    async def scene(desk: Desk) -> None:
        await desk.put(confirm(" ".join(f"lose-{n}" for n in range(100))))
        assert "lose-99" not in desk.words
        await desk.see("lose-0", "Drop it")
        await desk.press(*["down"] * 40)
        await desk.see("lose-99", "Drop it")

    at_sizes(scene, [(40, 12), (80, 24)])


# --- choice -------------------------------------------------------------------------------------------------------

OPTIONS = (
    Option("background", "let them go on in the background", "`aurora attach` brings this screen back"),
    Option("wait", "wait for them", "start nothing new, land what gets finished, then leave this terminal to you"),
    Option("edit", "edit by hand", "open the files in your editor", "this terminal is attached read-only"),
    Option("stop", "stop them", "end the agents now; their work is kept"),
    Option("stay", "stay"),
)
REFUSED = "✗ cannot be chosen: this terminal is attached read-only"


def choice(options: Sequence[Option] = OPTIONS) -> Choice:
    return Choice("Leave Aurora?", options, note="3 agents at work (auth, ui, search), 5 tasks in the queue.")


def test_choice_is_made_by_arrows_numbers_and_letters() -> None:
    async def scene(desk: Desk) -> None:
        cases: dict[str, object] = {
            "enter": "background",
            "escape": None,
            "j enter": "wait",
            "down down down up up enter": "wait",
            "G enter": "stay",
            "end k enter": "stop",
            "2": "wait",
            "5": "stay",
            "w": "wait",
            "s": "stop",
            "9": OPEN,
        }
        for keys, answer in cases.items():
            assert await desk.ask(choice(), *keys.split()) == answer, keys

    at_sizes(scene, SMALL)


def test_what_cannot_be_chosen_stays_and_says_why() -> None:
    async def scene(desk: Desk) -> None:
        for keys in (["3"], ["e"], ["j", "j", "enter"]):
            assert await desk.ask(choice(), *keys) == OPEN
            await desk.see("edit by hand", REFUSED)
            await desk.press("j")
            await desk.see_no("✗")
            await desk.press("enter")
            assert desk.answer == "stop"

    at_sizes(scene)


def test_every_option_and_its_help_can_be_read() -> None:
    async def scene(desk: Desk) -> None:
        await desk.put(choice())
        for option in OPTIONS:
            await desk.see(option.label, option.sentence, "5 tasks in the queue.")
            await desk.press("j")

    at_sizes(scene)


def test_a_click_chooses() -> None:
    async def scene(desk: Desk) -> None:
        await desk.put(choice())
        await desk.click_on("stop them")
        assert desk.answer == "stop"

    at_sizes(scene)


def test_more_options_than_lines_are_scrolled() -> None:
    many = [Option(f"task-{n}", f"task-{n}", "waits for it") for n in range(100)]

    async def scene(desk: Desk) -> None:
        assert await desk.ask(choice(many), "G", "enter") == "task-99"

    at_sizes(scene)


@given(st.lists(st.text(st.sampled_from("abjkgs -é1"), min_size=1, max_size=6), max_size=12))
def test_each_letter_chooses_one_option_and_stands_in_its_label(labels: list[str]) -> None:
    places = letter_places(labels)
    found = [label[at].lower() for label, at in zip(labels, places, strict=True) if at >= 0]
    assert len(set(found)) == len(found)
    assert all(letter.isalpha() and letter not in RESERVED for letter in found)


def test_first_letters_of_words_come_first() -> None:
    assert letter_places(["wait", "go on in the background", "stop", "stay", "wait", "s"]) == [0, 3, 0, 1, 1, -1]


# --- keys and welcome ---------------------------------------------------------------------------------------------

SECTIONS = [
    ("Steer", [HelpRow(f"{n}", f"steer-{n}", f"what steer-{n} does to the selected task") for n in range(12)]),
    ("The run", [HelpRow("u", "undo", "take the last landing back", "nothing has landed in this run")]),
    ("Look", [HelpRow("z", "zoom", "give the pane the whole screen")]),
]


def test_all_keys_are_found_by_scrolling_and_the_disabled_say_why() -> None:
    async def scene(desk: Desk) -> None:
        await desk.put(HelpSheet(SECTIONS, "All keys."))
        seen = desk.words
        for _ in range(12):
            await desk.press("down", "down", "down")
            seen += desk.words
        for text in (*(f"steer-{n} " for n in range(12)), "✗ nothing has landed in this run", "zoom"):
            assert text in seen
        await desk.press("q")
        assert desk.answer is None

    at_sizes(scene, [*SIZES, (180, 40)])


def test_a_wide_sheet_has_two_columns() -> None:
    async def scene(desk: Desk) -> None:
        await desk.put(HelpSheet(SECTIONS, "All keys."))
        beside = any("Steer" in line and "The run" in line for line in text_of(desk.app))
        assert beside == (desk.size[0] > 170)

    at_sizes(scene, [(120, 36), (180, 40)])


def test_the_sheet_is_filtered() -> None:
    async def scene(desk: Desk) -> None:
        await desk.put(HelpSheet(SECTIONS, "All keys."), "/", *"landing")
        await desk.see("undo", "1 of 14")
        assert "steer" not in desk.words
        await desk.press("x")
        await desk.see("No key matches.")
        await desk.press("escape")
        assert desk.answer is None

    at_sizes(scene)


def welcome() -> Welcome:
    return Welcome("/home/ada/shop", "There is no aurora.yaml here yet.")


def test_the_welcome_has_three_ways_on() -> None:
    async def scene(desk: Desk) -> None:
        cases = {
            "enter": "init",
            "i": "init",
            "d": "demo",
            "q": "quit",
            "escape": "quit",
            "down enter": "demo",
            "tab tab enter": "quit",
            "shift+tab enter": "quit",
            "j k enter": "init",
        }
        for keys, way in cases.items():
            assert await desk.ask(welcome(), *keys.split()) == way, keys

    at_sizes(scene, SMALL)


def test_the_welcome_says_what_aurora_is_at_every_size() -> None:
    async def scene(desk: Desk) -> None:
        await desk.put(welcome())
        await desk.see("at once. Files are", "lands.", "i write a starter aurora.yaml here", "d see the demo", "q quit")
        await desk.click_on("see the demo")
        assert desk.answer == "demo"

    at_sizes(scene)


def test_too_small_says_what_is_needed() -> None:
    assert too_small(31, 8) == "Aurora needs 40×10,\nthis is 31×8"
    assert not too_small(40, 10)

    async def scene(desk: Desk) -> None:
        await desk.put(welcome())
        await desk.see("Aurora needs 40×10,", "this is 31×8")
        assert "demo" not in desk.words
        await desk.pilot.resize_terminal(80, 24)
        await desk.see("see the demo")
        assert not desk.app.screen.query_one(TooSmall).display

    at_sizes(scene, [(31, 8)])


# --- all of them --------------------------------------------------------------------------------------------------

HOSTILE: Dialogs = {
    "confirm": lambda: Confirm(EVIL, EVIL, EVIL, EVIL),
    "choice": lambda: Choice(EVIL, [Option("a", EVIL, EVIL), Option("b", EVIL, EVIL, EVIL)], note=EVIL),
    "ask": lambda: AskLine(EVIL, EVIL, EVIL, check=lambda text: EVIL, suggestions=[EVIL, "[bold]x[/foo]", "[日本語"]),
    "form": lambda: TaskForm([EVIL, "[b]/x[/foo]"], [EVIL], [EVIL], EVIL, lambda fields: EVIL, {"prompt": EVIL}),
    "help": lambda: HelpSheet([(EVIL, [HelpRow(EVIL, EVIL, EVIL, EVIL)])], EVIL),
    "welcome": lambda: Welcome(EVIL, EVIL),
}
FRIENDLY: Dialogs = {
    "confirm": confirm,
    "choice": choice,
    "ask": lambda: AskLine("Narrow src/** of auth to", "src/", suggestions=PATTERNS),
    "form": form,
    "help": lambda: HelpSheet(SECTIONS, "All keys."),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_words_break_nothing(name: str) -> None:
    async def scene(desk: Desk) -> None:
        await desk.put(HOSTILE[name]())
        for key in ("", "tab", "ctrl+s", "2" if name == "choice" else "/", "["):
            await desk.press(*[key] if key else [])
            for strip in desk.app.screen._compositor.render_strips():
                assert strip.cell_length == desk.size[0]
                assert not set(strip.text) & set("\x1b\x07\r\n\t\u009b")
        if name != "welcome" or desk.size[1] > 12:
            assert "[bold]x[/foo]" in desk.words
        assert desk.answer == OPEN

    at_sizes(scene)


@pytest.mark.parametrize("name", FRIENDLY)
def test_dialogs_leave_a_fifth_of_the_screen_free(name: str) -> None:
    async def scene(desk: Desk) -> None:
        await desk.put(FRIENDLY[name]())
        box = desk.app.screen.query_one("#box")
        assert box.outer_size.width <= desk.size[0] * 0.8
        assert box.outer_size.height <= desk.size[1] * 0.8

    at_sizes(scene, [(80, 24), (200, 60)])


@pytest.mark.parametrize("name", FRIENDLY)
def test_keys_are_named_in_every_dialog_and_escape_leaves(name: str) -> None:
    async def scene(desk: Desk) -> None:
        await desk.put(FRIENDLY[name]())
        last = next(line for line in reversed(text_of(desk.app)) if "╰" in line)
        assert "esc" in last
        assert "…" not in last
        assert desk.app.screen.query_one("#box").region.bottom <= desk.size[1]
        await desk.press("escape")
        assert desk.answer in (None, False)

    at_sizes(scene, [(40, 10), *SIZES])


def test_sixteen_colours_are_enough() -> None:
    async def scene(desk: Desk) -> None:
        for name, make in (*FRIENDLY.items(), ("welcome", welcome)):
            await desk.put(make(), "tab")
            segments = [segment for strip in desk.app.screen._compositor.render_strips() for segment in strip]
            colours = {c for s in segments if s.style for c in (s.style.color, s.style.bgcolor) if c is not None}
            assert colours
            assert all(colour.triplet is None for colour in colours), (name, colours)

    at_sizes(scene, [(80, 24)], "aurora-16")


@pytest.mark.parametrize("theme", ["aurora-dark", "aurora-16"])
def test_without_colour_the_answer_with_the_focus_still_stands_out(theme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    async def scene(desk: Desk) -> None:
        for keys, here, away in (((), "No", "Drop it"), (("tab",), "Drop it", "No")):
            await desk.put(confirm(), *keys)
            strips = desk.app.screen._compositor.render_strips()
            styles = {segment.text.strip(): segment.style for strip in strips for segment in strip}
            assert styles[here].bold
            assert not styles[away].bold

    at_sizes(scene, [(80, 24)], theme)


def test_nothing_blinks_and_nothing_is_markup() -> None:
    async def scene(desk: Desk) -> None:
        for make in (*FRIENDLY.values(), welcome):
            await desk.put(make())
            for line in (*desk.app.screen.query(Input), *desk.app.screen.query(TextArea)):
                assert not line.cursor_blink
            for static in desk.app.screen.query(Static):
                assert static._render_markup is False

    at_sizes(scene, [(80, 24)])
