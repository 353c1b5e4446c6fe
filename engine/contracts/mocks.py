"""Carries out the effects of mocks: each runs beside its consumer's agent, on a port of its own. Decides nothing.

A mock lives as long as its agent: both hold on to one pipe, so that it outlives the engine with the agent and is taken
over by the next engine, and ends by itself when neither is left.
"""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from engine import effects as ef
from engine import events as ev
from engine import process
from engine.command import shorten
from engine.contracts.environment import contract_environment
from engine.contracts.service import Served, end, free_port, until_healthy
from engine.errors import AuroraError
from engine.pool import Job
from engine.workplaces import first_port

if TYPE_CHECKING:
    from engine.runner import Runner

LOOK_EVERY = 0.5
MOST_LOG = 4 << 20
"""Seconds between two looks at a mock's log, and the bytes from which on it is cut."""
FIRST_OF_MOCKS = 1


@dataclass(slots=True)
class LiveMock:
    """A mock and the job that looks after it."""

    effect: ef.StartMock
    port: int
    job: Job | None = None
    served: Served | None = None
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    wanted: bool = True


class MockJobs:
    """The mocks of all attempts, by task and contract."""

    def __init__(self, runner: Runner) -> None:
        self.runner = runner
        self._live: dict[tuple[str, str], LiveMock] = {}
        self._lines: dict[tuple[str, int], tuple[int, int]] = {}

    def start(self, effect: ef.StartMock) -> None:
        """StartMock → MockReady | MockFailed, later perhaps MockFlooded, MockFailed."""
        live = LiveMock(effect, effect.port or self._free_port(effect.worker))
        self._live[effect.task, effect.contract] = live
        live.job = self.runner.pool.start(self._serve(live))

    async def stop(self, effect: ef.StopMocks) -> None:
        """StopMocks."""
        ending = [live for live in self._of(effect.task) if live.effect.attempt == effect.attempt]
        for live in ending:
            live.wanted = False
            live.settled.set()
            self._live.pop((effect.task, live.effect.contract), None)
        for live in ending:
            if live.job is not None:
                await self.runner.pool.cancel(live.job)
            if live.served is not None:
                await end(live.served)
        self._cut((effect.task, effect.attempt))

    async def settled(self, task: str) -> None:
        """Wait until every mock of a task answers, or has failed."""
        for live in self._of(task):
            await live.settled.wait()

    def ports(self, task: str) -> tuple[tuple[str, int], ...]:
        """The contracts mocked for a task, and where."""
        return tuple((one.effect.contract, one.port) for one in self._of(task) if one.served is not None)

    def lifeline(self, task: str, attempt: int) -> tuple[int, ...]:
        """What an agent holds on to, so that its mocks live while it does."""
        line = self._lines.get((task, attempt))
        return (line[1],) if line is not None else ()

    async def pause(self, task: str) -> None:
        """Stop every process of a task's mocks."""
        for live in self._of(task):
            if live.served is not None:
                await asyncio.to_thread(process.pause, live.served.identity, live.served.marker)

    async def resume(self, task: str) -> None:
        """Let them go on."""
        for live in self._of(task):
            if live.served is not None:
                await asyncio.to_thread(process.resume, live.served.identity, live.served.marker)

    def close(self) -> None:
        """Let go of the mocks: those whose agent lives go on, the others end."""
        for whose in list(self._lines):
            self._cut(whose)

    # --- one mock ---

    async def _serve(self, live: LiveMock) -> None:
        try:
            live.served = served = await asyncio.to_thread(self._launch, live)
        except (AuroraError, OSError) as error:
            self._failed(live, f"could not be started: {error}")
            return
        wrong = await until_healthy(served)
        if wrong:
            await end(served)
            self._failed(live, wrong)
            return
        effect = live.effect
        live.settled.set()
        self.runner.post(
            ev.MockReady(
                at=time.time(),
                task=effect.task,
                attempt=effect.attempt,
                contract=effect.contract,
                port=served.port,
                pid=served.identity.pid,
                log=self._shown(served.log),
            )
        )
        await self._look_after(live, served)

    async def _look_after(self, live: LiveMock, served: Served) -> None:
        """Until it ends, keep its log short."""
        flooded = False
        while served.identity.alive():
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY):
                    await process.wait_exit(served.identity, served.record)
            if await asyncio.to_thread(shorten, served.log, MOST_LOG) and not flooded:
                flooded = True
                self._flooded(live.effect)
        ended = process.exit_record(served.record)
        await end(served)
        if live.wanted:
            self._failed(live, f"ended with {ended.code}" if ended is not None else "vanished")

    def _launch(self, live: LiveMock) -> Served:
        """Start the mock, unless it runs already: then an engine before this one did. Blocking."""
        effect, runner = live.effect, self.runner
        contract = next(c for c in runner.machine.state.plan.contracts if c.name == effect.contract)
        name = f"{effect.task}.{effect.attempt}.mock-{effect.contract}"
        record = runner.run_folder / f"{name}.{effect.launch}"
        marker = f"{runner.machine.state.run}.{record.name}.{process.place_of(record)}"
        log = runner.run_folder / f"{name}.log"
        adopted = process.adopt(record)
        if adopted is not None and effect.port:
            return Served(adopted, record, marker, effect.port, contract.health, log)
        if adopted is not None:
            process.stop(adopted, marker)
        for kind in ("pid", "exit"):
            process.file_of(record, kind).unlink(missing_ok=True)
        worktree = runner.worktrees.path(effect.worker)
        env = runner.workplaces.environment(effect.worker, effect.task) | contract_environment(
            contract, worktree, live.port
        )
        spec = process.LaunchSpec(
            record=record,
            command=("/bin/sh", "-c", contract.mock or "false"),
            cwd=worktree,
            env=env,
            marker=marker,
            lifeline=True,
            log=log,
            line=self._line((effect.task, effect.attempt))[0],
        )
        return Served(process.launch(spec), record, marker, live.port, contract.health, log)

    def _free_port(self, worker: str) -> int:
        """A port nobody listens on and no mock that is just being started was given."""
        first = first_port(worker) + FIRST_OF_MOCKS
        given = {one.port for one in self._live.values()}
        while (port := free_port(first)) in given:
            first += 1
        return port

    def _line(self, whose: tuple[str, int]) -> tuple[int, int]:
        if whose not in self._lines:
            self._lines[whose] = os.pipe()
        return self._lines[whose]

    def _cut(self, whose: tuple[str, int]) -> None:
        for end_of_pipe in self._lines.pop(whose, ()):
            os.close(end_of_pipe)

    def _of(self, task: str) -> list[LiveMock]:
        return [live for (of, _), live in self._live.items() if of == task]

    def _shown(self, log: Path) -> str:
        return str(log.relative_to(self.runner.repo.aurora_dir))

    def _failed(self, live: LiveMock, words: str) -> None:
        effect = live.effect
        live.settled.set()
        log = self.runner.run_folder / f"{effect.task}.{effect.attempt}.mock-{effect.contract}.log"
        said = process.tail(log, lines=20)
        last = said.rstrip().rpartition("\n")[2]
        self.runner.post(
            ev.MockFailed(
                at=time.time(),
                task=effect.task,
                attempt=effect.attempt,
                contract=effect.contract,
                words=f"{words} ({last[:160]})" if last else words,
                tail=said,
                log=self._shown(log),
            )
        )

    def _flooded(self, effect: ef.StartMock) -> None:
        self.runner.post(
            ev.MockFlooded(at=time.time(), task=effect.task, attempt=effect.attempt, contract=effect.contract)
        )
