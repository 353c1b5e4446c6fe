"""Whether one claim pattern covers all of another, exactly: language inclusion by the subset construction.

Both patterns become automata over the bytes of a path. Every pattern's language is closed under going deeper, so a path
that leaves the wider one is found among the shortest matches of the narrower one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from engine.patterns import ANY_BYTE, STAR, Pattern

MOST_LOOKED_AT = 50_000
_SLASH = 1 << ord("/")
_ALL = ANY_BYTE | _SLASH
_READABLE = "abcdefghijklmnopqrstuvwxyz0123456789"


@dataclass(slots=True)
class _Automaton:
    """States are numbers from 0 (the start). An edge takes a byte of a set; a jump takes none."""

    edges: list[list[tuple[int, int]]] = field(default_factory=lambda: [[]])
    jumps: list[list[int]] = field(default_factory=lambda: [[]])
    accepting: set[int] = field(default_factory=set)

    def state(self) -> int:
        """One more state."""
        self.edges.append([])
        self.jumps.append([])
        return len(self.edges) - 1

    def step(self, state: int, taken: int) -> int:
        """A new state that is reached from `state` by one of the bytes `taken`."""
        new = self.state()
        self.edges[state].append((taken, new))
        return new

    def some(self, state: int) -> int:
        """A new state where any bytes of a name may be taken, reached from `state` by none."""
        new = self.state()
        self.jumps[state].append(new)
        self.edges[new].append((ANY_BYTE, new))
        return new

    def closed(self, states: Iterable[int]) -> frozenset[int]:
        """These states and all that jumps lead to."""
        found, todo = set[int](), list(states)
        while todo:
            state = todo.pop()
            if state not in found:
                found.add(state)
                todo.extend(self.jumps[state])
        return frozenset(found)

    def after(self, states: Iterable[int], taken: int) -> frozenset[int]:
        """Where any byte of `taken` leads to (the sets of all edges hold all of it or nothing)."""
        return self.closed(to for state in states for mask, to in self.edges[state] if mask & taken)


def _automaton(pattern: Pattern) -> _Automaton:
    """The shortest matches of a pattern: what lies below them is left out."""
    made, state = _Automaton(), 0
    for number, step in enumerate(pattern.steps):
        if step is None:
            name = made.step(state, ANY_BYTE)
            made.edges[name] += [(ANY_BYTE, name), (_SLASH, state)]
            after = made.state()
            made.jumps[state].append(after)
            state = after
            continue
        state = _name(made, state, step.cells or tuple(1 << ord(character) for character in step.text))
        if number + 1 < len(pattern.steps):
            state = made.step(state, _SLASH)
    made.accepting.add(state)
    return made


def _name(made: _Automaton, state: int, cells: tuple[int, ...]) -> int:
    if set(cells) == {STAR}:
        return made.some(made.step(state, ANY_BYTE))
    for cell in cells:
        state = made.some(state) if cell == STAR else made.step(state, cell)
    return state


def _go_deeper(made: _Automaton) -> None:
    for state in tuple(made.accepting):
        below = made.step(state, _SLASH)
        made.edges[below].append((_ALL, below))
        made.accepting.add(below)


def _kinds(*automata: _Automaton) -> list[int]:
    """The bytes, put together where no edge tells them apart."""
    kinds = [_ALL]
    for mask in {mask for made in automata for edges in made.edges for mask, _ in edges}:
        kinds = [part for kind in kinds for part in (kind & mask, kind & ~mask) if part]
    return kinds


def outside(narrow: Pattern, wide: Pattern) -> str | None:
    """A path (as bytes, one character each) that `narrow` covers and `wide` does not; None when there is none.

    Two patterns that are too intricate to compare are told apart by an empty path.
    """
    inner, outer = _automaton(narrow), _automaton(wide)
    _go_deeper(outer)
    kinds = sorted(((kind, _readable(kind)) for kind in _kinds(inner, outer)), key=lambda one: -one[0].bit_count())
    first = [(state, outer.closed([0])) for state in inner.closed([0])]
    seen, todo = set(first), deque((state, others, "") for state, others in first)
    while todo:
        state, others, path = todo.popleft()
        if state in inner.accepting and others.isdisjoint(outer.accepting):
            return path
        if len(seen) > MOST_LOOKED_AT:
            return ""
        for kind, byte in kinds:
            reached = inner.after([state], kind)
            theirs = outer.after(others, kind) if reached else frozenset[int]()
            fresh = [(to, theirs) for to in reached if (to, theirs) not in seen]
            seen.update(fresh)
            todo.extend((to, theirs, path + byte) for to, theirs in fresh)
    return None


def _readable(kind: int) -> str:
    """One of these bytes, a letter if there is one."""
    letters = (letter for letter in _READABLE if kind >> ord(letter) & 1)
    return next(letters, chr((kind & -kind).bit_length() - 1))
