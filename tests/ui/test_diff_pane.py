"""The diff pane: what its rows say, that it stays where the reader is, and that it paints no more than is seen."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from difflib import unified_diff
from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pygments.lexers.python import PythonLexer
from textual import on
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from engine.diff_model import BranchDiff, DiffHunk, DiffLine, FileDiff, FileStatus, branch_diff
from engine.diff_parse import parse_diff
from widgets.diff_anchor import anchor_of, find_anchor
from widgets.diff_pane import DiffPane
from widgets.diff_rows import DiffRows, Place, RowKind
from widgets.diff_syntax import MOST_LINES, HunkColours, lexer_for
from widgets.diff_words import alike, changed_spans, pair_lines
from widgets.look import Piece

SMALL, LARGE = (80, 24), (120, 36)


def file(path: str, old: list[str], new: list[str]) -> FileDiff:
    """The diff of a file with these lines."""
    text = "\n".join(unified_diff(old, new, f"a/{path}", f"b/{path}", lineterm=""))
    kind = "new file mode 100644\n" if not old else "deleted file mode 100644\n" if not new else ""
    (made,) = parse_diff(f"diff --git a/{path} b/{path}\n{kind}{text}\n".encode())
    return made


def diff(*files: FileDiff, task: str = "auth", live: bool = True, error: str = "") -> BranchDiff:
    return branch_diff(task, files, live=live, at=0.0, error=error)


LINES = [f"line {n}" for n in range(1, 301)]


def edited(*places: int, lines: list[str] = LINES) -> list[str]:
    """The lines with some (counted from 1) changed."""
    return [f"{line} edited" if n in places else line for n, line in enumerate(lines, 1)]


def three() -> tuple[FileDiff, FileDiff, FileDiff]:
    return (
        file("a.py", LINES, edited(10, 50, 90)),
        file("b.py", LINES, edited(20, 60, 100)),
        file("c.py", LINES, edited(30, 70)),
    )


class CountingPane(DiffPane):
    """Counts the rows it paints."""

    painted_rows = 0

    def row_pieces(self, index: int, width: int) -> list[Piece]:
        self.painted_rows += 1
        return super().row_pieces(index, width)


class PaneApp(App[None]):
    """Nothing but the pane; what it says is kept."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def compose(self) -> ComposeResult:
        yield CountingPane()

    @on(DiffPane.Said)
    def keep(self, message: DiffPane.Said) -> None:
        self.said.append(message.sentence)


class Stage:
    """The pane on a screen, and what a person sees of it."""

    def __init__(self, app: PaneApp, pilot: Pilot[None]) -> None:
        self.app, self.pilot = app, pilot
        self.pane = app.query_one(CountingPane)

    async def show(self, shown: BranchDiff | None, empty: str = "nothing yet") -> None:
        self.pane.show(shown, empty, "feat/auth")
        await self.pilot.pause()

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def do(self, act: Callable[[], object]) -> object:
        answer = act()
        await self.pilot.pause()
        return answer

    @property
    def screen(self) -> list[str]:
        """The lines of the screen."""
        strips = self.app.screen._compositor.render_strips()
        return ["".join(segment.text for segment in strip).rstrip() for strip in strips]

    def line(self, text: str) -> int:
        """The only line of the screen with a text, the heading left out."""
        (found,) = [y for y, line in enumerate(self.screen) if text in line and y]
        return found

    def background(self, y: int, x: int) -> str:
        """The background of a cell."""
        for segment in self.app.screen._compositor.render_strips()[y].crop(x, x + 1):
            return str(segment.style.bgcolor) if segment.style else ""
        raise AssertionError((y, x))


def play(act: Callable[[Stage], Coroutine[object, object, None]], size: tuple[int, int] = SMALL) -> None:
    async def main() -> None:
        app = PaneApp()
        async with app.run_test(size=size) as pilot:
            stage = Stage(app, pilot)
            stage.pane.focus()
            await act(stage)

    asyncio.run(main())


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


# --- the pane ---


