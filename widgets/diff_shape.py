"""Pure: which lines of a hunk stand for each other, and where they are when they are shown side by side."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from engine.diff_model import DiffHunk, DiffLine
from widgets.diff_words import pair_lines


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring lines that did not change (`same`), or removed ones and the added ones that took their place."""

    row: int
    line: int
    same: int = 0
    removed: int = 0
    added: int = 0

    @property
    def rows(self) -> int:
        """Rows it takes side by side."""
        return self.same or max(self.removed, self.added)


class HunkShape:
    """How the lines of one hunk go together."""

    def __init__(self, hunk: DiffHunk) -> None:
        self.lines = hunk.lines
        self.runs = tuple(_runs(hunk.lines))
        self.rows = self.runs[-1].row + self.runs[-1].rows if self.runs else 0
        self._pairs: dict[int, tuple[dict[int, int], dict[int, int]]] = {}

    @cached_property
    def mixed_endings(self) -> bool:
        """True when some lines end with `\\r\\n` and some without."""
        return len({line.ending for line in self.lines if line.ending}) > 1

    def partner(self, line: int) -> int | None:
        """The removed line an added one replaced, or the other way about."""
        run = self._run_of_line(line)
        if run.same:
            return line
        to_added, to_removed = self._paired(run)
        return to_added.get(line, to_removed.get(line))

    def sides(self, row: int) -> tuple[int | None, int | None]:
        """The lines left and right on a row of the side-by-side view."""
        run = self.runs[bisect_right(self.runs, row, key=lambda run: run.row) - 1]
        offset = row - run.row
        if run.same:
            return run.line + offset, run.line + offset
        to_added, to_removed = self._paired(run)
        if run.removed > run.added:
            left = run.line + offset
            return left, to_added.get(left)
        right = run.line + run.removed + offset
        return to_removed.get(right), right

    def row_of(self, line: int) -> int:
        """The row of the side-by-side view that has a line."""
        run = self._run_of_line(line)
        if run.same:
            return run.row + line - run.line
        longer_at = run.line if run.removed > run.added else run.line + run.removed
        in_longer = (line < run.line + run.removed) == (run.removed > run.added)
        partner = line if in_longer else self.partner(line)
        return run.row + (partner if partner is not None else line) - longer_at

    def _run_of_line(self, line: int) -> Run:
        return self.runs[bisect_right(self.runs, line, key=lambda run: run.line) - 1]

    def _paired(self, run: Run) -> tuple[dict[int, int], dict[int, int]]:
        if run.line not in self._pairs:
            middle = run.line + run.removed
            texts = [line.text for line in self.lines[run.line : middle + run.added]]
            pairs = pair_lines(texts[: run.removed], texts[run.removed :])
            to_added = {run.line + old: middle + new for old, new in pairs}
            self._pairs[run.line] = to_added, {new: old for old, new in to_added.items()}
        return self._pairs[run.line]


def _runs(lines: tuple[DiffLine, ...]) -> Iterator[Run]:
    row = at = 0
    while at < len(lines):
        same = _stretch(lines, at, " ")
        removed = _stretch(lines, at, "-") if not same else 0
        added = _stretch(lines, at + removed, "+") if not same else 0
        run = Run(row, at, same, removed, added)
        yield run
        row += run.rows
        at += same + removed + added


def _stretch(lines: tuple[DiffLine, ...], start: int, kind: str) -> int:
    end = start
    while end < len(lines) and lines[end].kind == kind:
        end += 1
    return end - start
