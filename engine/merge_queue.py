"""Pure: which finished branches are merged and tested together, and who is to blame when the tests are red.

Everything that waits is merged into one chain and tested as one tree. When that is red, the failing tests, if the
output names them, are run alone on prefixes (`engine.culprits`); without names the sets that promise most are tested
next (`engine.suspects`). Only a set whose exact tree was green is accepted. This class keeps the books: what waits,
what is merged and tested at this moment, which verdicts are known; the searches themselves are generators.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from engine.events import CandidateTested, ChainStep
from engine.model import Verdict
from engine.queue_search import Searcher
from engine.resource_clash import clash_in
from engine.suspects import Evidence
from engine.tempo import Tempo
from engine.trial import Accept, BaseRed, Branch, Decision, Eject, Outcome, Probe, Search, Stuck

RETRIES = 2
"""Of a run that did not end, or met another program's port: neither says anything of the branches."""
SETTLED = (Verdict.PASSED, Verdict.FAILED)


@dataclass(frozen=True, slots=True)
class Build:
    """Merge these (task, commit) in this order onto `base` ("": the tip)."""

    candidate: str
    branches: tuple[Branch, ...]
    base: str = ""


@dataclass(frozen=True, slots=True)
class Test:
    """Get a verdict on this tree; `tasks` are the branches in it. Tests of other `lane`s run at the same time;
    with every `shift` it gets other ports."""

    candidate: str
    commit: str
    tree: str
    tasks: tuple[str, ...]
    only: tuple[str, ...] = ()
    runner: str = ""
    lane: int = 0
    shift: int = 0


Action = Build | Test | Decision


@dataclass(frozen=True, slots=True)
class Built:
    """A chain that was merged in memory."""

    base: str
    base_tree: str
    steps: tuple[ChainStep, ...]


@dataclass(slots=True)
class Open:
    """A probe on its way to an outcome."""

    probe: Probe
    candidate: str
    built: Built | None = None
    test: Test | None = None
    retries: int = 0
    outcome: Outcome | None = None


@dataclass(slots=True)
class Round:
    """The search at work. `members` are the branches it may land or eject, `builds` the merges still under way."""

    candidate: str
    members: tuple[Branch, ...]
    search: Search
    open: list[Open] = field(default_factory=list)
    chains: dict[tuple[str, tuple[Branch, ...]], Built] = field(default_factory=dict)
    probes: int = 0


