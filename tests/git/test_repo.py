"""Opening and reading a repository; refs move by compare-and-swap only."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from git_lab import Lab

from engine import git as git_module
from engine.errors import GitError, RepoError
from engine.git import git, require_git
from engine.repo import Repo

# --- the git command ----------------------------------------------------------------------------------------------


def test_git_runs_without_inherited_surprises(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_EXTERNAL_DIFF", "GIT_CONFIG_COUNT"):
        monkeypatch.setenv(name, "/nowhere")
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    assert git("rev-parse", "--show-toplevel", cwd=lab.root).text == str(lab.root)
    with pytest.raises(GitError, match="Needed a single revision") as caught:
        git("rev-parse", "--verify", "nothing", cwd=lab.root)
    assert caught.value.code == 128
    assert "fatal:" in caught.value.stderr
    assert "fatal" not in caught.value.message


def test_a_git_that_takes_too_long_is_ended(lab: Lab) -> None:
    with pytest.raises(GitError, match="stopped after"):
        git("-c", "alias.wait=!exec sleep 60", "wait", cwd=lab.root, timeout=0.05)


def test_missing_folders_and_a_missing_git_are_told_apart(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RepoError, match="is gone"):
        git("status", cwd=tmp_path / "nowhere")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RepoError, match="not installed"):
        git("status", cwd=lab.root)


def test_an_old_git_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "git"
    old.write_text("#!/bin/sh\necho git version 2.34.1\n")
    old.chmod(0o755)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", str(tmp_path))
        git_module.git_version.cache_clear()
        with pytest.raises(RepoError, match=r"git 2\.34 is too old"):
            require_git()
    git_module.git_version.cache_clear()
    require_git()


# --- opening ------------------------------------------------------------------------------------------------------


def test_opening_from_a_folder_inside(lab: Lab) -> None:
    repo = Repo.open(lab.root / "dir")
    assert (repo.root, repo.git_dir) == (lab.root, lab.root / ".git")
    assert repo.current_branch() == "main"
    assert stat.S_IMODE(repo.aurora_dir.stat().st_mode) == 0o700
    assert lab.git("status", "--porcelain") == ""


def test_opening_a_linked_worktree_shares_the_git_folder(lab: Lab, tmp_path: Path) -> None:
    lab.git("worktree", "add", "-q", "-b", "two", str(tmp_path / "two"))
    repo = Repo.open(tmp_path / "two")
    assert (repo.root, repo.git_dir) == (tmp_path / "two", lab.root / ".git")
    assert repo.current_branch() == "two"


def test_what_cannot_be_opened_is_explained(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    with pytest.raises(RepoError, match="not in a git repository") as caught:
        Repo.open(tmp_path / "plain")
    assert caught.value.hint
    with pytest.raises(RepoError, match="there is no folder"):
        Repo.open(tmp_path / "nothing")
    with pytest.raises(RepoError, match="has no work tree"):
        Repo.open(lab.root / ".git")
    lab.git("init", "-q", "--bare", str(tmp_path / "bare"))
    with pytest.raises(RepoError, match="has no work tree"):
        Repo.open(tmp_path / "bare")
    lab.git("init", "-q", str(tmp_path / "empty"))
    with pytest.raises(RepoError, match="no commit yet"):
        Repo.open(tmp_path / "empty")


def test_a_detached_head_is_no_target(lab: Lab) -> None:
    lab.git("checkout", "-q", "--detach")
    with pytest.raises(RepoError, match="HEAD is detached"):
        lab.repo.current_branch()


def test_a_folder_with_a_difficult_name(tmp_path: Path) -> None:
    root = tmp_path / "with space\nand line ü"
    root.mkdir()
    lab = Lab(root)
    lab.git("init", "-q")
    start = lab.commit({"a.txt": "a\n"})
    path = lab.worktrees.prepare("w1", "feat/a", start, new_branch=True)
    assert lab.worktrees.prepare("w1", "feat/b", start, new_branch=True) == path
    assert lab.worktrees.names() == ("w1",)


# --- reading ------------------------------------------------------------------------------------------------------


@pytest.fixture(params=["with libgit2", "git alone"])
def repo(lab: Lab, request: pytest.FixtureRequest) -> Repo:
    """The laboratory's repository, once as libgit2 reads it and once where libgit2 cannot."""
    if request.param == "git alone":
        lab.git("config", "extensions.partialClone", "nowhere")
        lab.git("config", "core.repositoryFormatVersion", "1")
    opened = lab.repo
    assert opened.libgit2 == (request.param == "with libgit2")
    return opened


