"""Pure rules: how an attempt is left: failed, tried again, waiting for an answer. Its worker is free then."""

from __future__ import annotations

from collections.abc import Iterator

from engine.budget import over
from engine.effects import CancelTest, Effect, StopAgent
from engine.model import TaskState
from engine.plan import Allowance
from engine.state import Ending, State, Step, TaskRecord, first_line


def end_attempt(state: State, record: TaskRecord, ending: Ending, reason: str) -> Iterator[Effect]:
    """Tell the attempt under way to end; its work is captured first, whatever it is."""
    attempt = record.attempt
    attempt.ending = ending
    record.reason = reason
    if attempt.step is Step.WORKING:
        yield StopAgent(task=record.id, attempt=attempt.number)
    elif attempt.step is Step.TESTING:
        yield CancelTest(candidate=record.id)


def fail_attempt(state: State, record: TaskRecord, reason: str, tail: str) -> None:
    """The attempt failed: queue another one on the same branch if one is left, else the task has failed."""
    record.failures.append(f"{reason}\n{tail}".strip())
    record.continue_from = record.failed_at = record.commit
    leave_worker(state, record)
    if spent := task_spent(state, record):
        state.move(record, TaskState.FAILED, f"{reason}; {spent}")
        release(state, record)
    elif record.tries_left > 0:
        record.tries_left -= 1
        state.move(record, TaskState.QUEUED, f"{reason}; tries again")
    else:
        state.move(record, TaskState.FAILED, reason)
        release(state, record)


def try_later(state: State, record: TaskRecord, reason: str) -> None:
    """The attempt could do nothing for it that it ended: another one goes on from its work and costs no try."""
    record.continue_from = record.commit
    leave_worker(state, record)
    state.move(record, TaskState.QUEUED, reason)
    if not record.paths:
        release(state, record)


def ask(state: State, record: TaskRecord, why: str) -> None:
    """The agent ended without the work: only the developer can say how it goes on. No try is used up."""
    said = record.attempt.said.strip() or record.attempt.trouble_words.strip()
    record.question = said or why
    record.continue_from = record.commit
    leave_worker(state, record)
    state.move(record, TaskState.FAILED, f"{why}: {first_line(said)}" if said else why)
    release(state, record)


def task_spent(state: State, record: TaskRecord) -> str:
    """Why a task may not go on by itself, or an empty string."""
    usd, tokens = record.cost - record.allowed_from[0], record.tokens - record.allowed_from[1]
    return over(task_allowance(state, record), usd, tokens, "its budget")


def task_allowance(state: State, record: TaskRecord) -> Allowance:
    """What a task may spend: its own budget, else that of every task."""
    return record.spec.budget if record.spec.budget.limited else state.plan.settings.task_budget


def fail_unmerged(state: State, record: TaskRecord, reason: str) -> None:
    """A branch is sent back before it was tested: another attempt if one is left, else the task has failed."""
    record.failures.append(reason)
    record.continue_from = record.commit
    if record.tries_left > 0:
        record.tries_left -= 1
        state.move(record, TaskState.QUEUED, f"{reason}; tries again")
    else:
        state.move(record, TaskState.FAILED, reason)
        release(state, record)


def leave_worker(state: State, record: TaskRecord) -> None:
    """The slot is free again."""
    state.busy.discard(record.id)
    record.attempt.worker = ""
    record.attempt.step = Step.NONE
    record.attempt.pid = 0
    record.attempt.holds.clear()
    record.attempt.collisions.clear()
    record.attempt.asks.clear()
    record.attempt.resuming = False


def release(state: State, record: TaskRecord) -> None:
    """Give all locks of a task back."""
    state.locks.release(record.id)
    state.locks_version += 1
