"""How good the order of starting is: makespan over the lower bound, on random graphs in simulation.

Beside first-come-first-served with and without back-fill, on the same draws. The machine's own `dispatch` and lock
table decide; only time is simulated.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from engine.bounds import lower_bound
from engine.graph import TaskGraph
from engine.locks import Claim, LockTable
from engine.model import LockMode
from engine.scheduling import ReadyTask, dispatch, rank, urgency, work_by_file

pytestmark = pytest.mark.benchmark
GRAPHS, WORKERS = 300, 4


@dataclass(frozen=True)
class Instance:
    durations: dict[str, float]
    needs: dict[str, tuple[str, ...]]
    claims: dict[str, tuple[Claim, ...]]

    def files(self, task: str) -> list[str]:
        return [claim.pattern for claim in self.claims[task]]


def draw(rng: random.Random, tasks: int, files: int, per_task: int, hot: float) -> Instance:
    names = [f"t{n}" for n in range(tasks)]
    durations = {t: rng.uniform(1, 10) for t in names}
    needs = {}
    for n, t in enumerate(names):
        count = min(n, rng.choice((0, 0, 1, 1, 2)))
        needs[t] = tuple(rng.sample(names[:n], count))
    claims = {}
    for t in names:
        wanted = {f"f{rng.randrange(files)}" for _ in range(rng.randint(0, per_task))}
        if rng.random() < hot:
            wanted.add("hot")
        claims[t] = tuple(Claim(f, LockMode.EXCLUSIVE) for f in sorted(wanted))
    return Instance(durations, needs, claims)


Starts = Callable[[list[ReadyTask], int, LockTable, float], tuple[str, ...]]


def critical_path_first(ready: list[ReadyTask], free: int, table: LockTable, at: float) -> tuple[str, ...]:
    return dispatch(sorted(ready, key=rank), free, table, at).start


def first_come(ready: list[ReadyTask], free: int, table: LockTable, at: float) -> tuple[str, ...]:
    return dispatch(sorted(ready, key=lambda t: (t.queued_at, t.order)), free, table, at).start


def first_come_no_backfill(ready: list[ReadyTask], free: int, table: LockTable, at: float) -> tuple[str, ...]:
    started: list[str] = []
    for task in sorted(ready, key=lambda t: (t.queued_at, t.order)):
        if len(started) == free or table.conflicts(task.id, task.claims):
            break
        table.grant(task.id, task.claims, at)
        started.append(task.id)
    return tuple(started)


def makespan(instance: Instance, starts: Starts, urgent: bool) -> float:
    table, levels = LockTable(), TaskGraph(instance.needs).bottom_levels(instance.durations)
    since = {t: 0.0 for t in instance.durations if not instance.needs[t]}
    order = {t: n for n, t in enumerate(instance.durations)}
    running: dict[str, float] = {}
    done: set[str] = set()
    now = 0.0
    while len(done) < len(instance.durations):
        waiting = [t for t in instance.durations if t not in done and t not in running]
        work = work_by_file((instance.durations[t], instance.files(t)) for t in waiting) if urgent else {}
        level = {t: urgency(levels[t], instance.durations[t], instance.files(t), work) for t in since}
        ready = [ReadyTask(t, instance.claims[t], 0, level[t], since[t], order[t], 0) for t in since]
        for task in starts(ready, WORKERS - len(running), table, now):
            running[task] = now + instance.durations[task]
            del since[task]
        ended = min(running, key=lambda t: running[t])
        now = running.pop(ended)
        done.add(ended)
        table.release(ended)
        for task, needs in instance.needs.items():
            if ended in needs and all(n in done for n in needs):
                since[task] = now
    return now


@pytest.mark.parametrize(
    ("name", "tasks", "files", "per_task", "hot"),
    [
        ("16 tasks, few locks", 16, 24, 1, 0.0),
        ("16 tasks, many locks", 16, 12, 2, 0.0),
        ("16 tasks, hot file 30 %", 16, 24, 1, 0.3),
        ("32 tasks, few locks", 32, 48, 1, 0.0),
    ],
)
def test_makespan_over_the_bound(name: str, tasks: int, files: int, per_task: int, hot: float) -> None:
    rng = random.Random(7)
    policies: dict[str, tuple[Starts, bool]] = {
        "FIFO": (first_come_no_backfill, False),
        "FIFO + back-fill": (first_come, False),
        "critical path": (critical_path_first, False),
        "urgency (ours)": (critical_path_first, True),
    }
    ratios: dict[str, list[float]] = {policy: [] for policy in policies}
    for _ in range(GRAPHS):
        instance = draw(rng, tasks, files, per_task, hot)
        bound = lower_bound(instance.durations, instance.needs, instance.claims, WORKERS).seconds
        for policy, (starts, urgent) in policies.items():
            ratios[policy].append(makespan(instance, starts, urgent) / bound)
    shown = "; ".join(
        f"{policy} {statistics.mean(r):.3f} (p95 {statistics.quantiles(r, n=20)[-1]:.2f})"
        for policy, r in ratios.items()
    )
    print(f"\n{name}: {shown}")
    assert all(min(r) >= 1 - 1e-9 for r in ratios.values()), "a schedule cannot beat the bound"
