"""What all panes draw from: one snapshot, the time it is drawn at, and what was read beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.model import LockView, Snapshot, TaskState, TaskView

WITH_WORKER = (TaskState.RUNNING, TaskState.PAUSED)


@dataclass(frozen=True, slots=True)
class Moment:
    """The run at one moment. `now` is in seconds since the epoch; `last_lines` maps tasks to their newest output,
    `test_lines` are the newest of the test under way."""

    snapshot: Snapshot
    now: float
    last_lines: Mapping[str, str] = field(default_factory=dict)
    test_lines: tuple[str, ...] = ()
    tasks: Mapping[str, TaskView] = field(default_factory=dict)

    @classmethod
    def of(
        cls, snapshot: Snapshot, now: float, last_lines: Mapping[str, str] | None = None, test: tuple[str, ...] = ()
    ) -> Moment:
        """A moment of a snapshot."""
        return cls(snapshot, now, last_lines or {}, test, {task.id: task for task in snapshot.tasks})

    def waiters_of(self, task: str) -> tuple[str, ...]:
        """The tasks that wait for a lock of this one, each once."""
        waiting = (lock.waiters for lock in self.snapshot.locks if lock.holder == task)
        return tuple(dict.fromkeys(name for names in waiting for name in names))


def lock_key(lock: LockView) -> str:
    """What tells one lock from another."""
    return f"{lock.holder}\0{lock.pattern}\0{lock.mode}"
