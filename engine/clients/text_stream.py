"""Plain lines: what any program prints on standard error, and the whole output of one without a JSON stream (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.clients.reports import (
    Edited,
    Failed,
    PermissionDenied,
    RateLimited,
    Report,
    Retrying,
    Said,
    Trouble,
    Usage,
    Used,
)
from engine.clients.troubles import is_rate_limit, reset_in, retry_words, trouble_of, try_words, wait_in

_BLOCKED = re.compile(r"Command blocked by PreToolUse hook: (?P<why>.*?)(?:\. Command: (?P<what>.*))?$")
_PATCHED = re.compile(r"\*\*\* (?:Add|Update|Delete) File: (.+)")
_APPLIED = re.compile(r"^Applied edit to (.+)$")
_TOKENS = re.compile(r"^Tokens: ([\d.,]+)(k|M)? sent,.* ([\d.,]+)(k|M)? received")
_COST = re.compile(r"\$([\d.]+) session")
_TRIED = re.compile(r"^Attempt (\d+) failed(?: with status (\d+))?(.*)$")
"""How gemini and qwen tell of a request they make again."""
_LOGGED = re.compile(r'message="stream error".* small=false .*error\.error="(?P<why>(?:[^"\\]|\\.)*)"')
"""How opencode logs a request that failed and is made again; those for the title of a conversation are small."""
_OF_A_TOOL = ("Error executing tool", "    at ", "  status: ")
"""Lines that are about a command, or belong to an error that was told on a line before."""
LOG_LINE = "timestamp="
"""How a line of a program's own log begins."""
_TIMES = {"k": 1_000, "M": 1_000_000, None: 1, "": 1}


class ErrorLines:
    """Reads standard error line by line. A wait named on the line after a rate limit belongs to it; a refused patch
    is named on the lines after the refusal."""

    def __init__(self) -> None:
        self._limited = False
        self._blocked: PermissionDenied | None = None

    def read(self, line: str) -> Iterator[Report]:
        """The reports of one line; most have none."""
        if self._blocked is not None:
            found = _PATCHED.search(line)
            yield PermissionDenied(found[1].strip(), self._blocked.words) if found else self._blocked
            self._blocked = None
            if found:
                return
        if blocked := _BLOCKED.search(line):
            denied = PermissionDenied((blocked["what"] or "").strip(), blocked["why"])
            if denied.what.startswith("*** Begin Patch"):
                self._blocked = denied
            else:
                yield denied
        elif line.startswith(LOG_LINE):
            yield from _logged(line)
        elif not line.startswith(_OF_A_TOOL):
            yield from self._trouble(line)

    def end(self) -> Iterator[Report]:
        """What was still open when the output ended."""
        if self._blocked is not None:
            yield self._blocked
            self._blocked = None

    def _trouble(self, line: str) -> Iterator[Report]:
        before, self._limited = self._limited, False
        if (found := _TRIED.match(line)) and found[2]:
            yield from self._tried(line, int(found[1]), int(found[2]))
        elif is_rate_limit(line) or (before and wait_in(line) is not None):
            self._limited = True
            yield RateLimited(429, wait_in(line), reset_in(line), line.strip()[:200])
        elif found:
            yield Retrying(trouble_of(line), retry_words(found[3].strip(" :."), 0, int(found[1])), wait_in(line))
        elif trouble_of(line) is Trouble.SESSION:
            yield Failed(Trouble.SESSION, line.strip()[:200])

    def _tried(self, line: str, attempt: int, status: int) -> Iterator[Report]:
        """A request that was answered with `status` and is made again."""
        kind = trouble_of(line, status)
        self._limited = kind is Trouble.RATE_LIMIT
        if self._limited:
            yield RateLimited(status, wait_in(line), reset_in(line), try_words(status, attempt))
        else:
            yield Retrying(kind, retry_words("", status, attempt), wait_in(line))


def _logged(line: str) -> Iterator[Report]:
    found = _LOGGED.search(line)
    if found:
        why = found["why"].partition("Error: ")[2] or found["why"]
        kind = trouble_of(why)
        if kind is Trouble.RATE_LIMIT:
            yield RateLimited(429, wait_in(why), reset_in(why), why)
        else:
            yield Retrying(Trouble.SERVER if kind is Trouble.OTHER else kind, retry_words(why), wait_in(why))


class TextStream:
    """A program that prints plain text: everything is said; the lines of aider about edits and costs are understood."""

    noise: tuple[bytes, ...] = ()

    def __init__(self) -> None:
        self._usage = Usage()
        self._errors = ErrorLines()

    def read_text(self, line: str) -> Iterator[Report]:
        """The reports of one line."""
        yield Said(line + "\n", part=True)
        if found := _APPLIED.match(line):
            yield Edited((found[1].strip(),))
        elif found := _TOKENS.match(line):
            cost = _COST.search(line)
            self._usage += Usage(_count(found[1], found[2]), 0, _count(found[3], found[4]))
            usd = float(cost[1]) if cost else None
            total = self._usage
            yield Used(Usage(total.input, 0, total.output, 0, usd))
        else:
            yield from self._errors.read(line)


def _count(number: str, times: str | None) -> int:
    return round(float(number.replace(",", "")) * _TIMES[times])
