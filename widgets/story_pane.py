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

    show_cursor: ClassVar[bool] = False
    _entries: tuple[str, ...] = ()
    _rows: tuple[list[Piece], ...] = ()
    _firsts: tuple[int, ...] = (0,)
    """The first row of each entry, and the row after the last."""
    _title = ""
    _empty = ""
    _follows = True

    # --- data in ---

    def show(self, lines: Sequence[str], title: str, empty: str) -> None:
        """The story of the task `title`; `empty` is said while there is none."""
        follows, top = self._follows or title != self._title, self._top_entry()
        gone = forgotten(self._entries, lines)
        self._entries, self._title, self._empty = tuple(lines), title, empty
        self._wrap_all(follows, top - gone)

    def on_resize(self) -> None:
        """Other lines fit."""
        self._wrap_all(self._follows, self._top_entry())

    def _top_entry(self) -> int:
        return bisect_right(self._firsts, self.top_row) - 1

    def _wrap_all(self, follows: bool, top: int) -> None:
        """Make the rows for this width, then go to the end, or where entry `top` begins."""
        width = max(8, self.page_width - INDENT)
        wrapped = [rows_of(entry, width) for entry in self._entries]
        self._rows = tuple(row for rows in wrapped for row in rows)
        self._firsts = tuple(accumulate(map(len, wrapped), initial=0))
        self.rows_changed()
        end = max(0, len(self._rows) - self.page_rows)
        keep = self._firsts[max(0, min(top, len(self._entries)))]
        self.scroll_to(y=end if follows else keep, animate=False)
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
        return "\n".join(self._entries[self._top_entry() : last])


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
