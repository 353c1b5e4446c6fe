"""Pure: which task needs which, cycles refused with the link to break, critical paths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from graphlib import CycleError as _Cycle
from graphlib import TopologicalSorter

from engine.errors import ConfigError


class TaskGraph:
    """Tasks and their dependencies, `id → ids it needs`. ConfigError when they form a cycle."""

    def __init__(self, tasks: Mapping[str, Sequence[str]]) -> None:
        self._needs: dict[str, tuple[str, ...]] = {task: tuple(needs) for task, needs in tasks.items()}
        self._dependents: dict[str, list[str]] = {task: [] for task in self._needs}
        for task, needs in self._needs.items():
            for need in needs:
                self._dependents.setdefault(need, []).append(task)
        self._order = self._sorted()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TaskGraph) and self._needs == other._needs

    __hash__ = None  # type: ignore[assignment]

    def _sorted(self) -> tuple[str, ...]:
        try:
            return tuple(TopologicalSorter(self._needs).static_order())
        except _Cycle as found:
            raise _explain(list(found.args[1])) from None

    def add(self, task: str, needs: Sequence[str]) -> None:
        """Add a task; every id in `needs` should be known. ConfigError on a cycle (nothing is changed then)."""
        added = TaskGraph({**self._needs, task: tuple(needs)})
        self._needs, self._dependents, self._order = added._needs, added._dependents, added._order

    def remove(self, task: str) -> None:
        """Forget a task and every link to it."""
        left = {t: tuple(n for n in needs if n != task) for t, needs in self._needs.items() if t != task}
        without = TaskGraph(left)
        self._needs, self._dependents, self._order = without._needs, without._dependents, without._order

    def needs(self, task: str) -> tuple[str, ...]:
        """The ids a task directly needs."""
        return self._needs.get(task, ())

    def dependents(self, task: str) -> tuple[str, ...]:
        """The ids that directly need a task."""
        return tuple(self._dependents.get(task, ()))

    def all_dependents(self, task: str) -> frozenset[str]:
        """The ids that need a task directly or through others."""
        found: set[str] = set()
        todo = list(self.dependents(task))
        while todo:
            current = todo.pop()
            if current not in found:
                found.add(current)
                todo.extend(self.dependents(current))
        return frozenset(found)

    def order(self) -> tuple[str, ...]:
        """All ids, every one after those it needs."""
        return self._order

    def bottom_levels(self, durations: Mapping[str, float]) -> dict[str, float]:
        """Seconds from the start of each task to the end of the longest chain that begins with it (critical path)."""
        levels: dict[str, float] = {}
        for task in reversed(self._order):
            after = max((levels[d] for d in self.dependents(task)), default=0.0)
            levels[task] = durations.get(task, 0.0) + after
        return levels


def _explain(cycle: list[str]) -> ConfigError:
    drawn = " -> ".join(reversed(cycle))
    last, first = cycle[0], cycle[1]
    return ConfigError(
        f"the tasks need each other in a circle: {drawn}",
        f"break the link {first} -> {last}: put what both need (a spec or contract) in a task of its own before them",
    )
