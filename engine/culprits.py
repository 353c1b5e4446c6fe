"""Pure: who turns named tests red, found by running only those tests on prefixes of a chain.

Each failing test has an interval of prefixes: not red at its lower end, red at its upper one. A test runs only where
its own interval is halved, all tests that ask for the same prefix in one run (a binary search for many targets at
once), so that several culprits are found for little more than the cost of one.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field

from engine.model import Verdict
from engine.trial import BaseRed, Branch, Outcome, Probe

Asking = Generator[tuple[Probe, ...], tuple[Outcome, ...], "Hunted"]


@dataclass(frozen=True, slots=True)
class Hunted:
    """What a hunt found: each culprit with the tests that fail with it. `flaky` tests were green when run again.

    `lost` when the named tests could not tell: the search has to go on without names.
    """

    culprits: dict[Branch, frozenset[str]] = field(default_factory=dict)
    flaky: tuple[str, ...] = ()
    base_red: BaseRed | None = None
    lost: bool = False


def hunt(red: Outcome, base_proven: bool) -> Asking:
    """Search the chain of a red outcome that names its failing tests."""
    report = red.report
    if report is None or not report.narrowable or not red.steps:
        return Hunted(lost=True)
    names = frozenset(report.failures)
    chain = _branches(red)
    first = [_probe(red, chain, names)]
    if not base_proven:
        first.append(_probe(red, (), names))
    again, *base = yield tuple(first)
    if not _told(again) or (again.report and again.report.missing) or not all(_told(outcome) for outcome in base):
        return Hunted(lost=True)
    lasting = again.failing()
    flaky = tuple(sorted(names - lasting))
    if base and (already := base[0].failing() & lasting):
        return Hunted(flaky=flaky, base_red=_base_red(base[0], already))
    if not lasting:
        return Hunted(flaky=flaky)
    ends = yield from _bisect(red, chain, lasting)
    if ends is None:
        return Hunted(lost=True)
    culprits: dict[Branch, frozenset[str]] = {}
    for name, place in sorted(ends.items(), key=lambda end: (end[1], end[0])):
        branch = chain[place - 1]
        culprits[branch] = culprits.get(branch, frozenset()) | {name}
    return Hunted(culprits, flaky)


def _branches(outcome: Outcome) -> tuple[Branch, ...]:
    return tuple((step.task, step.branch_commit) for step in outcome.steps)


def _probe(red: Outcome, branches: tuple[Branch, ...], names: frozenset[str]) -> Probe:
    return Probe(branches, red.probe.base, tuple(sorted(names)), red.report.runner if red.report else "")


def _told(outcome: Outcome) -> bool:
    """A run that answers: green, or red by tests that were asked for."""
    if not outcome.complete:
        return False
    return outcome.passed or (outcome.verdict is Verdict.FAILED and bool(outcome.failing()))


def _base_red(outcome: Outcome, names: frozenset[str]) -> BaseRed:
    report = outcome.report
    assert report is not None
    return BaseRed(report.command, report.tail, tuple(sorted(names)))


def _bisect(
    red: Outcome, chain: tuple[Branch, ...], names: frozenset[str]
) -> Generator[tuple[Probe, ...], tuple[Outcome, ...], dict[str, int] | None]:
    """For each test the length of the shortest prefix it is red on; None when a run does not answer."""
    low, high = dict.fromkeys(names, 0), dict.fromkeys(names, len(chain))
    while open_ones := [name for name in sorted(names) if high[name] - low[name] > 1]:
        widest = max(open_ones, key=lambda name: high[name] - low[name])
        middle = (low[widest] + high[widest]) // 2
        asked = frozenset(name for name in open_ones if low[name] < middle < high[name])
        (outcome,) = yield (_probe(red, chain[:middle], asked),)
        if not _told(outcome):
            return None
        failing = outcome.failing()
        for name in asked:
            (high if name in failing else low)[name] = middle
    return high
