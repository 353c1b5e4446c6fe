"""Pure: how long what is left will take, and what that estimate rests on."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.model import ForecastView

MOST_SIMULATED = 2_000
NOTHING_KNOWN = ForecastView(None, 0.0, "no estimate yet")


@dataclass(frozen=True, slots=True)
class Left:
    """One task that is not finished: expected seconds of its agent (None: unknown), those it has run, what it needs."""

    task: str
    expected: float | None
    ran: float
    needs: tuple[str, ...]
    level: float


def forecast(left: Sequence[Left], finished: Sequence[float], workers: int, low: float, test: float) -> ForecastView:
    """`finished` are the seconds tasks of this run took, `low` the lower bound, `test` the mean time of a test run.

    Unknown tasks are taken for the mean of the finished ones. List scheduling by level (Graham 1969) without the lock
    table; what locks serialise comes in through the lower bound.
    """
    if not left:
        return ForecastView(0.0, 0.0, "")
    unknown = sum(1 for each in left if each.expected is None)
    if unknown and not finished:
        return NOTHING_KNOWN
    mean = sum(finished) / len(finished) if finished else 0.0
    words = f"from {len(finished)} finished task{'s' if len(finished) != 1 else ''}" if unknown else "as in the plan"
    if len(left) > MOST_SIMULATED:
        return ForecastView(low + test, low, f"at least; {words}")
    seconds = {e.task: max(1.0, (e.expected if e.expected is not None else mean) - e.ran) for e in left}
    return ForecastView(max(low, makespan(left, seconds, max(1, workers))) + test, low, words)


def makespan(left: Sequence[Left], seconds: Mapping[str, float], workers: int) -> float:
    """Seconds until the last one ends when `workers` take ready tasks, those that run first, then by level."""
    needs = {each.task: {need for need in each.needs if need in seconds} for each in left}
    dependents: dict[str, list[Left]] = {}
    for each in left:
        for need in needs[each.task]:
            dependents.setdefault(need, []).append(each)
    ready = [(-(each.ran > 0), -each.level, each.task) for each in left if not needs[each.task]]
    heapq.heapify(ready)
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
                heapq.heappush(ready, (0, -after.level, after.task))
    return now
