"""A pane of rows with keys and columns; a new state repaints only the lines that look different."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from widgets.columns import Column, fitted, laid_out
from widgets.line_view import LineView
from widgets.look import Piece
from widgets.text import cut, flat


class TableView(LineView):
    """Rows known by key. The cursor stays on its key when rows come, go or move."""

    DEFAULT_CSS = """
    TableView {
        border: round $foreground 25%;
        border-title-color: $text-muted;
        border-subtitle-color: $text-muted;
        border-title-style: bold;
        padding: 0 1;
        &:focus { border: round $primary; border-title-color: $text-primary; border-subtitle-color: $foreground; }
        &:ansi { border: round ansi_bright_black; border-title-color: ansi_default; }
        &:ansi:focus { border: round ansi_blue; }
    }
    """

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.keys: Sequence[str] = ()
        self._shown: dict[int, list[Piece]] = {}
        self.columns: Sequence[Column] = ()
        self._said = self._note = ""
        self._widths: dict[int, list[int]] = {}

    # --- for subclasses ---

    def cells(self, key: str) -> list[Piece]:
        """One cell for each column."""
        raise NotImplementedError

    # --- data in ---

    def set_keys(self, keys: Sequence[str]) -> None:
        """The rows there are now, in order; then paint those that look different."""
        before = self.selected_key
        if list(keys) == list(self.keys):
            self.paint_changes()
            return
        self.keys = keys
        if before is not None and before in keys:
            self.follow_key(keys.index(before))
        self._shown.clear()
        self.rows_changed()

    def follow_key(self, row: int) -> None:
        """The selected row is at `row` now; it keeps its line on the screen."""
        moved = row - self.cursor
        if moved and self.keys:
            self.set_reactive(LineView.cursor, row)
            if self.scroll_offset.y:
                self.scroll_to(y=max(0, self.scroll_offset.y + moved * self.tall), animate=False)

    def paint_changes(self) -> None:
        """Paint the visible rows whose cells differ from what is on the screen."""
        last = min(len(self.keys), self.top_row + self.page_rows + 1)
        for row in range(self.top_row, last):
            if row in self._shown and self._shown[row] != self.cells(self.keys[row]):
                self.refresh_rows(row, row)

    def set_note(self, text: str) -> None:
        """The words in the lower edge of the frame; the frame is painted again only when they differ."""
        self._said = text
        note = cut(flat(text), max(0, self.size.width - 4))
        if note != self._note:
            self._note = note
            self.border_subtitle = Content(note)

    def on_resize(self) -> None:
        """More or fewer words fit into the frame."""
        self.set_note(self._said)

    def set_columns(self, columns: Sequence[Column]) -> None:
        """The columns for what the rows hold now."""
        if tuple(columns) != tuple(self.columns):
            self.columns = tuple(columns)
            self._widths.clear()
            self.refresh()

    @property
    def selected_key(self) -> str | None:
        """The key of the row under the cursor."""
        return self.keys[self.cursor] if 0 <= self.cursor < len(self.keys) else None

    def select_key(self, key: str) -> bool:
        """Put the cursor on a key; False when there is no such row."""
        if key not in self.keys:
            return False
        self.move_cursor(list(self.keys).index(key))
        return True

    # --- painting ---

    def count_rows(self) -> int:
        """The rows there are."""
        return len(self.keys)

    def row_pieces(self, index: int, width: int) -> list[Piece]:
        """The row's cells in their columns."""
        return laid_out(self.columns, self.fitted_to(width), self.fresh_cells(index))

    def fresh_cells(self, index: int) -> list[Piece]:
        """The cells of a row that is being painted; what is painted is remembered, to see later what changed."""
        cells = self.cells(self.keys[index])
        if len(self._shown) > 500:
            self._shown.clear()
        self._shown[index] = cells
        return cells

    def fitted_to(self, width: int) -> list[int]:
        """The widths of the columns at this width of the pane."""
        if width not in self._widths:
            self._widths[width] = fitted(self.columns, width)
        return self._widths[width]
