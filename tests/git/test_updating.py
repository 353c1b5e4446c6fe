"""Landed work brought into a frozen worktree: all of it, or not a byte."""

from __future__ import annotations

from pathlib import Path

import pytest
from git_lab import Lab, photograph, shell_git

from engine.errors import RepoError
from engine.updating import MergeResult


def worktree(lab: Lab) -> Path:
    return lab.worktrees.prepare("w1", "feat/a", lab.at("main"), new_branch=True)


def update(lab: Lab, path: Path, onto: str) -> MergeResult:
    return lab.worktrees.merge_into(path, lab.at("feat/a"), onto, "Merge landed work")


def refused(lab: Lab, path: Path, onto: str) -> tuple[str, ...]:
    """Update; it must be refused and leave files, index, HEAD and branch alone."""
    before, head = photograph(path, git_index=path), lab.at("feat/a")
    result = update(lab, path, onto)
    assert photograph(path, git_index=path) == before
    assert lab.at("feat/a") == head == result.commit
    assert shell_git(path, "symbolic-ref", "HEAD") == "refs/heads/feat/a"
    return result.conflicts


def test_landed_work_arrives_and_own_work_is_committed(lab: Lab) -> None:
    path = worktree(lab)
    lab.commit({"done.txt": "d\n"}, where=path)
    lab.write({"new.txt": "n\n", "dir/b.txt": "mine\n", "cache.ign": "i"}, path)
    onto = lab.commit({"a.txt": "landed\n", "landed.txt": "l\n"})
    result = update(lab, path, onto)
    assert result.conflicts == ()
    assert result.commit == lab.at("feat/a")
    assert (path / "a.txt").read_text() == "landed\n"
    assert (path / "dir/b.txt").read_text() == "mine\n"
    assert shell_git(path, "status", "--porcelain") == ""
    assert lab.worktrees.touched(path, onto) == ("dir/b.txt", "done.txt", "new.txt")
    assert update(lab, path, onto) == MergeResult(result.commit)


def test_a_clean_worktree_just_merges(lab: Lab) -> None:
    path = worktree(lab)
    onto = lab.commit({"a.txt": "landed\n"})
    assert update(lab, path, onto).conflicts == ()
    assert (path / "a.txt").read_text() == "landed\n"


def test_uncommitted_conflicts_leave_everything(lab: Lab) -> None:
    path = worktree(lab)
    lab.write({"a.txt": "mine\n", "staged.txt": "s\n", "loose.txt": "l\n"}, path)
    shell_git(path, "add", "staged.txt")
    assert refused(lab, path, lab.commit({"a.txt": "landed\n"})) == ("a.txt",)


def test_committed_conflicts_leave_everything(lab: Lab) -> None:
    path = worktree(lab)
    lab.commit({"a.txt": "mine\n"}, where=path)
    lab.write({"loose.txt": "l\n"}, path)
    assert refused(lab, path, lab.commit({"a.txt": "landed\n"})) == ("a.txt",)


def test_an_ignored_file_in_the_way_leaves_everything(lab: Lab) -> None:
    path = worktree(lab)
    lab.write({"cache.ign": "mine\n", "loose.txt": "l\n"}, path)
    lab.write({"cache.ign": "landed\n"})
    lab.git("add", "-f", "cache.ign")
    assert refused(lab, path, lab.commit({"x.txt": "x\n"})) == ("cache.ign",)


@pytest.mark.parametrize("what", ["operation", "lock", "unmerged"])
def test_in_the_middle_of_something_it_is_refused(lab: Lab, what: str) -> None:
    path = worktree(lab)
    private = lab.root / ".git/worktrees/w1"
    if what == "lock":
        (private / "index.lock").touch()
    elif what == "unmerged":
        lab.write({"a.txt": "stashed\n"}, path)
        shell_git(path, "stash", "-q")
        lab.commit({"a.txt": "committed\n"}, where=path)
        shell_git(path, "stash", "pop", check=False)
    else:
        (private / "CHERRY_PICK_HEAD").write_text(lab.at("main") + "\n")
    onto, before = lab.commit({"x.txt": "x\n"}), photograph(path, git_index=path)
    with pytest.raises(RepoError, match=r"in .*w1"):
        update(lab, path, onto)
    assert photograph(path, git_index=path) == before
