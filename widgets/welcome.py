"""The first start in a repository without a plan: what this is, and two ways to begin."""

from __future__ import annotations

from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.color import Color
from textual.containers import Vertical
from textual.screen import Screen
from textual.strip import Strip
from textual.widgets import Static

from widgets.choice import Option, OptionList
from widgets.look import Painted
from widgets.text import cut_path, flat, wrap
from widgets.too_small import TooSmall

CURTAIN = (
    "      ▁▂▄▅▆▇▇▇▆▅▄▂▁          ▁▂▂▃▃▃▂▂▁        ",
    "▂▂▃▄▆▇█████████████▇▆▅▅▅▅▅▆▇██████████▇▆▅▄▃▂▂▁",
)
LETTERS = (
    "▄▀▀▄  █  █  █▀▀▄  ▄▀▀▄  █▀▀▄  ▄▀▀▄",
    "█▄▄█  █  █  █▄▄▀  █  █  █▄▄▀  █▄▄█",
    "█  █  ▀▄▄▀  █  █  ▀▄▄▀  █  █  █  █",
)
SMALL = ("a u r o r a",)
LIGHTS = ("success", "primary", "secondary", "accent")
"""The theme's colours the wordmark goes through from left to right."""
ABOUT = (
    "Several coding agents work on one git repository at once. Files are locked while a task edits them."
    " Only a merged tree that passed your tests lands."
)
WAYS = (
    Option("init", "write a starter aurora.yaml here", "a plan with comments, for you to fill in; nothing runs yet"),
    Option("demo", "see the demo", "a throw-away repository and scripted agents, no key needed"),
    Option("quit", "quit"),
)
WIDE = 66


class Wordmark(Painted):
    """The name under a curtain of light, in the theme's colours from left to right."""

    DEFAULT_CSS = "Wordmark { width: 100%; height: auto; }"

    def __init__(self) -> None:
        super().__init__(id="mark")
        self.rows: tuple[str, ...] = SMALL

    def fit(self, lines: int) -> None:
        """As much of it as so many lines of a screen allow."""
        wide = max(map(cell_len, CURTAIN))
        curtain = CURTAIN if lines >= 22 else ()
        self.rows = tuple(row.center(wide) for row in (*curtain, *(("",) if curtain else ()), *LETTERS))
        if lines < 20:
            self.rows = SMALL
        self.styles.height = len(self.rows)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """One row."""
        row = self.rows[y] if y < len(self.rows) else ""
        margin = Segment(" " * max(0, (self.size.width - len(row)) // 2), self.base_style)
        bold = Style(bold=len(self.rows) == 1)
        lights = [Color.parse(self.app.theme_variables.get(name, "ansi_default")) for name in LIGHTS]
        parts = [
            Segment(cell, self.base_style + self._light(lights, at / len(row)) + bold) for at, cell in enumerate(row)
        ]
        return Strip([margin, *parts]).extend_cell_length(self.size.width, self.base_style)

    def _light(self, lights: list[Color], place: float) -> Style:
        """The colour at a place from 0 to 1; the terminal's own colours cannot be mixed."""
        step, between = divmod(place * (len(lights) - 1), 1)
        here, there = lights[int(step)], lights[min(int(step) + 1, len(lights) - 1)]
        if here.ansi is not None or there.ansi is not None:
            return Style(color=(here if between < 0.5 else there).rich_color)
        return Style(color=here.blend(there, between).rich_color)


class Welcome(Screen[str]):
    """Dismissed with `init`, `demo` or `quit`."""

    DEFAULT_CSS = """
    Welcome { align: center middle; background: $background; }
    Welcome #welcome { width: 66; max-width: 100%; height: auto; padding: 0 1; align-horizontal: center; }
    Welcome #about { width: 100%; margin: 1 0; }
    Welcome #where { width: 100%; color: $text-muted; margin-bottom: 1; }
    Welcome OptionList, Welcome OptionList:focus { background: $background; }
    Welcome OptionList:ansi { background: ansi_default; }
    Welcome #keys { width: 100%; color: $text-muted; margin-top: 1; }
    Welcome.-low #where, Welcome.-low #keys { display: none; }
    Welcome.-tiny #welcome { display: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("i", "choose('init')", "init", show=False),
        Binding("d", "choose('demo')", "demo", show=False),
        Binding("q,escape,ctrl+c,ctrl+q", "choose('quit')", "quit", show=False),
        Binding("tab", "move(1)", "next", show=False),
        Binding("shift+tab", "move(-1)", "before", show=False),
    ]

    def __init__(self, folder: str, reason: str) -> None:
        super().__init__()
        self._folder, self._reason = flat(folder), flat(reason)

    def compose(self) -> ComposeResult:
        """The mark, three sentences, three ways on."""
        with Vertical(id="welcome"):
            yield Wordmark()
            yield Static(ABOUT, id="about", markup=False)
            yield Static("", id="where", markup=False)
            yield OptionList(WAYS, marks=("i", "d", "q"))
            yield Static("↑↓ enter, or the key · esc quits", id="keys", markup=False)
        yield TooSmall()

    def on_mount(self) -> None:
        """Enter writes the starter."""
        self.query_one(OptionList).focus()

    def on_resize(self) -> None:
        """Only what fits."""
        columns, lines = self.size
        wide = min(WIDE, columns) - 2
        self.set_class(lines < 17, "-low")
        self.set_class(self.query_one(TooSmall).fit(columns, lines), "-tiny")
        self.query_one(Wordmark).fit(lines)
        self.query_one("#where", Static).update("\n".join([*wrap(self._reason, wide, 2), cut_path(self._folder, wide)]))
        self.query_one(OptionList).fit_into(wide, 6 if lines >= 20 else 3)

    def on_key(self, event: events.Key) -> None:
        """Enter takes the way under the cursor."""
        if event.key == "enter":
            event.stop()
            self.action_choose(WAYS[self.query_one(OptionList).cursor].id)

    def on_option_list_picked(self, message: OptionList.Picked) -> None:
        """A way on was clicked."""
        self.action_choose(WAYS[message.row].id)

    def action_move(self, rows: int) -> None:
        """To the next way on."""
        view = self.query_one(OptionList)
        view.move_cursor((view.cursor + rows) % len(WAYS))

    def action_choose(self, way: str) -> None:
        """A way on was taken."""
        self.dismiss(way)
