"""Pure rules: the line of ready tasks and who starts next."""

from __future__ import annotations

from collections.abc import Iterator

from engine.effects import Effect
from engine.model import TaskState
from engine.rules_attempt import begin_attempt
from engine.rules_provider import places_left, why_not
from engine.scheduling import ReadyTask, dispatch, rank
from engine.state import State, TaskRecord


def ready_task(state: State, record: TaskRecord) -> ReadyTask:
    """What the scheduler needs to know of a queued task."""
    return ReadyTask(
        id=record.id,
        claims=record.claims,
        priority=record.spec.priority,
        level=state.levels.get(record.id, 0.0),
        queued_at=record.queued_at,
        order=record.order,
        passed_over=record.passed_over,
        moved=record.moved,
    )


def ranked(state: State) -> list[ReadyTask]:
    """The ready tasks, the next one first."""
    return sorted((ready_task(state, state.tasks[task]) for task in state.ready), key=rank)


def promote(state: State) -> None:
    """Tasks whose dependencies have all landed become ready."""
    if not state.promotable:
        return
    state.promotable = False
    for record in state.tasks.values():
        if record.state is not TaskState.WAITING:
            continue
        missing = [need for need in state.graph.needs(record.id) if state.tasks[need].state is not TaskState.LANDED]
        if not missing and not state.unfrozen(record):
            state.move(record, TaskState.QUEUED, "ready")


def waiting_words(state: State, missing: list[str], unfrozen: list[str]) -> str:
    """Why a task waits: for other tasks, or for contracts that are not frozen."""
    words = []
    for need in missing:
        lost = state.tasks[need].state
        words.append(f"{need} ({lost})" if lost.final else need)
    for name in unfrozen:
        problem = state.contracts[name].problem
        words.append(f"the contract {name} ({problem})" if problem else f"the contract {name}")
    return "needs " + ", ".join(words)


def free_places(state: State) -> int:
    """How many more tasks may start now; frozen workers take no place."""
    if state.paused_all or state.stopping or state.budget.exhausted:
        return 0
    return state.workers - sum(not record.frozen for record in state.with_worker())


def start_ready(state: State) -> Iterator[Effect]:
    """Start what may start: claims free, worker free, profile not full."""
    free = free_places(state)
    if free <= 0 or not state.ready:
        return
    left = places_left(state)
    decision = dispatch(ranked(state), free, state.locks, state.at, room=lambda task: _take_room(state, left, task))
    for task in decision.passed:
        state.tasks[task].passed_over += 1
    for task in decision.reserve:
        record = state.tasks[task]
        state.locks.reserve(task, record.claims, state.at)
        state.tell(task, f"passed over {record.passed_over} times: its files are reserved now")
    if decision.start or decision.reserve:
        state.locks_version += 1
    for task in decision.start:
        yield from begin_attempt(state, state.tasks[task])


def _take_room(state: State, left: dict[str, int], task: str) -> bool:
    if why_not(state, state.tasks[task]):
        return False
    agent = state.tasks[task].spec.agent
    if agent in left:
        left[agent] -= 1
        return left[agent] >= 0
    return True
