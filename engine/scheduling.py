"""Pure: who starts next. List scheduling by priority and critical path, with back-fill and ageing.

The developer's number comes first, then urgency, then age. Urgency is the bottom level (the longest chain that begins
with the task; Graham's list scheduling with critical-path priorities) and the work that waits for the most wanted of
its files, which can only begin when the task has landed. A held task is passed over, but not for ever: after `limit`
times its files are reserved, and nothing that needs them starts before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from engine.locks import Blocker, Claim, LockTable

PASSED_OVER_LIMIT = 8


@dataclass(frozen=True, slots=True)
class ReadyTask:
    """A task that may start as soon as a worker and its files are free.

    `level` is its urgency in seconds, `queued_at` when it became ready, `order` its place in the plan, `moved` its
    place after a person moved it by hand (negative; 0: never moved).
    """

    id: str
    claims: tuple[Claim, ...]
    priority: int
    level: float
    queued_at: float
    order: int
    passed_over: int
    moved: int = 0


@dataclass(frozen=True, slots=True)
class Decision:
    """What one round decided: who starts (claims granted), who is held by whom, who was passed over, and whose files
    are to be reserved because that happened too often."""

    start: tuple[str, ...]
    held: dict[str, tuple[Blocker, ...]]
    passed: tuple[str, ...]
    reserve: tuple[str, ...]


def rank(task: ReadyTask) -> tuple[int, int, float, float, int]:
    """The sort key of the line; the smallest starts first."""
    return (-task.priority, task.moved, -task.level, task.queued_at, task.order)


def work_by_file(left: Iterable[tuple[float, Sequence[str]]]) -> dict[str, float]:
    """Seconds of work per pattern, from the tasks that have not begun: their seconds and the patterns they claim."""
    work: dict[str, float] = {}
    for seconds, patterns in left:
        for pattern in patterns:
            work[pattern] = work.get(pattern, 0.0) + seconds
    return work


def urgency(level: float, seconds: float, patterns: Sequence[str], work: Mapping[str, float]) -> float:
    """The bottom level of a task of `seconds`, and the work of others that its most wanted file keeps waiting."""
    return level + max((max(0.0, work.get(pattern, 0.0) - seconds) for pattern in patterns), default=0.0)


def always(task: str) -> bool:
    """Room for everybody."""
    return True


def dispatch(
    ready: Sequence[ReadyTask],
    free: int,
    table: LockTable,
    at: float,
    *,
    limit: int = PASSED_OVER_LIMIT,
    room: Callable[[str], bool] = always,
) -> Decision:
    """Start up to `free` of the `ready` tasks (which are in rank order), granting their claims at time `at`.

    `room(id)` is False when a task's agent profile is full; it is then skipped without being passed over.
    """
    start: list[str] = []
    held: dict[str, tuple[Blocker, ...]] = {}
    passed: dict[str, ReadyTask] = {}
    for task in ready:
        if len(start) >= free:
            break
        blockers = table.conflicts(task.id, task.claims)
        if blockers:
            held[task.id] = blockers
        elif room(task.id):
            table.grant(task.id, task.claims, at)
            start.append(task.id)
            passed.update((other.id, other) for other in ready if other.id in held)
    reserve = tuple(task.id for task in passed.values() if task.passed_over + 1 == limit)
    return Decision(tuple(start), held, tuple(passed), reserve)
