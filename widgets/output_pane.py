"""What an agent prints: any number of lines, of which only a page is looked at; follows the end, can be searched."""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import ClassVar, Protocol

from rich.cells import cell_len
from textual.reactive import reactive

from widgets.line_view import LineView
from widgets.look import Piece
from widgets.text import expanded

NUMBERS_FROM = 70
"""Cells of the pane from which on lines are numbered."""
MOST_MATCHES = 10_000
BAD = re.compile(r"\s*(error|Error|ERROR|FAILED|FAIL|FAILURE|Traceback|fatal)\b|E   ")
WARN = re.compile(r"\s*(warning|Warning|WARNING|WARN)\b")


class LineSource(Protocol):
    """Where lines come from: they are numbered from 0, and those before `dropped` are gone."""

    @property
    def count(self) -> int:
        """All lines so far, those that are gone included."""
        ...

    @property
    def dropped(self) -> int:
        """Lines that can be read no more."""
        ...

    def line(self, number: int) -> str:
        """One line, cleaned; "" for one that is gone."""
        ...

    def find(self, text: str, from_line: int, step: int) -> int | None:
        """The nearest line with a text at or after `from_line`, before it for a negative step."""
        ...

    def matches(self, text: str, limit: int = ..., first: int = ...) -> list[int]:
        """The newest lines with a text, from line `first` on, oldest first."""
        ...


