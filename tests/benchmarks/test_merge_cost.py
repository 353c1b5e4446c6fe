"""What merging costs: a chain of eight merges beside git's own commands, and the switch of a warm test worktree."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import pytest

from engine.merging import build_chain
from engine.repo import Repo
from engine.worktrees import Worktrees

CHAIN, ROUNDS = 8, 5
FAST_DISK = Path("/dev/shm")


def git(root: Path, *args: str) -> str:
    """Git as a person would run it."""
    return subprocess.run(["git", *args], cwd=root, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture(params=[2_000, 50_000])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Path, int, list[str]]]:
    """A repository of that many files, and eight branches that each change ten of them."""
    folder = Path(tempfile.mkdtemp(dir=FAST_DISK if FAST_DISK.is_dir() else tmp_path))
    root = folder / "repo"
    root.mkdir()
    files = int(request.param)
    git(root, "init", "-q", "-b", "main")
    git(root, "config", "user.name", "A")
    git(root, "config", "user.email", "a@b")
    names = [f"d{n % 40}/s{n % 7}/f{n}.txt" for n in range(files)]
    stream = ["commit refs/heads/main\nmark :1\ncommitter A <a@b> 1 +0000\ndata 0\n"]
    stream += [f"M 100644 inline {name}\ndata <<E\n{name}\nline\nE\n" for name in names]
    for branch in range(CHAIN):
        stream.append(f"commit refs/heads/b{branch}\nmark :{branch + 2}\ncommitter A <a@b> 2 +0000\ndata 0\nfrom :1\n")
        changed = names[branch * 10 : branch * 10 + 10]
        stream += [f"M 100644 inline {name}\ndata <<E\n{name}\nby {branch}\nE\n" for name in changed]
    subprocess.run(["git", "fast-import", "--quiet"], cwd=root, input="".join(stream).encode(), check=True)
    git(root, "reset", "-q", "--hard", "main")
    yield root, files, [git(root, "rev-parse", f"b{branch}") for branch in range(CHAIN)]
    shutil.rmtree(folder, ignore_errors=True)


def timed(*acts: Callable[[], object]) -> list[float]:
    """Median seconds of each, measured in turns."""
    took: list[list[float]] = [[] for _ in acts]
    for _ in range(ROUNDS):
        for act, times in zip(acts, took, strict=True):
            began = time.perf_counter()
            act()
            times.append(time.perf_counter() - began)
    return [median(times) for times in took]


@pytest.mark.benchmark
@pytest.mark.timeout(600)
def test_chain_and_switch(made: tuple[Path, int, list[str]]) -> None:
    root, files, branches = made
    repo = Repo.open(root)
    base = git(root, "rev-parse", "main")
    trees: dict[str, str] = {}

    def ours() -> None:
        steps, *_ = build_chain(repo, base, [(f"t{n}", commit) for n, commit in enumerate(branches)], str)
        trees["ours"] = steps[-1].tree

    def gits() -> None:
        tip = base
        for commit in branches:
            tree = git(root, "merge-tree", "--write-tree", tip, commit)
            tip = git(root, "commit-tree", tree, "-p", tip, "-p", commit, "-m", "m")
            trees["git's"] = tree

    worktrees = Worktrees(repo)
    tips = [base, branches[0]]
    worktrees.prepare_detached("test", branches[1])

    def switch() -> None:
        tips.reverse()
        worktrees.prepare_detached("test", tips[0])

    count = iter(range(100))

    def add() -> None:
        git(root, "worktree", "add", "-q", "--detach", str(root.parent / f"w{next(count)}"), base)

    chain, plain, warm, fresh = timed(ours, gits, switch, add)
    assert trees["ours"] == trees["git's"]
    rows = (
        (f"chain of {CHAIN} merges", chain, "git merge-tree, commit-tree", plain),
        ("test worktree switched", warm, "git worktree add", fresh),
    )
    print(f"\n{files:,} files, median of {ROUNDS} rounds in turns, {os.cpu_count()} cores")
    for name, mine, other, theirs in rows:
        print(f"  {name:24}{mine * 1e3:9.1f} ms   {other:28}{theirs * 1e3:9.1f} ms   ratio {mine / theirs:.2f}")
    assert chain < 2 * plain, "the attributes of the base are read besides, and who commits is asked"
    assert warm < fresh
