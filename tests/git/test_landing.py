"""Landing: the target moves, or everything in the user's checkout stays byte for byte as it is."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from git_lab import Lab, photograph, shell_git

from engine.errors import RepoError
from engine.landing import Home, LandingBlocked, TargetChanged, _checked_out_meanwhile, _forward, land, landed_proof


def landed(lab: Lab, new: str, old: str) -> None:
    land(lab.repo, "main", new, old)


def blocked(lab: Lab, new: str, match: str) -> LandingBlocked:
    """Try to land; it must be refused and change nothing at all, in the checkout, the index or the refs."""
    old, before, refs = lab.at("main"), photograph(lab.root, git_index=lab.root), lab.git("for-each-ref")
    head = (lab.root / ".git" / "HEAD").read_bytes()
    merging = (lab.root / ".git" / "MERGE_HEAD").exists()
    with pytest.raises(LandingBlocked, match=match) as caught:
        landed(lab, new, old)
    assert photograph(lab.root, git_index=lab.root) == before
    assert lab.git("for-each-ref") == refs
    assert (lab.root / ".git" / "HEAD").read_bytes() == head
    assert (lab.root / ".git" / "MERGE_HEAD").exists() == merging
    return caught.value


def test_a_checked_out_target_moves_with_its_files(lab: Lab) -> None:
    old, new = lab.at("main"), lab.branch({"a.txt": "landed\n", "n/new.txt": "n\n", "dir/b.txt": None})
    for _ in range(2):
        landed(lab, new, old)
    assert lab.at("main") == new
    assert (lab.root / "n" / "new.txt").read_text() == "n\n"
    assert not (lab.root / "dir").exists()
    assert lab.git("status", "--porcelain") == ""
    assert lab.git("log", "-g", "-1", "--format=%gs", "main").startswith("aurora: land")


def test_a_target_nobody_has_checked_out_just_moves(lab: Lab) -> None:
    old, new = lab.at("main"), lab.branch({"a.txt": "landed\n"})
    lab.git("checkout", "-q", "-b", "other")
    before = photograph(lab.root, git_index=lab.root)
    landed(lab, new, old)
    assert lab.at("main") == new
    assert photograph(lab.root, git_index=lab.root) == before


def test_other_local_work_survives_a_landing(lab: Lab) -> None:
    old, new = lab.at("main"), lab.branch({"a.txt": "landed\n"})
    lab.write({"staged.txt": "s\n", "dir/b.txt": "edited\n", "untracked.txt": "u\n", "x.ign": "i\n"})
    lab.git("add", "staged.txt")
    lab.git("add", "-N", "untracked.txt")
    status = lab.git("status", "--porcelain", "--ignored")
    landed(lab, new, old)
    assert lab.git("status", "--porcelain", "--ignored") == status
    assert (lab.root / "dir/b.txt").read_text() == "edited\n"
    assert (lab.root / "a.txt").read_text() == "landed\n"


def dirty_file(lab: Lab) -> None:
    lab.write({"a.txt": "mine\n"})


def staged_change(lab: Lab) -> None:
    lab.write({"a.txt": "mine\n"})
    lab.git("add", "a.txt")


def staged_then_edited(lab: Lab) -> None:
    staged_change(lab)
    lab.write({"a.txt": "mine, newer\n"})


def staged_deletion(lab: Lab) -> None:
    lab.git("rm", "-q", "--cached", "a.txt")


def untracked_file(lab: Lab) -> None:
    lab.write({"new.txt": "mine\n"})


def untracked_in_a_new_folder(lab: Lab) -> None:
    lab.write({"folder": "a file where a folder must be\n"})


def untracked_folder(lab: Lab) -> None:
    lab.write({"new.txt/inner.txt": "mine\n"})


def ignored_file(lab: Lab) -> None:
    lab.write({"cache.ign": "mine\n"})


def ignored_folder(lab: Lab) -> None:
    lab.write({"cache.ign/inner.txt": "mine\n"})


def ignored_by_the_user_alone(lab: Lab) -> None:
    (lab.root / ".git" / "info").mkdir(exist_ok=True)
    (lab.root / ".git" / "info" / "exclude").write_text("new.txt\n")
    lab.write({"new.txt": "mine\n"})


def staged_new_file(lab: Lab) -> None:
    lab.write({"new.txt": "mine\n"})
    lab.git("add", "new.txt")


def edited_where_landing_deletes(lab: Lab) -> None:
    lab.write({"dir/b.txt": "mine\n"})


def user_asked_for_autostash(lab: Lab) -> None:
    lab.git("config", "merge.autoStash", "true")
    dirty_file(lab)


IN_THE_WAY = [
    dirty_file,
    staged_change,
    staged_then_edited,
    staged_deletion,
    untracked_file,
    untracked_in_a_new_folder,
    untracked_folder,
    ignored_file,
    ignored_folder,
    ignored_by_the_user_alone,
    staged_new_file,
    edited_where_landing_deletes,
    user_asked_for_autostash,
]


@pytest.mark.parametrize("obstacle", IN_THE_WAY, ids=lambda obstacle: obstacle.__name__)
def test_nothing_of_the_users_is_overwritten(lab: Lab, obstacle: Callable[[Lab], None]) -> None:
    files = {"a.txt": "landed\n", "new.txt": "n\n", "folder/x": "x\n", "dir/b.txt": None}
    lab.git("checkout", "-q", "--detach")
    lab.write({"cache.ign": "landed\n"})
    lab.git("add", "-f", "cache.ign")
    new = lab.commit(files)
    lab.git("checkout", "-q", "main")
    obstacle(lab)
    error = blocked(lab, new, "in .*repo")
    assert "would be overwritten: " in error.message or error.message.endswith(("changes", "files"))


def test_the_reason_names_at_most_three_paths(lab: Lab) -> None:
    names = [f"n{number}.txt" for number in range(5)]
    new = lab.branch(dict.fromkeys(names, "landed\n"))
    lab.write(dict.fromkeys(names, "mine\n"))
    error = blocked(lab, new, "untracked files in .* would be overwritten: n0.txt, n1.txt, n2.txt and 2 more")
    assert error.hint


def test_a_running_git_command_blocks(lab: Lab) -> None:
    new = lab.branch({"a.txt": "landed\n"})
    (lab.root / ".git" / "index.lock").touch()
    blocked(lab, new, "another git command is at work")


@pytest.mark.parametrize("operation", ["rebase", "merge", "cherry-pick", "revert"])
def test_an_unfinished_operation_blocks(lab: Lab, operation: str) -> None:
    new_file = lab.branch({"a.txt": "landed\n"})
    side = lab.branch({"dir/b.txt": "side\n"}, name="side")
    first = lab.commit({"dir/b.txt": "main\n"})
    lab.commit({"dir/b.txt": "again\n"})
    lab.git(operation, first if operation == "revert" else side, check=False)
    merged = lab.git("commit-tree", f"{new_file}^{{tree}}", "-p", "main", "-m", "new")
    blocked(lab, merged, f"a {operation} is unfinished")


def test_a_target_moved_meanwhile_is_told(lab: Lab) -> None:
    old, new = lab.at("main"), lab.branch({"a.txt": "landed\n"})
    moved = lab.commit({"m.txt": "m\n"})
    with pytest.raises(TargetChanged) as caught:
        landed(lab, new, old)
    assert caught.value.commit == moved == lab.at("main")


def test_a_target_that_is_gone_blocks(lab: Lab) -> None:
    old, new = lab.at("main"), lab.branch({"a.txt": "landed\n"})
    lab.git("checkout", "-q", "-b", "other")
    lab.git("branch", "-qD", "main")
    with pytest.raises(LandingBlocked, match="is gone"):
        landed(lab, new, old)


def test_only_a_descendant_lands(lab: Lab) -> None:
    other, old = lab.branch({"a.txt": "other\n"}), lab.commit({"m.txt": "m\n"})
    with pytest.raises(RepoError, match="would lose work"):
        landed(lab, other, old)
    assert lab.at("main") == old


def test_the_target_in_a_second_worktree_moves_there(lab: Lab, tmp_path: Path) -> None:
    old, new = lab.at("main"), lab.branch({"a.txt": "landed\n"})
    lab.git("checkout", "-q", "-b", "other")
    second = tmp_path / "second tree"
    lab.git("worktree", "add", "-q", str(second), "main")
    before = photograph(lab.root, git_index=lab.root)
    (second / "a.txt").write_text("mine\n")
    with pytest.raises(LandingBlocked, match=r"second tree would be overwritten: a\.txt"):
        landed(lab, new, old)
    assert (second / "a.txt").read_text() == "mine\n"
    shell_git(second, "checkout", "-q", "a.txt")
    landed(lab, new, old)
    assert (second / "a.txt").read_text() == "landed\n"
    assert shell_git(second, "status", "--porcelain") == ""
    assert photograph(lab.root, git_index=lab.root) == before


def test_the_target_in_two_worktrees_or_a_missing_one_blocks(lab: Lab, tmp_path: Path) -> None:
    old, new = lab.at("main"), lab.branch({"a.txt": "landed\n"})
    lab.git("worktree", "add", "-q", "-f", str(tmp_path / "two"), "main")
    blocked(lab, new, "checked out in .* and ")
    lab.git("checkout", "-q", "-b", "other")
    os.rename(tmp_path / "two", tmp_path / "unmounted")
    with pytest.raises(LandingBlocked, match="is gone"):
        landed(lab, new, old)


def test_opened_in_a_linked_worktree_the_main_one_is_seen(lab: Lab, tmp_path: Path) -> None:
    old, new = lab.at("main"), lab.branch({"a.txt": "landed\n"})
    lab.git("worktree", "add", "-q", "-b", "other", str(tmp_path / "two"))
    land(Lab(tmp_path / "two").repo, "main", new, old)
    assert (lab.root / "a.txt").read_text() == "landed\n"
    assert lab.git("status", "--porcelain") == ""


def test_a_checkout_that_switched_in_that_moment_gets_its_branch_back(lab: Lab) -> None:
    old, new = lab.at("main"), lab.branch({"a.txt": "landed\n"})
    home = Home(lab.root / ".git", lab.root)
    for words in (("switch", "-q", "-c", "foo"), ("switch", "-q", "--detach")):
        lab.git(*words)
        lab.write({"dir/b.txt": "mine\n"})
        before = photograph(lab.root, git_index=lab.root)
        head = (lab.root / ".git" / "HEAD").read_bytes()
        with pytest.raises(LandingBlocked, match="changed branches"):
            _forward(lab.repo, home, "main", new, old)
        assert photograph(lab.root, git_index=lab.root) == before
        assert (lab.root / ".git" / "HEAD").read_bytes() == head
        assert lab.at("main") == lab.at("foo") == old
        lab.git("checkout", "-q", "dir/b.txt")


def test_a_checkout_made_in_that_moment_gets_files_and_ref_together(lab: Lab) -> None:
    old, new = lab.at("main"), lab.branch({"a.txt": "landed\n"})
    lab.git("update-ref", "refs/heads/main", new)
    assert _checked_out_meanwhile(lab.repo, "refs/heads/main", new, old)
    assert lab.at("main") == old
    assert lab.git("status", "--porcelain") == ""
    lab.git("reset", "-q", "--hard", new)
    assert not _checked_out_meanwhile(lab.repo, "refs/heads/main", new, old)
    assert lab.at("main") == new


def test_hooks_and_merge_options_stay_out(lab: Lab) -> None:
    old, new = lab.at("main"), lab.branch({"a.txt": "landed\n"})
    lab.git("config", "branch.main.mergeOptions", "--squash --no-ff --verify-signatures")
    hooks = lab.root / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("post-merge", "reference-transaction", "pre-merge-commit"):
        (hooks / name).write_text("#!/bin/sh\nexit 1\n")
        (hooks / name).chmod(0o755)
    lab.git("config", "branch.main.mergeOptions", "--squash --verify-signatures")
    landed(lab, new, old)
    assert lab.at("main") == new
    assert lab.git("status", "--porcelain") == ""


def test_the_environment_of_a_hook_does_not_redirect_it(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = lab.at("main"), lab.branch({"a.txt": "landed\n"})
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    monkeypatch.setenv("GIT_INDEX_FILE", "/nowhere/index")
    monkeypatch.setenv("GIT_WORK_TREE", "/nowhere/tree")
    landed(lab, new, old)
    monkeypatch.undo()
    assert (lab.root / "a.txt").read_text() == "landed\n"


# --- proof --------------------------------------------------------------------------------------------------------


def test_proof_by_ancestry_and_by_patch(lab: Lab) -> None:
    one = lab.branch({"x.txt": "x\n"}, name="task")
    two = lab.branch({"dir/b.txt": "bb\n"}, start="task", name="task")
    assert not landed_proof(lab.repo, two, "main")
    lab.commit({"m.txt": "m\n"})
    assert not landed_proof(lab.repo, two, "main")
    lab.git("cherry-pick", one)
    assert landed_proof(lab.repo, one, "main")
    assert not landed_proof(lab.repo, two, "main")
    lab.git("cherry-pick", two)
    assert landed_proof(lab.repo, two, "main")


def test_proof_of_a_squash(lab: Lab) -> None:
    lab.branch({"x.txt": "x\n"}, name="task")
    tip = lab.branch({"x.txt": "x\ny\n", "dir/b.txt": "bb\n"}, start="task", name="task")
    lab.commit({"m.txt": "m\n"})
    lab.git("merge", "-q", "--squash", "task")
    lab.git("commit", "-qm", "squashed")
    assert landed_proof(lab.repo, tip, "main")
    assert not landed_proof(lab.repo, lab.branch({"z.txt": "z\n"}, start="task"), "main")
