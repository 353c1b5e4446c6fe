"""What watching 16 worktrees of 5,000 files costs, and how soon a write leads to a decision about a lock. No gates."""

from __future__ import annotations

import asyncio
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import psutil
import pytest

from engine.checkout import checkout_at
from engine.locks import LockTable
from engine.repo import Repo
from engine.watch import Watcher
from engine.worktrees import Worktrees

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(900)]
WORKTREES = int(os.environ.get("AURORA_BENCH_WORKTREES", "16"))
FILES, FOLDERS = 5_000, 250
WRITES = int(os.environ.get("AURORA_BENCH_ROUNDS", "200"))


def git(where: Path, *args: str) -> str:
    """Run git."""
    return subprocess.run(["git", *args], cwd=where, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def worktrees() -> Iterator[list[Path]]:
    """A repository in memory and its worktrees; each has an ignored tree of 500 folders."""
    base = Path("/dev/shm") if os.access("/dev/shm", os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="aurora-watch-", dir=base))
    main = folder / "main"
    main.mkdir()
    git(main, "init", "-q")
    (main / ".gitignore").write_text("node_modules/\n")
    for n in range(FILES):
        path = main / f"src{n % 10}" / f"d{n % FOLDERS}" / f"f{n}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"x = {n}\n")
    git(main, "add", "-A")
    git(main, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "start")
    pool = Worktrees(Repo.open(main), folder / "pool")
    start, made = git(main, "rev-parse", "HEAD"), []
    for n in range(1, WORKTREES + 1):
        made.append(pool.prepare(f"w{n}", f"feat/{n}", start, new_branch=True))
        for m in range(500):
            (made[-1] / "node_modules" / f"m{m}").mkdir(parents=True)
    yield made
    shutil.rmtree(folder)


class Desk:
    """The engine's part in small: what changed is checked by git and goes into a lock table."""

    def __init__(self, roots: list[Path]) -> None:
        self.roots = {root.name: root for root in roots}
        self.base = git(roots[0], "rev-parse", "HEAD")
        self.table = LockTable()
        self.ready: set[str] = set()
        self.decided: dict[str, float] = {}
        self.jobs: set[asyncio.Task[None]] = set()

    def changed(self, name: str, paths: frozenset[str]) -> None:
        """The watcher's word."""
        if not paths:
            self.ready.add(name)
            return
        job = asyncio.ensure_future(self.look(name, paths))
        self.jobs.add(job)
        job.add_done_callback(self.jobs.discard)

    async def look(self, name: str, paths: frozenset[str]) -> None:
        """Git's word, then the table's."""
        for path in await asyncio.to_thread(checkout_at(self.roots[name]).touched, self.base, paths):
            self.table.write(name, path, 0.0)
            self.decided.setdefault(f"{name}/{path}", time.perf_counter())


async def until(what: object, seconds: float = 120.0) -> None:
    async with asyncio.timeout(seconds):
        while not what():  # type: ignore[operator]
            await asyncio.sleep(0.001)


def watches(pid: int) -> int:
    lines = [line for file in Path(f"/proc/{pid}/fdinfo").iterdir() for line in file.read_text().splitlines()]
    return sum(line.startswith("inotify wd:") for line in lines)


def test_what_watching_costs(worktrees: list[Path]) -> None:
    async def play() -> None:
        desk, random = Desk(worktrees), Random(7)
        watcher = Watcher(desk.changed)
        watcher.start(asyncio.get_running_loop())
        assert watcher.pid is not None
        try:
            begun = time.perf_counter()
            for root in worktrees:
                watcher.add(root.name, root)
            await until(lambda: len(desk.ready) == len(worktrees))
            start = time.perf_counter() - begun
            process = psutil.Process(watcher.pid)
            memory = round(process.memory_info().rss / 1e6)
            print(f"\n{len(worktrees)} worktrees of {FILES:,} files: watched after {start:.2f} s")
            print(f"{watches(watcher.pid):,} watches, {memory} MB, {process.num_threads()} threads")
            taken = []
            for n in range(WRITES):
                root = random.choice(worktrees)
                path = f"src{n % 10}/d{n % FOLDERS}/{'new' if n % 2 else 'f'}{n}.py"
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                wrote = time.perf_counter()
                (root / path).write_text(f"y = {n}\n")
                await until(lambda key=f"{root.name}/{path}": key in desk.decided)  # type: ignore[misc]
                taken.append(1000 * (desk.decided[f"{root.name}/{path}"] - wrote))
            cuts = statistics.quantiles(taken, n=100)
            print(
                f"write to lock decision, {WRITES} writes: p50 {statistics.median(taken):.0f} ms, p90 {cuts[89]:.0f} ms"
            )
            print(f"p99 {cuts[98]:.0f} ms, most {max(taken):.0f} ms")
        finally:
            await asyncio.to_thread(watcher.close)

    asyncio.run(play())
