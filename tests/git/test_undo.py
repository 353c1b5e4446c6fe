"""Taking a landing back: moved back when nothing builds on it, reverted otherwise, never over local work."""

from __future__ import annotations

from pathlib import Path

import pytest
from git_lab import Lab, photograph, shell_git

from engine.errors import RepoError
from engine.landing import LandingBlocked, TargetChanged, _move_back, land, undo


def landing(lab: Lab) -> tuple[str, str]:
    """Land a change of a.txt, a new file, and a deletion; (landing, previous)."""
    previous = lab.at("main")
    commit = lab.branch({"a.txt": "landed\n", "new.txt": "n\n", "dir/b.txt": None})
    land(lab.repo, "main", commit, previous)
    return commit, previous


def test_the_newest_landing_is_moved_back(lab: Lab) -> None:
    before = photograph(lab.root, git_index=lab.root)
    commit, previous = landing(lab)
    for _ in range(2):
        assert undo(lab.repo, "main", commit, previous) == (previous, False)
    assert lab.at("main") == previous
    assert photograph(lab.root, git_index=lab.root) == before
    assert lab.git("symbolic-ref", "HEAD") == "refs/heads/main"
    assert lab.git("status", "--porcelain") == ""


def test_without_a_checkout_only_the_ref_moves(lab: Lab) -> None:
    commit, previous = landing(lab)
    lab.git("checkout", "-q", "-b", "other")
    assert undo(lab.repo, "main", commit, previous) == (previous, False)
    assert (lab.root / "a.txt").read_text() == "landed\n"
    assert lab.at("other") == commit


def test_other_local_work_survives(lab: Lab) -> None:
    commit, previous = landing(lab)
    lab.write({".gitignore": "*.ign\nmore\n", "staged.txt": "s\n", "loose.txt": "l\n"})
    lab.git("add", "staged.txt")
    status = lab.git("status", "--porcelain")
    undo(lab.repo, "main", commit, previous)
    assert lab.git("status", "--porcelain") == status
    assert (lab.root / "dir/b.txt").read_text() == "b\n"


@pytest.mark.parametrize("obstacle", ["edited", "staged", "untracked", "ignored", "lock", "merge"])
def test_local_work_in_the_way_blocks_and_stays(lab: Lab, obstacle: str) -> None:
    commit, previous = landing(lab)
    if obstacle in ("edited", "staged"):
        lab.write({"a.txt": "mine\n"})
    if obstacle == "staged":
        lab.git("add", "a.txt")
    if obstacle in ("untracked", "ignored"):
        lab.write({"dir/b.txt": "mine\n"})
    if obstacle == "ignored":
        (lab.root / ".git" / "info").mkdir(exist_ok=True)
        (lab.root / ".git" / "info" / "exclude").write_text("dir/\n")
    if obstacle == "lock":
        (lab.root / ".git" / "index.lock").touch()
    if obstacle == "merge":
        (lab.root / ".git" / "MERGE_HEAD").write_text(f"{previous}\n")
    before = photograph(lab.root, git_index=lab.root)
    with pytest.raises(LandingBlocked):
        undo(lab.repo, "main", commit, previous)
    assert photograph(lab.root, git_index=lab.root) == before
    assert lab.at("main") == commit


def test_a_pushed_landing_is_reverted_by_a_commit(lab: Lab, tmp_path: Path) -> None:
    commit, previous = landing(lab)
    lab.git("init", "-q", "--bare", str(tmp_path / "remote"))
    lab.git("remote", "add", "origin", str(tmp_path / "remote"))
    lab.git("push", "-q", "origin", "main")
    now, reverted = undo(lab.repo, "main", commit, previous)
    assert reverted
    assert lab.at("main") == now
    assert lab.at(f"{now}^") == commit
    assert lab.at(f"{now}^{{tree}}") == lab.at(f"{previous}^{{tree}}")
    assert lab.git("status", "--porcelain") == ""
    assert f"reverts all that landed as {commit}" in lab.git("log", "-1", "--format=%B", now)


def test_later_work_stays_when_a_landing_is_reverted(lab: Lab) -> None:
    commit, previous = landing(lab)
    later = lab.commit({"later.txt": "l\n"})
    now, reverted = undo(lab.repo, "main", commit, previous)
    assert reverted
    assert lab.at(f"{now}^") == later
    assert set(lab.files(now)) == {".gitignore", "a.txt", "dir/b.txt", "later.txt"}
    with pytest.raises(RepoError, match="taken back already"):
        undo(lab.repo, "main", commit, previous)


def test_later_work_in_the_same_lines_refuses(lab: Lab) -> None:
    commit, previous = landing(lab)
    later = lab.commit({"a.txt": "landed and changed\n"})
    with pytest.raises(RepoError, match=r"later commits build on .*: a\.txt"):
        undo(lab.repo, "main", commit, previous)
    assert lab.at("main") == later
    assert lab.git("status", "--porcelain") == ""


def test_a_landing_that_is_not_there_any_more_is_told(lab: Lab) -> None:
    commit, previous = landing(lab)
    lab.git("reset", "-q", "--hard", previous)
    lab.commit({"other.txt": "o\n"})
    with pytest.raises(RepoError, match="not in main any more"):
        undo(lab.repo, "main", commit, previous)


def test_in_a_second_worktree(lab: Lab, tmp_path: Path) -> None:
    commit, previous = landing(lab)
    lab.git("checkout", "-q", "-b", "other")
    lab.git("worktree", "add", "-q", str(tmp_path / "two"), "main")
    undo(lab.repo, "main", commit, previous)
    assert (tmp_path / "two" / "dir/b.txt").exists()
    assert shell_git(tmp_path / "two", "status", "--porcelain") == ""


def test_a_commit_made_in_that_moment_is_put_back(lab: Lab) -> None:
    commit, previous = landing(lab)
    mine = lab.commit({"mine.txt": "m\n"})
    before = photograph(lab.root, git_index=lab.root)
    with pytest.raises(TargetChanged):
        _move_back(lab.repo, "main", commit, previous)
    assert lab.at("main") == mine
    assert photograph(lab.root, git_index=lab.root) == before


def test_target_changed_says_who_moved_it() -> None:
    assert TargetChanged("main", "0123456789abcdef").message == "main was moved to 012345678 by somebody else"
