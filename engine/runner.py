"""The engine's loop: takes events in, lets the machine decide, journals, carries the effects out.

It runs on its own thread with its own asyncio loop, so that a stalled terminal stops nothing.
"""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from engine import effects as ef
from engine import events as ev
from engine import intents
from engine.contracts.mocks import MockJobs
from engine.contracts.verifying import ContractJobs
from engine.doing_agents import AgentJobs
from engine.doing_merges import MergeJobs
from engine.doing_pressure import PressureJobs
from engine.doing_proposals import ProposalJobs
from engine.doing_slots import SlotJobs
from engine.doing_tests import TestJobs
from engine.doing_watching import WatchJobs
from engine.doing_writes import WriteJobs
from engine.errors import AuroraError
from engine.journal import Journal
from engine.machine import Machine
from engine.model import Snapshot
from engine.plan import Settings
from engine.pool import Job, JobPool
from engine.repo import Repo
from engine.snapshot import Beside, SnapshotMaker
from engine.workplaces import Workplaces
from engine.worktrees import Worktrees

BLOCKING_THREADS = 64
PUBLISH_EVERY = 0.05
PUBLISH_SHARE = 0.05
"""Seconds between two snapshots at the least, and the share of its time the engine gives to making them."""
Carry = Callable[[Any], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class Arrival:
    """An event on its way in, and who waits for the answer."""

    event: ev.Event
    answer: Future[str] | None = None


class Runner:
    """One engine at work on one run. Everything but `post`, `send` and `snapshot` belongs to the engine's thread."""

    def __init__(self, repo: Repo, worktrees: Worktrees, machine: Machine, journal: Journal) -> None:
        self.repo = repo
        self.worktrees = worktrees
        self.machine = machine
        self.journal = journal
        self.seq = journal.last_seq()
        self.on_published: Callable[[], None] = lambda: None
        self.failure: BaseException | None = None
        self._snapshots = SnapshotMaker()
        self._latest: Snapshot | None = None
        self._publish_due: asyncio.TimerHandle | None = None
        self._pause = 0.0
        self._ending = False
        self._alarm: asyncio.TimerHandle | None = None
        self._disk = ThreadPoolExecutor(1, "aurora-journal")

    # --- from any thread ---

    def send(self, intent: intents.Intent) -> Future[str]:
        """Hand an intent over; the future holds its answer."""
        answer: Future[str] = Future()
        try:
            self.loop.call_soon_threadsafe(self._inbox.put_nowait, Arrival(replace(intent, at=time.time()), answer))
        except (RuntimeError, AttributeError):
            answer.set_exception(AuroraError("the engine has ended"))
        return answer

    @property
    def latest(self) -> Snapshot | None:
        """The newest published snapshot."""
        return self._latest

    # --- on the engine's thread ---

    async def run(self, first: ev.RunStarted | ev.RunContinued, then: Sequence[ev.Event] = ()) -> None:
        """Work until the machine says the engine ends. `first` begins or continues the run, `then` follows at once."""
        self.loop = asyncio.get_running_loop()
        self.loop.set_default_executor(ThreadPoolExecutor(BLOCKING_THREADS, "aurora-job"))
        self._inbox: asyncio.Queue[Arrival] = asyncio.Queue()
        self.pool = JobPool(self.crashed)
        self.slots = SlotJobs(self)
        self.writes = WriteJobs(self)
        self.workplaces = Workplaces(self)
        self.agents = AgentJobs(self)
        self.watching = WatchJobs(self)
        self.merges = MergeJobs(self)
        self.candidate_tests = TestJobs(self)
        self.proposals = ProposalJobs(self)
        self.contracts = ContractJobs(self)
        self.mocks = MockJobs(self)
        self.pressure = PressureJobs(self)
        self.tests: dict[str, Job] = {}
        self.proposing: dict[str, Job] = {}
        self._carry = self._carriers()
        try:
            self.slots.open(first.plan.settings)
            await self.writes.open()
            self.watching.open()
            first = replace(first, load=self.pressure.first_look())
            self.post(replace(first, live_slots=self.slots.adopt()) if isinstance(first, ev.RunContinued) else first)
            for event in then:
                self.post(event)
            await self._turn()
            self.pressure.open()
            while not self._ending:
                await self._turn()
        finally:
            await self._close()

    def post(self, event: ev.Event) -> None:
        """Bring an event in (on the loop's thread)."""
        self._inbox.put_nowait(Arrival(event))

    def crashed(self, error: BaseException) -> None:
        """A bug in a job or rule: keep the traceback, end the engine; agents and work are left as they are."""
        self.failure = self.failure or error
        self._ending = True
        text = "".join(traceback.format_exception(error))
        with (self.repo.aurora_dir / "error.log").open("a", encoding="utf-8") as log:
            log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')}\n{text}\n")
        self._inbox.put_nowait(Arrival(ev.SlotFreed(at=time.time(), slot="")))

    async def _turn(self) -> None:
        """Take all events that are there, decide, journal, act."""
        arrivals = [await self._inbox.get()]
        while not self._inbox.empty():
            arrivals.append(self._inbox.get_nowait())
        if self._ending:
            return
        effects: list[ef.Effect] = []
        accepted: list[ev.Event] = []
        answered: list[tuple[Future[str], str]] = []
        for arrival in arrivals:
            try:
                effects.extend(self.machine.handle(arrival.event))
            except AuroraError as error:
                if arrival.answer is None:
                    raise
                arrival.answer.set_exception(error)
                continue
            accepted.append(arrival.event)
            if arrival.answer is not None:
                answered.append((arrival.answer, self.machine.answer))
        if accepted:
            await self._record(accepted)
        for effect in effects:
            self._carry_out(effect)
        self.publish_soon(at_once=bool(answered))
        for future, words in answered:
            future.set_result(words)

    async def _record(self, accepted: list[ev.Event]) -> None:
        stored = [replace(e, files=()) if isinstance(e, ev.RunStarted) else e for e in accepted]
        run = self.machine.state.run
        self.seq = await self.loop.run_in_executor(self._disk, self.journal.append, run, stored)

    def _carriers(self) -> dict[type[ef.Effect], Carry]:
        agents, merges = self.agents, self.merges
        return {
            ef.PrepareWorktree: agents.prepare,
            ef.StartAgent: agents.start,
            ef.PauseAgent: agents.pause,
            ef.ResumeAgent: agents.resume,
            ef.StopAgent: agents.stop,
            ef.UpdateWorktree: agents.update,
            ef.CaptureAttempt: agents.capture,
            ef.BuildChain: merges.build,
            ef.CancelTest: self._cancel_test,
            ef.CancelPropose: self._cancel_proposal,
            ef.Land: merges.land,
            ef.CancelLanding: merges.cancel_landing,
            ef.Resolve: merges.resolve,
            ef.TakeBack: merges.take_back,
            ef.ReadContracts: self.contracts.read,
            ef.StopMocks: self.mocks.stop,
        }

    def _carry_out(self, effect: ef.Effect) -> None:
        match effect:
            case ef.GrantSlot():
                self.slots.grant(effect)
            case ef.AnswerWrite():
                self.writes.answer(effect)
            case ef.TellWaiting():
                self.slots.tell(effect)
            case ef.WakeAt():
                self._wake_at(effect.at)
            case ef.EndEngine():
                self._ending = True
            case ef.TestCandidate():
                self.tests[effect.candidate] = self.pool.start(self.candidate_tests.test(effect))
            case ef.TestAttempt():
                self.tests[effect.task] = self.pool.start(self.agents.test(effect))
            case ef.StartMock():
                self.mocks.start(effect)
            case ef.Propose():
                self.proposing[effect.task] = self.pool.start(self.proposals.propose(effect))
            case _:
                self.pool.start(self._carry[type(effect)](effect))

    def _wake_at(self, at: float) -> None:
        """Post `TimeCame` when the moment has come, and never before it by the clock that events carry."""
        if self._alarm is not None:
            self._alarm.cancel()
        left = at - time.time()
        if left > 0:
            self._alarm = self.loop.call_later(left, self._wake_at, at)
        else:
            self._alarm = None
            self.post(ev.TimeCame(at=max(at, time.time())))

    async def _cancel_test(self, effect: ef.CancelTest) -> None:
        job = self.tests.pop(effect.candidate, None)
        if job is not None:
            await self.pool.cancel(job)

    async def _cancel_proposal(self, effect: ef.CancelPropose) -> None:
        job = self.proposing.pop(effect.task, None)
        if job is not None:
            await self.pool.cancel(job)

    def publish_soon(self, at_once: bool = False) -> None:
        """Publish a snapshot soon (on the loop's thread); several requests become one."""
        if at_once or self._ending:
            self._publish()
        elif self._publish_due is None:
            self._publish_due = self.loop.call_later(max(PUBLISH_EVERY, self._pause), self._publish)

    def _publish(self) -> None:
        if self._publish_due is not None:
            self._publish_due.cancel()
            self._publish_due = None
        began = time.perf_counter()
        beside = Beside(dict(self.watching.work), next(iter(self.candidate_tests.logs), ""), self.pressure.load)
        self._latest = self._snapshots.make(self.machine.state, beside)
        self._pause = (time.perf_counter() - began) / PUBLISH_SHARE
        self.on_published()

    async def _close(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        await self.pool.close()
        await self.watching.close()
        self.mocks.close()
        self.writes.close()
        self.slots.close()
        self._disk.shutdown()
        self.journal.close()
        while not self._inbox.empty():
            answer = self._inbox.get_nowait().answer
            if answer is not None:
                answer.set_exception(AuroraError("the engine has ended"))

    # --- for the jobs ---

    @property
    def settings(self) -> Settings:
        """The settings of the run."""
        return self.machine.state.plan.settings

    @property
    def run_folder(self) -> Path:
        """Where logs and records of this run's attempts lie."""
        folder = self.repo.aurora_dir / "runs" / self.machine.state.run
        folder.mkdir(parents=True, exist_ok=True)
        return folder
