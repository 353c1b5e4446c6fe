"""Worktrees: made, re-used, refused; nothing in them is ever lost."""

from __future__ import annotations

import fcntl
import os
import py_compile
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from git_lab import Lab, photograph, shell_git

from engine.errors import RepoError
from engine.repo import Repo
from engine.worktrees import Worktrees


def rescued(lab: Lab) -> list[str]:
    return list(lab.repo.refs("refs/aurora/rescue/").values())


def test_a_new_worktree_is_on_its_branch_beside_the_repository(lab: Lab) -> None:
    before = photograph(lab.root, git_index=lab.root)
    path = lab.worktrees.prepare("w1", "feat/a", lab.at("main"), new_branch=True)
    assert path == lab.root.parent / "repo.aurora" / "w1"
    assert shell_git(path, "symbolic-ref", "HEAD") == "refs/heads/feat/a"
    assert shell_git(path, "status", "--porcelain") == ""
    assert (path / "dir" / "b.txt").read_text() == "b\n"
    assert photograph(lab.root, git_index=lab.root) == before
    assert lab.git("config", "--local", "--get-regexp", "^branch", check=False) == ""


def test_reuse_keeps_ignored_files_and_drops_the_rest(lab: Lab) -> None:
    trees = lab.worktrees
    path = trees.prepare("w1", "feat/a", lab.at("main"), new_branch=True)
    lab.commit({"x.txt": "x\n", "a.txt": None}, where=path)
    lab.write({"cache.ign": "warm"}, path)
    (path / "empty" / "deep").mkdir(parents=True)
    trees.prepare("w1", "feat/b", lab.at("main"), new_branch=True)
    assert sorted(os.listdir(path)) == [".git", ".gitignore", "a.txt", "cache.ign", "dir"]
    assert shell_git(path, "status", "--porcelain") == ""
    assert lab.files("feat/a")["x.txt"] == "x"
    assert rescued(lab) == []


def test_uncommitted_work_is_rescued_before_reuse(lab: Lab) -> None:
    trees = lab.worktrees
    path = trees.prepare("w1", "feat/a", lab.at("main"), new_branch=True)
    lab.write({"a.txt": "precious\n", "new.txt": "new\n"}, path)
    lab.write({"staged.txt": "staged\n"}, path)
    shell_git(path, "add", "staged.txt")
    trees.prepare("w1", "feat/b", lab.at("main"), new_branch=True)
    (commit,) = rescued(lab)
    assert lab.files(commit) | {"dir/b.txt": "b"} == lab.files(commit)
    assert {lab.files(commit)[name] for name in ("a.txt", "new.txt", "staged.txt")} == {"precious", "new", "staged"}


def test_commits_on_a_detached_head_are_rescued(lab: Lab) -> None:
    trees = lab.worktrees
    path = trees.prepare("w1", "feat/a", lab.at("main"), new_branch=True)
    shell_git(path, "checkout", "-q", "--detach")
    lost = lab.commit({"l.txt": "l\n"}, where=path)
    trees.prepare("w1", "feat/b", lab.at("main"), new_branch=True)
    assert rescued(lab) == [lost]


def test_a_branch_that_is_moved_back_is_rescued(lab: Lab) -> None:
    trees = lab.worktrees
    path = trees.prepare("w1", "feat/a", lab.at("main"), new_branch=True)
    done = lab.commit({"x.txt": "x\n"}, where=path)
    trees.prepare("w1", "feat/a", lab.at("main"), new_branch=False)
    assert lab.at("feat/a") == lab.at("main")
    assert rescued(lab) == [done]


def test_a_branch_goes_to_another_worker_of_ours(lab: Lab) -> None:
    trees = lab.worktrees
    first = trees.prepare("w1", "feat/a", lab.at("main"), new_branch=True)
    done = lab.commit({"x.txt": "x\n"}, where=first)
    second = trees.prepare("w2", "feat/a", done, new_branch=False)
    assert shell_git(second, "symbolic-ref", "HEAD") == "refs/heads/feat/a"
    assert shell_git(first, "rev-parse", "--abbrev-ref", "HEAD") == "HEAD"
    assert (first / "x.txt").exists()


