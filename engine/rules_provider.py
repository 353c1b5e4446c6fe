"""Pure rules: what an agent's stream tells while it works, and agents whose provider does not let them work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from engine import events as ev
from engine.clients.reports import Trouble, Usage
from engine.clients.troubles import reset_in, wait_in
from engine.effects import Effect, WakeAt
from engine.limits import ProfileLimit
from engine.plan import AgentProfile
from engine.rules_ending import ask, end_attempt, fail_attempt, task_spent, try_later
from engine.rules_pause import current
from engine.state import Ending, State, Step, TaskRecord, first_line

MOST_SPARED = 3
"""Attempts of a task that may fail by the provider's errors before they cost a try."""
PATIENCE_WITH_ERRORS = 3
"""Errors of a provider in a row after which they count against the profile: one or two are everyday."""
_WORKING = (Step.STARTING, Step.WORKING, Step.UPDATING)


def limit_of(state: State, agent: str) -> ProfileLimit:
    """The limit of a profile."""
    return state.limits.setdefault(agent, ProfileLimit())


# --- while it works -----------------------------------------------------------------------------------------------


def on_session_known(state: State, event: ev.SessionKnown) -> Iterator[Effect]:
    """The conversation can be resumed by the same agent in the same worktree."""
    record = current(state, event)
    if record is not None and record.attempt.step in _WORKING:
        record.session = event.session
        record.session_of = (record.spec.agent, record.attempt.worker)
    yield from ()


def on_agent_limited(state: State, event: ev.AgentLimited) -> Iterator[Effect]:
    """The provider makes it wait: the agent itself just goes on, but no other one of its profile starts."""
    record = current(state, event)
    if record is None or 0 < event.seen <= record.attempt.seen:
        return
    record.attempt.seen = max(event.seen, record.attempt.seen)
    record.attempt.limited = True
    words = f"rate limited: {first_line(event.words)}".rstrip(": ")
    _waits(record, words, event.until or _moment(event))
    hit(state, record, event.words, event.seconds, event.until)
    yield from ()


def on_agent_retries(state: State, event: ev.AgentRetries) -> Iterator[Effect]:
    """The provider fails: an agent of its own tries again, and from the third time on no other one starts."""
    record = current(state, event)
    if record is None or event.seen <= record.attempt.seen:
        return
    attempt = record.attempt
    attempt.seen, attempt.retries = event.seen, attempt.retries + 1
    _waits(record, first_line(event.words), _moment(event))
    if attempt.retries == 1:
        state.tell(record.id, f"{first_line(event.words)}: it tries again by itself")
    if attempt.retries >= PATIENCE_WITH_ERRORS:
        attempt.limited = True
        hit(state, record, event.words, event.seconds, what="has trouble with its provider")
    yield from ()


def _waits(record: TaskRecord, words: str, until: float | None) -> None:
    record.attempt.waits, record.attempt.waits_until = words, until


def _moment(event: ev.AgentLimited | ev.AgentRetries) -> float | None:
    return None if event.seconds is None else event.at + event.seconds


def on_agent_goes_on(state: State, event: ev.AgentGoesOn) -> Iterator[Effect]:
    """It waits no longer."""
    record = current(state, event)
    if record is not None:
        record.attempt.waits, record.attempt.waits_until, record.attempt.retries = "", None, 0
    yield from ()


def hit(
    state: State,
    record: TaskRecord,
    words: str,
    seconds: float | None = None,
    until: float | None = None,
    what: str = "is rate limited",
) -> None:
    """Count a rate limit, or another trouble of its provider, against the profile."""
    agent = record.spec.agent
    limit = limit_of(state, agent)
    running = Counter(other.spec.agent for other in state.with_worker())[agent]
    words = first_line(words) or "rate limited"
    if limit.hit(state.at, running, words, seconds=seconds, until=until):
        wait = f"{limit.until - state.at:.0f} s"
        state.tell(record.id, f"{agent} {what} ({words}): no other one starts for {wait}, then {limit.places}")


def on_agent_denied(state: State, event: ev.AgentDenied) -> Iterator[Effect]:
    """For the story."""
    record = current(state, event)
    if record is not None and event.seen > record.attempt.seen:
        record.attempt.seen = event.seen
        why = f": {first_line(event.words)}" if event.words else ""
        state.tell(record.id, f"was not allowed {first_line(event.what)}{why}")
    yield from ()


def on_agent_stuck(state: State, event: ev.AgentStuck) -> Iterator[Effect]:
    """It would try for minutes what cannot help: it is ended now, its work is kept."""
    record = current(state, event)
    if record is None or record.attempt.step not in _WORKING or record.attempt.ending is not Ending.NONE:
        return
    record.attempt.trouble, record.attempt.trouble_words = event.trouble, event.words
    yield from end_attempt(state, record, Ending.STUCK, f"is ended: {first_line(event.words)}")


def on_time_came(state: State, event: ev.TimeCame) -> Iterator[Effect]:
    """What waited for this moment may start at the next pump."""
    state.wake_at = None
    yield from ()


# --- when it has ended --------------------------------------------------------------------------------------------


