"""Pure rules: what a person does to single locks: release, hand over, narrow."""

from __future__ import annotations

from collections.abc import Generator

from engine import intents
from engine.covering import outside
from engine.effects import Effect
from engine.errors import Refused
from engine.locks import Lock
from engine.model import TaskState
from engine.patterns import Pattern
from engine.state import State, TaskRecord
from engine.text import clean

Answer = Generator[Effect, None, str]
WITH_WORKER = (TaskState.RUNNING, TaskState.PAUSED)


def _held(state: State, task: str, pattern: str) -> tuple[TaskRecord, Lock]:
    record = state.record(task)
    for lock in state.locks.held_by(record.id):
        if lock.pattern == pattern:
            return record, lock
    raise Refused(f"{record.id} does not hold {pattern}", "`aurora locks` shows what is held")


def _would_lose(state: State, record: TaskRecord, lock: Lock, narrower: Pattern) -> list[str]:
    """The paths the holder has changed that no lock of it would cover any more."""
    kept = [Pattern.parse(other.pattern) for other in state.locks.held_by(record.id) if other != lock]
    changed = [path for path in record.attempt.touched.union(record.paths) if Pattern.parse(lock.pattern).matches(path)]
    return sorted(path for path in changed if not any(pattern.matches(path) for pattern in (narrower, *kept)))


def _declared(record: TaskRecord, pattern: str) -> str:
    """What the plan calls a pattern that may have been narrowed before."""
    return next((wide for wide, narrow in record.narrowed.items() if narrow == pattern), pattern)


def release_lock(state: State, intent: intents.ReleaseLock) -> Answer:
    """Take one lock away from its holder."""
    record, _ = _held(state, intent.task, intent.pattern)
    state.locks.release(record.id, intent.pattern)
    state.locks_version += 1
    state.tell(record.id, f"lost its lock on {intent.pattern} (released by hand)")
    return f"{intent.pattern} is released"
    yield


def hand_over_lock(state: State, intent: intents.HandOverLock) -> Answer:
    """Give one lock to another task. A queued one gets it only when it can start with it: nobody holds and waits."""
    record, lock = _held(state, intent.task, intent.pattern)
    to = state.record(intent.to)
    if to.id == record.id:
        raise Refused(f"{record.id} holds {lock.pattern} already")
    if to.state not in (*WITH_WORKER, TaskState.QUEUED):
        raise Refused(f"{to.id} is {to.state}: only a task that is at work or queued can be given a lock")
    if to.state is TaskState.QUEUED:
        others = [b for b in state.locks.conflicts(to.id, to.claims) if (b.holder, b.held) != (record.id, lock.pattern)]
        if others:
            raise Refused(
                f"{to.id} also waits for {others[0].holder}, which has {others[0].held}",
                f"release {lock.pattern} instead: {to.id} takes it when it can start",
            )
    state.locks.hand_over(record.id, to.id, lock, state.at)
    state.locks_version += 1
    state.tell(record.id, f"handed its lock on {lock.pattern} over to {to.id}")
    state.tell(to.id, f"was handed the lock on {lock.pattern} by {record.id}")
    return f"{lock.pattern} belongs to {to.id} now"
    yield


def let_go(state: State) -> None:
    """A task that is not at work gives its locks back when somebody it waits for waits for it: at most those at work
    hold and wait, and they are never both frozen. Only locks moved by hand can bring it there."""
    for task in state.locks.holders():
        record = state.tasks[task]
        if record.state not in (TaskState.QUEUED, TaskState.WAITING):
            continue
        if any(state.would_deadlock(task, other) for other in state.waits_for(task)):
            for lock in state.locks.held_by(task):
                state.locks.release(task, lock.pattern)
            state.locks_version += 1
            state.tell(task, "let go of its locks: whom it waits for waits for them")


def narrow_lock(state: State, intent: intents.NarrowLock) -> Answer:
    """Replace one lock by a pattern within it that still covers all its holder has changed."""
    record, lock = _held(state, intent.task, intent.pattern)
    try:
        narrower = Pattern.parse(intent.narrower)
    except ValueError as error:
        raise Refused(str(error)) from None
    beyond = outside(narrower, Pattern.parse(lock.pattern))
    if beyond is not None:
        hint = f"{clean(beyond)} would be covered, for example" if beyond.isprintable() and beyond else None
        raise Refused(f"{intent.narrower} does not lie within {lock.pattern}", hint)
    if lost := _would_lose(state, record, lock, narrower):
        raise Refused(f"{record.id} has changed {lost[0]}, which {intent.narrower} does not cover")
    state.locks.narrow(record.id, lock, narrower, state.at)
    record.narrowed[_declared(record, lock.pattern)] = narrower.text
    state.locks_version += 1
    state.tell(record.id, f"its lock on {lock.pattern} was narrowed to {narrower.text}")
    return f"{record.id} holds {narrower.text} now"
    yield