def test_an_existing_branch_is_not_taken_for_new(lab: Lab) -> None:
    lab.git("branch", "feat/a")
    with pytest.raises(RepoError, match="exists already"):
        lab.worktrees.prepare("w1", "feat/a", lab.at("main"), new_branch=True)
    assert lab.worktrees.names() == ()


def test_prepare_again_after_a_crash_goes_on(lab: Lab) -> None:
    for _ in range(2):
        path = lab.worktrees.prepare("w1", "feat/a", lab.at("main"), new_branch=True)
    assert lab.worktrees.prepare("w2", "feat/a", lab.at("main"), new_branch=True).name == "w2"
    assert path.exists()


def test_a_name_below_another_branch_is_explained(lab: Lab) -> None:
    lab.git("branch", "feat")
    with pytest.raises(RepoError, match="feat"):
        lab.worktrees.prepare("w1", "feat/a", lab.at("main"), new_branch=True)


@pytest.mark.parametrize("name", ["", "..", "a/b", "-x", ".tmp"])
def test_bad_names_are_refused(lab: Lab, name: str) -> None:
    with pytest.raises(RepoError, match="no name for a worktree"):
        lab.worktrees.prepare(name, "feat/a", lab.at("main"), new_branch=True)


@pytest.mark.parametrize("branch", ["-x", "a..b", "a b", ""])
def test_bad_branches_are_refused(lab: Lab, branch: str) -> None:
    with pytest.raises(RepoError, match="branch name"):
        lab.worktrees.prepare("w1", branch, lab.at("main"), new_branch=True)


def test_a_branch_the_user_works_on_is_refused(lab: Lab) -> None:
    with pytest.raises(RepoError, match="checked out in"):
        lab.worktrees.prepare("w1", "main", lab.at("main"), new_branch=False)


def test_a_branch_the_user_rebases_is_refused(lab: Lab) -> None:
    side = lab.branch({"a.txt": "side\n"})
    lab.commit({"a.txt": "main\n"})
    lab.git("branch", "mine", side)
    lab.git("checkout", "-q", "mine")
    lab.git("rebase", "main", check=False)
    with pytest.raises(RepoError, match="checked out in"):
        lab.worktrees.prepare("w1", "mine", lab.at("main"), new_branch=False)


def test_a_foreign_folder_is_refused_and_left_alone(lab: Lab) -> None:
    folder = lab.worktrees.path("w1")
    lab.write({"mine.txt": "mine"}, folder)
    with pytest.raises(RepoError, match="not a worktree of this repository"):
        lab.worktrees.prepare("w1", "feat/a", lab.at("main"), new_branch=True)
    assert (folder / "mine.txt").read_text() == "mine"
    assert "feat/a" not in lab.repo.branches()


def test_a_root_of_another_repository_is_refused(lab: Lab, tmp_path: Path) -> None:
    other = Lab(tmp_path / "other")
    other.root.mkdir()
    other.git("init", "-q")
    other.commit({"o": "o\n"})
    Worktrees(other.repo, tmp_path / "trees").prepare("w1", "feat/o", other.at("main"), new_branch=True)
    with pytest.raises(RepoError, match="holds the worktrees of"):
        Worktrees(lab.repo, tmp_path / "trees").prepare("w2", "feat/a", lab.at("main"), new_branch=True)
    with pytest.raises(RepoError, match=r"inside \.git"):
        Worktrees(lab.repo, lab.root / ".git" / "trees").prepare("w1", "feat/a", lab.at("main"), new_branch=True)


def test_a_deleted_worktree_is_made_again(lab: Lab) -> None:
    trees = lab.worktrees
    path = trees.prepare("w1", "feat/a", lab.at("main"), new_branch=True)
    shell_git(path, "checkout", "-q", "--detach")
    alone = lab.commit({"only.txt": "here\n"}, where=path)
    subprocess.run(["rm", "-rf", str(path)], check=True)
    trees.prepare("w1", "feat/b", lab.at("main"), new_branch=True)
    assert shell_git(path, "status", "--porcelain") == ""
    assert rescued(lab) == [alone]


