"""Pure: is a branch red by itself, or only together with another one, and with which?"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

from engine.model import Verdict
from engine.trial import Branch, Outcome, Probe

Asking = Generator[tuple[Probe, ...], tuple[Outcome, ...], "Company"]


@dataclass(frozen=True, slots=True)
class Company:
    """`alone` is None when it could not be told; `flaky` when the branch is green alone and in its company, too."""

    alone: bool | None = None
    partner: str = ""
    flaky: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """A tree without the branch: the commit the chain starts at, the branches merged onto it, and who came last."""

    base: str
    beside: tuple[Branch, ...]
    last: str


def search(
    branch: Branch, places: Sequence[Place], names: frozenset[str] = frozenset(), runner: str = "", sure: bool = True
) -> Asking:
    """Look for the first of `places` (each holds one branch more than the one before) that `branch` turns red.

    `sure` says that the last place is known to be red; otherwise it is tried again when the branch is green alone.
    """
    only = tuple(sorted(names))

    def probe(place: Place) -> Probe:
        return Probe((*place.beside, branch), place.base, only, runner)

    (first,) = yield (probe(places[0]),)
    alone = _red(first, names)
    if alone is None or alone:
        return Company(alone)
    if len(places) == 1:
        return Company(flaky=True)
    low, high = 0, len(places) - 1
    if not sure:
        (last,) = yield (probe(places[high]),)
        if not _red(last, names):
            return Company(flaky=last.passed)
    while high - low > 1:
        middle = (low + high) // 2
        (outcome,) = yield (probe(places[middle]),)
        red = _red(outcome, names)
        if red is None:
            return Company(False)
        low, high = (low, middle) if red else (middle, high)
    return Company(False, places[high].last)


def _red(outcome: Outcome, names: frozenset[str]) -> bool | None:
    """None when the branch did not merge there, or the run told nothing."""
    if not outcome.complete or outcome.verdict in (None, Verdict.ERROR, Verdict.TIMEOUT):
        return None
    return bool(outcome.failing()) if names else not outcome.passed