def test_points_are_read_alike(lab: Lab, repo: Repo) -> None:
    base, side = lab.at("main"), lab.branch({"x.txt": "x\n"}, name="side")
    main = lab.commit({"m.txt": "m\n"})
    assert repo.resolve("refs/heads/side") == repo.resolve("side") == repo.resolve(side) == side
    assert repo.tree_of(side) == lab.at("side^{tree}")
    assert repo.merge_base(side, main) == base
    assert repo.is_ancestor(base, side)
    assert repo.is_ancestor(side, side)
    assert not repo.is_ancestor(side, main)
    alone = repo.commit_tree(repo.tree_of(main), [], "alone")
    assert repo.merge_base(alone, main) is None
    for missing in ("refs/heads/nothing", "nothing", "0" * 39 + "1", "-x", "--all"):
        with pytest.raises(RepoError, match="there is no commit"):
            repo.resolve(missing)


def test_replaced_objects_are_left_to_git(lab: Lab) -> None:
    old, new = lab.at("main"), lab.commit({"x.txt": "x\n"})
    lab.git("replace", old, lab.git("commit-tree", f"{new}^{{tree}}", "-m", "other"))
    assert not lab.repo.libgit2
    assert lab.repo.tree_of(old) == lab.at(f"{new}^{{tree}}")


def test_listing_and_differences(lab: Lab) -> None:
    before = lab.at("main")
    names = ["b b.txt", 'q"\n.txt', "ü.txt"]
    if sys.platform != "darwin":
        names.append(os.fsdecode(b"\xe9.txt"))
    after = lab.commit({**dict.fromkeys(names, "one\ntwo\n"), "a.txt": None, "b.bin": b"\0\1"})
    repo = lab.repo
    assert set(repo.tracked_files(after)) == {".gitignore", "dir/b.txt", "b.bin", *names}
    assert repo.changed_paths(before, after) == tuple(sorted(["a.txt", "b.bin", *names], key=os.fsencode))
    assert repo.numstat(before, after) == (2 * len(names), 10)
    assert b"+one" in repo.diff_text(before, after)
    only = repo.diff_text(before, after, ["b b.txt", "-x"])
    assert only.count(b"diff --git") == 1
    assert repo.branches() == frozenset({"main"})


def test_a_renamed_file_counts_only_its_changed_lines(lab: Lab) -> None:
    before = lab.at("main")
    content = (lab.root / "a.txt").read_text()
    after = lab.commit({"a.txt": None, "renamed.txt": content + "more\n"})
    assert lab.repo.numstat(before, after) == (1, 0)
    assert lab.repo.changed_paths(before, after) == ("a.txt", "renamed.txt")


def test_settings_of_the_user_do_not_change_a_diff(lab: Lab) -> None:
    before, after = lab.at("main"), lab.commit({"a.txt": "x\n"})
    plain = lab.repo.diff_text(before, after)
    for name, value in (("diff.external", "false"), ("color.ui", "always"), ("diff.noprefix", "true")):
        lab.git("config", name, value)
    assert lab.repo.diff_text(before, after) == plain


# --- writing ------------------------------------------------------------------------------------------------------


def test_refs_move_only_from_where_they_were_seen(lab: Lab) -> None:
    repo, one, two = lab.repo, lab.at("main"), lab.commit({"x.txt": "x\n"})
    assert repo.move_ref("refs/heads/new", one, None)
    assert not repo.move_ref("refs/heads/new", two, None)
    assert not repo.move_ref("refs/heads/new", one, two)
    assert repo.move_ref("refs/heads/new", two, one)
    with pytest.raises(GitError):
        repo.move_ref("refs/heads/new/below", one, None)


def test_keeping_twice_never_loses(lab: Lab) -> None:
    repo, old = lab.repo, lab.branch({"x.txt": "x\n"})
    for commit in (old, old, lab.branch({"y.txt": "y\n"})):
        repo.keep("refs/aurora/r1/t/1", commit)
    assert repo.find("refs/aurora/r1/t/1") != old
    assert repo.refs("refs/aurora/rescue/") == {f"refs/aurora/rescue/{old}": old}
    newer = lab.branch({"z.txt": "z\n"}, start=repo.resolve("refs/aurora/r1/t/1"))
    repo.keep("refs/aurora/r1/t/1", newer)
    assert len(repo.refs("refs/aurora/rescue/")) == 1


def test_an_interrupt_of_the_terminal_does_not_reach_git(lab: Lab) -> None:
    asked = "-c", "alias.group=!ps -o pgid= -p $$ || cat /proc/$$/stat | cut -d' ' -f5", "group"
    assert int(git(*asked, cwd=lab.root).text) != os.getpgid(0)


def test_importing_the_repository_module_does_not_load_pygit2() -> None:
    code = "import sys, engine.landing, engine.capture, engine.worktrees; print('pygit2' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
