"""The base of all panes: rows of painted text, of which only the visible ones are ever made."""

from __future__ import annotations

from typing import ClassVar

from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from widgets.look import Painted, Piece
from widgets.strip_store import MOST, FramedLines
from widgets.text import wrap

SIDEWAYS = 8


class LineView(Painted, ScrollView, can_focus=True):
    """Rows of `tall` lines each (one, unless a pane says so). Subclasses say how many there are and what is on one."""

    DEFAULT_CSS = """
    LineView {
        background: $surface;
        color: $foreground;
        scrollbar-size-vertical: 1;
        scrollbar-size-horizontal: 0;
        scrollbar-background: $surface;
        scrollbar-background-hover: $surface;
        scrollbar-background-active: $surface;
        scrollbar-color: $foreground 25%;
        scrollbar-color-hover: $foreground 40%;
        scrollbar-color-active: $primary;
        overflow-x: hidden;
        overflow-y: auto;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "down", "down", show=False),
        Binding("k,up", "up", "up", show=False),
        Binding("g,home", "first", "first", show=False),
        Binding("G,end", "last", "last", show=False),
        Binding("pagedown,ctrl+d", "page(1)", "page down", show=False),
        Binding("pageup,ctrl+u", "page(-1)", "page up", show=False),
        Binding("h,left", "sideways(-1)", "left", show=False),
        Binding("l,right", "sideways(1)", "right", show=False),
    ]
    show_cursor: ClassVar[bool] = True
    content_width = 0
    """Cells a row may need; 0 when rows are always made to fit."""
    tall = 1
    """Lines a row takes."""
    left = 0
    """The first visible cell of the rows."""
    cursor: reactive[int] = reactive(0, repaint=False)

    class Moved(Message):
        """The cursor is on another row."""

        def __init__(self, view: LineView, row: int) -> None:
            super().__init__()
            self.view = view
            self.row = row

        @property
        def control(self) -> LineView:
            """The pane."""
            return self.view

    class Opened(Moved):
        """A row was opened by a double click."""

    def __init__(self, *, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._styles_cache = FramedLines()
        self._strips: dict[object, Strip] = {}

    # --- for subclasses ---

    def count_rows(self) -> int:
        """How many rows there are."""
        raise NotImplementedError

    def row_pieces(self, index: int, width: int) -> list[Piece]:
        """What is on a row of `width` cells."""
        raise NotImplementedError

    def line_pieces(self, index: int, line: int, width: int) -> list[Piece]:
        """What is on one line of a row; for panes with more than one line a row."""
        return self.row_pieces(index, width)

    def empty_text(self) -> str:
        """What a pane without rows says, paragraph by paragraph."""
        return ""

    def row_style(self, index: int) -> str:
        """A style for the whole row, "" for none."""
        return ""

    def heading_pieces(self, width: int) -> list[Piece] | None:
        """A first line that does not scroll; a pane has one when it overrides this."""
        return None

    def rows_changed(self) -> None:
        """The number of rows changed, or all of them did."""
        rows = self.count_rows()
        self.virtual_size = Size(1, rows * self.tall + self._head)
        if self.show_cursor and rows:
            self.cursor = min(self.cursor, rows - 1)
        self.refresh()

    def refresh_rows(self, first: int, last: int) -> None:
        """Paint rows `first` to `last` again, as far as they are visible."""
        top = max(self._head, first * self.tall - self.scroll_offset.y + self._head)
        bottom = min(self.size.height, (last + 1) * self.tall - self.scroll_offset.y + self._head)
        if bottom > top:
            self.refresh(Region(0, top, self.page_width, bottom - top))

    def refresh_heading(self) -> None:
        """Paint the heading again."""
        if self._head:
            self.refresh(Region(0, 0, self.page_width, 1))

    # --- where we are ---

    @property
    def _head(self) -> int:
        return 1 if type(self).heading_pieces is not LineView.heading_pieces else 0

    @property
    def top_row(self) -> int:
        """The first visible row."""
        return self.scroll_offset.y // self.tall

    @property
    def page_width(self) -> int:
        """Cells of a line, without the scrollbar."""
        return max(1, self.scrollable_content_region.width)

    @property
    def page_rows(self) -> int:
        """How many rows fit."""
        return max(1, (self.size.height - self._head) // self.tall)

    def row_at(self, y: int) -> int | None:
        """The row painted on line `y` of the pane."""
        row = (y - self._head + self.scroll_offset.y) // self.tall
        return row if y >= self._head and row < self.count_rows() else None

    def row_under(self, event: events.MouseEvent) -> int | None:
        """The row a mouse event is on; None beside the rows and on the frame."""
        offset = event.get_content_offset(self)
        return self.row_at(offset.y) if offset is not None else None

    def move_cursor(self, row: int) -> None:
        """Put the cursor on a row (the nearest there is) and bring it into view."""
        rows = self.count_rows()
        if not rows:
            return
        self.cursor = max(0, min(row, rows - 1))
        self.bring_into_view(self.cursor)

    def bring_into_view(self, row: int) -> None:
        """Scroll no more than it takes to see a row."""
        first, page = row * self.tall, self.page_rows * self.tall
        if first < self.scroll_offset.y:
            self.scroll_to(y=first, animate=False, force=True)
        elif first + self.tall > self.scroll_offset.y + page:
            self.scroll_to(y=first + self.tall - page, animate=False, force=True)

    def watch_cursor(self, before: int, now: int) -> None:
        """Paint the two rows concerned."""
        if before != now and self.show_cursor:
            self.refresh_rows(before, before)
            self.refresh_rows(now, now)
            self.post_message(self.Moved(self, now))

    # --- painting ---

    def render_line(self, y: int) -> Strip:
        """One line of the pane."""
        width, base = self.page_width, self.base_style
        if y < self._head:
            return self.painted(self.heading_pieces(width) or [], width, base)
        row = self.row_at(y)
        if row is None:
            return self.painted(self._empty_line(y - self._head, width), width, base)
        line = (y - self._head + self.scroll_offset.y) % self.tall
        pieces = self.line_pieces(row, line, max(width, self.content_width))
        return self._strip(pieces, width, self._row_base(row, base))

    def _strip(self, pieces: list[Piece], width: int, base: Style) -> Strip:
        """The pieces painted; the same strip for the same pieces."""
        look = (tuple(pieces), width, base, self.left)
        strip = self._strips.get(look)
        if strip is None:
            if len(self._strips) > MOST:
                self._strips.clear()
            strip = self._strips[look] = self.painted(pieces, width, base, self.left)
        return strip

    def notify_style_update(self) -> None:
        """Another theme: the same pieces look different."""
        self._strips.clear()
        super().notify_style_update()

    def _empty_line(self, line: int, width: int) -> list[Piece]:
        text = "" if self.count_rows() else self.empty_text()
        lines = [part for paragraph in text.split("\n") for part in wrap(paragraph, max(1, width - 2), 12)]
        return [(" " + lines[line], "dim")] if line < len(lines) else []

    def _row_base(self, row: int, base: Style) -> Style:
        base += self.style_of(self.row_style(row))
        if self.show_cursor and row == self.cursor:
            base += self.style_of("cursor" if self.has_focus else "cursor-away")
        return base

    # --- keys and mouse ---

    def on_resize(self) -> None:
        """Another size: another page."""
        self.rows_changed()
        if self.show_cursor and self.count_rows():
            self.bring_into_view(self.cursor)

    def on_focus(self) -> None:
        """The cursor looks different now."""
        self.refresh_rows(self.cursor, self.cursor)

    on_blur = on_focus

    def on_click(self, event: events.Click) -> None:
        """Put the cursor there; twice opens it."""
        row = self.row_under(event)
        if row is None or not self.show_cursor:
            return
        self.move_cursor(row)
        if event.chain == 2:
            self.post_message(self.Opened(self, row))

    def _go(self, row: int) -> None:
        if self.show_cursor:
            self.move_cursor(row)
        else:
            self.scroll_to(y=row * self.tall, animate=False, force=True)

    @property
    def _place(self) -> int:
        return self.cursor if self.show_cursor else self.top_row

    def action_down(self) -> None:
        """One row down."""
        self._go(self._place + 1)

    def action_up(self) -> None:
        """One row up."""
        self._go(max(0, self._place - 1))

    def action_first(self) -> None:
        """To the first row."""
        self._go(0)

    def action_last(self) -> None:
        """To the last row."""
        self._go(self.count_rows())

    def action_page(self, pages: int) -> None:
        """A page up or down."""
        self._go(max(0, self._place + pages * max(1, self.page_rows - 1)))

    def action_sideways(self, steps: int) -> None:
        """Scroll sideways where rows are wider than the pane."""
        widest = max(0, self.content_width - self.page_width)
        left = max(0, min(widest, self.left + steps * SIDEWAYS))
        if left != self.left:
            self.left = left
            self.refresh()
