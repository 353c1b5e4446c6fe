"""Starting, finding, pausing and ending the processes of an attempt. Everything blocking here is called in a thread.

A process is known by pid, start time and boot, never by pid alone. What belongs to an attempt is found through its
supervisor's descendants and by the marker `AURORA_AGENT` in the environment: own sessions and double forks count too.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from engine import supervisor
from engine.errors import AuroraError
from engine.text import clean

MARKER = "AURORA_AGENT"
START_LIMIT = 10.0
TAIL_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Identity:
    """One process for all time: pid, start in clock ticks since boot, boot id."""

    pid: int
    start_ticks: int
    boot_id: str

    def alive(self) -> bool:
        """True while exactly this process runs."""
        try:
            state = Path(f"/proc/{self.pid}/stat").read_bytes().rpartition(b")")[2].split()
        except OSError:
            return False
        return state[0] != b"Z" and int(state[19]) == self.start_ticks and self.boot_id == supervisor.boot_id()


@dataclass(frozen=True, slots=True)
class LaunchSpec:
    """What to start. `record` is the stem of its files (.pid, .log, .exit); `env` is passed on, never written down."""

    record: Path
    command: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str]
    marker: str
    lifeline: bool = False


@dataclass(frozen=True, slots=True)
class ExitRecord:
    """How a command ended: exit code (negative: signal) and when, in seconds since the epoch."""

    code: int
    ended: float


def file_of(record: Path, kind: str) -> Path:
    """One of a record's files."""
    return record.with_name(f"{record.name}.{kind}")


def launch(spec: LaunchSpec, lifeline: int = -1) -> Identity:
    """Start a command under a supervisor, unless its record says that was done already; who runs it.

    AuroraError when it cannot be started.
    """
    started = None if file_of(spec.record, "pid").exists() else _start(spec, lifeline)
    deadline = time.monotonic() + START_LIMIT
    while (identity := recorded(spec.record)) is None:
        if time.monotonic() > deadline:
            raise AuroraError(f"the supervisor of {spec.record.name} did not start")
        time.sleep(0.002)
    if started is not None and started.pid == identity.pid:
        _CHILDREN[started.pid] = started
    elif started is not None:
        started.wait()
    return identity


def _start(spec: LaunchSpec, lifeline: int) -> subprocess.Popen[bytes]:
    argv = [sys.executable, "-I", "-S", supervisor.__file__, str(spec.record), spec.marker, str(lifeline)]
    spec.record.parent.mkdir(parents=True, exist_ok=True)
    with file_of(spec.record, "log").open("ab") as log:
        try:
            return subprocess.Popen(
                [*argv, *spec.command],
                cwd=spec.cwd,
                env=dict(spec.env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=(lifeline,) if lifeline >= 0 else (),
            )
        except OSError as error:
            raise AuroraError(f"{spec.command[0]} could not be started: {error.strerror}") from error


_CHILDREN: dict[int, subprocess.Popen[bytes]] = {}
"""Supervisors this process started, kept so that they are reaped and never warned about."""


def recorded(record: Path) -> Identity | None:
    """Who the .pid record names, alive or not."""
    try:
        said = json.loads(file_of(record, "pid").read_text(encoding="ascii"))
        return Identity(int(said["pid"]), int(said["start_ticks"]), str(said["boot_id"]))
    except (OSError, ValueError, KeyError):
        return None


def adopt(record: Path) -> Identity | None:
    """Who runs a record now; None when nobody does."""
    identity = recorded(record)
    return identity if identity is not None and identity.alive() else None


def exit_record(record: Path) -> ExitRecord | None:
    """How a record ended, None when it has not (or nobody could write it)."""
    try:
        said = json.loads(file_of(record, "exit").read_text(encoding="ascii"))
        return ExitRecord(int(said["code"]), float(said["ended"]))
    except (OSError, ValueError, KeyError):
        return None


async def wait_exit(identity: Identity, record: Path) -> ExitRecord | None:
    """Wait until a supervisor has ended; its record, None when it died without writing one."""
    await _wait_gone(identity)
    child = _CHILDREN.pop(identity.pid, None)
    if child is not None:
        await asyncio.to_thread(child.wait)
    return exit_record(record)


async def _wait_gone(identity: Identity) -> None:
    try:
        fd = os.pidfd_open(identity.pid)
    except ProcessLookupError:
        return
    loop = asyncio.get_running_loop()
    gone = asyncio.Event()
    try:
        if identity.alive():
            loop.add_reader(fd, gone.set)
            await gone.wait()
    finally:
        loop.remove_reader(fd)
        os.close(fd)


def tail(path: Path, limit_bytes: int = TAIL_BYTES, lines: int = 60) -> str:
    """The cleaned last lines of a file, empty when there is none."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - limit_bytes))
            text = clean(file.read())
    except OSError:
        return ""
    return "\n".join(text.rstrip().split("\n")[-lines:])


# --- the whole tree ------------------------------------------------------------------------------------------------


def descendants(identity: Identity, marker: str) -> list[psutil.Process]:
    """Everything that belongs to an attempt, without its supervisor."""
    found = set(supervisor.children_of({identity.pid})) if identity.alive() else set()
    marked = _marked(marker)
    found |= marked | supervisor.children_of(marked)
    found.discard(identity.pid)
    return [process for pid in sorted(found) if (process := _process(pid)) is not None]


def _marked(marker: str) -> set[int]:
    wanted = f"{MARKER}={marker}".encode()
    found = set()
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                environ = Path(f"/proc/{name}/environ").read_bytes()
            except OSError:
                continue
            if wanted in environ.split(b"\0"):
                found.add(int(name))
    return found


def _process(pid: int) -> psutil.Process | None:
    try:
        process = psutil.Process(pid)
        return process if process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None


def pause(identity: Identity, marker: str) -> int:
    """Stop every process of an attempt, to a fixpoint; how many."""
    stopped: set[int] = set()
    while new := [p for p in descendants(identity, marker) if p.pid not in stopped]:
        for process in new:
            _send(process, signal.SIGSTOP)
            stopped.add(process.pid)
    return len(stopped)


def resume(identity: Identity, marker: str) -> int:
    """Let every process of an attempt go on; how many."""
    processes = descendants(identity, marker)
    for process in processes:
        _send(process, signal.SIGCONT)
    return len(processes)


def stop(identity: Identity, marker: str, grace: float = 5.0) -> None:
    """Terminate an attempt's processes, kill after `grace` seconds what is left, until there is none."""
    deadline = time.monotonic() + grace
    asked: set[int] = set()
    while left := descendants(identity, marker):
        for process in left:
            if time.monotonic() > deadline:
                _send(process, signal.SIGKILL)
            elif process.pid not in asked:
                _send(process, signal.SIGTERM)
                _send(process, signal.SIGCONT)
                asked.add(process.pid)
        time.sleep(0.02)


def _send(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return
