"""What the rows of a diff say: words, syntax, and which line is where (pure)."""

from __future__ import annotations

import random
from itertools import combinations, pairwise

import pytest
from diff_samples import diff, file, three
from hypothesis import given, settings
from hypothesis import strategies as st
from pygments.lexers.python import PythonLexer

from engine.diff_model import BranchDiff, DiffHunk, DiffLine, FileDiff, FileStatus
from widgets.diff_anchor import anchor_of, find_anchor
from widgets.diff_rows import DiffRows, RowKind
from widgets.diff_syntax import MOST_LINES, HunkColours, lexer_for
from widgets.diff_words import alike, changed_spans, pair_lines

# --- words ---

WORDY = st.lists(st.sampled_from(["add", "(", "x", " ", "  ", ",", "y1", "=", "\t", "é"]), max_size=14).map("".join)


@given(WORDY, WORDY)
def test_what_is_not_marked_is_the_same_on_both_sides(old: str, new: str) -> None:
    before, after = changed_spans(old, new)
    for text, spans in ((old, before), (new, after)):
        assert all(0 <= start < end <= len(text) for start, end in spans)
        assert all(end < start for (_, end), (start, _) in pairwise(spans))
    if before or after:
        assert unmarked(old, before) == unmarked(new, after)


def unmarked(text: str, spans: tuple[tuple[int, int], ...]) -> str:
    """What is outside of the spans, but for blanks."""
    shown = list(text)
    for start, end in spans:
        shown[start:end] = " " * (end - start)
    return "".join("".join(shown).split())


def test_changed_words_and_lines_that_are_too_different() -> None:
    assert changed_spans("return a + b", "return a - b") == (((9, 10),), ((9, 10),))
    assert changed_spans("x = 1", "x = 1 + 2") == ((), ((5, 9),))
    assert changed_spans("import os", "class Anchor:") == ((), ())
    assert changed_spans("a " * 400, "a " * 399) == ((), ())


@given(st.lists(WORDY, max_size=4), st.lists(WORDY, max_size=6))
def test_lines_are_paired_in_order_and_as_well_as_can_be(removed: list[str], added: list[str]) -> None:
    pairs = pair_lines(removed, added)
    assert len(pairs) == min(len(removed), len(added))
    assert all(one < other and left < right for (one, left), (other, right) in pairwise(pairs))
    short, long = sorted((removed, added), key=len)
    best = max(
        sum(alike(line, long[at]) for line, at in zip(short, places, strict=True))
        for places in combinations(range(len(long)), len(short))
    )
    if len(short) != len(long):
        assert sum(alike(removed[old], added[new]) for old, new in pairs) == pytest.approx(best)


# --- syntax ---


def hunk(*lines: str) -> DiffHunk:
    made = tuple(DiffLine(line[0], 1, 1, line[1:]) for line in lines)
    return DiffHunk(1, len(lines), 1, len(lines), "", made)


def test_each_side_has_its_own_colours() -> None:
    colours = HunkColours(
        hunk(" def f():", '-    """old', "+    return 12  # why", ' # text"""', " x = 'é'"), lexer_for("deep/er.py")
    )
    assert colours.of(0)[:2] == ((0, 3, "syn-keyword"), (4, 5, "syn-name"))
    assert colours.of(1) == ((4, 10, "syn-string"),)
    assert colours.of(2) == ((4, 10, "syn-keyword"), (11, 13, "syn-number"), (15, 20, "syn-comment"))
    assert colours.of(3)[0][2] == "syn-comment"


def test_colours_end_where_they_would_cost_too_much() -> None:
    python = lexer_for("x.py")
    assert HunkColours(hunk(*[" return"] * MOST_LINES), python).of(5)
    assert HunkColours(hunk(*[" return"] * (MOST_LINES + 1)), python).of(5) == ()
    mixed = HunkColours(hunk(" return 1", " " + "return " * 1000, " return 2"), python)
    assert mixed.of(1) == ()
    assert mixed.of(2) == ((0, 6, "syn-keyword"), (7, 8, "syn-number"))
    assert lexer_for("no.such-language") is None
    assert HunkColours(hunk(" return"), None).of(0) == ()


class CountingLexer(PythonLexer):  # type: ignore[misc]
    """Counts the tokens it was asked for."""

    tokens_made = 0

    def get_tokens(self, text: str, unfiltered: bool = False) -> object:
        for token in super().get_tokens(text, unfiltered):
            self.tokens_made += 1
            yield token


def test_a_hunk_is_lexed_only_as_far_as_it_is_looked_at() -> None:
    lexer = CountingLexer(stripnl=False, ensurenl=False)
    colours = HunkColours(hunk(*[" x = 1"] * 1000), lexer)
    assert lexer.tokens_made == 0
    colours.of(9)
    assert lexer.tokens_made < 100
    assert colours.of(999) == ((4, 5, "syn-number"),)


# --- rows ---


def random_diff(rng: random.Random) -> BranchDiff:
    files = []
    for n in range(rng.randrange(5)):
        old = [f"{rng.randrange(9)}" for _ in range(rng.randrange(60))]
        new = [line for line in old if rng.random() > 0.15]
        for _ in range(rng.randrange(8)):
            new.insert(rng.randrange(len(new) + 1), f"new {rng.randrange(9)}")
        if old != new:
            files.append(file(f"f{n}", old, new))
    files.append(FileDiff("pic", status=FileStatus.BINARY, key="pic"))
    return diff(*files)


@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=False), st.booleans())
def test_rows_hold_every_line_once_and_know_where_it_is(rng: random.Random, two: bool) -> None:
    shown = random_diff(rng)
    rows = DiffRows(shown, side_by_side=two, folded=[one.key for one in shown.files if rng.random() < 0.2])
    seen: dict[tuple[int, int], list[tuple[DiffLine | None, DiffLine | None]]] = {}
    for index in range(rows.count):
        row = rows.row(index)
        place = rows.place(index)
        if place is not None and row.kind in (RowKind.FILE, RowKind.HUNK, RowKind.LINE):
            assert rows.index(place) == index
        if row.kind is RowKind.LINE:
            seen.setdefault((row.file, row.hunk), []).append(rows.lines(row))
        anchor = anchor_of(rows, index)
        assert anchor is None or row.kind is RowKind.GAP or find_anchor(rows, anchor) == index or two
    open_blocks = [(at, block) for at, block in enumerate(rows.blocks) if not block.folded]
    assert seen.keys() == {(at, number) for at, block in open_blocks for number in range(len(block.file.hunks))}
    for (at, number), pairs in seen.items():
        lines = shown.files[at].hunks[number].lines
        assert [left for left, _ in pairs if left and left.kind != "+"] == [one for one in lines if one.kind != "+"]
        assert [right for _, right in pairs if right and right.kind != "-"] == [one for one in lines if one.kind != "-"]


def test_rows_that_are_not_there_are_refused() -> None:
    rows = DiffRows(diff())
    assert rows.count == 0
    with pytest.raises(IndexError):
        rows.row(0)
    with pytest.raises(IndexError):
        DiffRows(diff(*three())).row(-1)


def test_files_that_stayed_the_same_keep_their_rows() -> None:
    one, two, other = three()
    before = DiffRows(diff(one, two))
    after = DiffRows(diff(one, other), before=before)
    assert after.blocks[0] is before.blocks[0]
    assert after.blocks[1].file is other
