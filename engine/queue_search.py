"""Pure: one round of the merge queue, from the sets it tests to what is landed and who is ejected."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from engine import culprits, pairs
from engine.events import ChainStep
from engine.model import Verdict
from engine.suspects import Evidence, choose
from engine.trial import Accept, BaseRed, Branch, Decision, Eject, Outcome, Probe, Search, Stuck

if TYPE_CHECKING:
    from engine.merge_queue import MergeQueue

GAIN = 0.4
"""What a further set must add to the first one's expected landing to be tested at the same time (a share of it)."""
RARE = 8
"""A culprit is looked at more closely while there is at most one among so many branches."""
MOST_HELD = 4
"""Rounds a culprit waits for that."""
MOST_REDS = 100
Investigation = Generator[tuple[Probe, ...], tuple[Outcome, ...], Eject | None]


@dataclass(slots=True)
class Searcher:
    """Decides what is tested. `below` are the branches accepted since `origin`, the last of them at `tip`; `unnamed` is
    set once the tests were red without telling which of them."""

    unnamed: bool = False
    origin: str = ""
    tip: str = ""
    below: list[ChainStep] = field(default_factory=list)
    reds: list[Outcome] = field(default_factory=list)
    held: dict[str, int] = field(default_factory=dict)

    def sets(self, waiting: Sequence[Branch], evidence: Evidence, count: int) -> list[tuple[Branch, ...]]:
        """The sets to be tested next: everything, unless red sets without names have to be taken apart. None when every
        branch has turned a tree red."""
        if not self.unnamed:
            return [tuple(waiting)]
        commits = dict(waiting)
        chosen = choose(list(commits), evidence, count, GAIN)
        return [tuple((task, commits[task]) for task in one) for one in chosen]

    def on_base(self, base: str) -> None:
        """A chain was built on this commit."""
        if base != self.tip:
            self.rebase()
            self.origin = self.tip = base

    def landed(self, steps: Sequence[ChainStep]) -> None:
        """These were accepted."""
        self.below.extend(steps)
        self.tip = steps[-1].commit

    def rebase(self) -> None:
        """The branches get another base."""
        self.origin = self.tip = ""
        self.below.clear()
        self.reds.clear()
        self.held.clear()

    def search(self, queue: MergeQueue, sets: Sequence[tuple[Branch, ...]]) -> Search:
        """Test the sets, and look for the culprits as far as that can be done at once."""
        outcomes = yield tuple(Probe(one) for one in sets)
        tested = [outcome for outcome in outcomes if outcome.steps]
        if broken := [outcome for outcome in tested if outcome.verdict is Verdict.ERROR]:
            return (Stuck(_tail(broken[0])),)
        green = [outcome for outcome in tested if outcome.passed]
        red = [outcome for outcome in tested if not outcome.passed]
        if red and not green:
            decided = yield from self._take_apart(queue, red)
            if decided is not None:
                return decided
        return self._infer(queue, green, red)

    def _take_apart(
        self, queue: MergeQueue, red: Sequence[Outcome]
    ) -> Generator[tuple[Probe, ...], tuple[Outcome, ...], tuple[Decision, ...] | None]:
        """By the names of failing tests; None when the search has to go on without them, on a green base."""
        proven = red[0].base_tree in queue.proven
        named = next((one for one in red if one.report is not None and one.report.narrowable), None)
        if named is not None:
            hunted = yield from culprits.hunt(named, proven)
            if hunted.base_red is not None:
                return (hunted.base_red,)
            if not hunted.lost:
                decided = yield from self._eject_named(queue, named, hunted)
                if decided is not None:
                    return decided
        self.unnamed = True
        return None if proven else (yield from self._prove_base())

    def _prove_base(self) -> Generator[tuple[Probe, ...], tuple[Outcome, ...], tuple[Decision, ...] | None]:
        """Nobody is blamed as long as the target itself may be red."""
        (base,) = yield (Probe(()),)
        if base.passed:
            return None
        if base.verdict is Verdict.FAILED and base.report is not None:
            return (BaseRed(base.report.command, base.report.tail, base.report.failures),)
        return (Stuck(_tail(base)),)

    def _eject_named(
        self, queue: MergeQueue, red: Outcome, hunted: culprits.Hunted
    ) -> Generator[tuple[Probe, ...], tuple[Outcome, ...], tuple[Decision, ...] | None]:
        """Every culprit leaves at once; the others are tested as one tree in the next round."""
        if not hunted.culprits:
            return (yield from self._prove_flaky(queue, red, hunted.flaky))
        ejected: list[Decision] = []
        for branch, names in hunted.culprits.items():
            eject = yield from self._investigate(branch, red, names)
            assert eject is not None
            ejected.append(eject)
        return tuple(ejected)

    def _prove_flaky(
        self, queue: MergeQueue, red: Outcome, flaky: tuple[str, ...]
    ) -> Generator[tuple[Probe, ...], tuple[Outcome, ...], tuple[Decision, ...] | None]:
        """Tests that are green by themselves may be red only in company: the whole tree has to be green once. None when
        it is not: the names tell nothing."""
        queue.doubt(red.steps[-1].tree)
        (whole,) = yield (Probe(red.probe.branches, red.probe.base),)
        if whole.passed:
            return (Accept(whole.report.candidate if whole.report else "", whole.steps, flaky),)
        return (Stuck(_tail(whole)),) if whole.verdict is Verdict.ERROR else None

    def _investigate(self, branch: Branch, red: Outcome, names: frozenset[str], sure: bool = True) -> Investigation:
        """Is it red alone, or together with whom? None when it is neither: the tests are flaky."""
        places = self._places(branch, red if sure else None)
        company = pairs.Company(alone=True)
        if len(places) > 1 or not sure:
            company = yield from pairs.search(branch, places, names, red.report.runner if red.report else "", sure)
        return None if company.flaky else _eject(branch, red, names, company)

    def _places(self, branch: Branch, red: Outcome | None) -> list[pairs.Place]:
        """What the branch may stand on, from what the run began with to what it was red on."""
        bases = [self.origin, *(step.commit for step in self.below[:-1]), ""] if self.below else [""]
        lasts = ["", *(step.task for step in self.below)]
        places = [pairs.Place(base, (), last) for base, last in zip(bases, lasts, strict=True)]
        chain = [(step.task, step.branch_commit) for step in red.steps] if red is not None else [branch]
        before = chain[: chain.index(branch)]
        return places + [pairs.Place("", tuple(before[:n]), before[n - 1][0]) for n in range(1, len(before) + 1)]

    def _infer(self, queue: MergeQueue, green: Sequence[Outcome], red: Sequence[Outcome]) -> tuple[Decision, ...]:
        """Land the largest green set; eject whoever must have turned a tree red."""
        self.reds = [*self.reds[-MOST_REDS:], *red]
        for outcome in green:
            queue.evidence.green(outcome.tasks)
        for outcome in red:
            queue.evidence.red(outcome.tasks)
        best = max(green, key=lambda outcome: len(outcome.steps), default=None)
        decisions: list[Decision] = []
        after = deepcopy(queue.evidence)
        if best is not None:
            decisions.append(Accept(best.report.candidate if best.report else "", best.steps))
            after.landed(best.tasks)
        blamed = [task for task in after.convicted() if not self._worth_a_look(after, task)]
        decisions += [_eject(*self._red_with(task), frozenset(), pairs.Company()) for task in blamed]
        return tuple(decisions)

    def _worth_a_look(self, evidence: Evidence, task: str) -> bool:
        """Without names, to see whether a culprit is red alone takes a full run. That waits until nothing else does and
        pays only where culprits are so rare that it may as well be a pair or a flaky test."""
        self.held[task] = self.held.get(task, 0) + 1
        rare = (evidence.bad + len(evidence.reds)) * RARE <= evidence.good + RARE
        return rare and self.held[task] <= MOST_HELD and self._red_with(task)[1].verdict is not Verdict.TIMEOUT

    def look_closer(self, queue: MergeQueue, task: str) -> Search:
        """A branch that turned a tree red while others waited: alone, with a partner, or by a flaky test?"""
        branch, red = self._red_with(task)
        if not self.below:
            queue.doubt(red.steps[-1].tree)
        eject = yield from self._investigate(branch, red, frozenset(), sure=False)
        if eject is None:
            queue.evidence.gone(task)
            self.held.pop(task, None)
        return () if eject is None else (eject,)

    def _red_with(self, task: str) -> tuple[Branch, Outcome]:
        """The latest red tree with a task, and its branch there."""
        red = next(outcome for outcome in reversed(self.reds) if task in outcome.tasks)
        return next((step.task, step.branch_commit) for step in red.steps if step.task == task), red


def _eject(branch: Branch, red: Outcome, names: frozenset[str], company: pairs.Company) -> Eject:
    tasks = red.tasks
    beside = tasks[: tasks.index(branch[0])]
    report = red.report
    command, tail = (report.command, report.tail) if report is not None else ("", "")
    verdict = red.verdict or Verdict.FAILED
    return Eject(
        *branch, beside, verdict, command, tail, tuple(sorted(names)), alone=company.alone, partner=company.partner
    )


def _tail(outcome: Outcome) -> str:
    return outcome.report.tail if outcome.report is not None else ""
