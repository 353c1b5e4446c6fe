"""What happened to a task, in words: one entry after the other, wrapped to the pane, the newest at the bottom."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import ClassVar

from engine.model import TaskState
from widgets.line_view import LineView
from widgets.look import Piece
from widgets.text import expanded, flat, wrap
from widgets.words import GLYPHS, STYLES

MOST_LINES_EACH = 12
INDENT = 4
STATES = {str(state): state for state in TaskState}


class StoryPane(LineView):
    """Keeps the entry at its top in place while others come and go; at the bottom it follows."""

    # Always there: a bar that comes and goes changes the width, and before it is there nothing can scroll.
    DEFAULT_CSS = "StoryPane { overflow-y: scroll; }"
    show_cursor: ClassVar[bool] = False
    _entries: tuple[str, ...] = ()
    _rows: tuple[list[Piece], ...] = ()
    _firsts: tuple[int, ...] = (0,)
    """The first row of each entry, and the row after the last."""
    _title = ""
    _empty = ""
    _follows = True
    _width = 76
    """Cells for the words of an entry; the last known ones while the pane is hidden."""

    # --- data in ---

    def show(self, lines: Sequence[str], title: str, empty: str) -> None:
        """The story of the task `title`; `empty` is said while there is none."""
        follows = self._follows or title != self._title
        entry, line = self._place_of_top()
        gone = forgotten(self._entries, lines)
        self._entries, self._title, self._empty = tuple(lines), title, empty
        self._wrap_all(follows, entry - gone, line)

    def on_resize(self) -> None:
        """Other lines fit."""
        self._width = max(8, self.page_width - INDENT)
        self._wrap_all(self._follows, *self._place_of_top())

    def _place_of_top(self) -> tuple[int, int]:
        """The entry at the top, and which of its lines."""
        entry = bisect_right(self._firsts, self.top_row) - 1
        return entry, self.top_row - self._firsts[entry]

    def _wrap_all(self, follows: bool, entry: int, line: int) -> None:
        """Make the rows for this width, then go to the end, or to a line of an entry."""
        wrapped = [rows_of(each, self._width) for each in self._entries]
        self._rows = tuple(row for rows in wrapped for row in rows)
        self._firsts = tuple(accumulate(map(len, wrapped), initial=0))
        self.rows_changed()
        place = max(0, len(self._rows) - self.page_rows)
        if not follows:
            known = 0 <= entry < len(wrapped)
            place = self._firsts[entry] + min(line, len(wrapped[entry]) - 1) if known else 0
        self.scroll_to(y=place, animate=False)
        self._follows = follows

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """At the bottom new entries are followed."""
        super().watch_scroll_y(old_value, new_value)
        self._follows = round(new_value) >= len(self._rows) - self.page_rows

    # --- rows ---

    def count_rows(self) -> int:
        """All lines of all entries."""
        return len(self._rows)

    def row_pieces(self, index: int, width: int) -> list[Piece]:
        """One line of an entry."""
        return self._rows[index]

    def empty_text(self) -> str:
        """Nothing happened yet."""
        return self._empty

    def selected_text(self) -> str:
        """The entries in view."""
        last = bisect_right(self._firsts, self.top_row + self.page_rows - 1)
        return "\n".join(self._entries[self._place_of_top()[0] : last])


def forgotten(before: Sequence[str], now: Sequence[str]) -> int:
    """How many entries at the beginning are not told any more; all of them when it is another story."""
    kept = (gone for gone in range(len(before)) if tuple(before[gone:]) == tuple(now[: len(before) - gone]))
    return next(kept, len(before))


def rows_of(entry: str, width: int) -> list[list[Piece]]:
    """An entry with the glyph of the state it leads to, if it does; `width` cells are for its words."""
    text = flat(expanded(entry))
    state = _state_after(text)
    first, *rest = wrap(text, width, MOST_LINES_EACH)
    glyph: Piece = (f" {GLYPHS[state]}  ", STYLES[state]) if state else (" ·  ", "gutter")
    begin: list[Piece] = [glyph, (first, STYLES[state] if state else "")]
    return [begin, *([(" " * INDENT, ""), (line, "dim")] for line in rest)]


def _state_after(text: str) -> TaskState | None:
    before, arrow, after = text.partition(" → ")
    return STATES.get(after.split(":", 1)[0].strip()) if arrow and before in STATES else None