def test_a_making_cut_short_is_made_again(lab: Lab) -> None:
    trees = lab.worktrees
    path = trees.prepare("w1", "feat/a", lab.at("main"), new_branch=True)
    private = lab.root / ".git" / "worktrees" / "w1"
    (private / "HEAD").unlink()
    for child in [child for child in path.iterdir() if child.name != ".git"]:
        subprocess.run(["rm", "-rf", str(child)], check=True)
    trees.prepare("w1", "feat/b", lab.at("main"), new_branch=True)
    assert shell_git(path, "status", "--porcelain") == ""


def test_locks_of_a_killed_git_are_cleared(lab: Lab) -> None:
    trees = lab.worktrees
    trees.prepare("w1", "feat/a", lab.at("main"), new_branch=True)
    private = lab.root / ".git" / "worktrees" / "w1"
    for lock in (private / "index.lock", private / "HEAD.lock", lab.root / ".git/refs/heads/feat/a.lock"):
        lock.touch()
    trees.prepare("w1", "feat/a", lab.at("main"), new_branch=False)
    assert not list(private.glob("*.lock"))


def test_the_lock_of_a_living_git_is_respected(lab: Lab) -> None:
    trees = lab.worktrees
    path = trees.prepare("w1", "feat/a", lab.at("main"), new_branch=True)
    lock = lab.root / ".git" / "worktrees" / "w1" / "index.lock"
    with subprocess.Popen(["git", "cat-file", "--batch"], cwd=path, stdin=subprocess.PIPE) as living:
        lock.touch()
        with pytest.raises(RepoError, match="still runs"):
            trees.prepare("w1", "feat/b", lab.at("main"), new_branch=True)
        assert lock.exists()
        assert living.stdin is not None
        living.stdin.close()


@pytest.mark.parametrize("operation", ["rebase", "merge", "cherry-pick", "bisect"])
def test_an_unfinished_operation_is_rescued_and_ended(lab: Lab, operation: str) -> None:
    trees = lab.worktrees
    landed = lab.commit({"a.txt": "landed\n"})
    path = trees.prepare("w1", "feat/a", lab.at("main~1"), new_branch=True)
    lab.commit({"a.txt": "agent\n"}, where=path)
    words = ("bisect", "start") if operation == "bisect" else (operation, landed)
    shell_git(path, *words, check=False)
    lab.write({"note.txt": "half done\n"}, path)
    trees.prepare("w1", "feat/b", lab.at("main"), new_branch=True)
    status = shell_git(path, "status")
    assert "nothing to commit, working tree clean" in status
    assert "in progress" not in status
    assert "bisecting" not in status
    assert any(lab.files(commit).get("note.txt") == "half done" for commit in rescued(lab))


def test_nested_repositories_are_moved_aside_not_deleted(lab: Lab) -> None:
    trees = lab.worktrees
    path = trees.prepare("w1", "feat/a", lab.at("main"), new_branch=True)
    for name in ("with-commit", "deep/without"):
        (path / name).mkdir(parents=True)
        shell_git(path / name, "init", "-q")
        lab.write({"inner.txt": name}, path / name)
    lab.commit({}, where=path / "with-commit")
    trees.prepare("w1", "feat/b", lab.at("main"), new_branch=True)
    assert sorted(os.listdir(path)) == [".git", ".gitignore", "a.txt", "dir"]
    kept = {file.read_text() for file in (trees.root / ".rescued").rglob("inner.txt")}
    assert kept == {"with-commit", "deep/without"}
    assert trees.names() == ("w1",)


def test_a_repository_the_agent_committed_as_a_pointer_is_moved_aside(lab: Lab) -> None:
    trees = lab.worktrees
    path = trees.prepare("w1", "feat/a", lab.at("main"), new_branch=True)
    (path / "inner").mkdir()
    shell_git(path / "inner", "init", "-q")
    lab.commit({"inner.txt": "only here"}, where=path / "inner")
    lab.commit({}, where=path)
    trees.prepare("w1", "feat/b", lab.at("main"), new_branch=True)
    assert not (path / "inner").exists()
    assert [file.read_text() for file in (trees.root / ".rescued").rglob("inner.txt")] == ["only here"]


