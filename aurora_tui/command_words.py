"""Pure: what is typed after `:` as something to do. Every action's id is a command; a task may follow it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from aurora_tui.actions import ACTIONS, BY_ID, Situation
from aurora_tui.themes import NAMES
from engine.errors import Refused
from engine.intents import ResumeTask, SetPriority, SetWorkers
from engine.model import Snapshot, TaskView

if TYPE_CHECKING:
    from aurora_tui.deeds import Deeds

Perform = Callable[["Deeds", Situation], Awaitable[object]]
WITH_NUMBER = ("pool", "set-priority")
OWN_WORDS = ("pool", "set-priority", "resume", "goto", "theme", "bell")


@dataclass(frozen=True, slots=True)
class Order:
    """An action of the table on a task (None: the selected one), or something of its own to `perform`."""

    action: str = ""
    task: TaskView | None = None
    perform: Perform | None = None


def parse(text: str, snapshot: Snapshot | None) -> Order:
    """The order a line means. Refused with a sentence when it means nothing."""
    words = text.split()
    if not words:
        raise Refused("no command", "`:help` shows all keys; tab completes")
    word, rest = words[0], words[1:]
    if word in OWN_WORDS:
        return Order(perform=_own(word, rest, snapshot))
    if word not in BY_ID:
        near = get_close_matches(word, [*BY_ID, *OWN_WORDS], 1, 0.5)
        raise Refused(f"there is no command `{word}`", f"did you mean `{near[0]}`?" if near else "tab shows all")
    return Order(word, _task(rest[0], snapshot) if rest else None)


def _task(name: str, snapshot: Snapshot | None) -> TaskView:
    tasks = {task.id: task for task in snapshot.tasks} if snapshot else {}
    if name not in tasks:
        near = get_close_matches(name, tasks, 1)
        raise Refused(f"there is no task `{name}`", f"did you mean `{near[0]}`?" if near else None)
    return tasks[name]


def _own(word: str, rest: Sequence[str], snapshot: Snapshot | None) -> Perform:
    if word == "theme":
        return _theme(rest)
    if word == "bell":
        return _bell(rest)
    if word == "pool":
        if rest and rest[0] == "auto":
            return lambda deeds, now: deeds.send(SetWorkers(at=time.time(), workers=0, auto=True))
        number = _number(rest[0] if rest else "")
        return lambda deeds, now: deeds.resize(number)
    task = _task(rest[0] if rest else "", snapshot)
    if word == "resume":
        return lambda deeds, now: deeds.send(ResumeTask(at=time.time(), task=task.id))
    if word == "set-priority":
        priority = _number(rest[1] if len(rest) > 1 else "")
        return lambda deeds, now: deeds.send(SetPriority(at=time.time(), task=task.id, priority=priority))
    return lambda deeds, now: deeds.viewing.go_to(task.id)


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise Refused(f"`{text}` is no whole number" if text else "a number is missing") from None


def _theme(rest: Sequence[str]) -> Perform:
    name = rest[0] if rest else ""

    async def change(deeds: Deeds, now: Situation) -> None:
        deeds.viewing.set_theme(name)

    return change


def _bell(rest: Sequence[str]) -> Perform:
    if not rest or rest[0] not in ("on", "off"):
        raise Refused("`bell` wants on or off")

    async def change(deeds: Deeds, now: Situation) -> None:
        deeds.app.bell_wanted = rest[0] == "on"

    return change


def completions(text: str, tasks: Sequence[str]) -> list[str]:
    """Whole lines that begin with what was typed: commands, then for their second word tasks, themes, on and off."""
    first, blank, rest = text.partition(" ")
    if not blank:
        words = [*OWN_WORDS, *(action.id for action in ACTIONS)]
        return sorted(word for word in dict.fromkeys(words) if word.startswith(first))
    second = {"theme": NAMES, "bell": ("on", "off"), "pool": ("auto",)}.get(first, tasks)
    return [f"{first} {word}" for word in second if word.startswith(rest)]