class OutputPane(LineView):
    """Rows are the lines that can still be read, as many as there were when `show` or `grown` was called last."""

    # Always there: a bar that comes and goes changes the width, and before it is there nothing can scroll.
    DEFAULT_CSS = "OutputPane { overflow-y: scroll; }"
    show_cursor: ClassVar[bool] = False
    follow: reactive[bool] = reactive(True, repaint=False)
    """The newest line stays in view."""
    _source: LineSource | None = None
    _title = ""
    _empty = ""
    _count = 0
    _dropped = 0
    _wanted = ""
    _pattern: re.Pattern[str] | None = None
    _matches: tuple[int, ...] = ()
    _now: int | None = None

    # --- data in ---

    def show(self, log: LineSource | None, title: str, empty: str) -> None:
        """Another log, from its end on; `empty` is said while there is nothing in it."""
        self._source, self._title, self._empty = log, title, empty
        self._count = self._dropped = 0
        self._matches, self._now, self.left = (), None, 0
        self._take()
        self.rows_changed()
        self.follow = True
        self._to_the_end()

    def grown(self) -> None:
        """The log has grown: paint what is new and in view."""
        if self._source is None:
            return
        count_before, dropped_before = self._count, self._dropped
        self._take()
        if self._count < count_before:
            self.show(self._source, self._title, self._empty)
            return
        gone = self._dropped - dropped_before
        self._reach()
        if self.follow:
            self._to_the_end()
        elif gone:
            self.scroll_to(y=max(0, self.top_row - gone), animate=False)
        if gone or count_before == dropped_before:
            self.refresh()
        else:
            self.refresh_rows(count_before - 1 - self._dropped, self.count_rows())
            self.refresh_heading()

    def _take(self) -> None:
        """Learn how far the log reaches now; it may grow further while this is painted."""
        if self._source is None:
            return
        searched = self._count
        self._dropped = self._source.dropped
        self._count = max(self._dropped, self._source.count)
        if self._wanted:
            self._count_matches(searched)

    def _reach(self) -> None:
        """Another number of rows, without the layout and full repaint an assigned `virtual_size` brings with it."""
        height = self.count_rows() + self._head
        self.set_reactive(OutputPane.virtual_size, self.virtual_size.with_height(height))
        if self.show_vertical_scrollbar:
            self.vertical_scrollbar.window_virtual_size = height

    def _to_the_end(self) -> None:
        self.scroll_to(y=max(0, self.count_rows() - self.page_rows), animate=False)

    # --- rows ---

    def count_rows(self) -> int:
        """The lines that can be read."""
        return self._count - self._dropped

    def empty_text(self) -> str:
        """Nothing was printed yet."""
        return self._empty

    def row_pieces(self, index: int, width: int) -> list[Piece]:
        """One line, numbered where there is room, with what was searched for marked."""
        number = index + self._dropped
        text = self._text(number)
        gutter: list[Piece] = [(f"{number + 1:>{self._gutter - 1}} ", "gutter")] if self._gutter else []
        return [*gutter, *self._marked(number, text)]

    @property
    def _gutter(self) -> int:
        """Cells for a line's number."""
        return max(7, len(str(self._count)) + 1) if self.page_width >= NUMBERS_FROM else 0

    def _text(self, number: int) -> str:
        return expanded(self._source.line(number)) if self._source is not None else ""

    def _marked(self, number: int, text: str) -> list[Piece]:
        style = "bad" if BAD.match(text) else "warn" if WARN.match(text) else ""
        mark = "match-now" if number == self._now else "match"
        pieces: list[Piece] = []
        done = 0
        for found in self._pattern.finditer(text) if self._pattern is not None else ():
            pieces += [(text[done : found.start()], style), (found[0], mark)]
            done = found.end()
        return [*pieces, (text[done:], style)]

    def heading_pieces(self, width: int) -> list[Piece]:
        """Whether the end is followed and what a search found; which attempt and how many lines, where it fits."""
        if not self.count_rows():
            return [(self._title, "dim")]
        telling = [self._following(), *self._found()]
        room = width - sum(cell_len(text) for text, _ in telling)
        title = f"{self._title}  " if self._title else ""
        size = f"  {self._count:,} lines"
        if cell_len(title) > room:
            return telling
        return [(title, "strong"), *telling, (size if cell_len(title + size) <= room else "", "dim")]

    def _following(self) -> Piece:
        if self.follow:
            return "following", "live"
        below = max(0, self.count_rows() - self.top_row - self.page_rows)
        return f"paused at line {self._dropped + self.top_row + 1:,}, {below:,} below", "warn"

    def _found(self) -> list[Piece]:
        if not self._wanted:
            return []
        if not self._matches:
            return [("  no match", "warn")]
        many = f"{len(self._matches):,}{'+' if len(self._matches) >= MOST_MATCHES else ''}"
        place = bisect_left(self._matches, self._now) + 1 if self._now in self._matches else 0
        return [(f"  match {place:,} of {many}" if place else f"  {many} matching lines", "accent")]

    def action_sideways(self, steps: int) -> None:
        """Scroll sideways as far as the lines in view reach."""
        first = self._dropped + self.top_row
        lines = range(first, min(self._count, first + self.page_rows))
        self.content_width = self._gutter + max((cell_len(self._text(number)) for number in lines), default=0)
        super().action_sideways(steps)

    # --- following ---

    def toggle_follow(self) -> None:
        """Follow the end, or stand still."""
        self.follow = not self.follow

    def watch_follow(self, before: bool, now: bool) -> None:
        """Go there, and say so."""
        if now and not before:
            self._to_the_end()
        self.refresh_heading()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Scrolling up stands still, scrolling to the end follows again; what is hidden only seems to scroll."""
        super().watch_scroll_y(old_value, new_value)
        if old_value != new_value and self.size:
            self.follow = round(new_value) >= self.count_rows() - self.page_rows

    def action_last(self) -> None:
        """To the end, and stay there."""
        self._to_the_end()
        self.follow = True

    def on_resize(self) -> None:
        """The end stays in view while it is followed."""
        if self.follow:
            self._to_the_end()

    # --- searching ---

    def search(self, text: str) -> int:
        """Mark all lines with a text and go to the nearest at or above the end of the page; how many lines (at most
        `MOST_MATCHES`) have it. Capitals count only where the text has some; "" ends the search."""
        before = self._now if self._now is not None and self._in_view(self._now) else self._bottom
        self._wanted, self._now, self._matches = text, None, ()
        self._pattern = re.compile(re.escape(text), 0 if text != text.lower() else re.IGNORECASE) if text else None
        if text and self._source is not None:
            self._count_matches(0)
            here = self._source.find(text, before, -1)
            self._go_to_match(here if here is not None else self._source.find(text, before + 1, 1))
        self.refresh()
        return len(self._matches)

    def clear_search(self) -> None:
        """Mark nothing any more."""
        self.search("")

    def next_match(self, step: int) -> None:
        """To the next match below (above for a negative step), round the ends."""
        if not self._wanted or self._source is None:
            return
        start = self._bottom + (1 if step < 0 else 0) if self._now is None else self._now
        found = self._source.find(self._wanted, start + step, step)
        if found is None:
            found = self._source.find(self._wanted, 0 if step > 0 else self._count - 1, step)
        self._go_to_match(found)

    def selected_text(self) -> str:
        """The line of the match, or the visible page."""
        if self._source is None:
            return ""
        if self._now is not None:
            return self._source.line(self._now)
        return "\n".join(self._source.line(number) for number in range(self._dropped + self.top_row, self._bottom + 1))

    @property
    def _bottom(self) -> int:
        """The last line in view."""
        return min(self._count, self._dropped + self.top_row + self.page_rows) - 1

    def _in_view(self, number: int) -> bool:
        return self._dropped + self.top_row <= number <= self._bottom

    def _count_matches(self, searched: int) -> None:
        """Bring the matches up to date, when the lines before `searched` were searched already."""
        assert self._source is not None
        first = max(self._dropped, searched - 1)
        known = self._matches[bisect_left(self._matches, self._dropped) : bisect_left(self._matches, first)]
        self._matches = (*known, *self._source.matches(self._wanted, MOST_MATCHES, first))[-MOST_MATCHES:]

    def _go_to_match(self, number: int | None) -> None:
        """Bring a match into view and stand still there."""
        if number is None:
            return
        self._now = number
        if not self._in_view(number):
            self.scroll_to(y=max(0, number - self._dropped - self.page_rows // 2), animate=False)
        self.follow = False
        self.refresh()
