"""Pure rules: holding a worker and letting it go on."""

from __future__ import annotations

from collections.abc import Iterator

from engine import events as ev
from engine.effects import Effect, PauseAgent, ResumeAgent
from engine.model import TaskState
from engine.state import Hold, State, Step, TaskRecord


def current(state: State, event: ev.AttemptEvent) -> TaskRecord | None:
    """The task the event is about, or None when the event is of an attempt that is over."""
    record = state.tasks.get(event.task)
    if record is None or record.attempt.number != event.attempt or record.attempt.step is Step.NONE:
        return None
    return record


def hold(state: State, record: TaskRecord, why: Hold, reason: str) -> Iterator[Effect]:
    """Put a hold on a worker; its processes are stopped if it works."""
    record.attempt.holds.add(why)
    record.attempt.resuming = False
    if record.attempt.step is Step.WORKING:
        yield from pause(state, record, reason)
    elif record.attempt.step in (Step.PREPARING, Step.STARTING):
        record.reason = f"{reason} (as soon as the agent has started)"


def pause(state: State, record: TaskRecord, reason: str = "paused") -> Iterator[Effect]:
    if record.state is TaskState.RUNNING:
        state.slots.suspend(record.id)
        record.attempt.stop_clock(state.at)
        state.move(record, TaskState.PAUSED, reason)
        yield PauseAgent(task=record.id, attempt=record.attempt.number)
    elif Hold.COLLISION in record.attempt.holds:
        record.reason = reason


def unhold(state: State, record: TaskRecord, why: Hold) -> None:
    """Take a hold away; the worker goes on at the next pump if it was the last one."""
    record.attempt.holds.discard(why)
    if not record.attempt.holds and record.state is TaskState.PAUSED:
        record.attempt.resuming = True
    elif record.attempt.holds and record.state is TaskState.PAUSED:
        record.reason = "paused by you"


def resume_workers(state: State) -> Iterator[Effect]:
    """Let every worker go on that may, as far as its heavy slots are free again."""
    for record in state.with_worker():
        if not record.attempt.resuming or record.attempt.step is not Step.WORKING:
            continue
        if not state.slots.resume(record.id):
            record.reason = "goes on when its heavy slot is free again"
            continue
        record.attempt.resuming = False
        state.move(record, TaskState.RUNNING, record.attempt.thawed or "goes on")
        record.attempt.thawed = ""
        record.attempt.run_clock(state.at)
        yield ResumeAgent(task=record.id, attempt=record.attempt.number)
