"""A dialog with lines to read, which scroll."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult

from engine.text import clean
from widgets.dialog import Dialog
from widgets.line_view import LineView
from widgets.look import Piece
from widgets.text import expanded


class TextLines(LineView):
    """Cleaned lines; the cursor is not shown, keys scroll."""

    DEFAULT_CSS = "TextLines { height: auto; max-height: 24; min-height: 3; }"
    show_cursor = False

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__()
        self._lines = [expanded(line) for text in lines for line in clean(text).split("\n")]
        self.content_width = max((len(line) for line in self._lines), default=0)
        self.styles.height = max(3, len(self._lines))

    def count_rows(self) -> int:
        """All of them."""
        return len(self._lines)

    def row_pieces(self, index: int, width: int) -> list[Piece]:
        """One line."""
        return [(self._lines[index], "")]


class TextSheet(Dialog[None]):
    """Esc, q or enter closes it."""

    keys_help = "j k scroll · esc closes"
    BINDINGS = [("q,enter", "leave", "leave")]  # noqa: RUF012 - as Textual declares it

    def __init__(self, title: str, lines: Sequence[str]) -> None:
        super().__init__(title)
        self._lines = lines

    def compose_box(self) -> ComposeResult:
        """The lines."""
        yield TextLines(self._lines)

    def on_mount(self) -> None:
        """Begin at the end: what went wrong stands there; short texts are seen whole anyway."""
        self.query_one(TextLines).focus()
