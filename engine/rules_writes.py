"""Pure rules: an agent asks before it edits. A free path joins its claim, a held one is waited for or denied.

The agent stands still while it asks, so nothing is written before the answer. It may wait for a holder, never in a
circle: of two that ask for each other's files the later one is denied at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from engine import events as ev
from engine.contracts.records import contract_of
from engine.effects import AnswerWrite, Effect
from engine.locks import Write
from engine.model import TaskState
from engine.rules_collision import bring_up_to_date, let_both_edit
from engine.rules_pause import current, hold
from engine.state import Ending, Hold, State, Step, TaskRecord, WriteAsk

AT_WORK = (Step.STARTING, Step.WORKING, Step.UPDATING)
MOST_NAMED = 5


def on_write_asked(state: State, event: ev.WriteAsked) -> Iterator[Effect]:
    """An ask joins those of its attempt (the pump settles it); what lies outside of the worktree is denied at once."""
    record = current(state, event)
    if record is None or record.attempt.step not in AT_WORK:
        yield _answer(event, False, "this attempt of the task is over: its edits count no longer")
    elif event.outside:
        state.tell(record.id, f"was denied {_names(event.outside)}: outside of its worktree")
        yield _answer(event, False, outside_words(event.outside))
    else:
        paths = tuple(path for path in event.paths if path not in event.ignored)
        record.attempt.asks[event.ask] = WriteAsk(event.ask, paths, event.at)


def on_write_ask_ended(state: State, event: ev.WriteAskEnded) -> Iterator[Effect]:
    """It has waited long enough, or nobody waits any more. What was granted stays granted."""
    record = current(state, event)
    ask = record.attempt.asks.get(event.ask) if record is not None else None
    if record is None or ask is None:
        if not event.gone:
            yield _answer(event, False, "this attempt of the task is over: its edits count no longer")
    elif event.gone:
        del record.attempt.asks[ask.id]
    elif not ask.granted:
        yield _deny(state, record, ask, denied_words(state, record, ask))


def settle_asks(state: State) -> Iterator[Effect]:
    """Answer every ask that can be answered now. Those of a worker that is held wait with it."""
    for record in state.with_worker():
        for ask in list(record.attempt.asks.values()):
            if record.state is TaskState.RUNNING and record.attempt.step is Step.WORKING:
                yield from _settle(state, record, ask)


def _settle(state: State, record: TaskRecord, ask: WriteAsk) -> Iterator[Effect]:
    blocked = {} if ask.granted else _blocked(state, record, ask)
    if not blocked:
        yield from _allow(state, record, ask)
        return
    before, ask.blocked = ask.blocked, blocked
    if any(map(contract_of, ask.holders)):
        yield _deny(state, record, ask, denied_words(state, record, ask))
    elif state.plan.settings.on_collision == "allow":
        for path, (holder, _) in blocked.items():
            let_both_edit(state, record, path, holder)
        ask.blocked = {}
        yield from _allow(state, record, ask)
    elif any(state.would_deadlock(record.id, holder, asks=True) for holder in ask.holders):
        yield _deny(state, record, ask, denied_words(state, record, ask, waits_for_you=True))
    elif before != blocked:
        state.tell(record.id, waiting_words(ask))


def _blocked(state: State, record: TaskRecord, ask: WriteAsk) -> dict[str, tuple[str, str]]:
    looks = ((path, state.locks.look(record.id, path)) for path in ask.paths)
    return {path: (seen.holder, seen.held) for path, seen in looks if seen.outcome is Write.COLLISION}


def _allow(state: State, record: TaskRecord, ask: WriteAsk) -> Iterator[Effect]:
    """The paths are the task's. After a wait the worktree first gets what landed, while the agent is held."""
    if not ask.granted:
        _grow(state, record, ask)
        if ask.blocked and record.attempt.base != state.tip and record.attempt.ending is Ending.NONE:
            ask.granted = True
            yield from hold(state, record, Hold.COLLISION, "is brought up to date with what landed")
            yield from bring_up_to_date(state, record)
            return
    del record.attempt.asks[ask.id]
    yield AnswerWrite(task=record.id, attempt=record.attempt.number, ask=ask.id, allowed=True)


def _grow(state: State, record: TaskRecord, ask: WriteAsk) -> None:
    state.locks_version += 1
    if ask.blocked:
        state.tell(record.id, f"may edit {_names(ask.paths)}: {', '.join(ask.holders)} let go")
    for path in ask.paths:
        if state.locks.write(record.id, path, state.at).outcome is Write.GROWN:
            state.tell(record.id, f"took {path}, which it had not declared")


def _deny(state: State, record: TaskRecord, ask: WriteAsk, words: str) -> AnswerWrite:
    del record.attempt.asks[ask.id]
    state.tell(record.id, f"was denied {_names(ask.blocked or ask.paths)}: {_held(ask)}")
    return AnswerWrite(task=record.id, attempt=record.attempt.number, ask=ask.id, allowed=False, words=words)


def _answer(event: ev.WriteAsked | ev.WriteAskEnded, allowed: bool, words: str) -> AnswerWrite:
    return AnswerWrite(task=event.task, attempt=event.attempt, ask=event.ask, allowed=allowed, words=words)


# --- words ----------------------------------------------------------------------------------------------------------


def waiting_words(ask: WriteAsk) -> str:
    """What an agent waits for."""
    return f"waits to edit {_names(ask.blocked)}: {_held(ask)}"


def _held(ask: WriteAsk) -> str:
    return f"held by {', '.join(ask.holders)}" if ask.blocked else "it could not be decided in time"


def denied_words(state: State, record: TaskRecord, ask: WriteAsk, *, waits_for_you: bool = False) -> str:
    """What the agent is told: who holds the files, since when, and what it can do instead."""
    if not ask.blocked:
        return f"Aurora could not let you edit {_names(ask.paths)} in time (the task is held). Try again in a minute."
    whose = "; ".join(_whose(state, path, *ask.blocked[path]) for path in list(ask.blocked)[:MOST_NAMED])
    why = f" Waiting would be in vain: {', '.join(ask.holders)} waits for your task." if waits_for_you else ""
    return (
        f"Not written: {whose}.{why} Do not edit it another way. Go on with the rest of your task, put what you can "
        f"into {_own(record)}, and try again at the end; if you cannot, say in your last message what is missing."
    )


def _whose(state: State, path: str, holder: str, held: str) -> str:
    if name := contract_of(holder):
        return f"{path} belongs to the contract {name}, which is frozen: nobody edits it, work within it as it is"
    since = next((lock.since for lock in state.locks.held_by(holder) if lock.pattern == held), state.at)
    by = state.tasks.get(holder)
    standing = f", {by.state}" if by is not None else ""
    return f"{path} is held by task {holder} (since {span(state.at - since)}{standing})"


def _own(record: TaskRecord) -> str:
    own = [claim.pattern for claim in record.claims]
    return f"your own files ({_names(own)})" if own else "files nobody holds"


def outside_words(paths: Iterable[str]) -> str:
    """What an agent is told that leaves its worktree."""
    return (
        f"Not written: {_names(paths)} is no part of your worktree. Edit files below your working directory only; "
        "temporary files belong into $TMPDIR."
    )


def span(seconds: float) -> str:
    """A time span in words for people and agents."""
    if seconds < 60:
        return f"{max(0, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _names(paths: Iterable[str]) -> str:
    named = list(paths)
    more = len(named) - MOST_NAMED
    return ", ".join(named[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
