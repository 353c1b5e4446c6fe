"""Which of the build programs on PATH can share the jobserver, and how. The shims find the same out when they run."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

PROGRAMS = ("make", "ninja", "cargo")
PATIENCE = 5.0
_NUMBERS = re.compile(r"\d+(?:\.\d+)*")


@dataclass(frozen=True, slots=True)
class JobClient:
    """A build program as it was found. `style` is `fifo` (told by name), `pipe` (as open files) or empty: it cannot."""

    program: str
    version: str
    style: str


def probe() -> Iterator[JobClient]:
    """The build programs on PATH."""
    for program in PROGRAMS:
        path = shutil.which(program)
        if path is not None:
            yield _client(program, _first_line(path))


def _client(program: str, line: str) -> JobClient:
    found = _NUMBERS.search(line)
    return JobClient(program, found[0] if found else "", style_of(program, line))


def style_of(program: str, line: str) -> str:
    """How a program that says `line` about its version is told of a jobserver."""
    found = _NUMBERS.search(line)
    version = tuple(int(part) for part in found[0].split(".")) if found else ()
    if program == "ninja":
        return "fifo" if version >= (1, 13) else ""
    if program == "make":
        if not line.startswith("GNU Make") or version < (4, 2):
            return ""
        return "fifo" if version >= (4, 4) else "pipe"
    return "fifo"


def _first_line(path: str) -> str:
    with suppress(OSError, subprocess.SubprocessError):
        ran = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=PATIENCE, check=False)
        return ran.stdout.strip().partition("\n")[0]
    return ""
