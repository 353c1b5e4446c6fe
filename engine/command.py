"""One shell command from start to end: tests, checks, setup. It does not outlive the engine."""

from __future__ import annotations

import asyncio
import math
import os
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from engine.process import (
    ExitRecord,
    LaunchSpec,
    collect,
    exit_record,
    file_of,
    launch,
    log_of,
    recorded,
    stop,
    wait_exit,
)

T = TypeVar("T")
KILLED = -9
LOOK_EVERY = 0.5
MOST_OUTPUT = 20 << 20
KEPT_START = 1 << 20
KEPT_END = 64 << 10
LEFT_OUT = b"\n[aurora: there was too much output, the middle is left out]\n"
"""Bytes of output from which on a log is cut, how many of its start and end are kept, and what stands between them."""


@dataclass(frozen=True, slots=True)
class CommandResult:
    """Exit code (negative: signal), wall-clock seconds, and whether the time limit ended it."""

    code: int
    seconds: float
    timed_out: bool


async def run_command(
    shell_command: str,
    *,
    cwd: Path,
    env: Mapping[str, str],
    log: Path,
    marker: str,
    time_limit: float | None,
) -> CommandResult:
    """Run a command by /bin/sh with its output appended to `log` as it comes, for at most `time_limit` seconds. Of more
    than `MOST_OUTPUT` bytes the middle is left out.

    Nothing of it is left when this returns or raises; a cancellation is passed on after that. AuroraError when it
    cannot be started.
    """
    spec = _spec(shell_command, cwd, env, log, marker)
    loop = asyncio.get_running_loop()
    started = time.monotonic()
    try:
        await undisturbed(loop.run_in_executor(None, launch, spec))
        timed_out = await _over_limit(spec, time_limit)
        seconds = time.monotonic() - started
    finally:
        ended = await undisturbed(loop.run_in_executor(None, _wind_up, spec))
    return CommandResult(ended.code if ended else KILLED, seconds, timed_out)


def _spec(shell_command: str, cwd: Path, env: Mapping[str, str], log: Path, marker: str) -> LaunchSpec:
    unique = uuid.uuid4().hex[:12]
    return LaunchSpec(
        record=log.with_name(f".{log.name}.{unique}"),
        command=("/bin/sh", "-c", shell_command),
        cwd=cwd,
        env=env,
        marker=f"{marker}.{unique}",
        lifeline=True,
        log=log,
    )


async def _over_limit(spec: LaunchSpec, time_limit: float | None) -> bool:
    """Wait for the end, at most `time_limit` seconds; True when it did not come."""
    identity = recorded(spec.record)
    assert identity is not None
    deadline = math.inf if time_limit is None else time.monotonic() + time_limit
    while (left := deadline - time.monotonic()) > 0:
        try:
            async with asyncio.timeout(min(left, LOOK_EVERY)):
                await wait_exit(identity, spec.record)
                return False
        except TimeoutError:
            shorten(log_of(spec))
    return True


def shorten(log: Path, most: int = MOST_OUTPUT) -> bool:
    """Cut the middle out of a log that has grown beyond `most`, while its command goes on appending to it.

    The kept end is put in its place before the file is cut there, so what comes meanwhile is never put before it.
    """
    with suppress(OSError), log.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        if size <= most:
            return False
        file.seek(size - KEPT_END)
        kept = LEFT_OUT + file.read(KEPT_START).partition(b"\n")[2]
        file.seek(KEPT_START)
        file.write(kept)
        file.truncate(KEPT_START + len(kept))
        return True
    return False


async def undisturbed(future: asyncio.Future[T]) -> T:
    """The result of `future`, waited for however often this is cancelled; CancelledError only after that."""
    cancelled: asyncio.CancelledError | None = None
    while not future.done():
        try:
            await asyncio.wait({future})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        future.exception()
        raise cancelled
    return future.result()


def _wind_up(spec: LaunchSpec) -> ExitRecord | None:
    """End what is left, remove the record's files, keep its log short; how the command ended. Blocking."""
    identity = recorded(spec.record)
    if identity is None:
        return None
    if exit_record(spec.record) is None:
        stop(identity, spec.marker)
    ended = collect(identity, spec.record)
    for kind in ("pid", "exit"):
        file_of(spec.record, kind).unlink(missing_ok=True)
    shorten(log_of(spec))
    return ended
