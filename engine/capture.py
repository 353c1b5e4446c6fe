"""Keep what an attempt left: commit it on its branch and hold it under refs/aurora."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.checkout import Checkout, Status, checkout_at
from engine.errors import RepoError
from engine.repo import Repo, owner_of

SUBMODULE_MODE = "160000"


@dataclass(frozen=True, slots=True)
class Captured:
    """`commit` holds all the attempt left. `unfinished` names the git operation the agent did not finish: then the
    content is kept, but it may hold conflict markers and must not be merged. `warnings` are sentences for the story."""

    commit: str
    paths: tuple[str, ...]
    added: int
    removed: int
    unfinished: str = ""
    warnings: tuple[str, ...] = ()


def capture(
    worktree: Path, *, branch: str, base: str, keep_ref: str, message: str, trailers: Mapping[str, str]
) -> Captured:
    """Commit what is left in the worktree, move the branch to it, keep it under `keep_ref`.

    Safe to repeat. Hooks do not run and nothing is signed. RepoError when something cannot be read; the files are
    left as they are. Commits an agent made elsewhere (on a branch of its own, on a detached HEAD) are taken over by
    `branch`.
    """
    ref = f"refs/heads/{branch}"
    if not worktree.is_dir():
        _keep_what_is_committed(worktree, ref, keep_ref)
    checkout = checkout_at(worktree)
    checkout.clear_dead_locks()
    text = _with_trailers(message, trailers)
    status = checkout.status()
    warnings = _warnings(checkout, status)
    unfinished = checkout.operation() or ("conflict" if status.unmerged else "")
    if unfinished:
        commit, _ = checkout.photograph(text)
    else:
        warnings += _take_over(checkout, ref, status)
        commit = _commit(checkout, ref, status, text, base)
    checkout.repo.keep(keep_ref, commit)
    warnings += _pointers(checkout.repo, base, commit)
    paths = checkout.repo.changed_paths(base, commit)
    return Captured(commit, paths, *checkout.repo.numstat(base, commit), unfinished, warnings)


def _keep_what_is_committed(worktree: Path, ref: str, keep_ref: str) -> None:
    repo = owner_of(worktree.parent)
    tip = None if repo is None else repo.find(ref)
    if repo is not None and tip is not None:
        repo.keep(keep_ref, tip)
    raise RepoError(
        f"the worktree {worktree} was deleted; what was not committed in it is gone",
        f"what was committed is kept as {keep_ref}" if tip else None,
    )


def _with_trailers(message: str, trailers: Mapping[str, str]) -> str:
    lines = "\n".join(f"{key}: {value}" for key, value in trailers.items())
    return f"{message.strip() or 'Work of an agent'}\n\n{lines}\n" if lines else message


def _take_over(checkout: Checkout, ref: str, status: Status) -> tuple[str, ...]:
    """Make HEAD be on `ref` at the commit HEAD is at now; says so when commits of the branch are left aside."""
    repo, on = checkout.repo, checkout.branch()
    if on == ref:
        return ()
    head, tip = checkout.head(), repo.find(ref)
    if head is None or head == tip:
        checkout.attach(ref)
        return ()
    if tip is not None and status.clean and repo.is_ancestor(head, tip):
        checkout.git("checkout", "-q", "--no-overwrite-ignore", "--detach", tip)
        checkout.attach(ref)
        return (f"the agent left an older commit checked out; the newest one of {_short(ref)} is used",)
    warning: tuple[str, ...] = ()
    if tip is not None and not repo.is_ancestor(tip, head):
        warning = (f"the agent left {_short(ref)} for other commits; what was on it is kept as {repo.rescue(tip)}",)
    if not repo.move_ref(ref, head, tip, "aurora: capture"):
        raise RepoError(f"the branch {_short(ref)} moved meanwhile", "it is tried again")
    checkout.attach(ref)
    return warning


def _commit(checkout: Checkout, ref: str, status: Status, message: str, base: str) -> str:
    """HEAD's commit, or a new one on the branch if something is not in it."""
    repo, head = checkout.repo, checkout.head()
    if head is not None and status.clean:
        return head
    tree = checkout.stage_all(status.embedded)
    if head is not None and tree == repo.tree_of(head):
        return head
    commit = repo.commit_tree(tree, [head or base], message)
    if not repo.move_ref(ref, commit, head, "aurora: capture"):
        raise RepoError(f"the branch {_short(ref)} moved meanwhile", "it is tried again")
    return commit


def _warnings(checkout: Checkout, status: Status) -> tuple[str, ...]:
    inner = [
        f"{path} is a git repository of its own: it is not part of the commit, and is left in {checkout.path}"
        for path in status.embedded
    ]
    dirty = [f"changes inside the submodule {path} are not part of the commit" for path in status.submodules]
    return (*inner, *dirty)


def _pointers(repo: Repo, base: str, commit: str) -> tuple[str, ...]:
    """Warn of commits of other repositories the attempt points at: their content is not here."""
    rows = repo.git("diff-tree", "-r", "-z", "--no-renames", base, commit).out.split(b"\0")
    changed = [(info.decode().split(), path) for info, path in zip(rows[::2], rows[1::2], strict=False)]
    return tuple(
        f"{os.fsdecode(path)} only points at commit {info[3][:9]} of another repository"
        for info, path in changed
        if info[1] == SUBMODULE_MODE
    )


def _short(ref: str) -> str:
    return ref.removeprefix("refs/heads/")
