"""What the screen looks like, letter by letter, at three sizes; `AURORA_PICTURES=new` draws the pictures anew."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
from screen import play, shown, until
from snapshots import busy_run, contract_run, snapshot, task
from still import app_of
from textual.pilot import Pilot

from aurora_tui.app import AuroraApp, Ended
from aurora_tui.screens.outline import Outline
from aurora_tui.terminal import SIXTEEN
from engine.model import TaskState
from engine.repo import Repo

PICTURES = Path(__file__).parent / "pictures"
SIZES = ((120, 36), (80, 24), (40, 12))


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
@pytest.mark.parametrize("keys", ["5", "50"])
def test_a_run_with_contracts(size: tuple[int, int], keys: str, repo: Repo) -> None:
    app, _ = app_of(contract_run(), repo)

    async def scene(pilot: Pilot[object]) -> None:
        await until(pilot, lambda: app.main.moment)
        await pilot.press(*keys)
        await compare(f"contracts-{keys}-{size[0]}x{size[1]}", pilot)

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
            for pane in "1234500":
                await pilot.press(pane)
                await pilot.pause(0.05)
                for strip in app.screen._compositor.render_strips():
                    assert strip.cell_length == size[0]
                    assert not set(strip.text) & set("\x1b\x07\r\n\t\u009b")

        play(app, scene, size)
