"""Pure: what became different between two snapshots that the developer should hear of, wherever the focus is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from engine.model import Snapshot, TaskState, TaskView
from widgets.text import flat, names

Severity = Literal["information", "warning", "error"]


@dataclass(frozen=True, slots=True)
class News:
    """One toast. `calls` when the developer is needed: the title and the bell say so too."""

    text: str
    severity: Severity = "information"
    calls: bool = False


def news(before: Snapshot | None, now: Snapshot) -> list[News]:
    """What happened, in the order of the plan. Nothing for the first snapshot."""
    if before is None or before.run != now.run:
        return []
    states = {task.id: task for task in before.tasks}
    told = [item for task in now.tasks if (item := _of_task(states.get(task.id), task)) is not None]
    landed = tuple(
        task.id for task in now.tasks if task.state is TaskState.LANDED and _was_other(states.get(task.id), task)
    )
    if landed:
        told.append(News(f"✓ landed: {names(landed, 4)}"))
    return [*told, *_of_run(before, now)]


def _was_other(before: TaskView | None, task: TaskView) -> bool:
    return before is not None and before.state is not task.state


def _of_task(before: TaskView | None, task: TaskView) -> News | None:
    if before is None:
        return News(f"{task.id} was added")
    if not _was_other(before, task):
        return None
    if task.state is TaskState.FAILED:
        return News(f"✗ {task.id} failed: {flat(task.reason)}", "error", calls=True)
    if task.state is TaskState.CONFLICT:
        return News(f"≠ {task.id} is in conflict: {flat(task.reason)}", "warning", calls=True)
    if task.state is TaskState.PAUSED and task.reason.startswith("frozen"):
        return News(f"❄ {task.id} is {flat(task.reason)}", "warning", calls=True)
    if task.state in (TaskState.QUEUED, TaskState.RUNNING) and before.state in (TaskState.MERGING, TaskState.TESTING):
        return News(f"↺ {task.id} gets another try: the tests were red with it", "warning")
    return None


def _of_run(before: Snapshot, now: Snapshot) -> list[News]:
    told = []
    if now.merge.landing_blocked and not before.merge.landing_blocked:
        told.append(News(f"the landing waits: {flat(now.merge.landing_blocked)}", "warning", calls=True))
    if now.merge.target_red and not before.merge.target_red:
        told.append(News(f"the tests are red on {now.target} itself: nothing can land", "error", calls=True))
    if now.tasks and _over(now) and not _over(before):
        told.append(News(f"all {len(now.tasks)} tasks landed", calls=True))
    return told


def _over(snapshot: Snapshot) -> bool:
    return all(task.state is TaskState.LANDED for task in snapshot.tasks)
