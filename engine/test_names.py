"""The names of failing tests in a run of Aurora's, and the commands that run only those."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.failing_tests import SUMMARY_BYTES, failures
from engine.model import Verdict
from engine.narrowing import can_narrow, narrow, ran
from engine.testers.tester import Narrowed

CHECK = "$ "
"""A failing check is a test of that name: its command after this sign."""
MOST_REPORTS = 200
MOST_REPORT_BYTES = 8_000_000
REPORT = re.compile(rb"<testsuites?[\s>]")
REPORT_START = 1000
"""Bytes of an XML file in which it shows whether it is a report of tests."""
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
    return Plan((command,), {}) if narrowed is None else Plan((narrowed.command,), dict(narrowed.env), narrowed)


def run_begins(scratch: Path) -> int:
    """The moment a run starts, by the clock the file system gives its files, in nanoseconds."""
    mark = scratch / "started"
    mark.touch()
    return mark.stat().st_mtime_ns


def named_by(verdict: Verdict, command: str, checks: Sequence[str], log: Path, folder: Path, since: int) -> Named:
    """The failing tests of a full run that ended red with `command`."""
    if verdict is not Verdict.FAILED:
        return Named()
    if command in checks:
        return Named((CHECK + command,), "check", True)
    found = failures(_end_of(log), list(_reports(folder, since)), folder)
    return Named(found.names, found.runner, found.complete and can_narrow(command, found.runner, found.names, folder))


def named_again(
    verdict: Verdict, command: str, only: Sequence[str], runner: str, plan: Plan, log: Path, folder: Path, since: int
) -> Named:
    """What a narrowed run said of each of its tests."""
    if plan.narrowed is None:
        failed = tuple(name for name in only if name == CHECK + command) if verdict is Verdict.FAILED else ()
        return Named(failed, told=verdict is Verdict.PASSED or bool(failed))
    if verdict not in (Verdict.PASSED, Verdict.FAILED):
        return Named(told=False)
    reports = list(_reports(folder, since))
    answer = ran(runner, plan.narrowed, verdict is Verdict.PASSED, _end_of(log), frozenset(only), folder, reports)
    return Named(answer.failed, missing=answer.missing, told=answer.told)


def _end_of(log: Path) -> str:
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - SUMMARY_BYTES))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""


def _reports(folder: Path, since: int) -> Iterator[str]:
    """JUnit XML files that the run wrote below its checkout; those of earlier runs are older than `since`."""
    read = 0
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in NOT_LOOKED_IN]
        for name in files:
            report = _report(Path(place) / name, since) if name.endswith(".xml") and read < MOST_REPORTS else None
            if report is not None:
                read += 1
                yield report.decode("utf-8", "replace")


def _report(path: Path, since: int) -> bytes | None:
    try:
        status = path.stat()
        if status.st_mtime_ns < since or status.st_size > MOST_REPORT_BYTES:
            return None
        data = path.read_bytes()
    except OSError:
        return None
    return data if REPORT.search(data[:REPORT_START]) else None
