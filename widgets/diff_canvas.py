"""Paints the rows of a diff: only those that are seen, each with what was worked out about its hunk before."""

from __future__ import annotations

from functools import reduce
from operator import add

from rich.cells import cell_len
from rich.style import Style

from engine.diff_model import BranchDiff, branch_diff
from widgets import diff_paint as paint
from widgets.diff_paint import PaintedHunk, Sought
from widgets.diff_rows import DiffRows, Place, Row, RowKind, key_of
from widgets.line_view import SIDEWAYS, LineView
from widgets.look import Piece
from widgets.text import many

KEPT_HUNKS = 128
NO_DIFF: BranchDiff = branch_diff("", (), live=False, at=0.0)


class DiffCanvas(LineView):
    """A LineView of a diff's rows. What is shown and where the reader is, is decided by `DiffPane`."""

    def __init__(self, *, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._rows = DiffRows(NO_DIFF)
        self._painted: dict[tuple[str, int], PaintedHunk] = {}
        self._title = self._empty = self._sought = ""
        self._found: tuple[Place, ...] = ()
        self._now: Place | None = None
        self._shift = 0

    def style_of(self, name: str) -> Style:
        """A style name, or several with blanks between them, the later over the earlier."""
        if " " not in name:
            return super().style_of(name)
        return reduce(add, (super(DiffCanvas, self).style_of(one) for one in name.split(" ")))

    def count_rows(self) -> int:
        """Of the file list and of all open files."""
        return self._rows.count

    def empty_text(self) -> str:
        """Why there is nothing to see."""
        return self._empty

    def heading_pieces(self, width: int) -> list[Piece] | None:
        """Whose changes, how many, whether they follow a worktree, and what is searched for."""
        diff = self._rows.diff
        pieces: list[Piece] = [(f" {self._title}" if self._title else "", "title")]
        if diff.files:
            pieces += [(f"  +{diff.added:,}", "good"), (f" −{diff.removed:,}", "bad")]
            pieces += [(f"  {many(len(diff.files), 'file')}", "")]
        if diff.live:
            pieces.append(("  out of reach", "bad") if diff.error else ("  live", "live"))
        if self._rows.side_by_side:
            pieces.append(("  side by side", "dim"))
        return [*pieces, *self._search_pieces()]

    def _search_pieces(self) -> list[Piece]:
        if not self._sought:
            return []
        place = f"{self._found.index(self._now) + 1} of " if self._now in self._found else ""
        return [(f"  /{self._sought}", "accent"), (f" {place}{len(self._found):,}", "dim")]

    def row_style(self, index: int) -> str:
        """The background of an added or removed line; side by side each half has its own."""
        row = self._rows.row(index)
        if row.kind is not RowKind.LINE or self._rows.side_by_side:
            return ""
        line = self._rows.lines(row)[0]
        assert line is not None
        return paint.BACKGROUNDS[line.kind]

    def row_pieces(self, index: int, width: int) -> list[Piece]:
        """One row."""
        row = self._rows.row(index)
        if row.file < 0 or row.kind is RowKind.GAP:
            return []
        if row.kind is RowKind.LINE:
            return self._line(index, row, width)
        block = self._rows.blocks[row.file]
        if row.kind is RowKind.ENTRY:
            return paint.entry(block.file, width, self._rows.most)
        if row.kind is RowKind.FILE:
            return paint.header(block.file, block.folded, width, self._sought_on(Place(row.file)))
        if row.kind is RowKind.NOTE:
            return [("  ", ""), (block.note, "dim")]
        return paint.hunk_header(block.file.hunks[row.hunk], width)

    def _line(self, index: int, row: Row, width: int) -> list[Piece]:
        painted = self._painted_hunk(row)
        numbers = paint.number_cells(self._rows.blocks[row.file].file)
        if self._rows.side_by_side:
            return self._both_sides(index, row, painted, numbers, width)
        gutter = paint.gutter(painted.hunk.lines[row.at], numbers, width)
        room = max(0, width - sum(cell_len(text) for text, _ in gutter))
        text = painted.text(row.at, self._sought_on(Place(row.file, row.hunk, row.at)))
        return [*gutter, *paint.window(text, self._shift, room)]

    def _both_sides(self, index: int, row: Row, painted: PaintedHunk, numbers: int, width: int) -> list[Piece]:
        half = (width - 1) // 2
        left, right = painted.shape.sides(row.at)
        frame = paint.Frame(numbers, self._shift, plain=index == self.cursor)
        sought = [
            self._sought_on(Place(row.file, row.hunk, side if side is not None else -1)) for side in (left, right)
        ]
        return [
            *paint.one_side(painted, left, frame, half, sought[0], old=True),
            ("│", "gutter"),
            *paint.one_side(painted, right, frame, width - 1 - half, sought[1], old=False),
        ]

    def _sought_on(self, place: Place) -> Sought:
        return Sought(self._sought, place == self._now)

    def _painted_hunk(self, row: Row) -> PaintedHunk:
        """What is worked out about a hunk, made anew when it is another hunk; the oldest are forgotten."""
        block = self._rows.blocks[row.file]
        key = key_of(block.file), row.hunk
        known = self._painted.pop(key, None)
        if known is None or known.hunk is not block.file.hunks[row.hunk]:
            known = PaintedHunk(block.file.hunks[row.hunk], block.file.path, block.shape(row.hunk))
        self._painted[key] = known
        if len(self._painted) > KEPT_HUNKS:
            del self._painted[next(iter(self._painted))]
        return known

    # --- sideways ---

    def action_sideways(self, steps: int) -> None:
        """Scroll the lines sideways; numbers and signs stay."""
        shift = max(0, min(self._shift + steps * SIDEWAYS, self._longest_visible() - SIDEWAYS))
        if shift != self._shift:
            self._shift = shift
            self.refresh()

    def _longest_visible(self) -> int:
        texts: list[str] = []
        for index in range(self.top_row, min(self.top_row + self.page_rows, self._rows.count)):
            row = self._rows.row(index)
            if row.kind is RowKind.LINE:
                texts += [line.text[: paint.LONGEST_LINE] for line in self._rows.lines(row) if line is not None]
        return max((cell_len(text) + text.count("\t") * (paint.TAB - 1) for text in texts), default=0)
