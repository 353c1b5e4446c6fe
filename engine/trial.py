"""Pure: what the search for a landable set asks to be tested, and what comes back."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

from engine.events import CandidateTested, ChainStep
from engine.model import Verdict

Branch = tuple[str, str]
"""A task and the commit of its branch."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Merge `branches` in this order onto `base` ("": the tip) and run the tests; only those named, if any are."""

    branches: tuple[Branch, ...]
    base: str = ""
    only: tuple[str, ...] = ()
    runner: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer to a probe. `steps` are the branches that merged; without `report` the answer was known before.

    A probe whose branches all conflict is never tested: it has neither steps nor a verdict.
    """

    probe: Probe
    base_tree: str = ""
    steps: tuple[ChainStep, ...] = ()
    verdict: Verdict | None = None
    report: CandidateTested | None = None

    @property
    def tasks(self) -> tuple[str, ...]:
        """The branches in the tested tree."""
        return tuple(step.task for step in self.steps)

    @property
    def passed(self) -> bool:
        """True when the tests were green."""
        return self.verdict is Verdict.PASSED

    @property
    def complete(self) -> bool:
        """True when every branch that was asked for is in the tree."""
        return len(self.steps) == len(self.probe.branches)

    def failing(self) -> frozenset[str]:
        """The tests that were asked for and are red. One that is not there is not red."""
        if self.report is None:
            return frozenset()
        return frozenset(self.report.failures) & frozenset(self.probe.only)


@dataclass(frozen=True, slots=True)
class Accept:
    """These steps were tested green as one tree, the last one's. `flaky` tests were green only when run again."""

    candidate: str
    steps: tuple[ChainStep, ...]
    flaky: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Eject:
    """This branch turns a green tree red. `beside` are the branches it was merged onto in this chain.

    `names` are the tests that fail, if they were named. `alone`: True when they fail with this branch alone, False when
    only together with `partner`, None when that was not looked for.
    """

    task: str
    commit: str
    beside: tuple[str, ...]
    verdict: Verdict
    command: str
    tail: str
    names: tuple[str, ...] = ()
    alone: bool | None = None
    partner: str = ""


@dataclass(frozen=True, slots=True)
class BaseRed:
    """The tests are red without any of the branches: nobody is blamed, nothing can land."""

    command: str
    tail: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stuck:
    """The tests cannot be run at all."""

    tail: str


Decision = Accept | Eject | BaseRed | Stuck
Search = Generator[tuple[Probe, ...], tuple[Outcome, ...], "tuple[Decision, ...]"]
"""A search asks for probes, gets their outcomes in the same order, and ends with what is to be done."""
