"""Pure: which finished branches are merged and tested together, and who is to blame when the tests are red.

Finished branches form a chain, merged one after the other in memory. The whole chain is tested once; if it is red, a
binary search over its prefixes finds the first branch that turns it red (bors-style bisection with inference: a green
prefix is never tested again). Only a prefix that was itself tested green is accepted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.events import CandidateTested, ChainStep
from engine.model import Verdict

RETRIES_OF_A_TIMEOUT = 2


@dataclass(frozen=True, slots=True)
class Build:
    """Merge these (task, commit) in this order."""

    candidate: str
    branches: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Test:
    """Get a verdict on this tree; `tasks` are the branches in it."""

    candidate: str
    commit: str
    tree: str
    tasks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Accept:
    """These steps were tested green as one tree, the last one's."""

    candidate: str
    steps: tuple[ChainStep, ...]


@dataclass(frozen=True, slots=True)
class Eject:
    """This branch turns a green tree red. `beside` are the branches it was merged onto in this chain."""

    step: ChainStep
    beside: tuple[str, ...]
    verdict: Verdict
    command: str
    tail: str


@dataclass(frozen=True, slots=True)
class BaseRed:
    """The tests are red without any of the branches: nobody is blamed, nothing can land."""

    command: str
    tail: str


@dataclass(frozen=True, slots=True)
class Stuck:
    """The tests cannot be run at all."""

    tail: str


Action = Build | Test | Accept | Eject | BaseRed | Stuck


@dataclass(slots=True)
class Chain:
    """The chain at work. Prefixes of length `good` or less are green, those of length `bad` or more red."""

    candidate: str
    branches: tuple[tuple[str, str], ...]
    base: str = ""
    base_tree: str = ""
    steps: tuple[ChainStep, ...] = ()
    good: int = 0
    base_proven: bool = False
    bad: int | None = None
    testing: int | None = None
    timeouts: int = 0
    red: CandidateTested | None = None

    @property
    def built(self) -> bool:
        """True once the merges are made."""
        return bool(self.base_tree)


