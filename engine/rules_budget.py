"""Pure rules: counting what agents use while they work, and what happens at the limits."""

from __future__ import annotations

from collections.abc import Iterator

from engine import events as ev
from engine.budget import left, nearly, over
from engine.effects import Effect
from engine.model import TaskState
from engine.rules_ending import end_attempt, fail_attempt, leave_worker, release, task_allowance, task_spent
from engine.rules_pause import current, hold, unhold
from engine.state import Ending, Hold, State, Step, TaskRecord

_WORKING = (Step.STARTING, Step.WORKING, Step.UPDATING)


def on_usage_counted(state: State, event: ev.UsageCounted) -> Iterator[Effect]:
    """The attempt's total replaces the one before; limits that are reached end or pause agents."""
    record = current(state, event)
    if record is None or record.attempt.step not in _WORKING:
        return
    count(state, record, event.cost, event.tokens, event.estimated)
    yield from at_limits(state, record)


def count(state: State, record: TaskRecord, cost: float, tokens: int, estimated: bool) -> None:
    """Count what an attempt has used in all until now: only the difference to before is new."""
    attempt = record.attempt
    state.spend(record, cost - attempt.cost, tokens - attempt.tokens)
    attempt.cost, attempt.tokens = cost, tokens
    record.guessed.discard(attempt.number)
    if estimated and cost:
        record.guessed.add(attempt.number)
    if not record.warned and (words := _nearly(state, record)):
        record.warned = True
        state.tell(record.id, words)
    if not state.budget.warned and (words := state.budget.nearly):
        state.budget.warned = True
        for other in state.with_worker():
            state.tell(other.id, words)


def _nearly(state: State, record: TaskRecord) -> str:
    usd, tokens = record.cost - record.allowed_from[0], record.tokens - record.allowed_from[1]
    return nearly(task_allowance(state, record), usd, tokens, "its budget")


def at_limits(state: State, record: TaskRecord) -> Iterator[Effect]:
    """An attempt over its own limit is ended; all agents are paused at the run's limit where that is wished."""
    words = attempt_spent(state, record) or task_spent(state, record)
    if words and record.attempt.ending is Ending.NONE:
        record.attempt.exit_words = words
        yield from end_attempt(state, record, Ending.SPENT, f"is ended: {words}")
    yield from pause_spent(state)


def pause_spent(state: State) -> Iterator[Effect]:
    """`at_limit: pause`: nobody goes on once the run's budget is spent, until a person says so."""
    words = state.budget.exhausted
    if not words or state.budget.waived or state.plan.settings.at_limit != "pause" or state.stopping:
        return
    for record in state.with_worker():
        if Hold.BUDGET not in record.attempt.holds and record.attempt.ending is Ending.NONE:
            yield from hold(state, record, Hold.BUDGET, f"paused: {words}")


def attempt_spent(state: State, record: TaskRecord) -> str:
    """Why an attempt may not go on, or an empty string."""
    return over(state.plan.settings.attempt_budget, record.attempt.cost, record.attempt.tokens, "the attempt's budget")


def most_usd(state: State, record: TaskRecord) -> float | None:
    """What the attempt that starts may spend (None: no limit of its own)."""
    limits = [
        left(state.plan.settings.attempt_budget, 0.0),
        left(task_allowance(state, record), record.cost - record.allowed_from[0]),
    ]
    known = [limit for limit in limits if limit is not None]
    return round(min(known), 4) if known else None


def after_spending(state: State, record: TaskRecord) -> None:
    """An attempt that was ended at its own limit: its work is kept; the next one, if the task may have one, begins a
    new conversation."""
    words, kept = record.attempt.exit_words, f"; its work is kept under {record.kept[-1]}" if record.kept else ""
    record.session, record.session_of = "", ("", "")
    if task_spent(state, record):
        record.continue_from = record.commit
        leave_worker(state, record)
        state.move(record, TaskState.FAILED, f"{words}{kept}")
        release(state, record)
    else:
        fail_attempt(state, record, words, record.attempt.tail)


def allow_again(state: State, record: TaskRecord) -> None:
    """A person wants the task to go on: its own budget begins anew."""
    record.allowed_from = (record.cost, record.tokens)
    record.warned = False


def lift(state: State) -> None:
    """The run's budget was raised: who was paused by it goes on."""
    if not state.budget.exhausted or state.plan.settings.at_limit != "pause":
        for record in state.with_worker():
            if Hold.BUDGET in record.attempt.holds:
                unhold(state, record, Hold.BUDGET)
