"""Pure: where the reader is in a diff, in words that still hold when the diff has changed."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass

from widgets.diff_rows import DiffRows, FileRows, Place, RowKind, key_of, order_of


@dataclass(frozen=True, slots=True)
class Anchor:
    """A row of the file `key`: `below` rows under the last line at or above it that the base has, line `old` of it.

    The base of a branch stays what it is, so that line is found again whatever is added or removed around it.
    """

    key: str
    kind: RowKind
    hunk: int = 0
    old: int = 0
    below: int = 0


def anchor_of(rows: DiffRows, index: int) -> Anchor | None:
    """What a row is held by; None for the gap under the file list, and without rows."""
    if not 0 <= index < rows.count or rows.row(index).file < 0:
        return None
    row = rows.row(index)
    block = rows.blocks[row.file]
    key = key_of(block.file)
    if row.kind is RowKind.HUNK:
        return Anchor(key, row.kind, row.hunk, block.file.hunks[row.hunk].old_start)
    if row.kind is not RowKind.LINE:
        return Anchor(key, row.kind)
    line = block.line_of(row)
    lines = block.file.hunks[row.hunk].lines
    held = next((at for at in range(line, -1, -1) if lines[at].old), -1)
    old = lines[held].old if held >= 0 else block.file.hunks[row.hunk].old_start - 1
    return Anchor(key, row.kind, row.hunk, old, line - held)


def find_anchor(rows: DiffRows, anchor: Anchor) -> int:
    """The row the anchor holds now, or the nearest to it. Of a file that is gone: the next file's header."""
    keys = [order_of(key_of(block.file)) for block in rows.blocks]
    wanted = order_of(anchor.key)
    file = bisect_left(keys, wanted)
    if file == len(keys):
        return max(0, rows.count - 1)
    if anchor.kind is RowKind.ENTRY:
        return file
    if keys[file] != wanted or rows.blocks[file].folded:
        return rows.index(Place(file))
    return rows.starts[file] + _below_header(rows.blocks[file], anchor)


def _below_header(block: FileRows, anchor: Anchor) -> int:
    hunks = block.file.hunks
    if anchor.kind is RowKind.GAP:
        return block.rows - 1
    if anchor.kind is RowKind.NOTE:
        return min(1, block.starts[0] - 1)
    if anchor.kind is RowKind.FILE or not hunks:
        return 0
    hunk = max(0, bisect_right([one.old_start for one in hunks], max(anchor.old, 1)) - 1)
    if anchor.kind is RowKind.HUNK:
        return block.at(Place(0, hunk))
    return block.at(Place(0, hunk, _line(block, hunk, anchor)))


def _line(block: FileRows, hunk: int, anchor: Anchor) -> int:
    lines = block.file.hunks[hunk].lines
    held = max((at for at, line in enumerate(lines) if 0 < line.old <= anchor.old), default=-1)
    return max(0, min(held + anchor.below, len(lines) - 1))
