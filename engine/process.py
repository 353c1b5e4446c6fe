"""Starting the command of an attempt under a supervisor, finding it again, waiting for its end.

Everything blocking here is called in a thread. Never `asyncio.create_subprocess_exec`: it can hang when cancelled.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from engine import supervisor
from engine.errors import AuroraError
from engine.process_tree import Identity, descendants, listening, pause, resume, stop
from engine.text import clean

START_LIMIT = 10.0
START_POLL = 0.002
TAIL_BYTES = 64 * 1024

__all__ = [
    "ExitRecord",
    "Identity",
    "LaunchSpec",
    "adopt",
    "collect",
    "descendants",
    "exit_record",
    "file_of",
    "launch",
    "listening",
    "log_of",
    "pause",
    "place_of",
    "reap",
    "recorded",
    "resume",
    "stop",
    "tail",
    "wait_exit",
]


@dataclass(frozen=True, slots=True)
class LaunchSpec:
    """What to start. `record` is the stem of its files (.pid, .exit and, unless `log` names another, .log). With
    `errors` standard error goes there and not into the log.

    `env` is passed on, never written down. With `lifeline` the command does not outlive this process, or the other ends
    of the pipe `line` where one is given; `keeps` are descriptors the command and its supervisor hold open.
    """

    record: Path
    command: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str]
    marker: str
    lifeline: bool = False
    log: Path | None = None
    line: int = -1
    keeps: tuple[int, ...] = ()
    errors: Path | None = None


@dataclass(frozen=True, slots=True)
class ExitRecord:
    """How a command ended: exit code (negative: signal) and when, in seconds since the epoch."""

    code: int
    ended: float


def file_of(record: Path, kind: str) -> Path:
    """One of a record's files."""
    return record.with_name(f"{record.name}.{kind}")


def place_of(record: Path) -> str:
    """A digest of where a record is: equal tasks of two repositories must not be taken for each other."""
    return hashlib.sha256(os.fsencode(record.absolute())).hexdigest()[:12]


def log_of(spec: LaunchSpec) -> Path:
    """Where the command's output goes."""
    return spec.log or file_of(spec.record, "log")


def launch(spec: LaunchSpec) -> Identity:
    """Start a command under a supervisor, unless its record says that was done already; who runs (or ran) it.

    AuroraError when it cannot be started. A command that does not exist is started and ends with 127.
    """
    reap()
    identity = recorded(spec.record)
    if identity is not None:
        return identity
    process = _start(spec)
    identity = _wait_recorded(spec, process)
    if identity.pid == process.pid:
        _CHILDREN[identity] = process
    else:
        process.wait()
    return identity


_CHILDREN: dict[Identity, subprocess.Popen[bytes]] = {}
"""Supervisors this process started, kept so that they are reaped."""


def reap() -> None:
    """Collect the supervisors this process started which have ended while no engine waited for them."""
    for identity, child in list(_CHILDREN.items()):
        if child.poll() is not None:
            _CHILDREN.pop(identity, None)


def _start(spec: LaunchSpec) -> subprocess.Popen[bytes]:
    lifeline = (spec.line if spec.line >= 0 else _lifeline()) if spec.lifeline else -1
    record = str(spec.record.absolute())
    argv = [sys.executable, "-I", "-S", supervisor.__file__, record, spec.marker, str(lifeline), *spec.command]
    try:
        spec.record.parent.mkdir(parents=True, exist_ok=True)
        with log_of(spec).open("ab") as log, (spec.errors or log_of(spec)).open("ab") as errors:
            return subprocess.Popen(
                argv,
                cwd=spec.cwd,
                env=dict(spec.env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=errors,
                start_new_session=True,
                pass_fds=(*((lifeline,) if spec.lifeline else ()), *spec.keeps),
            )
    except OSError as error:
        raise _cannot_start(spec, error) from error


def _cannot_start(spec: LaunchSpec, error: OSError) -> AuroraError:
    hint = None
    if error.errno == errno.E2BIG:
        hint = "a prompt this long must be passed as a file: use {prompt_file} instead of {prompt}"
    elif not spec.cwd.is_dir():
        hint = f"the folder {spec.cwd} does not exist"
    return AuroraError(f"{spec.command[0]} could not be started: {error.strerror}", hint)


@cache
def _lifeline() -> int:
    """The end to pass on of a pipe whose other end lives exactly as long as this process."""
    return os.pipe()[0]


def _wait_recorded(spec: LaunchSpec, process: subprocess.Popen[bytes]) -> Identity:
    deadline = time.monotonic() + START_LIMIT
    while time.monotonic() < deadline:
        ended = process.poll() is not None
        identity = recorded(spec.record)
        if identity is not None:
            return identity
        if ended:
            break
        time.sleep(START_POLL)
    process.kill()
    process.wait()
    said = tail(spec.errors or log_of(spec), lines=1)
    raise AuroraError(f"the supervisor of {spec.record.name} did not start", f"it said: {said}" if said else None)


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
    """Wait until a supervisor has ended; its record, None when it died without writing one (then `stop` the rest).

    May be cancelled at any time; the command goes on.
    """
    await _wait_gone(identity)
    return collect(identity, record)


def collect(identity: Identity, record: Path) -> ExitRecord | None:
    """Reap a supervisor that has ended or is just ending; its record."""
    child = _CHILDREN.pop(identity, None)
    if child is not None:
        child.wait()
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
    """The cleaned last lines of a file (looking at its last `limit_bytes`), empty when there is none."""
    try:
        with path.open("rb") as file:
            start = max(0, file.seek(0, os.SEEK_END) - limit_bytes)
            file.seek(start)
            raw = file.read(limit_bytes)
    except OSError:
        return ""
    if start:
        whole = raw.partition(b"\n")[2]
        raw = whole if whole.strip() else raw
    return "\n".join(clean(raw).rstrip().split("\n")[-lines:])
