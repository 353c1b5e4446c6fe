"""A world without git for the merge queue: branches that are bad, alone or in pairs, tests that name themselves or not.

The queue under test is the one of the engine; only merging and testing are made up here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from engine.events import CandidateTested, ChainStep
from engine.merge_queue import Action, Build, MergeQueue
from engine.merge_queue import Test as Asked
from engine.model import Verdict
from engine.trial import Accept, BaseRed, Eject, Stuck

BASE = "base"


@dataclass(slots=True)
class World:
    """What is true of the branches. `fraction` is the cost of running only some tests, in full runs; `named` whether
    the output names the failing tests; `flaky` the numbers of the full runs that are red for no reason."""

    bad: frozenset[str] = frozenset()
    pairs: frozenset[frozenset[str]] = frozenset()
    named: bool = False
    fraction: float = 0.1
    base_red: bool = False
    flaky: frozenset[int] = frozenset()

    def failing(self, tasks: Iterable[str]) -> frozenset[str]:
        """The tests that are red on a tree with these branches. A bad branch brings its own failing test."""
        inside = frozenset(tasks)
        names = {f"test_{task}" for task in self.bad & inside}
        names |= {"test_" + "_".join(sorted(pair)) for pair in self.pairs if pair <= inside}
        return frozenset(names | ({"test_base"} if self.base_red else set()))


@dataclass(slots=True)
class Played:
    """What a queue did. `runs` are full-test equivalents; times are in durations of one full run."""

    runs: float = 0.0
    full: int = 0
    now: float = 0.0
    landed: dict[str, float] = field(default_factory=dict)
    ejected: list[Eject] = field(default_factory=list)
    stopped: BaseRed | Stuck | None = None
    tested: dict[frozenset[str], Verdict] = field(default_factory=dict)
    accepted: list[frozenset[str]] = field(default_factory=list)
    flaky: list[str] = field(default_factory=list)

    @property
    def mean_time(self) -> float:
        """Mean time until a branch lands."""
        return sum(self.landed.values()) / len(self.landed) if self.landed else 0.0


class Game:
    """Plays a queue against a world until nothing moves any more."""

    def __init__(self, world: World, tasks: Sequence[str], *, lanes: int = 1, proven: bool = True) -> None:
        self.world = world
        self.queue = MergeQueue(tested=True, lanes=lanes)
        if proven:
            self.queue.proven.add(BASE)
        self.tip: tuple[str, ...] = ()
        self.played = Played()
        self.running: list[Asked] = []
        self.todo: deque[Action] = deque()
        for task in tasks:
            self.queue.offer(task, f"{task}@1")

    def play(self, most: int = 5000) -> Played:
        """Until the queue is empty or halted."""
        for _ in range(most):
            if not self.todo and not self.running:
                self.todo.extend(self.queue.start())
            if not self.todo and not self.running:
                return self.played
            while self.todo:
                self._carry_out(self.todo.popleft())
            self._run_tests()
        raise AssertionError(f"the queue does not come to an end: {self.queue}")

    def _carry_out(self, action: Action) -> None:
        match action:
            case Build():
                self._merge(action)
            case Asked():
                self.running.append(action)
            case Accept():
                self._accept(action)
            case Eject():
                self.played.ejected.append(action)
            case BaseRed() | Stuck():
                self.played.stopped = action

    def _merge(self, build: Build) -> None:
        base = _tasks(build.base) if build.base else self.tip
        steps, tree = [], base
        for task, commit in build.branches:
            tree = (*tree, task)
            steps.append(ChainStep(task, commit, _name(tree), _name(tree)))
        self.todo.extend(self.queue.merged(build.candidate, _name(base), _name(base), steps))

    def _run_tests(self) -> None:
        """All running tests end together, as a round does."""
        running, self.running = self.running, []
        if not running:
            return
        self.played.now += max(self._cost(test) for test in running)
        for test in running:
            self.played.runs += self._cost(test)
            self.todo.extend(self.queue.judge(self._verdict(test)))

    def _cost(self, test: Asked) -> float:
        return self.world.fraction if test.only else 1.0

    def _verdict(self, test: Asked) -> CandidateTested:
        failing = self.world.failing(_tasks(test.tree))
        if test.only:
            failing &= frozenset(test.only)
        else:
            self.played.full += 1
            if self.played.full in self.world.flaky:
                failing |= {"test_flaky"}
            self.played.tested[frozenset(_tasks(test.tree))] = Verdict.FAILED if failing else Verdict.PASSED
        return CandidateTested(
            at=self.played.now,
            candidate=test.candidate,
            commit=test.commit,
            tree=test.tree,
            verdict=Verdict.FAILED if failing else Verdict.PASSED,
            seconds=self._cost(test),
            tail="red" if failing else "",
            failures=tuple(sorted(failing)) if self.world.named else (),
            narrowable=self.world.named and bool(failing),
            only=test.only,
        )

    def _accept(self, accepted: Accept) -> None:
        self.tip = _tasks(accepted.steps[-1].tree)
        self.played.accepted.append(frozenset(self.tip))
        self.played.flaky.extend(accepted.flaky)
        for step in accepted.steps:
            self.played.landed[step.task] = self.played.now


def _name(tasks: Sequence[str]) -> str:
    return "+".join((BASE, *tasks))


def _tasks(name: str) -> tuple[str, ...]:
    return tuple(name.split("+")[1:])
