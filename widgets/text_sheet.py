"""A dialog with lines to read, which scroll."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult

from engine.text import clean
from widgets.dialog import Dialog, Headline, room
from widgets.line_view import LineView
from widgets.look import Piece
from widgets.text import expanded

WIDEST = 124


class TextLines(LineView):
    """Cleaned lines; the cursor is not shown, keys scroll."""

    show_cursor = False

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__()
        self._lines = [expanded(line) for text in lines for line in clean(text).split("\n")]
        self.content_width = max((len(line) for line in self._lines), default=0)

    def on_mount(self) -> None:
        """All rows are known from the start."""
        self.rows_changed()

    def count_rows(self) -> int:
        """All of them."""
        return len(self._lines)

    def row_pieces(self, index: int, width: int) -> list[Piece]:
        """One line."""
        return [(self._lines[index], "")]


class TextSheet(Dialog[None]):
    """Esc, q or enter closes it. It begins at the end: what went wrong stands there."""

    DEFAULT_CSS = "TextSheet > #box { max-width: 124; overflow: hidden; }"
    keys_help = "j k g G scroll · h l sideways · esc closes"
    BINDINGS = [("q,enter", "leave", "leave")]  # noqa: RUF012 - as Textual declares it

    def __init__(self, title: str, lines: Sequence[str]) -> None:
        super().__init__(title)
        self._lines = TextLines(lines)

    def compose_box(self) -> ComposeResult:
        """The lines."""
        yield Headline(self._title)
        yield self._lines

    def on_mount(self) -> None:
        """Keys scroll."""
        self._lines.focus()
        self.call_after_refresh(self._lines.scroll_end, animate=False)

    def on_resize(self) -> None:
        """As tall as the lines, where there is the room."""
        head = self.query_one(Headline).fit(self.size, WIDEST)
        self._lines.styles.height = max(1, min(self._lines.count_rows(), room(self.size, WIDEST)[1] - head))