@dataclass(slots=True)
class MergeQueue:
    """The branches that wait, and at most one round of tests. `tested` says whether there is any test to run, `lanes`
    how many tests may run at the same time."""

    tested: bool
    lanes: int = 1
    waiting: list[Branch] = field(default_factory=list)
    round: Round | None = None
    reports: dict[tuple[str, tuple[str, ...]], CandidateTested] = field(default_factory=dict)
    proven: set[str] = field(default_factory=set)
    evidence: Evidence = field(default_factory=Evidence)
    tempo: Tempo = field(default_factory=Tempo)
    searcher: Searcher = field(default_factory=Searcher)
    places: dict[str, int] = field(default_factory=dict)
    halted: str = ""
    built: int = 0

    def offer(self, task: str, commit: str) -> None:
        """A finished branch joins at the end."""
        self.withdraw(task)
        self.places[task] = max(self.places.values(), default=0) + 1
        self.waiting.append((task, commit))

    def rejoin(self, branches: Iterable[Branch]) -> None:
        """Branches that were in the queue before take their old places again."""
        self.waiting.extend(branches)
        self.waiting.sort(key=lambda branch: self.places.get(branch[0], 0))

    def withdraw(self, task: str) -> bool:
        """Take a branch out. True when it was in the round, which is then given up, its other branches waiting."""
        self.evidence.gone(task)
        self.waiting = [pair for pair in self.waiting if pair[0] != task]
        if self.round is None or all(task != member for member, _ in self.round.members):
            return False
        self.abandon()
        self.waiting = [pair for pair in self.waiting if pair[0] != task]
        return True

    def abandon(self) -> None:
        """Give the round up; its branches wait again."""
        if self.round is not None:
            members, self.round = self.round.members, None
            self.rejoin(members)

    def rebase(self) -> None:
        """Somebody else moved the target: what is known of sets on the old one says nothing any more."""
        self.abandon()
        self.evidence.clear()
        self.searcher.rebase()

    def forget(self) -> None:
        """Other tests are run from now on."""
        self.reports.clear()
        self.proven.clear()
        self.evidence.clear()

    def resume(self) -> None:
        """Forget that the queue was halted (the target moved, or a person says go on)."""
        self.halted = ""

    def start(self) -> list[Action]:
        """Begin a round, if none is at work and something waits. The first action names what is merged."""
        if self.round is not None or not self.waiting or self.halted:
            return []
        count = self.tempo.lanes(self.lanes, bool(self.evidence.reds))
        sets = self.searcher.sets(self.waiting, self.evidence, count)
        members = {branch for one in sets for branch in one} or {self.waiting[0]}
        self.built += 1
        search = self.searcher.search(self, sets) if sets else self.searcher.look_closer(self, self.waiting[0][0])
        self.round = Round(f"c{self.built}", tuple(b for b in self.waiting if b in members), search)
        self.waiting = [branch for branch in self.waiting if branch not in members]
        return self._ask(self.round, next(search))

    def merged(
        self, candidate: str, base: str, base_tree: str, steps: Sequence[ChainStep], aside: Sequence[str] = ()
    ) -> list[Action]:
        """A chain is built. Branches that are neither in it nor put `aside` are in conflict and leave the queue."""
        one = self._open(candidate)
        at_work = self.round
        if at_work is None or one is None or one.built is not None:
            return []
        one.built = Built(base, base_tree, tuple(steps))
        self._leave_out(at_work, one, aside)
        if one.probe.base == "":
            self.searcher.on_base(base)
        at_work.chains[one.probe.base, _merged_branches(one.built)] = one.built
        return self._advance(at_work)

    def judge(self, verdict: CandidateTested) -> list[Action]:
        """A verdict arrived; late ones of given-up rounds are only remembered."""
        one = self._open(verdict.candidate)
        at_work = self.round
        if _says_nothing(verdict) and one is not None and one.test is not None and one.retries < RETRIES:
            one.retries += 1
            one.test = replace(one.test, shift=one.retries)
            return [one.test]
        if verdict.verdict in SETTLED:
            self.reports[verdict.tree, verdict.only] = verdict
            if verdict.verdict is Verdict.PASSED and not verdict.only:
                self.proven.add(verdict.tree)
        if at_work is None or one is None or one.test is None:
            return []
        self._time(at_work, verdict)
        one.outcome = self._outcome(one, verdict)
        return self._advance(at_work)

    def doubt(self, tree: str) -> None:
        """Run the tests on a tree again, though they were red: they may be flaky."""
        self.reports.pop((tree, ()), None)

    # --- what is under way ---

    def tests(self) -> list[Test]:
        """The tests under way, to be named again after a crash, or ended."""
        return [one.test for one in self._unanswered() if one.test is not None]

    def builds(self) -> list[Build]:
        """The merges under way, to be named again after a crash."""
        return [_build(one) for one in self._unanswered() if one.built is None]

    def members(self) -> tuple[str, ...]:
        """The tasks of the round at work."""
        return tuple(task for task, _ in self.round.members) if self.round else ()

    def _unanswered(self) -> list[Open]:
        return [one for one in self.round.open if one.outcome is None] if self.round else []

    # --- inside ---

    def _open(self, candidate: str) -> Open | None:
        return next((one for one in self._unanswered() if one.candidate == candidate), None)

    def _ask(self, at_work: Round, probes: tuple[Probe, ...]) -> list[Action]:
        at_work.open = []
        actions: list[Action] = []
        for probe in probes:
            number, at_work.probes = at_work.probes, at_work.probes + 1
            one = Open(probe, f"{at_work.candidate}.{number}" if number else at_work.candidate)
            one.built = _prefix(at_work, probe)
            at_work.open.append(one)
            if one.built is None:
                actions.append(_build(one))
        return actions or self._advance(at_work)

    def _leave_out(self, at_work: Round, one: Open, aside: Sequence[str]) -> None:
        """Branches that conflict leave the round; those put aside wait for the next one."""
        if one.probe.base:
            return
        assert one.built is not None
        inside = {step.task for step in one.built.steps}
        out = {branch for branch in one.probe.branches if branch[0] not in inside}
        at_work.members = tuple(branch for branch in at_work.members if branch not in out)
        self.rejoin(branch for branch in one.probe.branches if branch in out and branch[0] in aside)

    def _advance(self, at_work: Round) -> list[Action]:
        """Test what is merged, as far as lanes are free; with every outcome known, go on with the search."""
        if any(one.built is None for one in at_work.open):
            return []
        for one in at_work.open:
            if one.outcome is None and one.test is None:
                one.outcome = self._known(one)
        actions = self._start_tests(at_work)
        if any(one.outcome is None for one in at_work.open):
            return list(actions)
        outcomes = tuple(one.outcome for one in at_work.open if one.outcome is not None)
        try:
            return self._ask(at_work, at_work.search.send(outcomes))
        except StopIteration as done:
            return self._finish(at_work, done.value)

    def _start_tests(self, at_work: Round) -> list[Test]:
        """Tests for the lanes that are free."""
        running = [one.test.lane for one in at_work.open if one.test is not None and one.outcome is None]
        free = [lane for lane in range(max(1, self.lanes)) if lane not in running]
        todo = [one for one in at_work.open if one.outcome is None and one.test is None]
        for one, lane in zip(todo, free, strict=False):
            one.test = _test(one, lane)
        return [one.test for one in todo[: len(free)] if one.test is not None]

    def _known(self, one: Open) -> Outcome | None:
        """An outcome that needs no test."""
        assert one.built is not None
        if (one.probe.branches and not one.built.steps) or not self.tested:
            return self._outcome(one, None)
        tree = _tree(one.built)
        if tree in self.proven and not one.probe.only:
            return self._outcome(one, None, Verdict.PASSED)
        report = self.reports.get((tree, one.probe.only))
        return self._outcome(one, report) if report is not None else None

    def _outcome(self, one: Open, report: CandidateTested | None, known: Verdict | None = None) -> Outcome:
        built = one.built
        assert built is not None
        verdict = report.verdict if report is not None else known
        if not self.tested and built.steps:
            verdict = Verdict.PASSED
        return Outcome(one.probe, built.base_tree, built.steps, verdict, report)

    def _time(self, at_work: Round, verdict: CandidateTested) -> None:
        if not verdict.only and verdict.verdict in SETTLED:
            self.tempo.took(verdict.seconds, sum(one.test is not None for one in at_work.open))

    def _finish(self, at_work: Round, decisions: tuple[Decision, ...]) -> list[Action]:
        """Accepted and ejected branches leave, the others wait again."""
        self.round = None
        leaving = {step.task for one in decisions if isinstance(one, Accept) for step in one.steps}
        leaving |= {one.task for one in decisions if isinstance(one, Eject)}
        self.rejoin(at_work.members)
        self.waiting = [branch for branch in self.waiting if branch[0] not in leaving]
        for one in decisions:
            match one:
                case Accept():
                    self.evidence.landed(one_step.task for one_step in one.steps)
                    self.searcher.landed(one.steps)
                case Eject():
                    self.evidence.gone(one.task)
                    self.evidence.bad += 1
                case BaseRed() | Stuck():
                    self.halted = one.tail or "no output"
        return list(decisions)


def _says_nothing(verdict: CandidateTested) -> bool:
    """It did not end, or another program was in its way."""
    if verdict.verdict is Verdict.TIMEOUT:
        return True
    return verdict.verdict is Verdict.FAILED and bool(clash_in(verdict.tail))


def _build(one: Open) -> Build:
    return Build(one.candidate, one.probe.branches, one.probe.base)


def _merged_branches(built: Built) -> tuple[Branch, ...]:
    return tuple((step.task, step.branch_commit) for step in built.steps)


def _prefix(at_work: Round, probe: Probe) -> Built | None:
    """The chain of a probe, when it is the beginning of one that was merged already."""
    length = len(probe.branches)
    for (base, branches), built in at_work.chains.items():
        if base == probe.base and branches[:length] == probe.branches:
            return Built(built.base, built.base_tree, built.steps[:length])
    return None


def _tree(built: Built) -> str:
    return built.steps[-1].tree if built.steps else built.base_tree


def _test(one: Open, lane: int) -> Test:
    built, probe = one.built, one.probe
    assert built is not None
    commit = built.steps[-1].commit if built.steps else built.base
    tasks = tuple(step.task for step in built.steps)
    return Test(one.candidate, commit, _tree(built), tasks, probe.only, probe.runner, lane)
