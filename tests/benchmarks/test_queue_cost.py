"""How many test runs the merge queue needs: simulated, beside other queues and beside the bounds."""

from __future__ import annotations

import os
import random
from statistics import mean

import pytest
from queue_lab import Game, World
from queue_rivals import RIVALS, entropy_bound, naming_bound

COUNT = 16
NAMES = [f"t{n:02}" for n in range(COUNT)]
RATES = (0.0, 0.05, 0.2)
LIMITS = {True: (0.07, 0.13, 0.26), False: (0.13, 0.46, 0.95)}
"""Full runs per change: with named tests that cost a tenth, one lane; without names, two lanes."""


def draws(rate: float, trials: int) -> list[frozenset[str]]:
    """Who is bad, trial by trial; the same for every queue."""
    found = []
    for seed in range(trials):
        luck = random.Random(seed)
        found.append(frozenset(name for name in NAMES if luck.random() < rate))
    return found


def simulated(worlds: list[frozenset[str]], named: bool, lanes: int) -> tuple[float, float, float]:
    """(full-run equivalents per change, mean time to land, time until all is decided), times in full runs."""
    played = [Game(World(bad, named=named, fraction=0.1), NAMES, lanes=lanes).play() for bad in worlds]
    for bad, one in zip(worlds, played, strict=True):
        assert set(one.landed) == set(NAMES) - bad
        assert {eject.task for eject in one.ejected} == bad
    times = [one.mean_time for one in played if one.landed]
    return mean(one.runs for one in played) / COUNT, mean(times), mean(one.now for one in played)


def table(trials: int) -> dict[tuple[bool, float], float]:
    """Print all queues on the same draws; what ours needs."""
    ours: dict[tuple[bool, float], float] = {}
    print(f"\nfull test runs per change / time until all is decided, {COUNT} branches, {trials} trials")
    print(f"{'':32}" + "".join(f"{f'p = {rate:.0%}':>18}" for rate in RATES))
    rows: dict[str, list[str]] = {}
    for rate in RATES:
        worlds = draws(rate, trials)
        for name, lanes, named in (
            ("Aurora, tests named", 1, True),
            ("Aurora, no names, 1 lane", 1, False),
            ("Aurora, no names, 2 lanes", 2, False),
        ):
            runs, _, makespan = simulated(worlds, named, lanes)
            rows.setdefault(name, []).append(f"{runs:.3f} /{makespan:6.2f}")
            if lanes == 2 or named:
                ours[named, rate] = runs
        for name, rival in RIVALS.items():
            for lanes in (1, 2) if name == "Zuul" else (1,):
                results = [rival(NAMES, bad, lanes) for bad in worlds]
                words = f"{mean(r for r, _ in results) / COUNT:.3f} /{mean(t for _, t in results):6.2f}"
                rows.setdefault(f"{name}{f', {lanes} lanes' if lanes > 1 else ''}", []).append(words)
        rows.setdefault("bound: red or green only", []).append(f"{entropy_bound(rate, COUNT):.3f} /      ")
        rows.setdefault("bound: tests named", []).append(f"{naming_bound(rate, COUNT):.3f} /      ")
    for name, cells in rows.items():
        print(f"{name:32}" + "".join(f"{cell:>18}" for cell in cells))
    return ours


def check(ours: dict[tuple[bool, float], float], slack: float) -> None:
    """Within the limits, with some slack for few trials."""
    for (named, rate), runs in ours.items():
        assert runs <= LIMITS[named][RATES.index(rate)] * slack, (named, rate, runs)


def test_the_queue_needs_few_runs() -> None:
    """A few trials, so that every change of the queue is measured."""
    check(table(int(os.environ.get("AURORA_TRIALS", "60"))), 1.06)


@pytest.mark.benchmark
def test_the_queue_needs_few_runs_two_thousand_trials() -> None:
    """The figures that are published."""
    check(table(2000), 1.0)
