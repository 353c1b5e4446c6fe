"""Pure: how long what is left will take, and what that estimate rests on."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from engine.model import ForecastView

MOST_SIMULATED = 2_000
NOTHING_LEFT = ForecastView(0.0, 0.0, "")
NOTHING_KNOWN = ForecastView(None, 0.0, "no estimate yet")


class Source(StrEnum):
    """Where the expected time of a task comes from."""

    PLAN = "as the plan says"
    LAST_RUN = "as in the last run"
    THIS_RUN = "from finished tasks"
    NONE = "nothing"


@dataclass(frozen=True, slots=True)
class Left:
    """One task whose agent has not finished: the seconds it still needs as far as known, where that comes from, whether
    it has begun, what it needs, and its level (the longest chain that begins with it)."""

    task: str
    seconds: float
    source: Source
    begun: bool
    needs: tuple[str, ...]
    level: float


def forecast(left: Sequence[Left], finished: int, workers: int, low: float, test: float) -> ForecastView:
    """`finished` tasks of this run have told how long one takes, `low` is the lower bound of the agents' work in
    seconds, `test` the mean time of a test run; `workers` at a time.

    List scheduling by level (Graham 1969) without the lock table: what locks serialise comes in by the lower bound.
    Of very many tasks only the lower bound is told.
    """
    if not left:
        return ForecastView(test, test, "the last tests") if test else NOTHING_LEFT
    if any(each.source is Source.NONE for each in left):
        return NOTHING_KNOWN
    words = _words(left, finished)
    if len(left) > MOST_SIMULATED:
        return ForecastView(low + test, low + test, f"at least, {words}")
    return ForecastView(max(low, makespan(left, max(1, workers))) + test, low + test, words)


def _words(left: Sequence[Left], finished: int) -> str:
    sources = {each.source for each in left}
    told = [f"from {finished} finished task{'s' if finished != 1 else ''}"] if Source.THIS_RUN in sources else []
    return ", ".join(told + [source for source in (Source.LAST_RUN, Source.PLAN) if source in sources])


def makespan(left: Sequence[Left], workers: int) -> float:
    """Seconds until the last one ends when `workers` take ready tasks: those that have begun first, then by level."""
    seconds = {each.task: each.seconds for each in left}
    needs = {each.task: {need for need in each.needs if need in seconds} for each in left}
    dependents: dict[str, list[Left]] = {}
    for each in left:
        for need in needs[each.task]:
            dependents.setdefault(need, []).append(each)
    ready = [_turn(each) for each in left if not needs[each.task]]
    heapq.heapify(ready)
    return _run(ready, seconds, needs, dependents, workers)


def _turn(each: Left) -> tuple[bool, float, str]:
    return not each.begun, -each.level, each.task


def _run(
    ready: list[tuple[bool, float, str]],
    seconds: Mapping[str, float],
    needs: Mapping[str, set[str]],
    dependents: Mapping[str, Sequence[Left]],
    workers: int,
) -> float:
    busy: list[tuple[float, str]] = []
    now = 0.0
    while ready or busy:
        while ready and len(busy) < workers:
            task = heapq.heappop(ready)[2]
            heapq.heappush(busy, (now + seconds[task], task))
        now, done = heapq.heappop(busy)
        for after in dependents.get(done, ()):
            needs[after.task].discard(done)
            if not needs[after.task]:
                heapq.heappush(ready, _turn(after))
    return now
