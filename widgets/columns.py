"""Pure: how many cells each column of a pane gets, and cells laid out as one line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from widgets.look import Piece
from widgets.text import cut, cut_path

GAP = 1


@dataclass(frozen=True, slots=True)
class Column:
    """One column of `cells` cells. `stretch` columns share what is left and need `cells` at least; where there is too
    little room, columns with the highest `drop` go first, those with 0 never. One of no cells takes no room.
    Of a `path` too long the middle is left out."""

    title: str
    cells: int
    stretch: bool = False
    right: bool = False
    drop: int = 0
    path: bool = False


def widest(texts: Iterable[str], least: int, most: int) -> int:
    """Cells for a column that holds these texts, within bounds."""
    return max(least, min(most, max((cell_len(text) for text in texts), default=0)))


def fitted(columns: Sequence[Column], width: int) -> list[int]:
    """Cells for each column within `width`; 0 for a column that is left out."""
    kept = set(range(len(columns)))
    while _needed(columns, kept) > width:
        droppable = [index for index in kept if columns[index].drop]
        if not droppable:
            break
        kept.discard(max(droppable, key=lambda index: columns[index].drop))
    widths = [column.cells if index in kept else 0 for index, column in enumerate(columns)]
    elastic = [index for index in sorted(kept) if columns[index].stretch and columns[index].cells]
    spare = width - _needed(columns, kept)
    for place, index in enumerate(elastic):
        share = spare // (len(elastic) - place)
        widths[index] = max(1, widths[index] + share)
        spare -= share
    return widths


def _needed(columns: Sequence[Column], kept: set[int]) -> int:
    shown = [columns[index].cells for index in kept if columns[index].cells]
    return sum(shown) + GAP * max(0, len(shown) - 1)


def laid_out(columns: Sequence[Column], widths: Sequence[int], cells: Sequence[Piece]) -> list[Piece]:
    """One line: every cell cut and padded to its column, one blank between them."""
    pieces: list[Piece] = []
    for column, width, (text, style) in zip(columns, widths, cells, strict=True):
        if not width:
            continue
        if pieces:
            pieces.append((" " * GAP, ""))
        shown = cut_path(text, width) if column.path else cut(text, width)
        blanks = " " * (width - cell_len(shown))
        pieces.extend([(blanks, ""), (shown, style)] if column.right else [(shown, style), (blanks, "")])
    return pieces
