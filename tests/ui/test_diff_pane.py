"""The diff pane: it stays where the reader is, and paints no more than is seen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

import pytest
from diff_samples import LARGE, LINES, SMALL, diff, edited, file, three
from textual import on
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from engine.diff_model import BranchDiff, DiffHunk, DiffLine, FileDiff, FileStatus
from engine.diff_parse import parse_diff
from widgets.diff_pane import DiffPane
from widgets.diff_rows import Place
from widgets.look import Piece


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
