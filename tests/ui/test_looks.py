"""What one look at the run costs the screen."""

from __future__ import annotations

from dataclasses import replace

import pytest
from screen import play, until
from snapshots import snapshot, task
from still import app_of
from textual.geometry import Region
from textual.pilot import Pilot
from textual.widget import Widget

from engine.model import TaskState
from engine.repo import Repo


def test_a_look_at_the_same_tasks_lays_nothing_out_anew(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """A layout paints every pane whole, so one at every look would cost more than all else."""
    app, _ = app_of(snapshot(task("auth", TaskState.RUNNING, "on w1", worker="w1"), task("ui", TaskState.QUEUED)), repo)
    laid_out: list[str] = []
    refresh = Widget.refresh

    def counted(
        self: Widget, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False
    ) -> Widget:
        if layout:
            laid_out.append(type(self).__name__)
        return refresh(self, *regions, repaint=repaint, layout=layout, recompose=recompose)

    async def scene(pilot: Pilot[object]) -> None:
        await until(pilot, lambda: app.main.moment)
        await pilot.pause()
        monkeypatch.setattr(Widget, "refresh", counted)
        for number in range(1, 6):
            moment = app.main.moment
            assert moment is not None
            later = replace(moment.snapshot, version=moment.snapshot.version + 1, at=moment.snapshot.at + number)
            app.main.show(replace(moment, snapshot=later))
            await pilot.pause()
        assert laid_out == []

    play(app, scene)
