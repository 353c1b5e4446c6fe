"""Pure: how the screen is divided at a given size."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

LEAST_COLUMNS, LEAST_LINES = 40, 10
NARROW, WIDE = 60, 100


class Shape(Enum):
    """What fits: all panes, one pane with tabs, one list with short tabs, nothing."""

    FULL = "full"
    TABS = "tabs"
    LIST = "list"
    TOO_SMALL = "too small"


def shape_of(columns: int, lines: int) -> Shape:
    """The shape for a terminal of that size."""
    if columns < LEAST_COLUMNS or lines < LEAST_LINES:
        return Shape.TOO_SMALL
    if columns < NARROW:
        return Shape.LIST
    return Shape.FULL if columns >= WIDE else Shape.TABS


def side_columns(columns: int) -> int:
    """Cells for the column of lists; the main pane gets the rest."""
    return max(46, min(76, columns * 44 // 100))


def heights(lines: int, wanted: Sequence[int], focused: int | None, least: int = 3) -> list[int]:
    """Lines for each pane of a column: all get `least`, then the focused one what it wants, then the others in turn,
    and what is over is spread from the last pane up."""
    given = [min(least, max(1, lines // max(1, len(wanted))))] * len(wanted)
    spare = lines - sum(given)
    order = [*([focused] if focused is not None else []), *(n for n in range(len(wanted)) if n != focused)]
    if focused is not None and spare > 0:
        extra = min(spare, max(0, min(wanted[focused], lines // 2) - given[focused]))
        given[focused] += extra
        spare -= extra
    while spare > 0 and any(given[n] < wanted[n] for n in order):
        for n in order:
            if spare > 0 and given[n] < wanted[n]:
                given[n] += 1
                spare -= 1
    for n in range(max(0, spare)):
        given[len(given) - 1 - n % len(given)] += 1
    return given
