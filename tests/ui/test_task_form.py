"""The form of a task: what it returns, what it says, how its fields are completed."""

from __future__ import annotations

from dialog_desk import OPEN, SMALL, Desk, at_sizes, form
from screen import until
from textual import events
from textual.widgets import TextArea

# --- the form -----------------------------------------------------------------------------------------------------


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
