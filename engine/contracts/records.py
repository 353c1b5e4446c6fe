"""What is known of contracts: their files in one commit, where each stands, breaches and mocks (plain values)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

_HOLDER = "contract "


@dataclass(frozen=True, slots=True)
class ContractFiles:
    """The files of a contract in one commit. `digest` is their hash, `missing` the patterns nothing but empty files
    match. `changed` are the paths that differ from another commit, `diff` how (cut where it is long)."""

    name: str
    digest: str
    paths: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    diff: str = ""


@dataclass(slots=True)
class Breach:
    """A branch that changes a frozen contract; while its agent still works, `commit` is empty. `state` is open, amended
    or rejected."""

    task: str
    attempt: int
    paths: tuple[str, ...]
    base: str
    commit: str
    since: float
    missing: tuple[str, ...] = ()
    diff: str = ""
    state: str = "open"


@dataclass(slots=True)
class ContractRecord:
    """Where a contract stands. `version` counts from 1 and stays when it is not `frozen` any more; `problem` says why
    it is not although its author has landed, `changed_by` names the tasks that changed it since it was looked at."""

    name: str
    version: int = 0
    digest: str = ""
    paths: tuple[str, ...] = ()
    frozen: bool = False
    since: float = 0.0
    problem: str = ""
    changed_by: list[str] = field(default_factory=list)
    breaches: list[Breach] = field(default_factory=list)

    def open_breach(self, task: str) -> Breach | None:
        """The breach of a task nobody has ruled on yet."""
        return next((b for b in self.breaches if b.task == task and b.state == "open"), None)


@dataclass(slots=True)
class MockRecord:
    """The mock of a contract served to one attempt. `state` is starting, healthy, restarting, dead or ended; `launch`
    counts how often it was started in this attempt, `restarts` how often since a person last said so."""

    state: str = "starting"
    since: float = 0.0
    port: int = 0
    pid: int = 0
    launch: int = 1
    restarts: int = 0
    log: str = ""
    words: str = ""


def holder_of(contract: str) -> str:
    """Who holds the locks of a frozen contract, in the lock table."""
    return _HOLDER + contract


def contract_of(holder: str) -> str:
    """The contract that is this holder of a lock; empty when it is a task."""
    return holder.removeprefix(_HOLDER) if holder.startswith(_HOLDER) else ""


def variable_name(contract: str) -> str:
    """A contract's name as the end of a variable's name: `orders-api` is ORDERS_API."""
    return re.sub(r"[^A-Z0-9]", "_", contract.upper())


def listed(paths: Iterable[str], most: int = 3) -> str:
    """Some paths in words."""
    shown = list(paths)
    more = f" and {len(shown) - most} more" if len(shown) > most else ""
    return ", ".join(shown[:most]) + more
