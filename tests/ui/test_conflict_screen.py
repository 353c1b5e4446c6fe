"""The conflict screen under real keys, on real conflicts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from conflicts import desk_in, env_with_editor, git, sides
from textual.app import App
from textual.pilot import Pilot

from aurora_tui.conflict_actions import CONFLICT_KEYS
from aurora_tui.screens.conflict import ConflictScreen
from aurora_tui.terminal import DARK, SIXTEEN
from aurora_tui.themes import THEMES
from engine.conflict_desk import Desk
from engine.conflict_model import WHOLE, Take
from engine.merging import merge
from widgets.conflict_files import ConflictFiles
from widgets.help_sheet import HelpSheet
from widgets.text_sheet import TextLines, TextSheet

LEFT = "left half done"


class Stage(App[None]):
    """Only the conflict screen."""

    def __init__(self, desk: Desk, failure: str = "", theme: str = DARK) -> None:
        super().__init__()
        self.desk, self.failure = desk, failure
        self.ended: str | None = None
        for one in THEMES:
            self.register_theme(one)
        self.theme = theme

    def on_mount(self) -> None:
        """Open it."""
        self.push_screen(ConflictScreen(self.desk, self.failure), self._end)

    def _end(self, commit: str | None) -> None:
        self.ended = commit or LEFT

    @property
    def conflict(self) -> ConflictScreen:
        """The screen."""
        screen = next(screen for screen in self.screen_stack if isinstance(screen, ConflictScreen))
        assert isinstance(screen, ConflictScreen)
        return screen

    def text(self) -> str:
        """What is painted, as text."""
        return "\n".join("".join(s.text for s in strip) for strip in self.screen._compositor.render_strips())


Scene = Callable[[Stage, Pilot[None]], Awaitable[None]]


def play(desk: Desk, scene: Scene, size: tuple[int, int] = (120, 36), failure: str = "", theme: str = DARK) -> Stage:
    """Run a scene on the screen."""
    app = Stage(desk, failure, theme)

    async def run() -> None:
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            await scene(app, pilot)
            await pilot.pause()

    asyncio.run(run())
    return app


def keys(*names: str) -> Scene:
    """Press these."""

    async def scene(app: Stage, pilot: Pilot[None]) -> None:
        await pilot.press(*names)

    return scene


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Three files with three hunks each, a binary and a deleted file."""
    return desk_in(tmp_path / "repo")


@pytest.fixture
def nine(tmp_path: Path) -> Desk:
    """Three files with three hunks each."""
    return desk_in(tmp_path / "repo", extra=False)


def test_nine_hunks_in_ten_keys(nine: Desk) -> None:
    app = play(nine, keys("o", "t", "b", "B", "n", "i", "o", "t", "b", "w"))
    root = nine.repo.root
    assert app.ended not in (None, LEFT)
    commit = str(app.ended)
    told = nine.settlement.conflict
    assert git(root, "log", "-1", "--format=%P", commit) == f"{told.branch_commit} {told.onto}"
    assert merge(nine.repo, told.onto, commit).tree == git(root, "rev-parse", f"{commit}^{{tree}}")
    cart = git(root, "show", f"{commit}:shop/cart.py")
    assert "currency='EUR'" in cart
    assert "load_ui()" in cart
    assert "load_stock()" not in cart
    assert cart.index("stock=True") < cart.index("ui=True")
    assert {"ui_alone", "stock_alone"} <= {word for word in cart.split() if word.endswith("alone")}
    models = git(root, "show", f"{commit}:shop/models.py")
    assert models.index("'USD'") < models.index("'EUR'")
    assert "load_" not in models
    assert "total_27" in models


def test_every_key_of_the_table_does_something_or_says_why_not(desk: Desk) -> None:
    """Each key is pressed on a hunk and on a whole file; none raises, and what it decides can be undone."""

    async def scene(app: Stage, pilot: Pilot[None]) -> None:
        for place in (("shop/cart.py", 0), ("logo.bin", WHOLE)):
            for key in CONFLICT_KEYS:
                if key.id in ("edit", "edit_file", "leave", "finish"):
                    continue
                app.conflict._go_to(place)
                await pilot.press(key.keys[0])
                await pilot.pause()
                if app.screen is not app.conflict:
                    await pilot.press("escape")
                    await pilot.pause()
                assert app.screen is app.conflict, key.id
        while desk.settlement.past:
            await pilot.press("z")
        assert desk.settlement.decisions == {}

    assert play(desk, scene).ended is None


def test_lines_are_picked_one_by_one_from_both_sides(nine: Desk) -> None:
    async def scene(app: Stage, pilot: Pilot[None]) -> None:
        await pilot.press("right_square_bracket", "down", "space", "l", "space", "h", "up", "up")
        assert nine.settlement.hunk_lines(("shop/cart.py", 1)) == (
            "    rows = load_stock()\n",
            "    rows.sort(key=ui_order)\n",
        )
        assert "lines picked" in app.text()
        assert app.text().count("✓") == 2
        await pilot.press("z")
        assert nine.settlement.hunk_lines(("shop/cart.py", 1)) == ("    rows = load_stock()\n",)
        await pilot.press("Z", "u")
        assert not nine.settlement.settled(("shop/cart.py", 1))

    play(nine, scene)