def no_trouble(state: State, record: TaskRecord) -> None:
    """An attempt ended by its own account well."""
    if not record.attempt.limited:
        limit = limit_of(state, record.spec.agent)
        limit.went_well(state.at)
        limit.forget(state.at, state.workers)
    record.spared = 0


def after_trouble(state: State, record: TaskRecord) -> None:
    """The work (if there is any) is kept; what becomes of the task depends on what kept its agent from working."""
    attempt = record.attempt
    words = first_line(attempt.trouble_words) or "it ended without saying that it was done"
    gone = attempt.session and attempt.trouble in (Trouble.SESSION, Trouble.OTHER) and not attempt.tokens
    if gone and not record.attempt.said:
        _forget_session(record)
        try_later(state, record, f"its conversation is gone ({words}); it begins a new one")
        return
    match attempt.trouble:
        case Trouble.RATE_LIMIT:
            full = attempt.trouble_words
            hit(state, record, words, wait_in(full), reset_in(full))
            try_later(state, record, f"its agent was rate limited ({words}); goes on when it may")
        case Trouble.AUTH | Trouble.QUOTA:
            limit_of(state, record.spec.agent).stopped = _stop_words(record, words)
            try_later(state, record, limit_of(state, record.spec.agent).stopped)
        case Trouble.SERVER | Trouble.CUT:
            hit(state, record, words, what="has trouble with its provider")
            _spare(state, record, "its provider failed", words)
        case Trouble.BUSY:
            _spare(state, record, "another one of it was in its way", words)
        case Trouble.REFUSED:
            _forget_session(record)
            ask(state, record, "its agent refuses")
        case Trouble.OVERFLOW:
            _forget_session(record)
            fail_attempt(state, record, f"its conversation grew too long: {words}", "")
        case Trouble.BUDGET:
            _forget_session(record)
            fail_attempt(state, record, f"its agent spent what it was allowed to: {words}", "")
        case _:
            fail_attempt(state, record, f"the agent failed: {words}", attempt.tail)


def _spare(state: State, record: TaskRecord, what: str, words: str) -> None:
    """What an agent could not help costs no try, unless it goes on like that."""
    record.spared += 1
    if record.spared <= MOST_SPARED:
        try_later(state, record, f"{what} ({words}); goes on when it may")
    else:
        fail_attempt(state, record, f"the agent failed: {words}, {record.spared} times", record.attempt.tail)


def _forget_session(record: TaskRecord) -> None:
    record.session, record.session_of, record.thread = "", ("", ""), Usage()


def _stop_words(record: TaskRecord, words: str) -> str:
    agent = record.spec.agent
    if record.attempt.trouble == Trouble.AUTH:
        return f"agent {agent} is not let in ({words}): log in, then `aurora retry {record.id}`"
    return f"agent {agent} has no money left ({words}): top it up, then `aurora retry {record.id}`"


# --- who may start ------------------------------------------------------------------------------------------------


def places_left(state: State) -> dict[str, int]:
    """How many more attempts of each profile may start now; profiles without any limit are not in it."""
    busy = Counter(record.spec.agent for record in state.with_worker())
    left = {}
    for profile in state.plan.settings.agents:
        most = room_of(state, profile)
        if most is not None:
            left[profile.name] = max(0, most - busy[profile.name])
    return left


def room_of(state: State, profile: AgentProfile) -> int | None:
    """How many attempts of a profile may run at once now (None: as many as there are workers)."""
    limit = state.limits.get(profile.name)
    if limit is None or (limit.places is None and not limit.stopped):
        return profile.max_parallel
    if not limit.open(state.at):
        return 0
    most = state.workers if profile.max_parallel is None else profile.max_parallel
    return limit.room(state.at, most)


def open_at(state: State, record: TaskRecord) -> float | None:
    """When the provider lets a ready task start that it does not let start now; None when it is not that."""
    limit = state.limits.get(record.spec.agent)
    return limit.until if limit is not None and not limit.stopped and limit.until > state.at else None


def why_not(state: State, record: TaskRecord) -> str:
    """Why a ready task does not start whatever else is free, or an empty string."""
    limit = state.limits.get(record.spec.agent)
    if limit is not None and limit.stopped:
        return limit.stopped
    if limit is not None and limit.until > state.at:
        return f"agent {record.spec.agent} has to wait ({limit.words})"
    return task_spent(state, record)


def wake(state: State) -> Iterator[Effect]:
    """Ask to be woken when a ready task may start that may not now."""
    if state.paused_all or state.budget.exhausted or not state.workers:
        return
    agents = {state.tasks[task].spec.agent for task in state.ready}
    moments = [at for agent in agents if (at := _next_change(state, agent)) is not None]
    if moments and (state.wake_at is None or min(moments) < state.wake_at):
        state.wake_at = min(moments)
        yield WakeAt(at=state.wake_at)


def _next_change(state: State, agent: str) -> float | None:
    limit = state.limits.get(agent)
    if limit is None:
        return None
    limit.forget(state.at, state.workers)
    return limit.next_change(state.at)
