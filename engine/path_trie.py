"""A trie of path names that finds the entries near a pattern without looking at all the others.

An entry sits at the node of its pattern's literal prefix. Every node counts the modes in its subtree, the intention
modes of Gray et al. (1976, "Granularity of locks"), so a walk skips subtrees that hold nothing incompatible.
`Rivals` answers the same question again and again: it keeps each answer and corrects it as entries come and go.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from engine.model import LockMode
from engine.patterns import FileIndex, Pattern, overlap

AGAINST = {
    LockMode.EXCLUSIVE: (LockMode.EXCLUSIVE, LockMode.SHARED, LockMode.READS),
    LockMode.SHARED: (LockMode.EXCLUSIVE, LockMode.READS),
    LockMode.READS: (LockMode.EXCLUSIVE, LockMode.SHARED),
}
"""The modes each mode is incompatible with."""

_REMEMBERED = 1 << 13


class Entry(Protocol):
    """What the trie stores: anything with a pattern and a mode that never change."""

    @property
    def pattern(self) -> Pattern: ...

    @property
    def mode(self) -> LockMode: ...


E = TypeVar("E", bound=Entry)


class _Node(Generic[E]):
    __slots__ = ("below", "children", "here")

    def __init__(self) -> None:
        self.children: dict[str, _Node[E]] = {}
        self.here: list[E] = []
        self.below = dict.fromkeys(LockMode, 0)

    def holds(self, modes: Collection[LockMode]) -> bool:
        """Whether anything at or below this node has one of `modes`."""
        return any(self.below[mode] for mode in modes)


class PathTrie(Generic[E]):
    """Entries by path. Names are views (see `engine.patterns`)."""

    def __init__(self) -> None:
        self._root: _Node[E] = _Node()

    def add(self, entry: E) -> None:
        """Store one more entry."""
        node = self._root
        node.below[entry.mode] += 1
        for name in entry.pattern.prefix:
            node = node.children.setdefault(name, _Node())
            node.below[entry.mode] += 1
        node.here.append(entry)

    def remove(self, entry: E) -> None:
        """Take an entry out and prune what gets empty; ValueError when it is not stored."""
        path = [self._root]
        for name in entry.pattern.prefix:
            path.append(path[-1].children[name])
        path[-1].here.remove(entry)
        for node in path:
            node.below[entry.mode] -= 1
        for parent, name, node in zip(path, entry.pattern.prefix, path[1:], strict=False):
            if not any(node.below.values()):
                del parent.children[name]
                return

    def meeting(self, pattern: Pattern, modes: Collection[LockMode]) -> list[E]:
        """Every entry of `modes` whose pattern may share a path with `pattern`, and few others.

        Costs the depth of the pattern plus the part of the trie its wildcards can reach.
        """
        found: list[E] = []
        node = self._root
        for name in pattern.prefix:
            found += node.here
            child = node.children.get(name)
            if child is None or not child.holds(modes):
                return [entry for entry in found if entry.mode in modes]
            node = child
        found += self._reach(node, pattern, modes)
        return [entry for entry in found if entry.mode in modes]

    def _reach(self, node: _Node[E], pattern: Pattern, modes: Collection[LockMode]) -> list[E]:
        """The entries below `node` that the rest of the pattern can get to, its automaton run along the names."""
        found: list[E] = []
        todo = [(node, pattern.begin)]
        while todo:
            node, live = todo.pop()
            if pattern.roams(live):
                found += _subtree(node)
                continue
            found += node.here
            for name, child in node.children.items():
                if child.holds(modes) and (after := pattern.after(live, name)):
                    todo.append((child, after))
        return found

    def around(self, names: Sequence[str]) -> tuple[list[E], list[E]]:
        """The entries that sit above the path `names`, and those at it or below it."""
        above: list[E] = []
        node = self._root
        for name in names:
            above += node.here
            child = node.children.get(name)
            if child is None:
                return above, []
            node = child
        return above, _subtree(node)

    def covering(self, seen: str) -> list[E]:
        """The entries whose pattern matches the path `seen` (a view)."""
        above, within = self.around(seen.split("/"))
        return [entry for entry in (*above, *within) if entry.pattern.regex.fullmatch(seen)]

    def check(self) -> list[E]:
        """All entries; AssertionError when a count or a place is wrong, or an empty node was left."""
        _check(self._root, ())
        return _subtree(self._root)


def _subtree(node: _Node[E]) -> list[E]:
    found: list[E] = []
    todo = [node]
    while todo:
        node = todo.pop()
        found += node.here
        todo += node.children.values()
    return found


def _check(node: _Node[E], place: tuple[str, ...]) -> None:
    entries = _subtree(node)
    assert all(entry.pattern.prefix == place for entry in node.here), f"misplaced below {place}"
    for mode, count in node.below.items():
        assert count == sum(entry.mode is mode for entry in entries), f"wrong count of {mode} at {place}"
    for name, child in node.children.items():
        assert any(child.below.values()), f"empty node {name} below {place}"
        _check(child, (*place, name))


@dataclass(eq=False, slots=True)
class _Question(Generic[E]):
    """Who is incompatible with a claim of this pattern and mode."""

    pattern: Pattern
    mode: LockMode
    answer: dict[E, None] = field(default_factory=dict)


class Rivals(Generic[E]):
    """Entries in a trie, and for every claim asked about the entries that overlap it in an incompatible mode."""

    def __init__(self, files: FileIndex) -> None:
        self.files = files
        self.trie: PathTrie[E] = PathTrie()
        self._questions: dict[tuple[str, LockMode], _Question[E]] = {}
        self._asked: PathTrie[_Question[E]] = PathTrie()

    def add(self, entry: E) -> None:
        """Store one more entry."""
        self.trie.add(entry)
        for question in self._asked.meeting(entry.pattern, AGAINST[entry.mode]):
            if overlap(question.pattern, entry.pattern, self.files):
                question.answer[entry] = None

    def remove(self, entry: E) -> None:
        """Take an entry out."""
        self.trie.remove(entry)
        for question in self._asked.meeting(entry.pattern, AGAINST[entry.mode]):
            question.answer.pop(entry, None)

    def of(self, pattern: Pattern, mode: LockMode) -> Collection[E]:
        """The entries that overlap `pattern` and are incompatible with `mode`, in no particular order."""
        question = self._questions.get((pattern.text, mode))
        return (question or self._ask(pattern, mode)).answer

    def _ask(self, pattern: Pattern, mode: LockMode) -> _Question[E]:
        if len(self._questions) >= _REMEMBERED:
            self._questions, self._asked = {}, PathTrie()
        near = self.trie.meeting(pattern, AGAINST[mode])
        answer = {entry: None for entry in near if overlap(pattern, entry.pattern, self.files)}
        question = _Question(pattern, mode, answer)
        self._questions[pattern.text, mode] = question
        self._asked.add(question)
        return question

    def files_added(self, views: Collection[str]) -> None:
        """These files (views) are new in the index: whatever covers one of them overlaps."""
        for seen in views:
            entries = self.trie.covering(seen)
            for question in self._asked.covering(seen) if entries else ():
                against = AGAINST[question.mode]
                question.answer.update({entry: None for entry in entries if entry.mode in against})
