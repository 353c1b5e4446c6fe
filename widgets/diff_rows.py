"""Pure: the rows of a diff. Which row is what is counted, not listed: a row is made when it is asked for."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from enum import Enum, auto
from itertools import accumulate

from engine.diff_model import BranchDiff, DiffLine, FileDiff, FileStatus
from widgets.diff_shape import HunkShape


class RowKind(Enum):
    """What a row shows."""

    ENTRY = auto()
    """A line of the file list."""
    FILE = auto()
    NOTE = auto()
    HUNK = auto()
    LINE = auto()
    """One line, or two side by side."""
    GAP = auto()


@dataclass(frozen=True, slots=True)
class Row:
    """A row: of which file, of which of its hunks, and (for LINE) which row of the hunk."""

    kind: RowKind
    file: int = -1
    hunk: int = -1
    at: int = -1


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a file whatever the rows are; `hunk` -1 is the file's header, `line` -1 the hunk's."""

    file: int
    hunk: int = -1
    line: int = -1


@dataclass(frozen=True, slots=True)
class Most:
    """The largest numbers of lines in the file list."""

    added: int
    removed: int
    changed: int


class FileRows:
    """The rows of one file: its header, and unless it is folded a note, its hunks, and a gap."""

    def __init__(self, file: FileDiff, side_by_side: bool, folded: bool, before: FileRows | None = None) -> None:
        self.file = file
        self.side_by_side = side_by_side
        self.folded = folded
        self.note = _note(file)
        self._shapes: dict[int, HunkShape] = {} if before is None else before._shapes
        self._sought: tuple[str, tuple[Place, ...]] = ("", ()) if before is None else before._sought
        lengths = [1 + self._rows_of(hunk) for hunk in range(len(file.hunks))] if not folded else []
        self.starts = tuple(accumulate(lengths, initial=1 + bool(self.note and not folded)))
        self.rows = self.starts[-1] + (not folded)

    def shape(self, hunk: int) -> HunkShape:
        """The shape of a hunk, made once."""
        if hunk not in self._shapes:
            self._shapes[hunk] = HunkShape(self.file.hunks[hunk])
        return self._shapes[hunk]

    def _rows_of(self, hunk: int) -> int:
        return self.shape(hunk).rows if self.side_by_side else len(self.file.hunks[hunk].lines)

    def row(self, file: int, at: int) -> Row:
        """The row `at` rows below the header."""
        if at == 0:
            return Row(RowKind.FILE, file)
        if at < self.starts[0]:
            return Row(RowKind.NOTE, file)
        if at >= self.starts[-1]:
            return Row(RowKind.GAP, file)
        hunk = bisect_right(self.starts, at) - 1
        below = at - self.starts[hunk]
        return Row(RowKind.LINE, file, hunk, below - 1) if below else Row(RowKind.HUNK, file, hunk)

    def at(self, place: Place) -> int:
        """Rows below the header; 0 in a folded file."""
        if self.folded or place.hunk < 0:
            return 0
        if place.line < 0:
            return self.starts[place.hunk]
        row = self.shape(place.hunk).row_of(place.line) if self.side_by_side else place.line
        return self.starts[place.hunk] + 1 + row

    def find(self, text: str) -> tuple[Place, ...]:
        """Where a text is (as if this were file 0); the last answer is kept."""
        if self._sought[0] != text:
            self._sought = text, tuple(_found(self.file, text))
        return self._sought[1]

    def line_of(self, row: Row) -> int:
        """The line on a LINE row; of two the new one."""
        if not self.side_by_side:
            return row.at
        left, right = self.shape(row.hunk).sides(row.at)
        line = right if right is not None else left
        assert line is not None
        return line


def _note(file: FileDiff) -> str:
    """What is said in place of, or above, the lines."""
    if file.status is FileStatus.BINARY:
        return f"binary file {file.note}".rstrip()
    if file.status is FileStatus.TOO_LARGE:
        return f"too large to show: {file.note}"
    if file.note or file.hunks:
        return file.note
    return "no lines changed" if file.status is FileStatus.RENAMED else "an empty file"


