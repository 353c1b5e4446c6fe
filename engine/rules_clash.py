"""Pure rules: an agent that ended because it met a port or name another program has; no code is to blame for that."""

from __future__ import annotations

from engine import events as ev
from engine.resource_clash import clash_in
from engine.rules_ending import try_later
from engine.state import State, TaskRecord

MOST_CLASHES = 2
"""Attempts of a task that may end so before it costs a try."""
HINT = "Use only ports from $AURORA_PORT on, and names that begin with $COMPOSE_PROJECT_NAME: nobody else has them."


def clash_of(event: ev.AgentExited) -> str:
    """The words for what was taken, "" when the agent ended well, was ended, or by something else."""
    ended_itself = event.code > 0 and not event.timed_out and not event.lost
    return clash_in(event.tail) if ended_itself else ""


def spared_clash(state: State, record: TaskRecord) -> bool:
    """True when the attempt met something taken and another one with other ports and names goes on from its work."""
    words = record.attempt.clash
    if not words or record.clashes >= MOST_CLASHES:
        return False
    record.clashes += 1
    record.failures.append(f"{record.attempt.exit_words}: {words}. {HINT}")
    try_later(state, record, f"met a port or name that is taken ({words}): goes on with others, no retry is used up")
    return True
