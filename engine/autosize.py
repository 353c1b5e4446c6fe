"""Pure: how many workers a pool of the size `auto` should have now.

Agents mostly wait for a model, so there may be more of them than CPUs. The pool grows by one while the machine is calm
and a task could use one more worker, and gives one up while it chokes (additive both ways: every step is seen before
the next is taken).
"""

from __future__ import annotations

from dataclasses import dataclass

WORKERS_PER_CPU = 2
MOST_PER_CPU = 3
STEP_EVERY = 10.0
"""Seconds between two changes: pressure is an average over ten seconds, so a change is not seen earlier."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the size depends on. `busy` workers have a task, `startable` says that a task would start if there were one
    more; `choking` that new workers are held back; `ceiling` is what the rate limits of all agents together let run
    (None: no limit)."""

    busy: int
    startable: bool
    choking: bool
    ceiling: int | None = None


def first_size(max_concurrency: int, cpus: int) -> int:
    """The size a pool begins with."""
    return max(1, min(max_concurrency, WORKERS_PER_CPU * cpus))


def most_workers(max_concurrency: int, cpus: int) -> int:
    """The size a pool never passes by itself."""
    return max(first_size(max_concurrency, cpus), MOST_PER_CPU * cpus)


def next_size(size: int, most: int, outlook: Outlook, since_change: float) -> int:
    """The size after one look, `since_change` seconds after the last change; never below 1, never above `most` unless
    it was."""
    if since_change < STEP_EVERY:
        return size
    if outlook.ceiling is not None and size > outlook.ceiling:
        return max(1, outlook.ceiling)
    if outlook.choking:
        return max(1, min(size, outlook.busy) - 1)
    if outlook.startable and outlook.busy >= size and size < _bound(most, outlook.ceiling):
        return size + 1
    return size


def _bound(most: int, ceiling: int | None) -> int:
    return most if ceiling is None else min(most, ceiling)
