"""Pure: which sets of branches to test next while it is not known who turns the tests red.

Adaptive group testing (Dorfman 1943) with inference: a branch that is bad makes every set red that holds it, so a green
set clears its members, and a red set holds at least one bad branch among those that are not cleared. The next sets are
those that maximise the expected number of branches in the largest green one (best first). The probabilities are exact,
by inclusion and exclusion over the red sets, and mixed over several rates of bad branches, each weighed by how well it
explains what was seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product

MOST_REDS = 4
"""Inclusion and exclusion takes 2 to the power of this many terms."""
MOST_COUNTS = 600
LEAST_VALUE = 1e-9
RATES = ((0.05, 0.5), (0.25, 0.5))
"""Rates of bad branches, and how much is believed in each before anything was tested."""


@dataclass(frozen=True, slots=True)
class Red:
    """A set that was red: one of `suspects` is bad, unless one of `cleared` is bad together with others. The cleared
    are green in other company and have not landed yet."""

    suspects: frozenset[str]
    cleared: frozenset[str] = frozenset()


@dataclass(slots=True)
class Evidence:
    """What tests have told so far. `good` and `bad` count the branches that landed and that were convicted."""

    reds: list[Red] = field(default_factory=list)
    good: int = 0
    bad: int = 0

    def green(self, tasks: Iterable[str]) -> None:
        """These passed together: none of them is bad."""
        passed = frozenset(tasks)
        self._keep(Red(red.suspects - passed, red.cleared | (red.suspects & passed)) for red in self.reds)

    def red(self, tasks: Iterable[str]) -> None:
        """These failed together, on top of work that is green."""
        self._keep([*self.reds, Red(frozenset(tasks))])

    def landed(self, tasks: Iterable[str]) -> None:
        """These are part of the base now."""
        below = frozenset(tasks)
        self.good += len(below)
        self._keep(Red(red.suspects - below, red.cleared - below) for red in self.reds)

    def gone(self, task: str) -> None:
        """A branch left: sets that were red with it may be green without it."""
        self.reds = [red for red in self.reds if task not in red.suspects | red.cleared]

    def convicted(self) -> tuple[str, ...]:
        """Branches that turned a tree red which is green without them, sorted."""
        return tuple(
            sorted(task for red in self.reds if len(red.suspects) == 1 and not red.cleared for task in red.suspects)
        )

    def clear(self) -> None:
        """Forget the red sets (the base changed under the branches, or the tests contradict themselves)."""
        self.reds.clear()

    def _keep(self, reds: Iterable[Red]) -> None:
        """Only sets that hold no other red set say anything. One without suspects contradicts a green one: no news."""
        smallest: list[Red] = []
        for red in sorted((red for red in reds if red.suspects), key=lambda red: (len(red.suspects), len(red.cleared))):
            if not any(known.suspects <= red.suspects for known in smallest):
                smallest.append(red)
        self.reds = smallest


def choose(order: Sequence[str], evidence: Evidence, count: int = 1, gain: float = 0.0) -> list[tuple[str, ...]]:
    """At most `count` sets to test at the same time, best first, their members in the order of `order`.

    A further set is only named when it raises the expected number of branches that pass by at least `gain`, as a share
    of what the first one promises. Empty when every branch is known to be bad.
    """
    groups = _Groups(order, evidence)
    chosen: list[_Set] = []
    for _ in range(count):
        best = groups.best(chosen)
        if best is None or (chosen and best.value < gain * chosen[0].value):
            break
        chosen.append(best)
    return [groups.members(one.counts) for one in chosen]


@dataclass(frozen=True, slots=True)
class _Set:
    counts: tuple[int, ...]
    size: int
    value: float


class _Groups:
    """Branches that no evidence tells apart form a group; a set is how many it takes of each, the foremost first."""

    def __init__(self, order: Sequence[str], evidence: Evidence) -> None:
        known = sorted((red.suspects & set(order) for red in evidence.reds), key=len)
        self.place = {task: place for place, task in enumerate(order)}
        self.pool = list(order)
        if len(known) > MOST_REDS:
            self.pool = [task for task in order if task in known[0]]
            known = known[:1]
        self.reds = [red for red in known if red]
        by_marks: dict[tuple[bool, ...], list[str]] = {}
        for task in self.pool:
            by_marks.setdefault(tuple(task in red for red in self.reds), []).append(task)
        self.groups, self.marks = list(by_marks.values()), list(by_marks)
        self.unions = self._unions()
        self.weights = self._weights(evidence)

    def _unions(self) -> list[tuple[int, list[int]]]:
        """For inclusion and exclusion: the sign of each choice of red sets and the groups it touches."""
        found = []
        for choice in range(1 << len(self.reds)):
            chosen = [n for n in range(len(self.reds)) if choice >> n & 1]
            touched = [g for g, marks in enumerate(self.marks) if any(marks[n] for n in chosen)]
            found.append((-1 if len(chosen) % 2 else 1, touched))
        return found

    def _weights(self, evidence: Evidence) -> list[tuple[float, float]]:
        """(probability that a branch is good, belief in that rate after all that was seen)."""
        nothing = (0,) * len(self.groups)
        seen = [(1.0 - bad, prior * bad**evidence.bad * (1.0 - bad) ** evidence.good) for bad, prior in RATES]
        weighed = [(good, weight * self._probability(nothing, good)) for good, weight in seen]
        total = sum(weight for _, weight in weighed) or 1.0
        explained = [(good, self._probability(nothing, good)) for good, _ in seen]
        return [(good, w / total / p if p > 0 else 0.0) for (good, p), (_, w) in zip(explained, weighed, strict=True)]

    def _probability(self, counts: tuple[int, ...], good: float) -> float:
        """P(the set is green and every red set holds a bad branch outside it)."""
        left = [len(group) - count for group, count in zip(self.groups, counts, strict=True)]
        hit = sum(sign * good ** sum(left[g] for g in touched) for sign, touched in self.unions)
        return max(0.0, float(good ** sum(counts) * hit))

    def _green(self, counts: tuple[int, ...]) -> float:
        return sum(weight * self._probability(counts, good) for good, weight in self.weights)

    def best(self, chosen: Sequence[_Set]) -> _Set | None:
        """The set that adds most to the expected size of the largest green one."""
        best: _Set | None = None
        for counts in self._candidates():
            size = sum(counts)
            value = size * self._green(counts) if not chosen else self._added(counts, size, chosen[0])
            if value > (best.value if best else 0.0) + LEAST_VALUE:
                best = _Set(counts, size, value)
        return best

    def _added(self, counts: tuple[int, ...], size: int, first: _Set) -> float:
        both = self._green(tuple(map(max, counts, first.counts)))
        if size <= first.size:
            return size * (self._green(counts) - both)
        return size * self._green(counts) - first.size * both

    def _candidates(self) -> Iterator[tuple[int, ...]]:
        ranges = [range(len(group) + 1) for group in self.groups]
        total = 1
        for one in ranges:
            total *= len(one)
        if total > MOST_COUNTS:
            step = [max(1, len(group) // 4) for group in self.groups]
            ranges = [range(len(g) % s, len(g) + 1, s) for g, s in zip(self.groups, step, strict=True)]
        yield from (counts for counts in product(*ranges) if any(counts))

    def members(self, counts: tuple[int, ...]) -> tuple[str, ...]:
        """The branches of a set, in their order."""
        tasks = [task for group, count in zip(self.groups, counts, strict=True) for task in group[:count]]
        return tuple(sorted(tasks, key=self.place.__getitem__))
