"""Pure rules: the line of ready tasks and who starts next."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from engine.effects import Effect
from engine.model import TaskState
from engine.rules_attempt import begin_attempt
from engine.rules_provider import places_left, why_not
from engine.scheduling import ReadyTask, dispatch, rank, urgency, work_by_file
from engine.state import State, TaskRecord


def ready_task(state: State, record: TaskRecord) -> ReadyTask:
    """What the scheduler needs to know of a queued task."""
    return ReadyTask(
        id=record.id,
        claims=record.claims,
        priority=record.spec.priority,
        level=urgency(
            state.levels.get(record.id, 0.0), state.estimate(record.id), record.spec.files, state.work_by_file
        ),
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


def open_places(state: State) -> int:
    """How many more tasks the pool has room for; frozen workers take no place."""
    if state.paused_all or state.stopping or state.budget.exhausted:
        return 0
    return state.workers - sum(not record.frozen for record in state.with_worker())


def free_places(state: State) -> int:
    """How many more tasks may start now. On a pressed machine that is one, and only when none runs."""
    places = open_places(state)
    if not state.pressed.workers:
        return places
    return min(places, 0 if runs(state) else 1)


def runs(state: State) -> bool:
    """True when some task's agent is at work (or on its way to it)."""
    return any(record.state is TaskState.RUNNING for record in state.with_worker())


def start_ready(state: State) -> Iterator[Effect]:
    """Start what may start: claims free, worker free, profile not full."""
    if not state.ready:
        return
    free = free_places(state)
    _tell_held_back(state, free)
    if free <= 0:
        return
    _weigh_files(state)
    left = places_left(state)
    able = [task for task in ranked(state) if state.contracts_known(state.tasks[task.id])]
    decision = dispatch(able, free, state.locks, state.at, room=lambda task: _take_room(state, left, task))
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


def _weigh_files(state: State) -> None:
    """Count anew how much work waits for each file; it orders the line."""
    if len(state.ready) > 1:
        open_tasks = (r for r in state.tasks.values() if r.state in (TaskState.WAITING, TaskState.QUEUED))
        state.work_by_file = work_by_file((state.estimate(r.id), r.spec.files) for r in open_tasks if r.spec.files)


def _tell_held_back(state: State, free: int) -> None:
    """A line in the story of each task that would start now on a machine that is not pressed."""
    more = open_places(state) - max(0, free) if state.pressed.workers else 0
    if more <= 0:
        return
    able = (task for task in ranked(state) if not state.locks.conflicts(task.id, task.claims))
    for task in islice(able, max(0, free), max(0, free) + more):
        record = state.tasks[task.id]
        if not record.held_back:
            record.held_back = state.pressed.workers
            state.tell(task.id, f"held back: {state.pressed.workers}")


def could_start(state: State) -> bool:
    """True when a ready task would start if the pool had one more worker."""
    left = places_left(state)
    return any(
        left.get(state.tasks[task.id].spec.agent, 1) > 0
        and not why_not(state, state.tasks[task.id])
        and state.contracts_known(state.tasks[task.id])
        and not state.locks.conflicts(task.id, task.claims)
        for task in ranked(state)
    )


def _take_room(state: State, left: dict[str, int], task: str) -> bool:
    if why_not(state, state.tasks[task]):
        return False
    agent = state.tasks[task].spec.agent
    if agent in left:
        left[agent] -= 1
        return left[agent] >= 0
    return True
