"""What Aurora costs per task, beside a plain script that does the same one after the other on the same repository.

The agents only write one small file, so everything measured is overhead. Ratios, no gates.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.config import load_plan
from engine.intents import Shutdown
from engine.repo import Repo
from engine.session import start_engine

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(1200)]
FILES = int(os.environ.get("AURORA_BENCH_FILES", "5000"))
TASKS = int(os.environ.get("AURORA_BENCH_TASKS", "200"))
SCRIPT = """
set -e
for n in $(seq 1 {tasks}); do
    git worktree add -q -b plain/t$n ../plain/t$n >/dev/null 2>&1
    (cd ../plain/t$n && sh -c "echo $n > t$n.txt" && git add -A && git commit -qm "t$n")
    git merge -q --no-ff -m "merge t$n" plain/t$n
    git worktree remove ../plain/t$n
done
"""


@pytest.fixture(params=["/dev/shm", None], ids=["memory", "disk"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """Where the repositories lie: in memory, and on the disk the tests run on."""
    place = Path(request.param) / f"aurora-bench-{os.getpid()}" if request.param else tmp_path / "bench"
    if request.param and not Path(request.param).is_dir():
        pytest.skip("no /dev/shm here")
    place.mkdir()
    yield place
    shutil.rmtree(place, ignore_errors=True)


def make_repository(root: Path) -> None:
    root.mkdir()
    for n in range(FILES):
        path = root / f"d{n // 100}" / f"f{n}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"value = {n}\n" * 20)
    git = ["git", "-C", str(root), "-c", "user.name=B", "-c", "user.email=b@example.org"]
    subprocess.run(["git", "init", "-q", "-b", "main", str(root)], check=True)
    subprocess.run([*git, "config", "user.name", "B"], check=True)
    subprocess.run([*git, "config", "user.email", "b@example.org"], check=True)
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-qm", "start"], check=True)


def plain(root: Path, tasks: int) -> float:
    begun = time.perf_counter()
    subprocess.run(["sh", "-c", SCRIPT.format(tasks=tasks)], cwd=root, check=True)
    return time.perf_counter() - begun


def aurora(root: Path, plan_file: Path, tasks: int, prefix: str) -> float:
    lines = [f"  - {{id: {prefix}{n}, prompt: write, files: [{prefix}{n}.txt]}}" for n in range(tasks)]
    plan_file.write_text(
        "agents:\n  script: {command: 'echo $AURORA_TASK > $AURORA_TASK.txt'}\nworkers: 4\ntasks:\n" + "\n".join(lines)
    )
    repo = Repo.open(root)
    plan = load_plan(plan_file, root=root, target="main")
    begun = time.perf_counter()
    engine = start_engine(repo, plan, fresh=True)
    while not (snapshot := engine.snapshot()).idle:
        time.sleep(0.02)
    taken = time.perf_counter() - begun
    assert snapshot.exit_code == 0, snapshot.needs_person
    engine.send(Shutdown(at=0.0, mode="stop"))
    engine.wait(60)
    return taken


def test_cost_per_task(folder: Path) -> None:
    root = folder / "repo"
    make_repository(root)
    plain_tasks = max(10, TASKS // 10)
    plain_each = plain(root, plain_tasks) / plain_tasks
    aurora_each = aurora(root, folder / "plan.yaml", TASKS, "a") / TASKS
    print(
        f"\n{folder}: {FILES} files; plain script {1000 * plain_each:.0f} ms a task, "
        f"Aurora with 4 workers {1000 * aurora_each:.0f} ms a task, ratio {aurora_each / plain_each:.2f}"
    )


@pytest.mark.parametrize("folder", ["/dev/shm"], indirect=True)
def test_growth_with_the_number_of_tasks(folder: Path) -> None:
    root = folder / "repo"
    make_repository(root)
    print()
    for count in (10, 100, 1000):
        taken = aurora(root, folder / "plan.yaml", count, f"n{count}x")
        print(f"{count} tasks: {1000 * taken / count:.0f} ms a task")
