"""Draws a dependency graph as a tree: each task once, under the dependency that comes last, others in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

DEEPEST = 24


@dataclass(frozen=True, slots=True)
class Branch:
    """One line of the tree: what is drawn before the task, and what else the task comes after."""

    drawn: str
    task: str
    also_after: tuple[str, ...]


def tree(after: Mapping[str, Sequence[str]]) -> list[Branch]:
    """The tasks (id → ids it comes after; no cycles) from the roots down, in the order given."""
    levels = _levels(after)
    parent = {task: max(before, key=lambda need: levels[need]) for task, before in after.items() if before}
    children: dict[str, list[str]] = {}
    for task in after:
        children.setdefault(parent.get(task, ""), []).append(task)
    lines: list[Branch] = []
    todo = [(task, "", "") for task in reversed(children.get("", []))]
    while todo:
        task, drawn, below = todo.pop()
        lines.append(Branch(_shortened(drawn), task, tuple(n for n in after[task] if n != parent.get(task))))
        under = children.get(task, [])
        for number, child in reversed(list(enumerate(under))):
            last = number == len(under) - 1
            todo.append((child, below + ("└─ " if last else "├─ "), below + ("   " if last else "│  ")))
    return lines


def _shortened(drawn: str) -> str:
    """A very deep branch would leave no room for words: its beginning is left out."""
    return drawn if len(drawn) <= DEEPEST else "… " + drawn[-DEEPEST:]


def _levels(after: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """How many tasks are above each one, on the longest way."""
    levels: dict[str, int] = {}
    todo = list(after)[::-1]
    while todo:
        task = todo[-1]
        missing = [need for need in after[task] if need not in levels]
        if missing:
            todo.extend(missing)
            continue
        levels[task] = max((levels[need] + 1 for need in after[task]), default=0)
        todo.pop()
    return levels
