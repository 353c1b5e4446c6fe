"""What the screen looks like, letter by letter, at three sizes; `AURORA_PICTURES=new` draws the pictures anew."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import pytest
from screen import play, shown, until
from snapshots import NOW, busy_run, snapshot, task
from textual.pilot import Pilot

from aurora_tui.app import AuroraApp, Ended
from aurora_tui.opening import Opened
from aurora_tui.screens.outline import Outline
from aurora_tui.terminal import DARK, SIXTEEN, Profile
from engine.events import Intent
from engine.model import Attached, Snapshot, TaskState
from engine.repo import Repo
from engine.worktrees import Worktrees

PICTURES = Path(__file__).parent / "pictures"
SIZES = ((120, 36), (80, 24), (40, 12))


class Still:
    """An engine at which time stands: one snapshot, and the intents that were sent."""

    def __init__(self, run: Snapshot) -> None:
        self.run = run
        self.sent: list[Intent] = []

    def snapshot(self) -> Snapshot:
        return self.run

    def send(self, intent: Intent) -> Future[str]:
        self.sent.append(intent)
        answer: Future[str] = Future()
        answer.set_result("as you say")
        return answer

    def on_dirty(self, callback: Callable[[], None]) -> None:
        callback()

    def story(self, task: str) -> tuple[str, ...]:
        return ("added: Work on it.", "waiting → queued: ready", "queued → running: on w1")

    def events_since(self, seq: int) -> tuple[tuple[int, str, str], ...]:
        return ()

    def attached(self) -> tuple[Attached, ...]:
        return ()

    def close(self) -> None:
        return


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """An empty repository, for the paths only."""
    folder = tmp_path_factory.mktemp("still")
    identity = ["-c", "user.name=Dev", "-c", "user.email=dev@example.org"]
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    subprocess.run(["git", "-C", str(folder), *identity, "commit", "-q", "--allow-empty", "-m", "start"], check=True)
    return Repo.open(folder)


def app_of(run: Snapshot, repo: Repo, theme: str = DARK, read_only: bool = False) -> tuple[AuroraApp, Still]:
    """The app on a run that stands still."""
    still = Still(run)
    opened = Opened(repo, still, Worktrees(repo))
    profile = Profile(False, theme, 20.0, 20.0, 240)
    return AuroraApp(lambda: opened, profile, read_only=read_only, clock=lambda: NOW), still


async def compare(name: str, pilot: Pilot[object]) -> None:
    """The screen must become as the picture of that name."""
    path = PICTURES / f"{name}.txt"
    if os.environ.get("AURORA_PICTURES") == "new":
        await pilot.pause(0.6)
        path.write_text(shown(pilot.app) + "\n", encoding="utf-8")
    picture = path.read_text(encoding="utf-8")
    end = time.monotonic() + 5
    while shown(pilot.app) + "\n" != picture and time.monotonic() < end:
        await pilot.pause(0.05)
    assert shown(pilot.app) + "\n" == picture


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("pane", ["1", "2", "3", "4"])
def test_a_busy_run(size: tuple[int, int], pane: str, repo: Repo) -> None:
    app, _ = app_of(busy_run(), repo)

    async def scene(pilot: Pilot[object]) -> None:
        await until(pilot, lambda: app.main.moment)
        await pilot.press(pane)
        await compare(f"busy-{pane}-{size[0]}x{size[1]}", pilot)

    play(app, scene, size)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_an_empty_run_says_what_its_panes_would_show(size: tuple[int, int], repo: Repo) -> None:
    app, _ = app_of(snapshot(idle=True), repo)

    async def scene(pilot: Pilot[object]) -> None:
        await until(pilot, lambda: app.main.moment)
        await compare(f"empty-{size[0]}x{size[1]}", pilot)

    play(app, scene, size)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_the_first_frame_has_the_boxes_of_the_main_screen(size: tuple[int, int], repo: Repo) -> None:
    app, _ = app_of(busy_run(), repo)

    async def scene(pilot: Pilot[object]) -> None:
        await until(pilot, lambda: app.main.moment)
        app.push_screen(Outline())
        await compare(f"first-{size[0]}x{size[1]}", pilot)
        await pilot.press("q", "ctrl+p", "escape")
        assert app.is_running

    play(app, scene, size)


def test_keys_on_the_first_frame_are_patient_and_ctrl_c_leaves(repo: Repo) -> None:
    app, _ = app_of(busy_run(), repo)
    app._open_soon = lambda: None  # type: ignore[method-assign]

    async def scene(pilot: Pilot[object]) -> None:
        await until(pilot, lambda: isinstance(app.screen, Outline))
        await pilot.press("2", "a", "ctrl+p", "escape", "ctrl+c")
        await until(pilot, lambda: app.return_value is not None)

    assert play(app, scene) == Ended(0)


def test_the_sixteen_colour_theme_paints_no_other_colours(repo: Repo) -> None:
    app, _ = app_of(busy_run(), repo, SIXTEEN)

    async def scene(pilot: Pilot[object]) -> None:
        await until(pilot, lambda: app.main.moment)
        await pilot.press("2")
        await pilot.pause(0.1)
        segments = [segment for strip in app.screen._compositor.render_strips() for segment in strip]
        colours = {c for s in segments if s.style for c in (s.style.color, s.style.bgcolor) if c is not None}
        assert colours
        assert all(colour.triplet is None for colour in colours), colours

    play(app, scene)


def test_ten_thousand_queued_tasks_are_shown_and_walked_through(repo: Repo) -> None:
    many = [task(f"t{n}", TaskState.QUEUED, queue_place=n + 1) for n in range(10_000)]
    app, _ = app_of(snapshot(*many), repo)

    async def scene(pilot: Pilot[object]) -> None:
        await until(pilot, lambda: app.main.moment)
        await pilot.press("2", "G")
        await until(pilot, lambda: "t9999" in shown(app))
        await pilot.press("slash", "t", "4", "2", "4", "2", "enter")
        await until(pilot, lambda: "t4242" in shown(app) and "t9999" not in shown(app))

    play(app, scene)


def test_hostile_names_break_no_line(repo: Repo) -> None:
    evil = "\x1b]52;c;aGk=\x07[bold]x[/foo]\r\n\t日本語👩‍👩‍👧\u009b2J"
    run = replace(
        snapshot(
            task("evil", TaskState.RUNNING, evil, worker="w1", branch=f"feat/{evil}", paths=(evil,), agent=evil),
            task("next", TaskState.QUEUED, evil, queue_place=1),
        ),
        repo=evil,
        needs_person=(evil,),
    )
    for size in SIZES:
        app, _ = app_of(run, repo)

        async def scene(pilot: Pilot[object], app: AuroraApp = app, size: tuple[int, int] = size) -> None:
            await until(pilot, lambda: app.main.moment)
            for pane in "12340":
                await pilot.press(pane)
                await pilot.pause(0.05)
                for strip in app.screen._compositor.render_strips():
                    assert strip.cell_length == size[0]
                    assert not set(strip.text) & set("\x1b\x07\r\n\t\u009b")

        play(app, scene, size)