def test_what_is_on_the_screen() -> None:
    async def act(stage: Stage) -> None:
        await stage.show(
            diff(
                file("shop/cart.py", ["def total(a):", "\treturn a"], ["def total(a, b):", "\treturn a", "# end"]),
                FileDiff("logo.png", status=FileStatus.BINARY, note="added", key="logo.png"),
                FileDiff("new.py", old_path="old.py", status=FileStatus.RENAMED, key="new.py", old_key="old.py"),
            )
        )
        assert stage.screen[:17] == [
            " feat/auth  +2 −1  3 files  live",
            " shop/cart.py                                        modified  +2 −1 +++++++−−−",
            " logo.png                                            binary    +0 −0",
            " old.py → new.py                                     renamed   +0 −0",
            "",
            "▾ shop/cart.py modified +2 −1",
            "  @@ −1,2 +1,3 @@",
            "  1     − def total(a):",
            "      1 + def total(a, b):",
            "  2   2       return a",
            "      3 + # end",
            "",
            "▾ logo.png binary +0 −0",
            "  binary file added",
            "",
            "▾ old.py → new.py renamed +0 −0",
            "  no lines changed",
        ]
        plain, removed, added = (stage.background(y, 70) for y in (9, 7, 8))
        assert len({plain, removed, added}) == 3
        assert stage.background(8, 23) not in (plain, added)  # the added word
        assert stage.background(8, 12) == added

    play(act)


def test_side_by_side() -> None:
    async def act(stage: Stage) -> None:
        old = ["alpha = 1", "beta = 2", "same"]
        await stage.show(diff(file("x.py", old, ["new line", "alpha = 7", "other", "beta = 2 + 1", "same"])))
        await stage.do(stage.pane.toggle_side_by_side)
        assert stage.screen[0] == " feat/auth  +4 −2  1 file  live  side by side"
        right = ["1 + new line", "2 + alpha = 7", "3 + other", "4 + beta = 2 + 1", "5   same"]
        left = ["", "1 − alpha = 1", "", "2 − beta = 2", "3   same"]
        assert [line.split("│")[0].strip() for line in stage.screen[5:10]] == left
        assert [line.split("│")[1].strip() for line in stage.screen[5:10]] == right
        assert stage.background(5, 10) != stage.background(5, 70)
        await stage.pilot.resize_terminal(50, 24)
        await stage.pilot.pause()
        assert not any("│" in line for line in stage.screen)
        await stage.pilot.resize_terminal(80, 24)
        await stage.pilot.pause()
        assert any("│" in line for line in stage.screen)

    play(act)


def test_side_by_side_is_refused_where_it_has_no_room() -> None:
    async def act(stage: Stage) -> None:
        await stage.show(diff(*three()))
        before = stage.screen
        await stage.do(stage.pane.toggle_side_by_side)
        assert stage.app.said == ["Side by side needs 60 columns; this pane has 57."]
        assert stage.screen == before
        await stage.do(stage.pane.next_hunk)
        assert any(line.startswith(" 10 − line 10") for line in stage.screen), stage.screen

    play(act, (58, 20))


def test_files_hunks_and_the_list_are_reached_by_keys() -> None:
    async def act(stage: Stage) -> None:
        pane = stage.pane
        await stage.show(diff(*three()))
        await stage.press("j", "enter")
        assert pane.current_place() == ("b.py", 20)
        assert "▾ b.py" in stage.screen[1]
        await stage.do(pane.next_hunk)
        await stage.do(pane.next_hunk)
        assert pane.current_place() == ("b.py", 60)
        assert pane.selected_text().startswith("@@ -57,7 +57,7 @@\n line 57\n")
        await stage.press("j", "j", "j", "j", "j")
        assert (pane.current_place(), pane.selected_text()) == (("b.py", 60), "line 60 edited")
        await stage.do(pane.next_file)
        assert (pane.current_place(), pane.selected_text()) == (("c.py", 30), "c.py")
        await stage.do(pane.previous_hunk)
        assert pane.current_place() == ("b.py", 100)
        await stage.do(pane.previous_file)
        await stage.do(pane.previous_file)
        assert pane.selected_text() == "a.py"
        for _ in range(3):
            await stage.do(pane.previous_file)
            await stage.do(pane.previous_hunk)
        assert pane.selected_text() == "a.py"

    play(act, LARGE)


def test_folding_by_key_and_by_mouse() -> None:
    async def act(stage: Stage) -> None:
        pane = stage.pane
        await stage.show(diff(*three()))
        await stage.pilot.click(CountingPane, offset=(4, stage.line("▾ a.py")))
        await stage.pilot.pause()
        assert stage.line("▸ a.py") + 1 == stage.line("▾ b.py")
        await stage.press("enter")
        assert stage.line("▾ a.py")
        await stage.do(pane.next_hunk)
        await stage.press("j", "j")
        await stage.do(pane.toggle_fold)
        assert pane.selected_text() == "a.py"
        await stage.show(diff(three()[0], file("b.py", LINES, edited(1)), three()[2]))
        assert stage.line("▸ a.py")
        await stage.do(pane.fold_all)
        assert [line[:6] for line in stage.screen[5:8]] == ["▸ a.py", "▸ b.py", "▸ c.py"]
        await stage.pilot.click(CountingPane, offset=(4, 3))
        await stage.pilot.pause()
        assert pane.current_place() == ("c.py", 30)
        assert stage.line("▾ c.py")
        await stage.do(pane.fold_all)
        await stage.do(pane.fold_all)
        assert not any("▸" in line for line in stage.screen)
        await stage.show(diff(*three(), task="other"))
        assert pane.cursor == 0

    play(act)


