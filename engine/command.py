"""One shell command from start to end: tests, checks, setup. It does not outlive the engine."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from engine.process import ExitRecord, LaunchSpec, collect, exit_record, file_of, launch, recorded, stop, wait_exit

T = TypeVar("T")
KILLED = -9


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
    """Run a command by /bin/sh with its output appended to `log`, for at most `time_limit` seconds.

    Nothing of it is left when this returns or raises; a cancellation is passed on after that. AuroraError when it
    cannot be started.
    """
    spec = _spec(shell_command, cwd, env, log, marker)
    loop = asyncio.get_running_loop()
    started = time.monotonic()
    try:
        await _undisturbed(loop.run_in_executor(None, launch, spec))
        timed_out = await _over_limit(spec, time_limit)
        seconds = time.monotonic() - started
    finally:
        ended = await _undisturbed(loop.run_in_executor(None, _wind_up, spec))
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
    try:
        async with asyncio.timeout(time_limit):
            await wait_exit(identity, spec.record)
    except TimeoutError:
        return True
    return False


async def _undisturbed(future: asyncio.Future[T]) -> T:
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
    """End what is left, remove the record's files; how the command ended. Blocking."""
    identity = recorded(spec.record)
    if identity is None:
        return None
    if exit_record(spec.record) is None:
        stop(identity, spec.marker)
    ended = collect(identity, spec.record)
    for kind in ("pid", "exit"):
        file_of(spec.record, kind).unlink(missing_ok=True)
    return ended
