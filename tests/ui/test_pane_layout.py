"""How the screen is divided, and how columns share a line: pure, drawn as pictures."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from widgets.columns import Column, fitted, laid_out
from widgets.pane_layout import Shape, heights, shape_of, side_columns

COLUMNS = (
    Column("#", 2, right=True),
    Column("task", 6, stretch=True),
    Column("prio", 4, drop=2),
    Column("t", 5, drop=1),
)


@pytest.mark.parametrize(
    ("columns", "lines", "shape"),
    [
        (120, 36, Shape.FULL),
        (100, 10, Shape.FULL),
        (99, 50, Shape.TABS),
        (60, 24, Shape.TABS),
        (59, 24, Shape.LIST),
        (40, 10, Shape.LIST),
        (39, 10, Shape.TOO_SMALL),
        (200, 9, Shape.TOO_SMALL),
        (1, 1, Shape.TOO_SMALL),
    ],
)
def test_the_shape_follows_the_size(columns: int, lines: int, shape: Shape) -> None:
    assert shape_of(columns, lines) is shape


@pytest.mark.parametrize(
    ("lines", "wanted", "focused", "given_lines"),
    [
        (33, [10, 8, 9, 3], 0, [10, 9, 10, 4]),
        (20, [10, 30, 9, 3], 1, [3, 11, 3, 3]),
        (20, [10, 30, 9, 3], None, [6, 6, 5, 3]),
        (12, [20, 20, 20, 20], 3, [3, 3, 3, 3]),
    ],
)
def test_the_focused_pane_gets_what_it_wants_first(
    lines: int, wanted: list[int], focused: int | None, given_lines: list[int]
) -> None:
    assert heights(lines, wanted, focused) == given_lines


@given(st.integers(4, 200), st.lists(st.integers(3, 500), min_size=4, max_size=4), st.integers(0, 3))
def test_all_lines_are_used_and_none_twice(lines: int, wanted: list[int], focused: int) -> None:
    given_lines = heights(lines, wanted, focused)
    assert sum(given_lines) == lines
    assert all(height >= 1 for height in given_lines)


@given(st.integers(100, 1000))
def test_the_main_pane_keeps_the_larger_part(columns: int) -> None:
    assert columns // 2 <= columns - side_columns(columns)


def test_columns_go_by_rank_when_there_is_no_room() -> None:
    assert fitted(COLUMNS, 30) == [2, 16, 4, 5]
    assert fitted(COLUMNS, 18) == [2, 9, 0, 5]
    assert fitted(COLUMNS, 10) == [2, 7, 0, 0]


@given(st.integers(20, 80), st.lists(st.text(max_size=30), min_size=4, max_size=4))
def test_a_line_never_gets_wider_than_its_pane(width: int, texts: list[str]) -> None:
    cells = [(text.replace("\n", " "), "") for text in texts]
    pieces = laid_out(COLUMNS, fitted(COLUMNS, width), cells)
    assert sum(cell_len(text) for text, _ in pieces) <= width
