"""The mouse: a click puts the cursor on the row under it, a drag moves a queued task, tabs and keys can be clicked."""

from __future__ import annotations

from screen import play, shown, until
from snapshots import snapshot, task
from still import app_of
from textual.pilot import Pilot

from engine.intents import MoveTask
from engine.model import TaskState
from engine.repo import Repo


def test_click_drag_and_tabs(repo: Repo) -> None:
    tasks = [task(f"t{n}", TaskState.QUEUED, queue_place=n + 1) for n in range(4)]
    app, still = app_of(snapshot(*tasks), repo)

    async def scene(pilot: Pilot[object]) -> None:
        await until(pilot, lambda: app.main.moment)
        queue = app.main.query_one("#queue")
        await pilot.click("#queue", offset=(6, 3))
        assert queue.selected_key == "t2"  # type: ignore[attr-defined]
        await pilot.mouse_down("#queue", offset=(6, 1))
        await pilot.mouse_up("#queue", offset=(6, 3))
        await until(pilot, lambda: still.sent)
        assert isinstance(still.sent[0], MoveTask)
        assert (still.sent[0].task, still.sent[0].by_places) == ("t0", 2)
        await pilot.click("#tabs", offset=(18, 0))
        await until(pilot, lambda: "Select" not in shown(app) and app.main.tab.value == "Story")

    play(app, scene)