def test_search_finds_in_folded_files_and_goes_round() -> None:
    async def act(stage: Stage) -> None:
        pane = stage.pane
        await stage.show(diff(*three()))
        await stage.do(pane.fold_all)
        assert await stage.do(lambda: pane.search("EDITED")) == 0
        assert await stage.do(lambda: pane.search("edited")) == 8
        assert "/edited 1 of 8" in stage.screen[0]
        places = []
        for _ in range(8):
            places.append(pane.current_place())
            await stage.do(pane.next_match)
        assert places == [
            (f"{f}.py", n) for f, ns in zip("abc", ((10, 50, 90), (20, 60, 100), (30, 70)), strict=True) for n in ns
        ]
        assert pane.current_place() == places[0]
        await stage.do(lambda: pane.next_match(-1))
        assert pane.current_place() == places[-1]
        y = stage.line("70 + line 70 edited")
        assert stage.background(y, 18) != stage.background(y, 11)
        await stage.show(diff(*three()[:2]))
        assert "/edited 6" in stage.screen[0]
        assert await stage.do(lambda: pane.search("")) == 0
        assert "/" not in stage.screen[0].replace("feat/auth", "")

    play(act)


@pytest.mark.parametrize("two", [False, True])
@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_the_reader_stays_where_they_are(two: bool, size: tuple[int, int]) -> None:
    async def act(stage: Stage) -> None:
        pane = stage.pane
        a, b, c = three()
        await stage.show(diff(a, b, c))
        if two:
            await stage.do(pane.toggle_side_by_side)
        await stage.do(lambda: pane.search("line 60 edited"))
        await stage.press("j")
        held = stage.line("line 60 edited"), pane.selected_text()
        for files in (
            (file("a.py", LINES, edited(*range(5, 200))), b, c),
            (b, c),
            (file("0.py", [], LINES), a, b, c),
            (a, file("b.py", LINES, ["first", *edited(3, 20, 60, 75, 100)[:200]]), c),
            (a, file("b.py", LINES, edited(60, 100)), file("d.py", [], LINES)),
            (a, b, c),
        ):
            await stage.show(diff(*files))
            assert (stage.line("line 60 edited"), pane.selected_text()) == held
        await stage.show(diff(a, c))
        assert pane.selected_text() == "c.py"

    play(act, size)


def test_a_reader_who_scrolled_away_from_the_cursor_stays_too() -> None:
    async def act(stage: Stage) -> None:
        a, b, c = three()
        await stage.show(diff(a, b, c))
        stage.pane.scroll_to(y=40, animate=False)
        await stage.pilot.pause()
        seen = stage.screen[1:6]
        await stage.show(diff(file("a.py", LINES, edited(10, 50, 90, 150)), b, c))
        assert stage.screen[1:6] == seen
        assert stage.pane.cursor == 0

    play(act)


def test_at_the_top_the_list_stays_in_view() -> None:
    async def act(stage: Stage) -> None:
        a, b, c = three()
        await stage.show(diff(b))
        await stage.show(diff(a, b, c))
        assert stage.screen[1].startswith(" a.py")
        assert stage.pane.selected_text() == "b.py"

    play(act)


def test_only_what_changed_is_painted_again() -> None:
    async def act(stage: Stage) -> None:
        pane = stage.pane
        a, b, c = three()
        await stage.show(diff(a, b, c))
        pane.painted_rows = 0
        await stage.show(diff(a, b, c))
        assert pane.painted_rows == 0
        out_of_sight = file("c.py", LINES, [*LINES[:29], "other", *edited(70)[30:]])
        await stage.show(diff(a, b, out_of_sight))
        assert pane.painted_rows <= 4
        await stage.show(diff(a, b, c))
        again = file("a.py", LINES, [*edited(10, 50, 90)[:9], "line ten", *edited(10, 50, 90)[10:]])
        pane.painted_rows = 0
        await stage.show(diff(again, b, c))
        assert any("line ten" in line for line in stage.screen)
        assert 0 < pane.painted_rows < 14

    play(act)


