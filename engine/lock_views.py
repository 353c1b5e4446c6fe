"""Pure: the lock table as front ends draw it: who holds what, who waits for it, whose agent stands at a file of it."""

from __future__ import annotations

from collections.abc import Mapping

from engine.locks import Lock
from engine.model import LockView, TaskState
from engine.state import State


def lock_views(state: State, held: Mapping[str, tuple[str, ...]]) -> tuple[LockView, ...]:
    """All locks; `held` says of each queued task who has its files."""
    waiters: dict[str, list[str]] = {}
    for task, holders in held.items():
        for holder in holders:
            waiters.setdefault(holder, []).append(task)
    for record in state.with_worker():
        for holder in {*record.attempt.collisions.values(), *state.asked_of(record.id)}:
            waiters.setdefault(holder, []).append(record.id)
    return tuple(_lock(state, lock, waiters.get(lock.holder, [])) for lock in state.locks.held())


def _lock(state: State, lock: Lock, candidates: list[str]) -> LockView:
    asking = tuple((task, path) for task in candidates if (path := _asked_path(state, task, lock)))
    at_work = tuple(task for task, _ in asking)
    waiting = (*at_work, *(task for task in candidates if task not in at_work and _wants(state, task, lock)))
    paused = lock.holder in state.tasks and state.tasks[lock.holder].state is TaskState.PAUSED
    return LockView(lock.pattern, lock.mode, lock.holder, lock.since, lock.grown, waiting, paused, asking)


def _asked_path(state: State, task: str, lock: Lock) -> str:
    """The file of a lock a task's agent stands at, or nothing."""
    blocked = (ask.blocked.items() for ask in state.tasks[task].attempt.asks.values())
    return next((path for paths in blocked for path, held in paths if held == (lock.holder, lock.pattern)), "")


def _wants(state: State, task: str, lock: Lock) -> bool:
    record = state.tasks[task]
    if record.attempt.collisions:
        return lock.holder in record.attempt.collisions.values()
    blockers = state.locks.conflicts(task, record.claims)
    return any(b.holder == lock.holder and b.held == lock.pattern for b in blockers)
