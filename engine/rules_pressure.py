"""Pure rules: what a pressed machine holds back, the slots of heavy commands, and the size of an `auto` pool.

Whatever the pressure, one agent and one heavy command may always run, so a run never stands still because of it.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine import events as ev
from engine.autosize import Outlook, next_size
from engine.effects import Effect, GrantSlot, TellWaiting
from engine.pressure import Load, Pressed, judge
from engine.rules_line import could_start, free_places, open_places, runs
from engine.rules_provider import room_of
from engine.slots import Asked
from engine.state import State


def on_pressure_changed(state: State, event: ev.PressureChanged) -> Iterator[Effect]:
    """Hold back or let go, and make an `auto` pool larger or smaller."""
    state.load = event.load
    state.pressed = judge(state.pressed, event.load)
    size = _size(state, state.pressed, state.at)
    if size != state.workers:
        state.workers, state.resized = size, state.at
    yield from ()


def matters(state: State, load: Load, at: float) -> bool:
    """True when this look at the machine would change anything: only then it is an event."""
    pressed = judge(state.pressed, load)
    return pressed != state.pressed or _size(state, pressed, at) != state.workers


def _size(state: State, pressed: Pressed, at: float) -> int:
    """The size an `auto` pool should have now."""
    if not state.most_workers or state.paused_all or state.stopping:
        return state.workers
    busy = sum(not record.frozen for record in state.with_worker())
    wants = busy >= state.workers and not state.budget.exhausted and could_start(state)
    outlook = Outlook(busy, wants, bool(pressed.workers), ceiling(state))
    return next_size(state.workers, state.most_workers, outlook, at - state.resized)


def ceiling(state: State) -> int | None:
    """How many attempts all agent profiles together may run now; None when one of those in use has no limit."""
    used = {record.spec.agent for record in state.tasks.values() if not record.state.final}
    limits = [room_of(state, profile) for profile in state.plan.settings.agents if profile.name in used]
    known = [limit for limit in limits if limit is not None]
    return sum(known) if known and len(known) == len(limits) else None


def grant_slots(state: State) -> Iterator[Effect]:
    """Let as many heavy commands go on as may, and tell those that have just asked why they wait."""
    slots, heavy = state.slots, state.pressed.heavy
    for slot in slots.grants(pressed=bool(heavy)):
        yield GrantSlot(slot=slot)
    why = heavy if slots.held_back(bool(heavy)) else ""
    for asked in slots.line():
        if asked.at == state.at:
            if why:
                _tell_held_back(state, asked, why)
            yield TellWaiting(slot=asked.slot, place=slots.place(asked.slot), behind=slots.behind(asked.slot), why=why)


def _tell_held_back(state: State, asked: Asked, why: str) -> None:
    if asked.owner in state.tasks:
        state.tell(asked.owner, f"its `{asked.command}` is held back: {why}")


def check(state: State) -> None:
    """The invariants of this part; AssertionError when one does not hold."""
    assert not state.most_workers or state.workers >= 1, "an auto pool has no workers"
    if state.pressed.workers and not state.stopping and not runs(state):
        assert free_places(state) == min(1, open_places(state)), "a pressed machine holds everything"
        assert open_places(state) <= 0 or not could_start(state), "nothing runs, and the first task is held back"
    assert not state.slots.stalls(), "no heavy command runs, and the first in line is held back"
