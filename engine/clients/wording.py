"""Reports as lines a person can read: what the log of an agent with a JSON stream shows (pure)."""

from __future__ import annotations

import os
from pathlib import PurePath

from engine.clients.reports import (
    Edited,
    Ended,
    Failed,
    Noted,
    PermissionDenied,
    Ran,
    RateLimited,
    Report,
    Retrying,
    Said,
    Session,
    Unknown,
)

LONGEST_COMMAND = 400
NOISE = (
    "Warning: True color",
    "Warning: Basic terminal",
    "Warning: 256-color",
    "[STARTUP] ",
    "    at ",
    "  status: ",
    "Ripgrep is not available",
    "Ripgrep not available",
    "Reading additional input from stdin",
    "YOLO mode is enabled",
)
"""Lines of programs on standard error that tell nobody anything."""


class Wording:
    """Puts reports one after the other into a text: a message that came in pieces is ended before anything else."""

    def __init__(self) -> None:
        self._open = False

    def of(self, report: Report) -> str:
        """What comes next."""
        text = words(report)
        if not text:
            return ""
        goes_on = isinstance(report, Said)
        before = "\n" if self._open and not goes_on else ""
        self._open = not text.endswith("\n")
        return before + text

    def line(self, text: str) -> str:
        """A line that is no report."""
        before, self._open = "\n" if self._open else "", False
        return f"{before}{text}\n"


def words(report: Report) -> str:
    """The text of one report, with its line ends; empty when it is not worth a line."""
    match report:
        case Said(text=text, part=part):
            return text if part else f"{text.rstrip()}\n"
        case Ran(command=command):
            return f"$ {_short(command)}\n"
        case Edited(paths=paths):
            return "".join(f"✎ {path}\n" for path in paths)
        case PermissionDenied(what=what, words=why):
            return f"⊘ not allowed: {_short(what)}{f' ({_short(why)})' if why else ''}\n"
        case RateLimited():
            return f"◷ rate limited{wait_words(report.seconds)}{f': {_short(report.words)}' if report.words else ''}\n"
        case Retrying():
            return f"◷ {_short(report.words)}{wait_words(report.seconds)}\n"
        case Failed(kind=kind, words=why):
            return f"✗ {kind.replace('_', ' ')}: {_short(why)}\n"
        case Noted(words=why):
            return f"· {_short(why)}\n"
        case Session(id=name):
            return f"· session {name}\n"
        case Ended(ok=ok, turns=turns):
            counted = f" after {turns} turn{'' if turns == 1 else 's'}" if turns else ""
            return f"· {'done' if ok else 'ended'}{counted}\n"
        case Unknown(line=line):
            return "" if line.lstrip().startswith("{") else f"{line}\n"
    return ""


def wait_words(seconds: float | None) -> str:
    """How long a wait is, where that is known."""
    if seconds is None:
        return ""
    return f", {seconds:.0f} s" if seconds < 120 else f", {seconds / 60:.0f} min"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_COMMAND else line[: LONGEST_COMMAND - 1] + "…"


def inside(report: Report, root: str) -> Report:
    """The same report with paths relative to the worktree `root` where they lie in it."""
    if isinstance(report, Edited):
        return Edited(tuple(_relative(path, root) for path in report.paths))
    if isinstance(report, PermissionDenied):
        return PermissionDenied(_relative(report.what, root), report.words)
    return report


def _relative(path: str, root: str) -> str:
    if not root or not os.path.isabs(path) or "\n" in path:
        return path
    pure = PurePath(os.path.normpath(path))
    return pure.relative_to(root).as_posix() if pure.is_relative_to(root) else path