def test_whole_files_offer_what_makes_sense_for_them(desk: Desk) -> None:
    async def scene(app: Stage, pilot: Pilot[None]) -> None:
        assert "both changed this binary file" in app.text()
        await pilot.press("b")
        assert not desk.settlement.decisions, "two binary files cannot both stay"
        await pilot.press("t")
        assert desk.settlement.decisions["logo.bin", WHOLE].take is Take.BRANCH
        assert "ui changed it, stock (landed) deleted it." in app.text()
        await pilot.press("o")
        assert desk.settlement.decisions["notes.txt", WHOLE].take is Take.LANDED
        await pilot.press("O")
        assert desk.settlement.settled(("shop/cart.py", 2))
        await pilot.press("T", "T", "w")

    app = play(desk, scene)
    root = desk.repo.root
    assert app.ended not in (None, LEFT)
    files = git(root, "ls-tree", "-r", "--name-only", str(app.ended)).split("\n")
    assert "notes.txt" not in files
    stock = sides("cart", "stock").replace("total_18 = cart.sum(18)", "ui_alone = True")
    assert git(root, "show", f"{app.ended}:shop/cart.py") + "\n" == stock


def test_half_done_work_is_there_again(nine: Desk) -> None:
    app = play(nine, keys("o", "t", "b", "escape"))
    assert app.ended == LEFT
    told = nine.settlement.conflict
    again = Desk.open(nine.repo, "r2", "ui", told.branch_commit, told.onto)

    async def scene(app: Stage, pilot: Pilot[None]) -> None:
        assert "3 of 9 settled" in app.text()
        assert app.conflict.view.file.path == "shop/models.py"
        await pilot.press("z")
        assert "2 of 9 settled" in app.text()

    play(again, scene)


def test_finish_says_what_is_open_and_goes_there(nine: Desk) -> None:
    async def scene(app: Stage, pilot: Pilot[None]) -> None:
        await pilot.press("o", "right_square_bracket", "w")
        assert app.conflict.view.key == ("shop/cart.py", 1)
        assert "8 conflicts still open" in str([note.message for note in app._notifications])

    assert play(nine, scene).ended is None


def test_what_is_remembered_is_marked_and_accepted(nine: Desk) -> None:
    play(nine, keys("o", "t", "b", "B", "n", "i", "o", "t", "b", "w"))
    nine.discard()
    told = nine.settlement.conflict
    again = Desk.open(nine.repo, "r2", "ui", told.branch_commit, told.onto)

    async def scene(app: Stage, pilot: Pilot[None]) -> None:
        assert "landed (remembered): y accepts it" in app.text()
        assert "0 of 9 settled" in app.text()
        await pilot.press("w")
        assert app.ended is None
        await pilot.press("y")
        assert "1 of 9 settled" in app.text()
        await pilot.press("Y", "w")

    assert play(again, scene).ended not in (None, LEFT)