@dataclass(slots=True)
class MergeQueue:
    """The branches that wait, and at most one chain. `tested` says whether there is any test to run."""

    tested: bool
    waiting: list[tuple[str, str]] = field(default_factory=list)
    chain: Chain | None = None
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    halted: str = ""
    built: int = 0

    def offer(self, task: str, commit: str) -> None:
        """A finished branch joins at the end."""
        self.withdraw(task)
        self.waiting.append((task, commit))

    def withdraw(self, task: str) -> bool:
        """Take a branch out. True when it was in the chain, which is then given up, its other branches waiting."""
        self.waiting = [pair for pair in self.waiting if pair[0] != task]
        if self.chain is None or all(task != member for member, _ in self.chain.branches):
            return False
        self.abandon()
        self.waiting = [pair for pair in self.waiting if pair[0] != task]
        return True

    def abandon(self) -> None:
        """Give the chain up; its branches wait again, in front."""
        if self.chain is not None:
            self.waiting[:0] = self.chain.branches
            self.chain = None

    def resume(self) -> None:
        """Forget that the queue was halted (the target moved, or a person says go on)."""
        self.halted = ""

    def start(self) -> Build | None:
        """Begin a chain of everything that waits, if none is at work."""
        if self.chain is not None or not self.waiting or self.halted:
            return None
        self.built += 1
        self.chain = Chain(f"c{self.built}", tuple(self.waiting))
        self.waiting.clear()
        return Build(self.chain.candidate, self.chain.branches)

    def merged(self, candidate: str, base: str, base_tree: str, steps: Sequence[ChainStep]) -> list[Action]:
        """The chain is built (branches in conflict left out)."""
        chain = self._current(candidate)
        if chain is None or chain.built:
            return []
        kept = {step.task for step in steps}
        chain.branches = tuple(pair for pair in chain.branches if pair[0] in kept)
        chain.base, chain.base_tree, chain.steps = base, base_tree, tuple(steps)
        chain.base_proven = self.verdicts.get(base_tree) is Verdict.PASSED
        if not steps:
            self.chain = None
            return []
        if not self.tested:
            return self._accept(chain, len(steps))
        return self._probe(chain, len(steps))

    def judge(self, verdict: CandidateTested) -> list[Action]:
        """A verdict arrived; late ones of given-up chains are only remembered."""
        if verdict.verdict in (Verdict.PASSED, Verdict.FAILED):
            self.verdicts[verdict.tree] = verdict.verdict
        chain = self._current(verdict.candidate)
        if chain is None or chain.testing is None:
            return []
        length, chain.testing = chain.testing, None
        if verdict.verdict is Verdict.PASSED:
            return self._green(chain, length)
        if verdict.verdict is Verdict.FAILED:
            return self._red(chain, length, verdict)
        return self._unsettled(chain, length, verdict)

    def retest(self) -> Test | None:
        """The test that is under way, to be named again after a crash."""
        chain = self.chain
        if chain is None or chain.testing is None:
            return None
        return self._test(chain, chain.testing)

    # --- inside ---

    def _current(self, candidate: str) -> Chain | None:
        chain = self.chain
        return chain if chain is not None and chain.candidate == candidate else None

    def _test(self, chain: Chain, length: int) -> Test:
        step = chain.steps[length - 1] if length else None
        commit, tree = (step.commit, step.tree) if step else (chain.base, chain.base_tree)
        return Test(chain.candidate, commit, tree, tuple(s.task for s in chain.steps[:length]))

    def _probe(self, chain: Chain, length: int) -> list[Action]:
        """Test a prefix, unless the verdict on its tree is known."""
        chain.testing = length
        test = self._test(chain, length)
        known = self.verdicts.get(test.tree)
        if known is None or (known is Verdict.FAILED and chain.red is None):
            return [test]
        chain.testing = None
        return self._green(chain, length) if known is Verdict.PASSED else self._red(chain, length, None)

    def _green(self, chain: Chain, length: int) -> list[Action]:
        chain.good = max(chain.good, length)
        chain.base_proven = True
        if chain.bad is None:
            return self._accept(chain, length)
        return self._search(chain, chain.bad)

    def _red(self, chain: Chain, length: int, verdict: CandidateTested | None) -> list[Action]:
        if verdict is not None:
            chain.red = verdict
        if length == 0:
            return self._halt(BaseRed(chain.red.command if chain.red else "", chain.red.tail if chain.red else ""))
        chain.bad = length
        return self._search(chain, length)

    def _search(self, chain: Chain, bad: int) -> list[Action]:
        if bad - chain.good > 1:
            return self._probe(chain, (chain.good + bad) // 2)
        if chain.good == 0 and not chain.base_proven:
            return self._probe(chain, 0)
        return self._convict(chain, bad)

    def _convict(self, chain: Chain, bad: int) -> list[Action]:
        step, red = chain.steps[bad - 1], chain.red
        beside = tuple(s.task for s in chain.steps[: bad - 1])
        by_task = dict(chain.branches)
        self.waiting[:0] = [(s.task, by_task[s.task]) for s in chain.steps[bad:]]
        self.chain = None
        actions: list[Action] = []
        if chain.good:
            actions.append(Accept(chain.candidate, chain.steps[: chain.good]))
        command, tail = (red.command, red.tail) if red else ("", "")
        actions.append(Eject(step, beside, red.verdict if red else Verdict.FAILED, command, tail))
        return actions

    def _accept(self, chain: Chain, length: int) -> list[Action]:
        self.chain = None
        return [Accept(chain.candidate, chain.steps[:length])]

    def _unsettled(self, chain: Chain, length: int, verdict: CandidateTested) -> list[Action]:
        """A time-out blames nobody: try again, then try fewer branches; one branch alone that never ends is ejected."""
        chain.timeouts += 1
        if chain.timeouts <= RETRIES_OF_A_TIMEOUT:
            chain.testing = length
            return [self._test(chain, length)]
        if verdict.verdict is Verdict.ERROR or length == 0:
            return self._halt(Stuck(verdict.tail))
        chain.red, chain.bad, chain.timeouts = verdict, length, 0
        return self._search(chain, length)

    def _halt(self, why: BaseRed | Stuck) -> list[Action]:
        self.abandon()
        self.halted = why.tail or "no output"
        return [why]
