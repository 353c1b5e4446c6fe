"""The simulated world with one contract in it: who wrote its file is its content; mocks answer, fail or die."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from world import World

from engine import effects as ef
from engine import events as ev
from engine import intents
from engine.contracts.records import ContractFiles
from engine.model import TaskState
from engine.plan import Contract, Plan

FILE = "api.txt"
NAME = "api"
Tree = Iterable[tuple[str, int]]


def with_contract(plan: Plan, **commands: str) -> Plan:
    """The plan with the contract `api` in `api.txt`, written by the first task."""
    return replace(plan, contracts=(Contract(NAME, (FILE,), plan.tasks[0].id, **commands),))


class ContractWorld(World):
    """Answers what concerns contracts too. `bad_mocks` are the (task, launch) that do not start; a person has allowed
    `amenders` to change the contract, and told those in `obedient` not to."""

    def __init__(self, plan: Plan, bad_mocks: Iterable[tuple[str, int]] = (), **given: object) -> None:
        self.bad_mocks = set(bad_mocks)
        self.amenders: set[str] = set()
        self.obedient: set[str] = set()
        self.touches: set[tuple[str, int]] = set()
        self.mocks: dict[tuple[str, int], int] = {}
        super().__init__(plan, **given)  # type: ignore[arg-type]

    @property
    def author(self) -> str:
        """The task that writes the contract."""
        return self.machine.state.plan.contracts[0].by

    def deliver(self, event: ev.Event) -> None:
        """Say what git would say of the contract's file."""
        match event:
            case ev.AttemptCaptured():
                event = self._captured(event)
            case ev.ConflictResolved():
                if self.writers(self.trees[self.machine.state.tasks[event.task].commit]):
                    self.touches |= {part for part in self.trees[event.commit] if part[0] == event.task}
            case ev.ChainBuilt():
                event = replace(event, changes=self._changes(event))
            case intents.AmendContract():
                super().deliver(event)
                self.amenders.add(event.task)
                return
            case intents.RejectBreach():
                super().deliver(event)
                self.obedient.add(event.task)
                return
        super().deliver(event)

    def _captured(self, event: ev.AttemptCaptured) -> ev.AttemptCaptured:
        writes = FILE in event.paths
        if event.task in self.obedient:
            writes = False
        if writes:
            self.touches.add((event.task, event.attempt))
        files = ContractFiles(NAME, f"{event.task}@{event.attempt}", (FILE,), changed=(FILE,) if writes else ())
        if event.task == self.author and not writes:
            files = ContractFiles(NAME, "", missing=(FILE,))
        return replace(event, contracts=(files,))

    def writers(self, tree: Tree) -> frozenset[tuple[str, int]]:
        """The attempts in a tree that have written the contract: its content."""
        return frozenset(part for part in tree if part in self.touches)

    def _files(self, tree: Tree) -> ContractFiles:
        writers = self.writers(tree)
        digest = ",".join(f"{task}@{n}" for task, n in sorted(writers))
        there = any(task == self.author for task, _ in writers)
        return ContractFiles(NAME, digest, (FILE,), missing=() if there or writers else (FILE,), changed=(FILE,))

    def _changes(self, event: ev.ChainBuilt) -> dict[str, tuple[ContractFiles, ...]]:
        changes, before = {}, self.trees[event.base]
        for step in event.steps:
            after = self.trees[step.commit]
            if self.writers(before) != self.writers(after):
                changes[step.task] = (self._files(after),)
            before = after
        return changes

    def _observe(self, effect: ef.Effect) -> None:
        super()._observe(effect)
        if isinstance(effect, ef.Land):
            now, then = self.trees[effect.commit], self.trees[self.target]
            if any(task == self.author for task, _ in then):
                new = {task for task, _ in self.writers(now) - self.writers(then)}
                assert new <= {self.author, *self.amenders}, f"{new} land a frozen contract changed"
        if isinstance(effect, ef.StartAgent):
            for name, port in effect.mocks:
                assert name == NAME
                coming = any(isinstance(one, ef.StartMock) and one.task == effect.task for one in self.pending)
                there = self.mocks.get((effect.task, effect.attempt)) == port
                assert there or coming, "an agent is started without its mock"

    def _ReadContracts(self, e: ef.ReadContracts) -> None:
        self.deliver(ev.ContractsRead(at=self.now, commit=e.commit, contracts=(self._files(self.trees[e.commit]),)))

    def _StartMock(self, e: ef.StartMock) -> None:
        about = {"at": self.now, "task": e.task, "attempt": e.attempt, "contract": e.contract}
        if (e.task, e.launch) in self.bad_mocks:
            self.deliver(ev.MockFailed(**about, words="ended with 1", log="mock.log"))  # type: ignore[arg-type]
            return
        port = self.mocks[e.task, e.attempt] = e.port or 21000 + len(self.mocks)
        self.deliver(ev.MockReady(**about, port=port, pid=7, log="mock.log"))  # type: ignore[arg-type]

    def _StopMocks(self, e: ef.StopMocks) -> None:
        self.mocks.pop((e.task, e.attempt), None)
        whose = (e.task, e.attempt)
        self.pending = [p for p in self.pending if not (isinstance(p, ef.StartMock) and (p.task, p.attempt) == whose)]

    def crash(self) -> None:
        """Mocks of living agents go on."""
        living = {(task, agent.effect.attempt) for task, agent in self.agents.items()}
        self.mocks = {whose: port for whose, port in self.mocks.items() if whose in living}
        super().crash()

    def rule(self) -> bool:
        """Play the person: rule on every breach (chosen), let held workers go on; False when there was nothing."""
        ruled = False
        for breach in list(self.machine.state.contracts[NAME].breaches):
            if breach.state != "open":
                continue
            kind = (intents.AmendContract, intents.RejectBreach)[self.choose(2)]
            self.deliver(kind(at=self.now, contract=NAME, task=breach.task))
            ruled = True
        for record in list(self.machine.state.tasks.values()):
            lost = any(mock.state == "dead" for mock in record.attempt.mocks.values())
            if record.state is TaskState.PAUSED and lost:
                self.deliver(intents.ResumeTask(at=self.now, task=record.id))
                ruled = True
        return ruled