def test_an_agent_that_replaces_the_git_link_changes_nothing_elsewhere(lab: Lab) -> None:
    trees = lab.worktrees
    path = trees.prepare("w1", "feat/a", lab.at("main"), new_branch=True)
    (path / ".git").unlink()
    shell_git(path, "init", "-q")
    alien = lab.commit({"alien.txt": "alien\n"}, where=path)
    trees.prepare("w1", "feat/b", lab.at("main"), new_branch=True)
    assert shell_git(path, "rev-parse", "--git-common-dir") == str(lab.root / ".git")
    assert shell_git(path, "status", "--porcelain") == ""
    (moved,) = (trees.root / ".rescued").glob("*/.git")
    assert shell_git(moved.parent, "rev-parse", "HEAD") == alien
    assert any("alien.txt" in lab.files(commit) for commit in rescued(lab))


def test_a_test_worktree_keeps_nothing(lab: Lab) -> None:
    trees = lab.worktrees
    path = trees.prepare_detached("test", lab.at("main"))
    lab.write({"junk.txt": "junk", "a.txt": "changed"}, path)
    (path / "inner").mkdir()
    shell_git(path / "inner", "init", "-q")
    newer = lab.commit({"n.txt": "n\n"})
    trees.prepare_detached("test", newer)
    assert sorted(os.listdir(path)) == [".git", ".gitignore", "a.txt", "dir", "n.txt"]
    assert shell_git(path, "rev-parse", "HEAD") == newer
    assert rescued(lab) == []


def test_remove_keeps_the_branch_and_rescues_the_rest(lab: Lab) -> None:
    trees = lab.worktrees
    path = trees.prepare("w1", "feat/a", lab.at("main"), new_branch=True)
    lab.write({"left.txt": "left\n"}, path)
    trees.remove("w1")
    trees.remove("w1")
    assert not path.exists()
    assert trees.names() == ()
    assert lab.at("feat/a") == lab.at("main")
    assert [lab.files(commit)["left.txt"] for commit in rescued(lab)] == ["left"]


def test_remove_of_a_deleted_folder(lab: Lab) -> None:
    path = lab.worktrees.prepare("w1", "feat/a", lab.at("main"), new_branch=True)
    subprocess.run(["rm", "-rf", str(path)], check=True)
    lab.worktrees.remove("w1")
    assert lab.worktrees.names() == ()


def test_eight_workers_are_prepared_at_once(lab: Lab) -> None:
    trees, start = lab.worktrees, lab.at("main")
    numbers = range(1, 9)
    for turn in ("first", "second"):
        with ThreadPoolExecutor(8) as pool:
            jobs = [pool.submit(trees.prepare, f"w{n}", f"feat/{turn}-{n}", start, new_branch=True) for n in numbers]
            paths = [job.result() for job in jobs]
        heads = [shell_git(path, "symbolic-ref", "--short", "HEAD") for path in paths]
        assert heads == [f"feat/{turn}-{n}" for n in numbers]
        assert all(shell_git(path, "status", "--porcelain") == "" for path in paths)
    assert trees.names() == tuple(f"w{n}" for n in numbers)


def test_two_threads_cannot_get_the_same_new_branch(lab: Lab) -> None:
    trees, start = lab.worktrees, lab.at("main")
    lab.git("branch", "feat/x", start)

    def prepare(name: str) -> str:
        try:
            return trees.prepare(name, "feat/x", start, new_branch=True).name
        except RepoError as error:
            return error.message

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(prepare, ["w1", "w2", "w3", "w4"]))
    assert all("exists already" in answer for answer in answers)


def waits_for(lock: Path) -> bool:
    """True when a thread or process waits for this lock."""
    inode = f":{lock.stat().st_ino} "
    return any("->" in line and inode in line for line in Path("/proc/locks").read_text().splitlines())


