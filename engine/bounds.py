"""Pure: how fast the rest of a run can be at best, and what binds it.

The bound is the largest of: the critical path; all work over the number of workers; for each file the tasks that need
it alone (Jackson's preemptive one-machine bound with heads and tails, Carlier 1982); and, for up to `CLIQUE_LIMIT`
tasks, a clique of tasks that exclude each other by order or by files.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from engine.graph import TaskGraph
from engine.locks import Claim
from engine.model import LockMode
from engine.patterns import Pattern

CLIQUE_LIMIT = 200


@dataclass(frozen=True, slots=True)
class Bound:
    """A lower bound of the makespan in seconds, what it comes from, a sentence, and the tasks that bind."""

    seconds: float
    kind: Literal["critical path", "workers", "lock", "clique", "none"]
    sentence: str
    tasks: tuple[str, ...]


def lower_bound(
    durations: Mapping[str, float],
    needs: Mapping[str, Sequence[str]],
    claims: Mapping[str, tuple[Claim, ...]],
    workers: int,
    *,
    cliques: bool = True,
) -> Bound:
    """The bound of running all of `durations` (seconds) with `workers` at a time; `needs` names only tasks in it.
    Without `cliques`, which take longest to find, it is sometimes lower."""
    if not durations:
        return Bound(0.0, "none", "nothing is left to run", ())
    graph = TaskGraph(needs)
    tails = graph.bottom_levels(durations)
    bounds = [_critical_path(graph, durations, tails), _workers(durations, workers)]
    lock = _locks(graph, durations, tails, claims)
    if lock is not None:
        bounds.append(lock)
    if cliques and len(durations) <= CLIQUE_LIMIT:
        bounds.append(_clique(graph, durations, claims))
    return max(bounds, key=lambda bound: bound.seconds)


def _critical_path(graph: TaskGraph, durations: Mapping[str, float], tails: Mapping[str, float]) -> Bound:
    first = max(tails, key=lambda task: tails[task])
    path = [first]
    while following := graph.dependents(path[-1]):
        path.append(max(following, key=lambda task: tails[task]))
    sentence = (
        f"{' → '.join(path)} must run one after the other: more workers cannot help"
        if len(path) > 1
        else f"{first} alone takes that long"
    )
    return Bound(tails[first], "critical path", sentence, tuple(path))


def _workers(durations: Mapping[str, float], workers: int) -> Bound:
    seconds = sum(durations.values()) / workers
    sentence = f"{len(durations)} tasks share {workers} worker{'s' if workers != 1 else ''}: more workers would help"
    return Bound(seconds, "workers", sentence, ())


def _locks(
    graph: TaskGraph,
    durations: Mapping[str, float],
    tails: Mapping[str, float],
    claims: Mapping[str, tuple[Claim, ...]],
) -> Bound | None:
    heads = _heads(graph, durations)
    best: Bound | None = None
    for pattern, tasks in _alone(claims).items():
        if len(tasks) < 2:
            continue
        jobs = [(heads[t], durations[t], tails[t] - durations[t]) for t in tasks]
        seconds = one_machine(jobs)
        if best is None or seconds > best.seconds:
            sentence = (
                f"{pattern} serialises {len(tasks)} tasks ({', '.join(tasks[:6])}{', …' if len(tasks) > 6 else ''})"
            )
            best = Bound(seconds, "lock", f"{sentence}: more workers cannot help", tuple(tasks))
    return best


def _clique(graph: TaskGraph, durations: Mapping[str, float], claims: Mapping[str, tuple[Claim, ...]]) -> Bound:
    """Tasks of which no two can run together, by order or by a shared file: the heaviest clique found greedily."""
    apart: dict[str, set[str]] = {task: set(graph.all_dependents(task)) for task in durations}
    for task in durations:
        for dependent in tuple(apart[task]):
            apart[dependent].add(task)
    for together in _alone(claims).values():
        for task in together:
            apart[task].update(together)
    heaviest = sorted(durations, key=lambda task: -durations[task])
    best: list[str] = []
    for seed in heaviest:
        clique = [seed]
        for task in heaviest:
            if task != seed and all(task in apart[member] for member in clique):
                clique.append(task)
        if sum(durations[t] for t in clique) > sum(durations[t] for t in best):
            best = clique
    names = [task for task in graph.order() if task in set(best)]
    shown = ", ".join(names[:6]) + (", …" if len(names) > 6 else "")
    sentence = f"no two of {shown} can run together (order or shared files): more workers cannot help"
    return Bound(sum(durations[t] for t in names), "clique", sentence, tuple(names))


def _heads(graph: TaskGraph, durations: Mapping[str, float]) -> dict[str, float]:
    heads: dict[str, float] = {}
    for task in graph.order():
        heads[task] = max((heads[need] + durations[need] for need in graph.needs(task)), default=0.0)
    return heads


def _alone(claims: Mapping[str, tuple[Claim, ...]]) -> dict[str, list[str]]:
    """Per claimed pattern the tasks that can hold it only one at a time: those that claim it, or a glob over it."""
    by_pattern: dict[str, list[str]] = {}
    for task, wanted in claims.items():
        for claim in wanted:
            if claim.mode is LockMode.EXCLUSIVE:
                by_pattern.setdefault(claim.pattern, []).append(task)
    parsed = {text: Pattern.parse(text) for text in by_pattern}
    globs = [(parsed[text], tasks) for text, tasks in by_pattern.items() if not parsed[text].literal]
    found: dict[str, list[str]] = {}
    for text, tasks in by_pattern.items():
        together = list(tasks)
        if parsed[text].literal:
            for glob, others in globs:
                if glob.matches(text.strip("/")):
                    together.extend(others)
        found[text] = list(dict.fromkeys(together))
    return found


def one_machine(jobs: Sequence[tuple[float, float, float]]) -> float:
    """The optimal preemptive makespan of jobs (head, seconds, tail) on one machine (Jackson's rule)."""
    coming = sorted(jobs)
    open_jobs: list[list[float]] = []
    now, end, n = 0.0, 0.0, 0
    while n < len(coming) or open_jobs:
        if not open_jobs:
            now = max(now, coming[n][0])
        while n < len(coming) and coming[n][0] <= now:
            heapq.heappush(open_jobs, [-coming[n][2], coming[n][1]])
            n += 1
        job = open_jobs[0]
        until = now + job[1]
        if n < len(coming) and coming[n][0] < until:
            job[1] = until - coming[n][0]
            now = coming[n][0]
        else:
            now = until
            end = max(end, now - job[0])
            heapq.heappop(open_jobs)
    return end