class DiffRows:
    """All rows: the file list, a gap, then file after file. What did not change is taken over from `before`."""

    def __init__(
        self,
        diff: BranchDiff,
        *,
        side_by_side: bool = False,
        folded: Collection[str] = (),
        before: DiffRows | None = None,
    ) -> None:
        self.diff = diff
        self.side_by_side = side_by_side
        known = {key_of(block.file): block for block in before.blocks} if before is not None else {}
        self.blocks: tuple[FileRows, ...] = tuple(
            _block(file, side_by_side, key_of(file) in folded, known.get(key_of(file))) for file in diff.files
        )
        self.entries = len(diff.files) + 1 if diff.files else 0
        self.starts = tuple(accumulate((block.rows for block in self.blocks), initial=self.entries))
        self.count = self.starts[-1]
        self.most = Most(
            max((file.added for file in diff.files), default=0),
            max((file.removed for file in diff.files), default=0),
            max((file.added + file.removed for file in diff.files), default=0),
        )

    def row(self, index: int) -> Row:
        """What is on a row; IndexError when there is no such row."""
        if not 0 <= index < self.count:
            raise IndexError(index)
        if index < self.entries - 1:
            return Row(RowKind.ENTRY, index)
        if index == self.entries - 1:
            return Row(RowKind.GAP)
        file = bisect_right(self.starts, index) - 1
        return self.blocks[file].row(file, index - self.starts[file])

    def index(self, place: Place) -> int:
        """The row of a place; the file's header while that is folded."""
        return self.starts[place.file] + self.blocks[place.file].at(place)

    def place(self, index: int) -> Place | None:
        """What a row of a file shows; None in the file list."""
        row = self.row(index)
        if row.kind is RowKind.ENTRY or row.file < 0:
            return None
        line = self.blocks[row.file].line_of(row) if row.kind is RowKind.LINE else -1
        return Place(row.file, row.hunk, line)

    def lines(self, row: Row) -> tuple[DiffLine | None, DiffLine | None]:
        """What is left and right on a LINE row; the same line twice where it is only one."""
        block = self.blocks[row.file]
        lines = block.file.hunks[row.hunk].lines
        if not self.side_by_side:
            return lines[row.at], lines[row.at]
        left, right = block.shape(row.hunk).sides(row.at)
        return (lines[left] if left is not None else None), (lines[right] if right is not None else None)

    def next_file(self, index: int, step: int) -> int | None:
        """The header of the next file (step 1) or of the one before (-1) a row, None when there is none."""
        return _next(self.starts[:-1], index, step)

    def next_hunk(self, index: int, step: int) -> int | None:
        """The same for hunks; those of folded files are passed over."""
        file = bisect_right(self.starts, index) - 1
        order = range(max(0, file), len(self.blocks)) if step > 0 else range(min(file, len(self.blocks) - 1), -1, -1)
        for at in order:
            block = self.blocks[at]
            hunks = [] if block.folded else [self.starts[at] + start for start in block.starts[:-1]]
            found = _next(hunks, index, step)
            if found is not None:
                return found
        return None

    def find(self, text: str) -> tuple[Place, ...]:
        """Where a text is, in folded files too; capitals count when `text` has any."""
        return tuple(replace(place, file=at) for at, block in enumerate(self.blocks) for place in block.find(text))


def key_of(file: FileDiff) -> str:
    """What a file is known by from one diff to the next."""
    return file.key or file.path


def order_of(key: str) -> bytes:
    """Git's order of paths."""
    return os.fsencode(key)


def _block(file: FileDiff, side_by_side: bool, folded: bool, before: FileRows | None) -> FileRows:
    if before is None or before.file is not file:
        return FileRows(file, side_by_side, folded)
    if (before.side_by_side, before.folded) == (side_by_side, folded):
        return before
    return FileRows(file, side_by_side, folded, before)


def _next(sorted_rows: Collection[int], index: int, step: int) -> int | None:
    if step > 0:
        return next((row for row in sorted_rows if row > index), None)
    return next((row for row in reversed(tuple(sorted_rows)) if row < index), None)


def _found(file: FileDiff, text: str) -> Iterator[Place]:
    if not text:
        return
    plain = text == text.lower()
    if text in (file.path.lower() if plain else file.path):
        yield Place(0)
    for number, hunk in enumerate(file.hunks):
        for at, line in enumerate(hunk.lines):
            if text in (line.text.lower() if plain else line.text):
                yield Place(0, number, at)
