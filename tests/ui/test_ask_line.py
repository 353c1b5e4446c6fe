"""The line that is asked for, in a box and at the bottom: keys, checks, completions."""

from __future__ import annotations

from dialog_desk import OPEN, PATTERNS, SMALL, Desk, at_sizes
from screen import text_of, until
from textual import events

from widgets.ask_line import AskLine, LineBar
from widgets.path_completion import matching

# --- one line -----------------------------------------------------------------------------------------------------


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
