"""A longer text to read: an error with its hint, the output of a test."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from rich.cells import cell_len, chop_cells
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message

from engine.text import clean
from widgets.confirm import Headline, frame
from widgets.dialog import Dialog
from widgets.line_view import LineView
from widgets.look import Piece
from widgets.text import expanded, wrap

WIDEST = 132
SENTENCE = 2_000
"""Characters up to which a line is broken at blanks; beyond, it is cut wherever it ends."""


def broken(line: str, width: int) -> list[str]:
    """Pure: a line on as many lines of `width` cells as it takes. What is indented keeps its blanks."""
    if cell_len(line) <= width:
        return [line]
    if line[:1] == " " or len(line) > SENTENCE:
        return chop_cells(line, width)
    return wrap(line, width, len(line))


class TextLines(LineView):
    """The lines: broken at the edge, or one each and scrolled sideways."""

    DEFAULT_CSS = """
    TextLines { background: $surface; }
    TextLines:ansi { background: ansi_default; }
    """
    show_cursor: ClassVar[bool] = False

    def __init__(self, lines: tuple[str, ...]) -> None:
        super().__init__(id="lines")
        self.lines = lines
        self.broken = True
        self._rows: list[str] = []
        self._widest = max((cell_len(line) for line in lines), default=0)

    def rows_changed(self) -> None:
        """Another width breaks other lines."""
        width = self.page_width
        self._rows = [row for line in self.lines for row in broken(line, width)] if self.broken else list(self.lines)
        self.content_width = 0 if self.broken else self._widest
        self.left = 0 if self.broken else self.left
        super().rows_changed()

    def toggle(self) -> None:
        """Break long lines, or scroll them sideways."""
        self.broken = not self.broken
        self.rows_changed()

    def lines_at(self, width: int) -> int:
        """How many lines the text takes at a width."""
        return sum(len(broken(line, width)) for line in self.lines)

    def count_rows(self) -> int:
        """The lines as they are painted."""
        return len(self._rows)

    def empty_text(self) -> str:
        """There is no text."""
        return "Nothing was said."

    def row_pieces(self, index: int, width: int) -> list[Piece]:
        """One line; a hint stands out."""
        row = self._rows[index]
        if row.startswith("hint: "):
            return [("hint: ", "key"), (row.removeprefix("hint: "), "")]
        return [(row, "")]


class TextView(Dialog[None]):
    """A text to scroll through. `lines` may come from outside, with tabs, line ends and escape sequences in them."""

    DEFAULT_CSS = """
    TextView > #box { max-height: 80%; max-width: 132; padding: 1 1 1 2; }
    TextView.-low > #box { max-width: 132; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "copy", "copy", show=False),
        Binding("w", "wrap", "wrap", show=False),
        Binding("q,enter", "leave", "leave", show=False),
    ]
    keys_help: ClassVar[str] = "↑↓ scroll · w wrap · y copy · esc"

    class Copy(Message):
        """The text is to be put on the clipboard."""

        def __init__(self, view: TextView, text: str) -> None:
            super().__init__()
            self.view = view
            self.text = text

        @property
        def control(self) -> TextView:
            """The view."""
            return self.view

    def __init__(self, title: str, lines: Iterable[str]) -> None:
        super().__init__(title)
        self._text = clean("\n".join(lines)).rstrip("\n")

    def compose_box(self) -> ComposeResult:
        """The title where the frame cannot hold it, and the lines."""
        yield Headline(self._title)
        yield TextLines(tuple(expanded(line) for line in self._text.split("\n")) if self._text else ())

    def on_mount(self) -> None:
        """Scroll at once."""
        self.query_one(TextLines).focus()

    def on_resize(self) -> None:
        """As high as the text, as far as there is room."""
        columns, lines = frame(self.size, WIDEST)
        low = self.size.width < 60 or self.size.height < 16
        head = 3 if self.query_one(Headline).fit(self.size, WIDEST) else 0
        view = self.query_one(TextLines)
        room = lines - (2 if low else 4) - head
        view.styles.height = max(1, min(room, max(1, view.lines_at(columns - 6))))

    def action_wrap(self) -> None:
        """Break long lines, or scroll sideways."""
        self.query_one(TextLines).toggle()

    def action_copy(self) -> None:
        """Ask the app to copy the whole text."""
        self.post_message(self.Copy(self, self._text))
