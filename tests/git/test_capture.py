"""Capture: whatever an agent left, it is kept, and the branch holds it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from git_lab import Lab, photograph, shell_git

from engine.capture import Captured, capture
from engine.errors import RepoError

KEEP = "refs/aurora/r1/a/1"


def start(lab: Lab) -> Path:
    return lab.worktrees.prepare("w1", "feat/a", lab.at("main"), new_branch=True)


def take(lab: Lab, path: Path, base: str = "main", keep: str = KEEP) -> Captured:
    trailers = {"Aurora-Task": "a", "Aurora-Run": "r1"}
    return capture(path, branch="feat/a", base=lab.at(base), keep_ref=keep, message="Add things", trailers=trailers)


def kept(lab: Lab, ref: str = KEEP) -> str:
    """The kept commit; every capture also leaves a clean worktree on its branch unless something is unfinished."""
    return lab.at(ref)


def test_leftovers_are_committed_on_the_branch_with_trailers(lab: Lab) -> None:
    path = start(lab)
    lab.write({"a.txt": "one\ntwo\n", "new.txt": "n\n", "skip.ign": "i", "dir/b.txt": None}, path)
    before = photograph(lab.root, git_index=lab.root)
    got = take(lab, path)
    assert got.commit == lab.at("feat/a") == kept(lab)
    assert got.paths == ("a.txt", "dir/b.txt", "new.txt")
    assert (got.added, got.removed) == (3, 11)
    assert (got.unfinished, got.warnings) == ("", ())
    words = lab.git("log", "-1", "--format=%s|%an <%ae>|%(trailers:separator=%x2C)", "feat/a")
    assert words == "Add things|Ada <ada@example.org>|Aurora-Task: a,Aurora-Run: r1"
    assert shell_git(path, "status", "--porcelain") == ""
    assert photograph(lab.root, git_index=lab.root) == before


def test_nothing_left_makes_no_commit(lab: Lab) -> None:
    path = start(lab)
    done = lab.commit({"x.txt": "x\n"}, where=path)
    for _ in range(2):
        assert take(lab, path).commit == done
    assert kept(lab) == done


def test_an_untouched_worktree_is_captured_too(lab: Lab) -> None:
    assert take(lab, start(lab)).paths == ()
    assert kept(lab) == lab.at("main")


def test_repeating_never_loses_what_was_kept(lab: Lab) -> None:
    path = start(lab)
    lab.write({"x.txt": "x\n"}, path)
    first = take(lab, path).commit
    shell_git(path, "reset", "-q", "--hard", "main")
    lab.write({"y.txt": "y\n"}, path)
    second = take(lab, path).commit
    assert kept(lab) == second != first
    assert first in lab.repo.refs("refs/aurora/rescue/").values()


NAMES = [
    b"with space.txt",
    b"new\nline.txt",
    b'tab\tquote".txt',
    "ünïcødé-☃.txt".encode(),
    b"-rf",
    b"--help",
    b"caf\xe9.txt",
    b":(top)magic",
    b"*.glob",
    b"\\back\\slash",
    b"sub dir/\xff\xfe",
    b"trailing ",
    b"#hash",
    b"!bang",
]


def test_every_kind_of_name_arrives(lab: Lab) -> None:
    path = start(lab)
    for number, name in enumerate(NAMES):
        file = path / os.fsdecode(name)
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"{number}\n")
    got = take(lab, path)
    assert {os.fsencode(name) for name in got.paths} == set(NAMES)
    assert set(got.paths) <= set(lab.repo.tracked_files(got.commit))
    assert shell_git(path, "status", "--porcelain") == ""


def test_symlinks_exec_bits_and_empty_folders(lab: Lab) -> None:
    path = start(lab)
    (path / "link").symlink_to("nowhere/at all")
    (path / "a.txt").chmod(0o755)
    (path / "empty/deep").mkdir(parents=True)
    (path / "pipe").parent.mkdir(exist_ok=True)
    os.mkfifo(path / "pipe")
    got = take(lab, path)
    assert got.paths == ("a.txt", "link")
    modes = lab.git("ls-tree", "feat/a", "a.txt", "link")
    assert modes.startswith("100755")
    assert "\n120000" in modes


def test_the_agents_own_branch_is_taken_over_and_not_moved(lab: Lab) -> None:
    path = start(lab)
    shell_git(path, "checkout", "-q", "-b", "agents-idea")
    done = lab.commit({"x.txt": "x\n"}, where=path)
    lab.write({"y.txt": "y\n"}, path)
    got = take(lab, path)
    assert lab.at("agents-idea") == done
    assert lab.at("feat/a") == got.commit
    assert got.paths == ("x.txt", "y.txt")
    assert shell_git(path, "symbolic-ref", "HEAD") == "refs/heads/feat/a"


def test_a_detached_head_is_taken_over(lab: Lab) -> None:
    path = start(lab)
    shell_git(path, "checkout", "-q", "--detach")
    done = lab.commit({"x.txt": "x\n"}, where=path)
    assert take(lab, path).commit == done == lab.at("feat/a")


def test_an_older_commit_left_checked_out_does_not_hide_newer_work(lab: Lab) -> None:
    path = start(lab)
    lab.commit({"x.txt": "x\n"}, where=path)
    newest = lab.commit({"y.txt": "y\n"}, where=path)
    shell_git(path, "checkout", "-q", "HEAD~1")
    got = take(lab, path)
    assert got.commit == newest == lab.at("feat/a")
    assert len(got.warnings) == 1
    assert (path / "y.txt").exists()


def test_work_left_for_other_commits_is_rescued(lab: Lab) -> None:
    path = start(lab)
    left = lab.commit({"x.txt": "x\n"}, where=path)
    shell_git(path, "checkout", "-q", "--detach", "main")
    lab.write({"y.txt": "y\n"}, path)
    got = take(lab, path)
    assert got.paths == ("y.txt",)
    assert left in lab.repo.refs("refs/aurora/rescue/").values()
    assert "feat/a" in got.warnings[0]


def test_an_orphan_branch_is_captured(lab: Lab) -> None:
    path = start(lab)
    shell_git(path, "checkout", "-q", "--orphan", "fresh")
    lab.write({"x.txt": "x\n"}, path)
    got = take(lab, path)
    assert got.paths == ("x.txt",)
    assert shell_git(path, "symbolic-ref", "HEAD") == "refs/heads/feat/a"


@pytest.mark.parametrize("operation", ["rebase", "merge", "cherry-pick", "revert"])
def test_an_unfinished_operation_is_kept_and_named(lab: Lab, operation: str) -> None:
    landed = lab.commit({"a.txt": "landed\n"})
    path = lab.worktrees.prepare("w1", "feat/a", lab.at("main~1"), new_branch=True)
    lab.commit({"a.txt": "agent\n"}, where=path)
    mine = lab.commit({"a.txt": "agent again\n"}, where=path)
    shell_git(path, operation, "HEAD~1" if operation == "revert" else landed, check=False)
    lab.write({"extra.txt": "extra\n"}, path)
    before = photograph(path, git_index=path)
    got = take(lab, path, base="main~1")
    assert got.unfinished == operation
    assert lab.files(got.commit)["extra.txt"] == "extra"
    assert "<<<<<<<" in lab.files(got.commit)["a.txt"]
    assert kept(lab) == got.commit
    assert photograph(path, git_index=path) == before
    assert lab.at("feat/a") == mine


def test_conflict_markers_of_a_stash_are_unfinished(lab: Lab) -> None:
    path = start(lab)
    lab.write({"a.txt": "stashed\n"}, path)
    shell_git(path, "stash", "-q")
    lab.commit({"a.txt": "committed\n"}, where=path)
    shell_git(path, "stash", "pop", check=False)
    assert take(lab, path).unfinished == "conflict"


def test_nested_repositories_are_reported_and_stay(lab: Lab) -> None:
    path = start(lab)
    for name in ("inner", "deep/other"):
        (path / name).mkdir(parents=True)
        shell_git(path / name, "init", "-q")
    lab.commit({"i.txt": "i\n"}, where=path / "inner")
    lab.write({"x.txt": "x\n", "deep/beside.txt": "b\n"}, path)
    got = take(lab, path)
    assert got.paths == ("deep/beside.txt", "x.txt")
    assert [warning.split(" ")[0] for warning in got.warnings] == ["deep/other", "inner"]
    assert (path / "inner" / "i.txt").exists()


def test_a_pointer_to_another_repository_is_reported(lab: Lab) -> None:
    path = start(lab)
    (path / "inner").mkdir()
    shell_git(path / "inner", "init", "-q")
    lab.commit({"i.txt": "i\n"}, where=path / "inner")
    shell_git(path, "add", "inner")
    got = take(lab, path)
    assert got.paths == ("inner",)
    assert "inner only points at commit" in got.warnings[-1]


def test_git_init_in_a_tracked_folder_changes_nothing(lab: Lab) -> None:
    path = start(lab)
    shell_git(path / "dir", "init", "-q")
    lab.write({"dir/b.txt": "changed\n", "dir/c.txt": "c\n"}, path)
    assert take(lab, path).paths == ("dir/b.txt", "dir/c.txt")


def test_a_submodules_dirt_is_reported(lab: Lab, tmp_path: Path) -> None:
    other = Lab(tmp_path / "library")
    other.root.mkdir()
    other.git("init", "-q")
    other.commit({"lib.txt": "l\n"})
    lab.git("submodule", "--quiet", "add", str(other.root), "lib")
    lab.git("commit", "-qm", "library")
    path = start(lab)
    assert take(lab, path).warnings == ()
    shell_git(path, "submodule", "--quiet", "update", "--init")
    lab.git("config", "submodule.lib.ignore", "all")
    lab.write({"lib/lib.txt": "dirty\n", "x.txt": "x\n"}, path)
    got = take(lab, path)
    assert got.paths == ("x.txt",)
    assert "inside the submodule lib" in got.warnings[0]
    with pytest.raises(RepoError, match="submodules"):
        lab.worktrees.remove("w1")


def test_hooks_signing_and_templates_stay_out(lab: Lab) -> None:
    path = start(lab)
    hooks = lab.root / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("pre-commit", "commit-msg", "post-commit", "reference-transaction", "post-checkout"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {lab.root}/ran-{name}\nexit 1\n")
        (hooks / name).chmod(0o755)
    for setting in ("commit.gpgSign", "tag.gpgSign", "core.safecrlf", "status.showUntrackedFiles"):
        lab.git("config", setting, "no" if "show" in setting else "true")
    lab.git("config", "core.autocrlf", "input")
    lab.write({"x.txt": "x\r\n"}, path)
    assert take(lab, path).paths == ("x.txt",)
    assert not list(lab.root.glob("ran-*"))


def test_without_an_identity_aurora_signs(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    path = start(lab)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    lab.write({"x.txt": "x\n"}, path)
    commit = take(lab, path).commit
    assert lab.git("log", "-1", "--format=%an <%ae> %cn <%ce>", commit) == (
        "Aurora <aurora@localhost> Aurora <aurora@localhost>"
    )


def test_filters_run(lab: Lab) -> None:
    lab.git("config", "filter.loud.clean", "tr a-z A-Z")
    lab.git("config", "filter.loud.smudge", "tr A-Z a-z")
    lab.commit({".gitattributes": "*.loud filter=loud\n"})
    path = start(lab)
    lab.write({"x.loud": "hello\n"}, path)
    assert lab.files(take(lab, path).commit)["x.loud"] == "HELLO"


def test_a_broken_git_link_does_not_redirect_the_commit(lab: Lab, tmp_path: Path) -> None:
    shell_git(tmp_path, "init", "-q")
    lab.commit({}, where=tmp_path)
    outside = shell_git(tmp_path, "rev-parse", "HEAD")
    path = start(lab)
    (path / ".git").unlink()
    lab.write({"x.txt": "x\n"}, path)
    assert take(lab, path).paths == ("x.txt",)
    assert shell_git(tmp_path, "rev-parse", "HEAD") == outside


def test_locks_of_a_killed_git_do_not_stop_it(lab: Lab) -> None:
    path = start(lab)
    (lab.root / ".git/worktrees/w1/index.lock").touch()
    (lab.root / ".git/refs/heads/feat/a.lock").touch()
    lab.write({"x.txt": "x\n"}, path)
    assert take(lab, path).paths == ("x.txt",)


def test_a_deleted_worktree_keeps_what_was_committed(lab: Lab) -> None:
    path = start(lab)
    done = lab.commit({"x.txt": "x\n"}, where=path)
    subprocess.run(["rm", "-rf", str(path)], check=True)
    with pytest.raises(RepoError, match="was deleted") as caught:
        take(lab, path)
    assert kept(lab) == done
    assert KEEP in (caught.value.hint or "")


def test_a_file_git_cannot_store_stops_the_capture(lab: Lab) -> None:
    lab.git("config", "filter.broken.clean", "false")
    lab.git("config", "filter.broken.required", "true")
    lab.commit({".gitattributes": "*.broken filter=broken\n"})
    path = start(lab)
    lab.write({"x.broken": "precious\n"}, path)
    with pytest.raises(RepoError, match=r"x\.broken"):
        take(lab, path)
    with pytest.raises(RepoError, match=r"x\.broken"):
        lab.worktrees.prepare("w1", "feat/b", lab.at("main"), new_branch=True)
    assert (path / "x.broken").read_text() == "precious\n"


def test_a_foreign_folder_is_no_worktree(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "w9").mkdir()
    with pytest.raises(RepoError, match="not one of Aurora's worktrees"):
        take(lab, tmp_path / "w9")
