"""Looks at the machine every few seconds and tells the machine of rules what would change anything. Decides nothing."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from engine import events as ev
from engine.pressure import CALM, Load
from engine.rules_pressure import matters
from engine.sampling import Sampler, host_root

if TYPE_CHECKING:
    from engine.runner import Runner

LOOK_EVERY = 2.0
SHOWN_APART = 5.0
"""Figures that differ by fewer points than this from those on the screen are not shown anew."""


class PressureJobs:
    """The job that watches the machine. `load` is what front ends are shown; it is in no event."""

    def __init__(self, runner: Runner) -> None:
        self.runner = runner
        self.load: Load = CALM
        self._sampler = Sampler(host_root())

    def open(self) -> None:
        """Start to watch."""
        self.runner.pool.start(self._watch())

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY)
            self.seen(self.look())

    def first_look(self) -> Load:
        """The machine as it is when the engine begins, shown from the first picture on."""
        self.load = self.look()
        return self.load

    def look(self) -> Load:
        """The machine as it is now."""
        return self._sampler.look(time.monotonic())

    def seen(self, load: Load) -> None:
        """One look: an event when it changes anything, new figures on the screen when they moved."""
        if matters(self.runner.machine.state, load, time.time()):
            self.load = load
            self.runner.post(ev.PressureChanged(at=time.time(), load=load))
        elif _apart(self.load, load):
            self.load = load
            self.runner.publish_soon()


def _apart(shown: Load, load: Load) -> bool:
    return any(
        abs(before - now) >= SHOWN_APART or (now == 0.0 and before > 0.0)
        for before, now in ((shown.cpu, load.cpu), (shown.memory, load.memory), (shown.io, load.io))
    )
