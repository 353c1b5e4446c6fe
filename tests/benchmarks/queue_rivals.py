"""Other ways to run a merge queue, on the same draws: serially, by bors's bisection, as Zuul speculates; and the least
any way could need that only hears red or green."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import log2

Result = tuple[float, float]
"""Full runs, and durations of one run until all is decided."""


def serial(tasks: Sequence[str], bad: frozenset[str], lanes: int) -> Result:
    """One after the other, each alone on what landed."""
    return float(len(tasks)), float(len(tasks))


def bors(tasks: Sequence[str], bad: frozenset[str], lanes: int) -> Result:
    """All that waits in one batch; a red batch is cut in halves, which are tested one after the other."""
    runs = 0
    batches = [list(tasks)]
    while batches:
        batch = batches.pop(0)
        runs += 1
        if bad.isdisjoint(batch) or len(batch) == 1:
            continue
        middle = len(batch) // 2
        batches += [batch[:middle], batch[middle:]]
    return float(runs), float(runs)


def zuul(tasks: Sequence[str], bad: frozenset[str], lanes: int) -> Result:
    """Each tested on all ahead of it, `lanes` at a time; behind a red one all are tested again without it."""
    runs = rounds = 0
    queue = list(tasks)
    while queue:
        window = queue[:lanes]
        runs += len(window)
        rounds += 1
        red = next((n for n, task in enumerate(window) if task in bad), None)
        queue = queue[len(window) :] if red is None else queue[red + 1 :]
    return float(runs), float(rounds)


RIVALS: dict[str, Callable[[Sequence[str], frozenset[str], int], Result]] = {
    "serial": serial,
    "bors bisection": bors,
    "Zuul": zuul,
}


def entropy_bound(p: float, count: int) -> float:
    """Runs per change that no way to learn only red or green can stay below, on average (Shannon)."""
    if p in (0.0, 1.0):
        return 1 / count
    return max(1 / count, -p * log2(p) - (1 - p) * log2(1 - p))


def naming_bound(p: float, count: int) -> float:
    """Full runs per change when failing tests are named: one, and one more if any branch is bad."""
    return (2 - (1 - p) ** count) / count
