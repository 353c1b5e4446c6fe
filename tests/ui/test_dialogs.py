"""Every dialog with real keys and the mouse: what it returns, where the focus is, and what is on the screen."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, overload

import pytest
from hypothesis import given
from hypothesis import strategies as st
from screen import play, shown, text_of, until
from textual import events
from textual.app import App, ComposeResult
from textual.keys import _character_to_key
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Button, Input, Static, TextArea

from aurora_tui.themes import THEMES
from widgets.ask_line import AskLine, LineBar
from widgets.choice import RESERVED, Choice, Option, letter_places
from widgets.confirm import Confirm
from widgets.help_sheet import HelpRow, HelpSheet
from widgets.path_completion import Cycle, complete_names, complete_paths, matching, segments
from widgets.task_form import TaskForm
from widgets.too_small import TooSmall, too_small
from widgets.welcome import Welcome

SIZES = ((40, 12), (80, 24), (120, 36))
SMALL = SIZES[:1]
"""Where keys go, the size does not matter; where there is least room, most can go wrong."""
OPEN = "still open"
EVIL = "[bold]x[/foo] \x1b]52;c;aGk=\x07\x1b[31m\u009b2J日本語👩‍👩‍👧\r\n\tend"
Dialogs = dict[str, Callable[[], Screen[Any]]]


class Host(App[None]):
    """A screen with the bar at the bottom, over which dialogs are put; what they say is kept."""

    def __init__(self, theme: str = "aurora-dark") -> None:
        super().__init__()
        self.heard: list[tuple[str, str]] = []
        for each in THEMES:
            self.register_theme(each)
        self.theme = theme

    def compose(self) -> ComposeResult:
        yield Button("elsewhere", id="elsewhere")
        yield LineBar(id="line")

    def on_line_bar_changed(self, message: LineBar.Changed) -> None:
        self.heard.append(("changed", message.value))

    def on_line_bar_submitted(self, message: LineBar.Submitted) -> None:
        self.heard.append(("submitted", message.value))

    def on_line_bar_cancelled(self, message: LineBar.Cancelled) -> None:
        self.heard.append(("cancelled", message.value))


class Desk:
    """Dialogs are put on it, pressed and looked at."""

    def __init__(self, app: Host, pilot: Pilot[object]) -> None:
        self.app, self.pilot = app, pilot
        self.answers: list[object] = []

    @property
    def size(self) -> tuple[int, int]:
        return self.app.size.width, self.app.size.height

    @property
    def answer(self) -> object:
        """What the dialog returned."""
        return self.answers[0] if self.answers else OPEN

    @property
    def focused(self) -> str:
        """Which field has the focus."""
        return (self.app.focused.id or "" if self.app.focused else "").removeprefix("field-")

    @property
    def words(self) -> str:
        """The words on the screen, as if there were no line ends and no frames."""
        return " ".join(shown(self.app).replace("│", " ").split())

    async def put(self, dialog: Screen[Any], *keys: str) -> None:
        """Take away what is there, show a dialog and press keys."""
        while len(self.app.screen_stack) > 1:
            self.app.pop_screen()
        self.answers = []
        await self.app.push_screen(dialog, self.answers.append)
        await self.settle()
        await self.press(*keys)

    async def ask(self, dialog: Screen[Any], *keys: str) -> object:
        """What a dialog returns for these keys."""
        await self.put(dialog, *keys)
        return self.answer

    async def press(self, *keys: str) -> None:
        """Press keys one after the other, each when everything before it is done."""
        for key in keys:
            letter = len(key) == 1
            name = _character_to_key(key) if letter else key
            self.app.post_message(events.Key(name, key if letter else " " if key == "space" else None))
            typed = letter and isinstance(self.app.focused, Input | TextArea)
            await self.settle(1 if typed else 4)
        await self.settle(2)

    async def settle(self, rounds: int = 4) -> None:
        """Let every widget work off its messages, and the messages that come of them."""
        for _ in range(rounds):
            await self.pilot.pause(0)

    async def see(self, *texts: str) -> None:
        """Wait until all of these can be read."""
        await until(self.pilot, lambda: all(text in self.words for text in texts))

    async def see_no(self, text: str) -> None:
        """Wait until this cannot be read."""
        await until(self.pilot, lambda: text not in self.words)

    async def click_on(self, text: str, beside: str = "") -> None:
        """Click on a text, on the line that also holds another one."""

        def places() -> list[tuple[int, int]]:
            rows = enumerate(text_of(self.app))
            return [(line.index(text), row) for row, line in rows if text in line and beside in line]

        await until(self.pilot, places)
        await self.pilot.click(offset=places()[0])
        await self.settle()

    def input(self, id: str = "") -> Input:
        return self.app.screen.query_one(f"#{id}" if id else Input, Input)


Scene = Callable[[Desk], Awaitable[None]]


def at_sizes(scene: Scene, sizes: Sequence[tuple[int, int]] = SIZES, theme: str = "aurora-dark") -> None:
    """Play a scene in an app, once for each size (columns, lines) of its terminal."""
    app = Host(theme)

    async def scenes(pilot: Pilot[object]) -> None:
        desk = Desk(app, pilot)
        for size in sizes:
            await pilot.resize_terminal(*size)
            await until(pilot, lambda size=size: desk.size == size)
            await scene(desk)

    play(app, scenes, sizes[0])


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


# --- one line -----------------------------------------------------------------------------------------------------

PATTERNS = ("src/auth/**", "src/auth/login.py", "src/ui/**", "docs/**", "bad\x1b[2Jname", "tests/a.py", "tests/b.py")


def number(text: str) -> str:
    return "" if text.lstrip("-").isdigit() else "a whole number, please: 5, 0, -3"


def priority() -> AskLine:
    return AskLine("Priority of auth (higher runs first, lower runs last)", "5", check=number)


def test_a_line_is_taken_when_the_check_has_nothing_against_it() -> None:
    async def scene(desk: Desk) -> None:
        cases: dict[str, object] = {
            "7 enter": "7",
            "end 7 enter": "57",
            "escape": None,
            "x escape": None,
            "x enter": OPEN,
            "x enter backspace 8 enter": "8",
            "backspace enter": "",
        }
        for keys, answer in cases.items():
            assert await desk.ask(priority(), *keys.split()) == answer, keys

    at_sizes(scene, SMALL)


def test_the_check_speaks_while_one_types() -> None:
    async def scene(desk: Desk) -> None:
        await desk.put(priority())
        await desk.see("Priority of auth (higher runs first, lower runs last)")
        assert "✗" not in desk.words
        await desk.press("x")
        await desk.see("✗ a whole number, please: 5, 0, -3")
        await desk.press("backspace", "1")
        await desk.see_no("✗")

    at_sizes(scene)


def test_completions_are_put_into_the_line() -> None:
    async def scene(desk: Desk) -> None:
        cases = {
            "s tab enter": "src/auth/**",
            "s down down enter": "src/auth/login.py",
            "s tab tab shift+tab enter": "src/auth/**",
            "s down up enter": "s",
            "s up enter": "tests/b.py",
            "s right enter": "src/auth/**",
            "d o tab x enter": "docs/**x",
        }
        for keys, answer in cases.items():
            assert await desk.ask(AskLine("Narrow src/** to", suggestions=PATTERNS), *keys.split()) == answer, keys

    at_sizes(scene, SMALL)


def test_at_most_six_completions_are_listed_and_a_click_takes_one() -> None:
    async def scene(desk: Desk) -> None:
        await desk.put(AskLine("Which?", suggestions=[f"name-{n}" for n in range(9)]))
        await desk.see("name-0", "name-5") if desk.size[1] > 12 else await desk.see("name-0")
        assert "name-6" not in desk.words
        await desk.click_on("name-2")
        assert desk.input().value == "name-2"
        await desk.press("enter")
        assert desk.answer == "name-2"

    at_sizes(scene)


def test_what_is_pasted_loses_its_control_characters() -> None:
    async def scene(desk: Desk) -> None:
        await desk.put(AskLine("Message"))
        desk.app.post_message(events.Paste("use \x1b]52;c;aGk=\x07tabs\u009b2J\nplease"))
        await until(desk.pilot, lambda: desk.input().value)
        await desk.press("enter")
        assert desk.answer == "use tabs please"

    at_sizes(scene, SMALL)


# --- the line at the bottom ---------------------------------------------------------------------------------------

COMMANDS = ("pause", "pause-all", "pool", "priority", "theme aurora-dark")


async def bar(desk: Desk, sign: str, *keys: str) -> list[tuple[str, str]]:
    """Open the bar with a sign and press keys; what it said."""
    desk.app.heard.clear()
    desk.app.query_one(LineBar).open(sign, "command", (lambda text: matching(text, COMMANDS)) if sign == ":" else None)
    await desk.settle()
    await desk.press(*keys)
    return desk.app.heard


def test_the_bar_tells_every_letter_and_the_end() -> None:
    async def scene(desk: Desk) -> None:
        assert await bar(desk, "/", "a", "b", "enter") == [("changed", "a"), ("changed", "ab"), ("submitted", "ab")]
        assert await bar(desk, "/", "a", "escape") == [("changed", "a"), ("cancelled", "")]

    at_sizes(scene)


def test_the_bar_completes_both_ways_round() -> None:
    async def scene(desk: Desk) -> None:
        cases = {
            "p tab": "pause",
            "p tab tab": "pause-all",
            "p shift+tab": "priority",
            "p tab shift+tab": "p",
            "t tab x": "theme aurora-darkx",
        }
        for keys, line in cases.items():
            assert (await bar(desk, ":", *keys.split(), "enter"))[-1] == ("submitted", line), keys

    at_sizes(scene, SMALL)


def test_the_bar_remembers_each_signs_lines() -> None:
    async def scene(desk: Desk) -> None:
        for sign, line in ((":", "a"), (":", "b"), ("/", "f")):
            await bar(desk, sign, line, "enter")
        cases = {": up": "b", ": up up up": "a", ": x up down": "x", "/ up": "f"}
        for keys, line in cases.items():
            assert (await bar(desk, *keys.split(), "enter"))[-1] == ("submitted", line), keys
            cases = cases

    at_sizes(scene, SMALL)


def test_the_bar_shows_completions_above_and_goes_when_the_focus_goes() -> None:
    async def scene(desk: Desk) -> None:
        await bar(desk, ":", "p", "tab")
        await desk.see("pause-all", "pool")
        lines = text_of(desk.app)
        above = next(n for n, line in enumerate(lines) if "pause-all" in line)
        assert lines[above + 1].split() == [":", "pause"]
        await desk.pilot.click("#elsewhere")
        await until(desk.pilot, lambda: not desk.app.query_one(LineBar).is_open)
        assert desk.app.heard[-1] == ("submitted", "")

    at_sizes(scene)


def test_a_click_takes_a_completion_of_the_bar() -> None:
    async def scene(desk: Desk) -> None:
        await bar(desk, ":", "p")
        await desk.click_on("pool")
        assert desk.input().value == "pool"
        await desk.press("escape")

    at_sizes(scene)


# --- the form -----------------------------------------------------------------------------------------------------

FILES = ("src/auth/login.py", "src/auth/session.py", "src/ui/page.ts", "README.md", "docs/日本語.md", "bad\x1bname")


def form(check: Callable[[dict[str, object]], str] = lambda fields: "", **more: Any) -> TaskForm:
    return TaskForm(FILES, ["auth", "ui", "docs"], ["claude", "codex"], "claude", check, **more)


def test_the_form_returns_what_was_filled_in() -> None:
    values = ("a/**, b", "auth,ui", "new", "codex", "-5", "c", "d/**", "make")

    async def scene(desk: Desk) -> None:
        keys = [*"Do it", "enter", *"now"]
        for value in values:
            keys += ["tab", *value]
        assert await desk.ask(form(), *keys, "ctrl+s") == {
            "prompt": "Do it\nnow",
            "files": ["a/**", "b"],
            "after": ["auth", "ui"],
            "id": "new",
            "agent": "codex",
            "priority": -5,
            "shared": ["c"],
            "reads": ["d/**"],
            "test": "make",
        }

    at_sizes(scene)


def test_the_form_returns_only_what_was_given() -> None:
    async def scene(desk: Desk) -> None:
        assert await desk.ask(form(), "x", "ctrl+s") == {"prompt": "x"}
        assert await desk.ask(form(), "x", "escape") is None

    at_sizes(scene, SMALL)


def test_enter_and_the_arrows_go_through_the_fields_to_the_button() -> None:
    async def scene(desk: Desk) -> None:
        await desk.put(form(), "x")
        assert desk.focused == "prompt"
        seen = []
        for key in ("down", "enter", "down", "tab", "enter", "enter", "down", "enter", "enter"):
            await desk.press(key)
            seen.append(desk.focused)
        assert seen == ["files", "after", "id", "agent", "priority", "shared", "reads", "test", "add"]
        await desk.press("up")
        assert desk.focused == "test"
        await desk.press("down", "enter")
        assert desk.answer == {"prompt": "x"}

    at_sizes(scene)


def test_the_form_says_what_is_wrong_and_stays() -> None:
    def check(fields: dict[str, object]) -> str:
        return "" if fields["prompt"] == "xy" else "`after: nobody`: there is no such task"

    async def scene(desk: Desk) -> None:
        await desk.put(form(check), "tab", "ctrl+s")
        await desk.see("✗ the prompt is missing", "Add the task")
        assert desk.focused == "prompt"
        await desk.press("x", "ctrl+s")
        await desk.see("✗ `after: nobody`: there is no such task", "Add the task")
        await desk.press("y", "ctrl+s")
        assert desk.answer == {"prompt": "xy"}

    at_sizes(scene)


def test_a_priority_that_is_no_number_never_reaches_the_app() -> None:
    async def scene(desk: Desk) -> None:
        asked: list[object] = []
        await desk.put(form(lambda fields: str(asked.append(fields) or "")), "x", *["tab"] * 5, *"high", "ctrl+s")
        await desk.see("✗ priority: a whole number")
        assert desk.answer == OPEN
        assert not asked

    at_sizes(scene, SMALL)


def test_paths_are_completed_segment_by_segment() -> None:
    cases: dict[str, tuple[list[str], list[str]]] = {
        "src/a": (["right", "right"], ["src/auth/**"]),
        "src/": (["ctrl+n", "ctrl+n", "ctrl+n"], ["src/ui/"]),
        "R.md, do": (["right", "right"], ["R.md", "docs/**"]),
        "b": (["right"], ["b"]),
    }

    async def scene(desk: Desk) -> None:
        for typed, (keys, files) in cases.items():
            assert await desk.ask(form(), "x", "tab", *typed, *keys, "ctrl+s") == {"prompt": "x", "files": files}

    at_sizes(scene, SMALL)


def test_names_of_tasks_are_offered_and_taken_by_click() -> None:
    async def scene(desk: Desk) -> None:
        await desk.put(form(), "x", "tab", "tab")
        await desk.click_on("docs", beside="auth  docs")
        assert desk.input("field-after").value == "docs"
        await desk.press(",", "a", "right", "ctrl+s")
        assert desk.answer == {"prompt": "x", "after": ["docs", "auth"]}

    at_sizes(scene, SMALL)


def test_a_long_prompt_with_wide_characters_comes_back_whole() -> None:
    prompt = "\n".join(f"{n}. 日本語 [bold]and[/foo] 👩‍👩‍👧 " + "word " * 60 + "." for n in range(100))

    async def scene(desk: Desk) -> None:
        await desk.put(form())
        pasted = events.Paste(prompt.replace("\n", "\r\n") + "\x1b[2J\u009b1m")
        desk.app.post_message(pasted)
        await until(desk.pilot, lambda: "99." in desk.app.screen.query_one(TextArea).text)
        await desk.see("Add the task")
        await desk.press("ctrl+s")
        assert desk.answer == {"prompt": prompt}

    at_sizes(scene)


def test_the_button_takes_the_form_and_a_left_form_can_be_filled_again() -> None:
    left = {"prompt": "x\ny", "files": ["a", "b"], "priority": 3}

    async def scene(desk: Desk) -> None:
        await desk.put(form(given=left))
        await desk.click_on("Add the task")
        assert desk.answer == left

    at_sizes(scene, SMALL)


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


# --- pure ---------------------------------------------------------------------------------------------------------


class Counted(Sequence[str]):
    """A list that counts how often it is looked into."""

    def __init__(self, values: list[str]) -> None:
        self.values, self.looks = values, 0

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...
    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        self.looks += 1
        return self.values[index]

    def __len__(self) -> int:
        return len(self.values)


def test_fifty_thousand_files_are_hardly_looked_at() -> None:
    files = Counted(sorted(f"src/part{n % 50}/module{n}.py" for n in range(50_000)))
    assert segments("src/", files, 8)[0] == "src/**"
    assert segments("src/part7/module7", files, 8)
    assert files.looks < 400


@given(
    st.lists(st.from_regex(r"[ab]{1,2}(/[ab]{1,2}){0,2}", fullmatch=True)), st.from_regex(r"[ab/]{0,4}", fullmatch=True)
)
def test_every_completion_begins_with_what_was_typed_and_leads_to_a_file(files: list[str], typed: str) -> None:
    ordered = sorted(set(files))
    for text in segments(typed, ordered, 100):
        assert text.startswith(typed)
        assert text != typed
        folder = text.removesuffix("**")
        assert text in ordered or any(path.startswith(folder) for path in ordered if folder.endswith("/"))


def test_every_file_is_reached_by_completions() -> None:
    files = sorted(["a/b/c.py", "a/b/d.py", "a/e.py", "a.py", "z"])
    reached, todo = set(), [""]
    while todo:
        for text in segments(todo.pop(), files, 100):
            if text.endswith("/"):
                todo.append(text)
            elif not text.endswith("**"):
                reached.add(text)
    assert reached == set(files)


def test_paths_go_on_one_segment_at_a_time() -> None:
    files = sorted(["src/a/x.py", "src/a/y.py", "src/b.py", "docs/z.md"])
    assert segments("", files) == ["docs/", "src/"]
    assert segments("sr", files) == ["src/", "src/**"]
    assert segments("src/", files) == ["src/**", "src/a/", "src/b.py"]
    assert segments("src/a", files) == ["src/a/", "src/a/**"]
    assert segments("src/a/x", files) == ["src/a/x.py"]
    assert segments("src/a/x.py", files) == []
    assert segments("nothing", files) == []


def test_lists_are_completed_at_their_last_part() -> None:
    files = sorted(["src/a.py", "src/b.py"])
    assert complete_paths("x/**, src/", files) == ["x/**, src/**", "x/**, src/a.py", "x/**, src/b.py"]
    assert complete_paths("src/a.py,src/", files) == ["src/a.py,src/**", "src/a.py,src/b.py"]
    assert complete_names("ui, a", ["api", "auth", "ui"]) == ["ui, api", "ui, auth"]
    assert complete_names("ui, ", ["auth", "ui"]) == ["ui, auth"]


def test_matching_puts_beginnings_first() -> None:
    assert matching("ui", ["gui", "UI kit", "ui", "docs"]) == ["UI kit", "gui"]


def test_a_cycle_comes_back_to_what_was_typed() -> None:
    cycle = Cycle()
    cycle.offer("p", ["pause", "bad\x1bname", "pool"])
    assert [cycle.step(1) for _ in range(3)] == ["pause", "pool", "p"]
    assert [cycle.step(-1) for _ in range(3)] == ["pool", "pause", "p"]
