"""Watches the worktrees of running agents and reports which paths they change. Decides nothing."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from engine import events as ev
from engine.errors import AuroraError
from engine.passing import SECONDS
from engine.snapshot import Work
from engine.state import Step
from engine.watch import Watcher

if TYPE_CHECKING:
    from engine.doing_agents import LiveAttempt
    from engine.runner import Runner

SWEEP_EVERY = 10.0
MEASURE_EVERY = 2.0
LOOK_LATER = SECONDS + 0.05


class WatchJobs:
    """The worktrees of all attempts. `work` is what each has changed so far, for the screen."""

    def __init__(self, runner: Runner) -> None:
        self.runner = runner
        self.work: dict[str, Work] = {}
        self.watcher = Watcher(self._paths_changed, self._polled)

    def open(self) -> None:
        """Start watching."""
        self.watcher.start(self.runner.loop)
        self.runner.pool.start(self._sweep_forever())

    async def close(self) -> None:
        """Stop watching."""
        await asyncio.to_thread(self.watcher.close)

    def add(self, worker: str, worktree: Path) -> None:
        """An agent works in this worktree from now on."""
        self.watcher.add(worker, worktree)

    def remove(self, worker: str) -> None:
        """It has ended."""
        self.watcher.remove(worker)

    def _paths_changed(self, worker: str, paths: frozenset[str]) -> None:
        live = next((one for one in self.runner.agents.live.values() if one.effect.worker == worker), None)
        if live is None:
            return
        if live.looking:
            live.look_again = set() if not paths or live.look_again == set() else {*(live.look_again or ()), *paths}
            return
        live.looking = True
        self.runner.pool.start(self._look(live, paths))

    async def _look(self, live: LiveAttempt, paths: Iterable[str]) -> None:
        """Ask git what really changed (of `paths`, or of everything when empty) and report what is new."""
        wanted: set[str] | None = set(paths)
        while wanted is not None:
            live.look_again = None
            await self._report_changes(live, wanted)
            wanted = live.look_again
        live.looking = False

    def _polled(self, worker: str, why: str) -> None:
        """A worktree cannot be watched: it is looked at again and again instead."""
        live = next((one for one in self.runner.agents.live.values() if one.effect.worker == worker), None)
        if live is not None:
            words = f"its edits are seen some seconds late, since its worktree cannot be watched: {why}"
            task, attempt = live.effect.task, live.effect.attempt
            self.runner.post(ev.Remarked(at=time.time(), task=task, attempt=attempt, words=words))

    async def _report_changes(self, live: LiveAttempt, wanted: set[str]) -> None:
        record = self.runner.machine.state.tasks[live.effect.task]
        base = record.attempt.base
        begun = time.monotonic()
        try:
            changed = await asyncio.to_thread(self.runner.worktrees.touched, live.worktree, base, wanted)
        except AuroraError:
            return
        if not wanted:
            self.watcher.looked(live.effect.worker, time.monotonic() - begun)
        if record.attempt.base != base or record.attempt.step is Step.UPDATING:
            return  # the worktree was brought up to date meanwhile: what landed is not this attempt's change
        before, live.paths = live.paths, {*changed, *(live.paths if wanted else ())}
        if wanted or live.paths != before:
            self._measure_soon(live)
        fresh = sorted(set(changed) - live.reported)
        gone = {path for path in fresh if not os.path.lexists(live.worktree / path)}
        new = live.passing.settled(fresh, gone, time.monotonic())
        if len(new) < len(fresh) and not live.waiting:
            live.waiting = True
            self.runner.pool.start(self._look_later(live))
        if new and self.runner.agents.live.get(live.effect.task) is live:
            live.reported.update(new)
            self.runner.post(
                ev.FilesTouched(at=time.time(), task=live.effect.task, attempt=live.effect.attempt, paths=new)
            )

    async def _look_later(self, live: LiveAttempt) -> None:
        """Look once more at what may be gone in a moment."""
        await asyncio.sleep(LOOK_LATER)
        live.waiting = False
        self._paths_changed(live.effect.worker, frozenset(live.passing.paths))

    def _measure_soon(self, live: LiveAttempt) -> None:
        if not live.measuring:
            live.measuring = True
            self.runner.pool.start(self._measure(live))

    async def _measure(self, live: LiveAttempt) -> None:
        """Count what the attempt has changed so far, at most once in `MEASURE_EVERY` seconds. For the screen only."""
        await asyncio.sleep(max(0.0, live.measured + MEASURE_EVERY - time.monotonic()))
        live.measuring, live.measured = False, time.monotonic()
        task, paths = live.effect.task, tuple(sorted(live.paths))
        base = self.runner.machine.state.tasks[task].attempt.base
        with suppress(AuroraError, OSError):
            added, removed = await asyncio.to_thread(self.runner.worktrees.measure, live.worktree, base, paths)
            if self.runner.agents.live.get(task) is live:
                self.work[task] = Work(live.effect.attempt, added, removed, paths)
                self.runner.publish_soon()

    async def _sweep_forever(self) -> None:
        """The safety net under the watcher."""
        while True:
            await asyncio.sleep(SWEEP_EVERY)
            for live in list(self.runner.agents.live.values()):
                self._paths_changed(live.effect.worker, frozenset())
