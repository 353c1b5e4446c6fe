"""Which of the known programs are installed, and in which version."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

from engine.clients.presets import PRESETS, preset_command

PROBE_SECONDS = 5.0
_VERSION = re.compile(r"\d+(?:\.\d+)+[\w.+-]*")


@dataclass(frozen=True, slots=True)
class Probe:
    """What was found out about one preset's program. `path` and `version` are empty when it is not there.

    `try_it` is a line for a shell: a trial of the program, or its installation."""

    name: str
    executable: str
    path: str
    version: str
    try_it: str


def probe(
    names: Iterable[str] = tuple(PRESETS), *, search_path: str | None = None, seconds: float = PROBE_SECONDS
) -> tuple[Probe, ...]:
    """Look for the programs of the named presets and ask each for its version, all at once; `seconds` for each."""
    wanted = list(names)
    with ThreadPoolExecutor(max_workers=max(1, len(wanted))) as pool:
        return tuple(pool.map(lambda name: _probe_one(name, search_path, seconds), wanted))


def _probe_one(name: str, search_path: str | None, seconds: float) -> Probe:
    preset = PRESETS[name]
    path = shutil.which(preset.executable, path=search_path)
    if path is None:
        return Probe(name, preset.executable, "", "", preset.install)
    trial = preset_command(preset, "Say hello.", ())
    return Probe(name, preset.executable, path, _version_of(path, seconds), shlex.join(trial))


def _version_of(path: str, seconds: float) -> str:
    """The version a program prints, `?` when it prints none or takes too long."""
    try:
        process = subprocess.Popen(
            [path, "--version"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError:
        return "?"
    with process:
        out = _output_in_time(process, seconds)
    found = _VERSION.search(out.decode(errors="replace"))
    return found[0] if found else "?"


def _output_in_time(process: subprocess.Popen[bytes], seconds: float) -> bytes:
    try:
        return process.communicate(timeout=seconds)[0]
    except subprocess.TimeoutExpired as late:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        return late.stdout or b""
