"""`aurora clean`: remove the worktrees and branches Aurora made and no longer needs. Refs under refs/aurora stay."""

from __future__ import annotations

from contextlib import suppress

from engine.errors import AuroraError, EngineError
from engine.machine import Machine
from engine.repo import Repo
from engine.session import EngineLock, finished, journal_of, replay, worktrees_of


def clean(repo: Repo, force: bool = False) -> list[str]:
    """Remove the pool's worktrees, and branches whose work landed or is kept; what was removed, one line each.

    Only what the journal says Aurora made. EngineError while an engine runs, or (without `force`) while the last run is
    not finished.
    """
    lock = EngineLock(repo.aurora_dir)
    journal = journal_of(repo)
    try:
        machines = [replay(repo, journal, run) for run in journal.runs()]
        if not machines:
            return []
        if not force and not finished(machines[-1].state):
            raise EngineError(
                "the last run is not finished", "`aurora run` goes on with it; `aurora clean --force` cleans anyway"
            )
        return [*_worktrees(repo, machines[-1]), *_branches(repo, machines)]
    finally:
        journal.close()
        lock.release()


def _worktrees(repo: Repo, machine: Machine) -> list[str]:
    worktrees = worktrees_of(repo, machine.state.plan)
    removed = []
    for name in worktrees.names():
        path = worktrees.path(name)
        worktrees.remove(name)
        removed.append(f"worktree {path}")
    return removed


def _branches(repo: Repo, machines: list[Machine]) -> list[str]:
    """Branches of tasks whose newest commit is kept under refs/aurora or is in the target."""
    made = {r.branch for machine in machines for r in machine.state.tasks.values() if r.branch_made}
    kept = frozenset(repo.refs("refs/aurora/").values())
    target = f"refs/heads/{machines[-1].state.plan.settings.target}"
    removed = []
    for name, commit in repo.refs("refs/heads/").items():
        branch = name.removeprefix("refs/heads/")
        if branch in made and name != target and (commit in kept or repo.is_ancestor(commit, target)):
            with suppress(AuroraError):
                repo.git("update-ref", "-d", name, commit)
                removed.append(f"branch {branch}")
    return removed
