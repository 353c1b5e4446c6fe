"""The names of failing tests in a run of Aurora's, and the commands that run only those."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.failing_tests import SUMMARY_BYTES, failures
from engine.model import Verdict
from engine.narrowing import Narrowed, Ran, can_narrow, narrow, ran

CHECK = "$ "
"""A failing check is a test of that name: its command after this sign."""
REPORT_NAMES = ("junit", "TEST-")
MOST_REPORTS = 50
MOST_REPORT_BYTES = 8_000_000
NOT_LOOKED_IN = frozenset({".git", "node_modules", ".venv", "venv", ".tox"})


@dataclass(frozen=True, slots=True)
class Named:
    """The failing tests of a run; `missing` are those of a narrowed run that are not there. `told` is False for a
    narrowed run that cannot be relied on."""

    failures: tuple[str, ...] = ()
    runner: str = ""
    narrowable: bool = False
    missing: tuple[str, ...] = ()
    told: bool = True


@dataclass(frozen=True, slots=True)
class Plan:
    """The commands of one run, and what their environment has besides. `narrowed` is set when one runs named tests."""

    commands: tuple[str, ...]
    env: dict[str, str]
    narrowed: Narrowed | None = None


def plan_only(only: Sequence[str], runner: str, command: str, scratch: Path, env: dict[str, str], folder: Path) -> Plan:
    """What runs only these tests or checks. Without a way to do so: the whole command, whose answer then counts."""
    checks = tuple(name.removeprefix(CHECK) for name in only if name.startswith(CHECK))
    if checks:
        return Plan(checks, {})
    narrowed = narrow(command, runner, only, scratch, env, folder)
    return Plan((command,), {}) if narrowed is None else Plan((narrowed.command,), narrowed.env, narrowed)


def named_by(verdict: Verdict, command: str, checks: Sequence[str], log: Path, folder: Path, since: float) -> Named:
    """The failing tests of a full run that ended red with `command`."""
    if verdict is not Verdict.FAILED:
        return Named()
    if command in checks:
        return Named((CHECK + command,), "check", True)
    found = failures(_end_of(log), list(_reports(folder, since)))
    return Named(found.names, found.runner, found.complete and can_narrow(command, found.runner, found.names, folder))


def named_again(verdict: Verdict, command: str, only: Sequence[str], plan: Plan, log: Path) -> Named:
    """What a narrowed run said of each of its tests."""
    if plan.narrowed is None:
        failed = tuple(name for name in only if name == CHECK + command) if verdict is Verdict.FAILED else ()
        return Named(failed, told=verdict is Verdict.PASSED or bool(failed))
    if verdict not in (Verdict.PASSED, Verdict.FAILED):
        return Named(told=False)
    answer: Ran = ran(plan.narrowed, verdict is Verdict.PASSED, _end_of(log), frozenset(only))
    return Named(answer.failed, missing=answer.missing, told=answer.told)


def _end_of(log: Path) -> str:
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - SUMMARY_BYTES))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""


def _reports(folder: Path, since: float) -> Iterator[str]:
    """JUnit XML files that the run wrote below its checkout."""
    read = 0
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in NOT_LOOKED_IN]
        for name in files:
            if not (name.endswith(".xml") and name.startswith(REPORT_NAMES)):
                continue
            path = Path(place) / name
            try:
                status = path.stat()
                if status.st_mtime < since - 1 or status.st_size > MOST_REPORT_BYTES:
                    continue
                yield path.read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue
            read += 1
            if read >= MOST_REPORTS:
                return
