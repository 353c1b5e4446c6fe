"""What a person can ask for, as frozen values: events that are refused with a sentence when they make no sense."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from engine.events import Event
from engine.plan import TaskSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent(Event):
    """The base of what a person asks for; refused with a sentence when it makes no sense."""

    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddTask(Intent):
    """Put one more task into the running plan."""

    spec: TaskSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseTask(Intent):
    """Stop every process of the task's agent until it is resumed."""

    task: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeTask(Intent):
    """Let a paused agent go on."""

    task: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseAll(Intent):
    """Pause every running agent and dispatch nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeAll(Intent):
    """Undo `PauseAll`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StopTask(Intent):
    """End the task's agent; its work is kept and the task fails."""

    task: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryTask(Intent):
    """Queue a failed, dropped or conflicting task again, optionally with a note for the agent."""

    task: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DropTask(Intent):
    """Take the task out of the run; its work is kept under refs/aurora, its locks are released."""

    task: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPriority(Intent):
    """Higher runs first."""

    task: str
    priority: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveTask(Intent):
    """Move a queued task by `by_places` (negative: towards the front)."""

    task: str
    by_places: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SetWorkers(Intent):
    """Change the size of the pool; shrinking drains. With `auto` it follows the machine, beginning with that size (0:
    with the one it has)."""

    workers: int
    auto: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SettleCollision(Intent):
    """Rule on a frozen worker: `wait` for the holder, `allow` both to edit, `take` the lock, or `stop` the task."""

    task: str
    ruling: Literal["wait", "allow", "take", "stop"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseLock(Intent):
    """Take one pattern away from its holder by hand."""

    task: str
    pattern: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOverLock(Intent):
    """Give one lock of `task` to the task `to`."""

    task: str
    pattern: str
    to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NarrowLock(Intent):
    """Replace one lock of `task` by a pattern that lies within it."""

    task: str
    pattern: str
    narrower: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageTask(Intent):
    """Tell a task's agent something: a working one is ended, its work is kept, and the next attempt goes on from it
    with the text in its prompt; otherwise the next attempt reads it."""

    task: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolveConflict(Intent):
    """Settle a conflict: `landed` keeps the landed side, `branch` the task's, `union` both; `commit` is a merge made
    by hand (with `how` = `edit`)."""

    task: str
    how: Literal["landed", "branch", "union", "edit"]
    commit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskMergeAgent(Intent):
    """Let the merge agent propose how a conflict is settled."""

    task: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AmendContract(Intent):
    """Let the branch of `task` change the frozen `contract`: when it lands, the contract has a new version."""

    contract: str
    task: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectBreach(Intent):
    """Send `task`, whose branch changes the frozen `contract`, back to its agent, with the diff and a note."""

    contract: str
    task: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoLanding(Intent):
    """Take the last landing back; when `commit` is given, only if that is the one."""

    commit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shutdown(Intent):
    """End the engine: `stop` the agents (their work is kept), or `detach` and let them live."""

    mode: Literal["stop", "detach"]
