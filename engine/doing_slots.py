"""Carries out slot effects: shims of agents wait at the slot server, the engine's own commands wait on a future."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import psutil

from engine import effects as ef
from engine import events as ev
from engine.heavy import SlotAsk, SlotServer, write_shims
from engine.jobserver import JobServer, Room
from engine.model import TaskState
from engine.plan import Settings
from engine.pressure import SHORT_OF_MEMORY

if TYPE_CHECKING:
    from engine.runner import Runner


class SlotJobs:
    """The door of the heavy semaphore; who gets a slot is decided by the machine."""

    def __init__(self, runner: Runner) -> None:
        self.runner = runner
        self.folder = runner.repo.aurora_dir / "slots"
        self.shims = runner.repo.aurora_dir / "shims"
        self.server = SlotServer(self.folder, self._asked, self._ended)
        self.jobs = JobServer(self.folder, self._room)
        self._own: dict[str, asyncio.Future[None]] = {}
        self._count = 0

    def open(self, settings: Settings) -> None:
        """Make the shims and listen."""
        write_shims(self.shims, settings.heavy, share=bool(settings.jobserver))
        self.server.start(self.runner.loop)
        if settings.jobserver:
            self.server.on_other = self.jobs.hear
            self.jobs.start(self.runner.loop)
        else:
            self.jobs.close()

    def _room(self) -> Room:
        """What the shares of the jobserver depend on now."""
        if self.runner.latest is None:
            return Room(total=1)
        state = self.runner.machine.state
        short = not state.pressed.marks.isdisjoint(SHORT_OF_MEMORY)
        return Room(
            total=1 if short else state.plan.settings.jobserver,
            busy=state.slots.running(),
            paused=frozenset(record.id for record in state.with_worker() if record.state is TaskState.PAUSED),
        )

    def adopt(self) -> tuple[str, ...]:
        """Watch the processes that held or wanted a slot when the last engine ended; ids of those that live."""
        live: list[str] = []
        state = self.runner.machine.state
        for asked in (*state.slots.held(), *state.slots.line()):
            try:
                born = psutil.Process(asked.pid).create_time() if asked.pid != os.getpid() else float("inf")
            except psutil.NoSuchProcess:
                continue
            if born <= asked.at + 1:
                self.server.adopt(asked.slot, asked.pid)
                live.append(asked.slot)
        return tuple(live)

    def _asked(self, ask: SlotAsk) -> None:
        self.runner.post(
            ev.SlotRequested(at=time.time(), slot=ask.slot, owner=ask.owner, command=ask.command, pid=ask.pid)
        )

    def _ended(self, slot: str) -> None:
        self.runner.post(ev.SlotFreed(at=time.time(), slot=slot))

    def grant(self, effect: ef.GrantSlot) -> None:
        """Let one go on."""
        own = self._own.get(effect.slot)
        if own is None:
            self.server.grant(effect.slot)
        elif not own.done():
            own.set_result(None)

    def tell(self, effect: ef.TellWaiting) -> None:
        """Say to one in line behind whom it waits, or why else."""
        if effect.slot not in self._own:
            self.server.tell_waiting(effect.slot, effect.place, effect.behind, effect.why)

    @asynccontextmanager
    async def slot(self, owner: str, command: str) -> AsyncIterator[None]:
        """Hold a slot for something the engine itself runs."""
        self._count += 1
        slot = f"engine-{os.getpid()}-{self._count}"
        self._own[slot] = granted = self.runner.loop.create_future()
        self.runner.post(ev.SlotRequested(at=time.time(), slot=slot, owner=owner, command=command, pid=os.getpid()))
        try:
            await granted
            yield
        finally:
            del self._own[slot]
            self._ended(slot)

    def close(self) -> None:
        """Stop listening; commands in line go on without a slot."""
        self.jobs.close()
        self.server.close()
