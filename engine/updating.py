"""Bring landed work into a worktree whose agent is paused, or leave everything exactly as it was."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from engine.checkout import Checkout, Status
from engine.errors import GitError, RepoError
from engine.merging import merge

FAST_FORWARD = (
    "merge",
    "--ff-only",
    "--no-overwrite-ignore",
    "--no-autostash",
    "--no-squash",
    "--no-verify-signatures",
    "--no-stat",
    "-q",
)


@dataclass(frozen=True, slots=True)
class MergeResult:
    """`commit` is what the worktree is at afterwards; with `conflicts` (paths) nothing was changed."""

    commit: str
    conflicts: tuple[str, ...] = ()


def merge_into(checkout: Checkout, base: str, onto: str, message: str) -> MergeResult:
    """Commit what lies in the worktree and merge `onto` into it. RepoError (nothing changed) when git is in the
    middle of something there. `base` is what the attempt's changes are measured from."""
    head = _ready(checkout)
    repo = checkout.repo
    if base == onto or repo.is_ancestor(onto, head):
        return MergeResult(head)
    work, status = checkout.photograph(f"Work in progress\n\n{message}")
    merged = merge(repo, work, onto)
    if merged.tree is None:
        return MergeResult(head, merged.conflicts)
    commit = repo.commit_tree(merged.tree, [work, onto], message)
    refused = _switch(checkout, status, head, work, commit)
    return MergeResult(head if refused else commit, refused)


def _ready(checkout: Checkout) -> str:
    if operation := checkout.operation():
        raise RepoError(f"a {operation} is unfinished in {checkout.path}", "let the agent finish it")
    if (checkout.git_dir / "index.lock").exists():
        raise RepoError(f"a git command is at work in {checkout.path}", "let the agent finish it")
    head = checkout.head()
    if head is None:
        raise RepoError(f"{checkout.path} is on a branch without a commit")
    if checkout.status().unmerged:
        raise RepoError(f"there are unmerged files in {checkout.path}", "let the agent finish the merge")
    return head


def _switch(checkout: Checkout, status: Status, head: str, work: str, commit: str) -> tuple[str, ...]:
    """Move HEAD, index and files from `head` to `commit`; back again, naming paths, when git refuses."""
    with checkout.spare_index() as before:
        try:
            if work != head:
                checkout.stage_all(status.embedded)
                _move(checkout, work, head)
            checkout.git(*FAST_FORWARD, commit)
        except RepoError as error:
            _put_back(checkout, before, head)
            words = paths_in(error.stderr) if isinstance(error, GitError) else []
            return tuple(words) or (str(error),)
    return ()


def _move(checkout: Checkout, new: str, old: str) -> None:
    env = {"GIT_DIR": checkout.git_dir}
    checkout.repo.git("update-ref", "-m", "aurora: work in progress", "HEAD", new, old, env=env)


def _put_back(checkout: Checkout, index: Path, head: str) -> None:
    now = checkout.head()
    if now is not None and now != head:
        _move(checkout, head, now)
    if index.exists():
        spare = checkout.git_dir / "index.aurora"
        shutil.copy2(index, spare)
        os.replace(spare, checkout.git_dir / "index")


def paths_in(stderr: str) -> list[str]:
    """The paths git lists, indented by a tab, under a refusal."""
    return [line[1:] for line in stderr.splitlines() if line.startswith("\t")]
