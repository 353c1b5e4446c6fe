"""What a command writes to: which letters, colours and width stdout has, and how lines and JSON get there."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aurora_tui.render.look import Look

PIPE_WIDTH = 120


def look(*, now: float | None = None, pipe_width: int = PIPE_WIDTH) -> Look:
    """How text looks on stdout. Off a terminal nothing is coloured and lines are `pipe_width` cells wide."""
    from aurora_tui.render.look import Look

    width = shutil.get_terminal_size((pipe_width, 24)).columns
    return Look(
        width=max(40, width), now=time.time() if now is None else now, colour=coloured(), ascii=not _has_our_letters()
    )


def coloured() -> bool:
    """True on a terminal that shows colours, unless NO_COLOR is set."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _has_our_letters() -> bool:
    try:
        "►✓├…".encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def show(lines: Iterable[str]) -> None:
    """Write lines to stdout."""
    for line in lines:
        print(line)


def show_json(kind: Any, value: object) -> None:
    """Write a value of the engine's model to stdout, as JSON."""
    from pydantic import TypeAdapter

    print(TypeAdapter(kind).dump_json(value, indent=2).decode())