def test_the_editor_writes_a_hunk_and_a_file(nine: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISUAL", env_with_editor(tmp_path, 'echo mine > "$1"')["VISUAL"])
    monkeypatch.setattr(Stage, "suspend", lambda self: self.batch_update())

    async def scene(app: Stage, pilot: Pilot[None]) -> None:
        await pilot.press("e")
        await pilot.pause()
        assert nine.settlement.hunk_lines(("shop/cart.py", 0)) == ("mine\n",)
        await pilot.press("left_square_bracket", "E")
        await pilot.pause()
        assert nine.settlement.decisions["shop/cart.py", WHOLE].lines == ("mine\n",)
        assert "written by hand" in app.text() or app.conflict.view.file.path != "shop/cart.py"

    play(nine, scene)


def test_an_editor_that_leaves_markers_decides_nothing(
    nine: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Stage, "suspend", lambda self: self.batch_update())
    for script, words in (("true", "conflict markers"), ("exit 3", "ended with 3")):
        monkeypatch.setenv("VISUAL", env_with_editor(tmp_path, script)["VISUAL"])

        async def scene(app: Stage, pilot: Pilot[None], words: str = words) -> None:
            await pilot.press("e")
            await pilot.pause()
            assert words in str([note.message for note in app._notifications])

        play(nine, scene)
        assert nine.settlement.decisions == {}


def test_explain_base_failure_and_help(nine: Desk) -> None:
    async def scene(app: Stage, pilot: Pilot[None]) -> None:
        await pilot.press("v")
        assert "as it was before both" in app.text()
        await pilot.press("x")
        await pilot.pause(0.2)
        assert isinstance(app.screen, TextSheet)
        assert "Count the stock" in app.text()
        assert "Show it" in app.text()
        await pilot.press("escape", "f")
        assert isinstance(app.screen, TextSheet)
        assert "1 failed" in app.screen.query_one(TextLines).row_pieces(0, 80)[0][0]
        await pilot.press("escape", "question_mark")
        assert isinstance(app.screen, HelpSheet)
        await pilot.press("escape")

    play(nine, scene, failure="1 failed\nE assert 1 == 2")


def test_the_mouse_takes_sides_and_chooses_files(desk: Desk) -> None:
    async def scene(app: Stage, pilot: Pilot[None]) -> None:
        await pilot.click(ConflictFiles, offset=(5, 5))
        await pilot.pause()
        assert app.conflict.view.file.path == "shop/cart.py"
        row = app.text().split("\n").index(next(line for line in app.text().split("\n") if "t branch: ui" in line))
        await pilot.click(offset=(app.text().split("\n")[row].index("t branch: ui") + 3, row))
        await pilot.pause()
        assert desk.settlement.decisions["shop/cart.py", 0].take is Take.BRANCH
        bar = app.text().split("\n")[-1]
        await pilot.click(offset=(bar.index("o landed"), 35))
        await pilot.pause()
        assert Take.LANDED in {one.take for one in desk.settlement.decisions.values()}

    play(desk, scene)


@pytest.mark.parametrize("theme", [DARK, SIXTEEN])
@pytest.mark.parametrize("size", [(140, 40), (120, 36), (100, 30), (99, 24), (80, 24), (60, 20), (50, 20), (40, 12)])
def test_every_size_shows_both_sides_and_names(nine: Desk, size: tuple[int, int], theme: str) -> None:
    async def scene(app: Stage, pilot: Pilot[None]) -> None:
        lines = app.text().split("\n")
        assert len(lines) == size[1]
        text = app.text()
        assert "price = cart.price(" in text
        assert "landed: stock" in text
        assert "branch: ui" in text
        assert "of 9 settled" in text
        assert app.screen.query("#files").first().display == (size[0] >= 100)

    play(nine, scene, size, theme=theme)


def test_too_small_is_said(nine: Desk) -> None:
    async def scene(app: Stage, pilot: Pilot[None]) -> None:
        assert "Aurora needs 40×10" in app.text()
        await pilot.resize_terminal(100, 30)
        await pilot.pause()
        assert "landed: stock" in app.text()

    play(nine, scene, (30, 8))


def test_text_no_terminal_should_see_is_cleaned(tmp_path: Path) -> None:
    from conflicts import commit

    root = tmp_path / "repo"
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    evil = "x\x1b[31m[red]\x07 \u202e 日本 \ttab\r"
    base = commit(root, {"[b]a\x1b.txt": b"one\n\xff\n"}, "start")
    landed = commit(root, {"[b]a\x1b.txt": f"{evil}L\n".encode() + b"\xfe\n"}, "l", base)
    branch = commit(root, {"[b]a\x1b.txt": f"{evil}B\n".encode() + b"\xfd\n"}, "b", base)
    from engine.repo import Repo

    evil_desk = Desk.open(Repo.open(root), "r", "ui", branch, landed)

    async def scene(app: Stage, pilot: Pilot[None]) -> None:
        text = app.text()
        assert "\x1b" not in text
        assert "\x07" not in text
        assert "\u202e" not in text
        assert "[red]" in text
        assert "[b]a" in text
        await pilot.press("b", "w")

    app = play(evil_desk, scene)
    lines = evil_desk.repo.git("cat-file", "blob", f"{app.ended}:[b]a\x1b.txt").out.split(b"\n")
    assert lines[0] == f"{evil}L".encode()
    assert lines[1] == b"\xfe"


def test_a_great_file_is_walked_through_quickly(tmp_path: Path) -> None:
    import time

    from conflicts import commit

    root = tmp_path / "repo"
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    numbers = range(20_000)
    text = {who: "".join(f"{who if n % 40 == 0 else ''} line {n}\n" for n in numbers) for who in ("", "L", "B")}
    base = commit(root, {"big.txt": text[""]}, "start")
    landed, branch = (commit(root, {"big.txt": text[who]}, who, base) for who in ("L", "B"))
    from engine.repo import Repo

    big = Desk.open(Repo.open(root), "r", "ui", branch, landed)
    assert len(big.settlement.conflict.file("big.txt").hunks) == 500
    took: list[float] = []

    async def scene(app: Stage, pilot: Pilot[None]) -> None:
        for _ in range(10):
            began = time.perf_counter()
            await pilot.press("o")
            await pilot.pause()
            took.append(time.perf_counter() - began)

    play(big, scene)
    assert sum(big.settlement.settled(("big.txt", n)) for n in range(500)) == 10
    assert sorted(took)[5] < 0.5