@pytest.mark.skipif(not Path("/proc/locks").exists(), reason="who waits for a lock is only told by Linux")
def test_making_worktrees_is_serialised_across_processes(lab: Lab) -> None:
    note = lab.repo.aurora_dir / "worktrees.lock"
    with note.open("a") as lock, ThreadPoolExecutor(1) as pool:
        fcntl.flock(lock, fcntl.LOCK_EX)
        job = pool.submit(lab.worktrees.prepare, "w1", "feat/a", lab.at("main"), new_branch=True)
        while not (job.done() or waits_for(note)):
            os.sched_yield()
        assert not job.done()
        assert lab.repo.branches() == {"main"}
        fcntl.flock(lock, fcntl.LOCK_UN)
        assert job.result().is_dir()


def test_opening_from_inside_a_worktree_finds_the_repository(lab: Lab) -> None:
    path = lab.worktrees.prepare("w1", "feat/a", lab.at("main"), new_branch=True)
    assert Repo.open(path / "dir") == lab.repo


# --- touched ------------------------------------------------------------------------------------------------------


def test_touched_sees_commits_edits_and_new_files(lab: Lab) -> None:
    trees, base = lab.worktrees, lab.at("main")
    path = trees.prepare("w1", "feat/a", base, new_branch=True)
    assert trees.touched(path, base) == ()
    lab.commit({"committed.txt": "c\n"}, where=path)
    lab.write({"a.txt": "edited\n", 'new dir/ü\n"x".txt': "n", "-dash": "d", "no.ign": "i", "dir/b.txt": None}, path)
    shell_git(path, "add", "--", "-dash")
    everything = ("-dash", "a.txt", "committed.txt", "dir/b.txt", 'new dir/ü\n"x".txt')
    assert trees.touched(path, base) == everything
    assert trees.touched(path, base, {"a.txt", "no.ign", ".gitignore"}) == ("a.txt",)
    assert trees.touched(path, base, {"new dir", "dir/b.txt"}) == ("dir/b.txt", 'new dir/ü\n"x".txt')
    lab.write({"a.txt": lab.git("show", "main:a.txt") + "\n"}, path)
    assert "a.txt" not in trees.touched(path, base)


def test_touched_is_not_in_the_agents_way(lab: Lab) -> None:
    trees, base = lab.worktrees, lab.at("main")
    path = trees.prepare("w1", "feat/a", base, new_branch=True)
    lab.write({"a.txt": "edited\n"}, path)
    lock = lab.root / ".git" / "worktrees" / "w1" / "index.lock"
    lock.touch()
    assert trees.touched(path, base) == ("a.txt",)


@pytest.mark.skipif(sys.platform == "darwin", reason="the file system wants UTF-8")
def test_touched_carries_names_that_are_no_text(lab: Lab) -> None:
    trees, base = lab.worktrees, lab.at("main")
    path = trees.prepare("w1", "feat/a", base, new_branch=True)
    name = os.fsdecode(b"caf\xe9.txt")
    lab.write({name: "x"}, path)
    assert trees.touched(path, base) == (name,)
    assert os.fsencode(trees.touched(path, base)[0]) == b"caf\xe9.txt"


def test_compiled_python_never_outlives_its_source(lab: Lab) -> None:
    good = lab.commit(
        {".gitignore": "__pycache__/\n", "mod.py": "VALUE = 1\n", "dir/a[1].py": "A = 1\n", "same.py": ""}
    )
    bad = lab.commit({"mod.py": "VALUE = 2\n", "dir/a[1].py": "A = 2\n"})
    path = lab.worktrees.prepare_detached("test", good)
    sources = [path / "mod.py", path / "dir/a[1].py", path / "same.py"]
    compiled = [Path(py_compile.compile(str(source), doraise=True) or "") for source in sources]
    (compiled[0].parent / "mod.cpython-311-pytest-8.pyc").touch()
    times = [source.stat().st_mtime_ns for source in sources]
    lab.worktrees.prepare_detached("test", bad)
    for source, when in zip(sources, times, strict=True):
        os.utime(source, ns=(when, when))
    asked = [sys.executable, "-B", "-c", "import mod; print(mod.VALUE)"]
    assert subprocess.run(asked, cwd=path, capture_output=True, text=True, check=True).stdout == "2\n"
    assert [file.exists() for file in compiled] == [False, False, True]
    assert not (compiled[0].parent / "mod.cpython-311-pytest-8.pyc").exists()
