"""One shell command from start to end: tests, checks, setup. It does not outlive the engine."""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.process import LaunchSpec, exit_record, file_of, launch, stop, wait_exit


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
    """Run a command by /bin/sh with its output appended to `log`. Cancelling ends its whole tree first."""
    record = log.with_name(f".{log.name}.{uuid.uuid4().hex[:12]}")
    own_marker = f"{marker}.{record.name[-12:]}"
    read_end, write_end = os.pipe()
    spec = LaunchSpec(record, ("/bin/sh", "-c", shell_command), cwd, env, own_marker, lifeline=True)
    started = time.monotonic()
    file_of(record, "log").symlink_to(log)
    log.touch()
    try:
        identity = await asyncio.to_thread(launch, spec, read_end)
        os.close(read_end)
        read_end = -1
        waiting = asyncio.ensure_future(wait_exit(identity, record))
        try:
            done, _ = await asyncio.wait({waiting}, timeout=time_limit)
        except asyncio.CancelledError:
            stop(identity, own_marker)
            await waiting
            raise
        if not done:
            await asyncio.to_thread(stop, identity, own_marker)
        ended = await waiting
        return CommandResult(ended.code if ended else -9, time.monotonic() - started, not done)
    finally:
        for fd in (read_end, write_end):
            if fd >= 0:
                os.close(fd)
        for kind in ("pid", "log", "exit"):
            file_of(record, kind).unlink(missing_ok=True)


__all__ = ["CommandResult", "exit_record", "run_command"]