def test_a_hundred_thousand_lines_cost_a_page() -> None:
    old = [f"value_{n} = {n}" for n in range(2_000)]
    lines = [line for line in old for _ in range(2)]
    numbered = tuple(DiffLine("-+"[n % 2], n // 2 + 1, n // 2 + 1, text) for n, text in enumerate(lines))
    one = DiffHunk(1, 2_000, 1, 2_000, "", numbered)
    files = [FileDiff(f"f{n:02}.py", added=2_000, removed=2_000, hunks=(one,), key=f"f{n:02}.py") for n in range(26)]

    async def act(stage: Stage) -> None:
        pane = stage.pane
        await stage.show(diff(*files))
        assert pane.count_rows() > 100_000
        assert pane.painted_rows <= 24
        assert not any(block._shapes for block in pane._rows.blocks)
        for go in (pane.next_file, pane.next_hunk, pane.action_last, pane.previous_hunk, pane.toggle_side_by_side):
            pane.painted_rows = 0
            await stage.do(go)
            assert 0 < pane.painted_rows <= 3 * 24, go
        pane.painted_rows = 0
        assert await stage.do(lambda: pane.search("value_77 ")) == 52
        assert pane.painted_rows <= 3 * 24

    play(act)


def test_nothing_to_see_and_nothing_to_reach() -> None:
    async def act(stage: Stage) -> None:
        pane = stage.pane
        await stage.show(None, "No task is selected.")
        assert stage.screen[:2] == [" feat/auth", " No task is selected."]
        for key in ("j", "G", "enter", "l", "pagedown"):
            await stage.press(key)
        for act in (pane.next_file, pane.previous_hunk, pane.toggle_fold, pane.fold_all, pane.next_match):
            await stage.do(act)
        assert (pane.current_place(), pane.selected_text(), pane.search("x")) == (None, "", 0)
        pane.search("")
        await stage.show(diff())
        assert stage.screen[:2] == [" feat/auth  live", " nothing yet"]
        await stage.show(diff(error="the worktree is gone"))
        assert stage.screen[:2] == [" feat/auth  out of reach", " the worktree is gone"]

    play(act)


def test_hostile_names_and_lines_are_shown_as_what_they_are() -> None:
    raw = (
        b'diff --git "a/e\\033[2J\\nvil" "b/e\\033[2J\\nvil"\nnew file mode 100644\n--- /dev/null\n'
        b'+++ "b/e\\033[2J\\nvil"\n@@ -0,0 +1,3 @@\n'
        b"+\x1b]52;c;AAAA\x07[bold]x[/foo]\n+a\rb\xff\n+" + "漢字\t日本".encode() + b"\n"
    )

    async def act(stage: Stage) -> None:
        await stage.show(diff(*parse_diff(raw)))
        assert "▾ e␛[2J␊vil added +3 −0" in stage.screen
        assert "      1 + ␛]52;c;AAAA␇[bold]x[/foo]" in stage.screen
        assert "      2 + a␍b\ufffd" in stage.screen
        assert "      3 + 漢字    日本" in stage.screen
        assert all(char.isprintable() for line in stage.screen for char in line)

    play(act)


def test_long_lines_scroll_sideways_under_their_numbers() -> None:
    async def act(stage: Stage) -> None:
        await stage.show(diff(file("x", ["a"], ["0123456789" * 9 + "x", "漢字" * 22])))
        assert any(line.startswith("      1 + 0123") for line in stage.screen)
        await stage.press("l")
        assert any(line.startswith("      1 + 8901") for line in stage.screen)
        await stage.press(*["right"] * 12)
        assert any(line.startswith("      2 +  漢") for line in stage.screen)
        await stage.press(*["h"] * 12)
        assert any(line.startswith("      1 + 0123") for line in stage.screen)

    play(act)


def test_the_place_of_a_file_without_lines_and_of_a_removed_line() -> None:
    async def act(stage: Stage) -> None:
        pane = stage.pane
        await stage.show(diff(FileDiff("m", status=FileStatus.MODE, key="m"), file("gone", ["a", "b"], [])))
        assert pane.current_place() == ("m", 1)
        await stage.do(lambda: pane.search("b"))
        assert pane.current_place() == ("gone", 1)
        await stage.show(diff(file("x", LINES, [line for line in LINES if line not in ("line 40", "line 41")])))
        await stage.do(lambda: pane.search("line 41"))
        assert (pane.current_place(), pane.selected_text()) == (("x", 40), "line 41")
        assert stage.pane._rows.index(Place(0)) == 2

    play(act)
