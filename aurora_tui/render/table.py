"""Columns of text: as wide as what is in them, one column stretches, nothing passes the right edge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from rich.cells import cell_len

from aurora_tui.render.look import Look
from widgets.text import cut, flat, wrap

GAP = 2
NARROWEST = 16


@dataclass(frozen=True, slots=True)
class Column:
    """A heading. `stretch` takes what is left and wraps, `limit` is the most cells another column may take."""

    title: str
    stretch: bool = False
    right: bool = False
    limit: int = 28


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in a column. `raw` keeps blanks at its start (a drawn tree)."""

    text: str
    style: str = ""
    raw: bool = False


def table(
    columns: Sequence[Column], rows: Sequence[Sequence[Cell]], look: Look, *, lines: int = 1, titles: bool = True
) -> list[str]:
    """The rows as lines; a column that is empty in all rows is left out. The one that stretches wraps to `lines`."""
    used = [n for n in range(len(columns)) if columns[n].stretch or any(row[n].text for row in rows)]
    heads = [columns[n] for n in used]
    body = [[_one_line(row[n]) for n in used] for row in rows]
    widths = _widths(heads, body, look.width, titles)
    done = [_joined([Cell(head.title.upper(), "bold") for head in heads], heads, widths, look)] if titles else []
    for row in body:
        done.extend(_row(row, heads, widths, look, lines))
    return done


def _one_line(cell: Cell) -> Cell:
    return cell if cell.raw else Cell(flat(cell.text), cell.style)


def _widths(heads: Sequence[Column], body: Sequence[Sequence[Cell]], room: int, titles: bool) -> list[int]:
    widths = []
    for n, head in enumerate(heads):
        natural = max([len(head.title) if titles else 0, *(cell_len(row[n].text) for row in body)])
        widths.append(natural if head.stretch else min(natural, head.limit))
    spare = room - GAP * (len(heads) - 1) - sum(w for w, head in zip(widths, heads, strict=True) if not head.stretch)
    for n, head in enumerate(heads):
        if head.stretch:
            widths[n] = min(widths[n], max(spare, NARROWEST))
    _narrow(widths, heads, room)
    return widths


def _narrow(widths: list[int], heads: Sequence[Column], room: int) -> None:
    """On a very narrow output, take from the widest text columns until the rest fits."""
    while sum(widths) + GAP * (len(widths) - 1) > room:
        widest = max((n for n, head in enumerate(heads) if not head.right), key=lambda n: widths[n], default=None)
        if widest is None or widths[widest] <= 4:
            return
        widths[widest] -= 1


def _row(row: Sequence[Cell], heads: Sequence[Column], widths: Sequence[int], look: Look, lines: int) -> list[str]:
    parts = [
        wrap(cell.text, width, lines) if head.stretch else [cell.text]
        for cell, head, width in zip(row, heads, widths, strict=True)
    ]
    styles = [cell.style for cell in row]
    return [
        _joined([Cell(text, style, True) for text, style in zip(layer, styles, strict=True)], heads, widths, look)
        for layer in zip_longest(*parts, fillvalue="")
    ]


def _joined(cells: Sequence[Cell], heads: Sequence[Column], widths: Sequence[int], look: Look) -> str:
    shaped = [
        _shaped(cell, width, look, right=head.right) for cell, head, width in zip(cells, heads, widths, strict=True)
    ]
    return (" " * GAP).join(shaped).rstrip()


def _shaped(cell: Cell, width: int, look: Look, *, right: bool) -> str:
    """The cell in its width; blanks are not painted."""
    text = cut(cell.text, width)
    blanks = " " * (width - cell_len(text))
    painted = look.paint(text, cell.style)
    return blanks + painted if right else painted + blanks
