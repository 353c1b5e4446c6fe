"""All keys on one sheet; those that cannot be used now are greyed, with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Input, Static

from widgets.dialog import Dialog
from widgets.line_view import LineView
from widgets.look import Piece
from widgets.text import cut, flat

KEYS = 13
LABEL = 15


@dataclass(frozen=True, slots=True)
class HelpRow:
    """One key: what it is called, what it does, and why not now ("" when it can be used)."""

    keys: str
    label: str
    help: str
    disabled_reason: str = ""


Section = tuple[str, Sequence[HelpRow]]


class HelpLines(LineView):
    """The rows, grouped, filtered by a text."""

    DEFAULT_CSS = """
    HelpLines { height: 1fr; background: $surface; }
    HelpLines:ansi { background: ansi_default; }
    """
    show_cursor: ClassVar[bool] = False

    def __init__(self, sections: Sequence[Section]) -> None:
        super().__init__(id="lines")
        self._sections = sections
        self._rows: list[str | HelpRow] = []
        self.filter("")

    def filter(self, text: str) -> None:
        """Only rows that contain a text."""
        wanted = text.lower()
        self._rows = []
        for name, rows in self._sections:
            found = [row for row in rows if wanted in f"{row.keys} {row.label} {row.help}".lower()]
            if found:
                self._rows += [*([""] if self._rows else []), name, *found]
        if self.is_mounted:
            self.rows_changed()

    def on_mount(self) -> None:
        """Show all."""
        self.rows_changed()

    def count_rows(self) -> int:
        """Groups and keys."""
        return len(self._rows)

    def empty_text(self) -> str:
        """Nothing matches."""
        return "No key matches."

    def row_pieces(self, index: int, width: int) -> list[Piece]:
        """A group's name, or a key."""
        row = self._rows[index]
        if isinstance(row, str):
            return [(row, "title")]
        off = "key-off" if row.disabled_reason else ""
        words = f"{row.help} (not now: {row.disabled_reason})" if row.disabled_reason else row.help
        room = max(1, width - KEYS - LABEL - 1)
        return [
            (f" {cut(flat(row.keys), KEYS - 2):<{KEYS - 1}}", off or "key"),
            (f"{cut(flat(row.label), LABEL - 1):<{LABEL}}", off or "strong"),
            (cut(flat(words), room), off or ""),
        ]


class HelpSheet(Dialog[None]):
    """The sheet; letters after `/` filter it."""

    DEFAULT_CSS = """
    HelpSheet > #box { max-width: 110; width: 92%; height: 90%; }
    HelpSheet Input { border: none; height: 1; padding: 0; background: $surface; display: none; }
    HelpSheet Input:focus { border: none; }
    HelpSheet .note { margin-bottom: 1; }
    HelpSheet.-low .note { display: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "ask", "filter", show=False),
        Binding("q,question_mark", "leave", "leave", show=False),
    ]
    keys_help: ClassVar[str] = "j k scroll · / filters · esc leaves"

    def __init__(self, sections: Sequence[Section], intro: str) -> None:
        super().__init__("Keys")
        self._sections, self._intro = sections, flat(intro)

    def compose_box(self) -> ComposeResult:
        """Intro, filter, rows."""
        yield Static(self._intro, classes="note", markup=False)
        line = Input(placeholder="/ filter")
        line.cursor_blink = False
        yield line
        yield HelpLines(self._sections)

    def on_mount(self) -> None:
        """Scroll at once."""
        self.query_one(HelpLines).focus()

    def action_ask(self) -> None:
        """Filter."""
        line = self.query_one(Input)
        line.display = True
        line.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Every letter acts at once."""
        self.query_one(HelpLines).filter(event.value)

    def on_input_submitted(self) -> None:
        """Back to the rows."""
        self.query_one(HelpLines).focus()
