"""Plays with one dialog on an otherwise empty screen, at several sizes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from screen import play, shown, text_of, until
from textual import events
from textual.app import App, ComposeResult
from textual.keys import _character_to_key
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Button, Input, TextArea

from aurora_tui.themes import THEMES
from widgets.ask_line import LineBar
from widgets.task_form import TaskForm

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


PATTERNS = ("src/auth/**", "src/auth/login.py", "src/ui/**", "docs/**", "bad\x1b[2Jname", "tests/a.py", "tests/b.py")

FILES = ("src/auth/login.py", "src/auth/session.py", "src/ui/page.ts", "README.md", "docs/日本語.md", "bad\x1bname")


def form(check: Callable[[dict[str, object]], str] = lambda fields: "", **more: Any) -> TaskForm:
    return TaskForm(FILES, ["auth", "ui", "docs"], ["claude", "codex"], "claude", check, **more)
