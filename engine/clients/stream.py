"""From the bytes of an agent's output to reports, as they come, in bounded memory (pure).

reader = StreamReader(dialect("claude")); reports = reader.feed(block); …; reports += reader.end()
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Protocol

from engine.clients.acp_stream import AcpStream
from engine.clients.claude_stream import ClaudeStream
from engine.clients.codex_stream import CodexStream
from engine.clients.copilot_stream import CopilotStream
from engine.clients.gemini_stream import GeminiStream
from engine.clients.json_path import Object, parsed
from engine.clients.opencode_stream import OpencodeStream
from engine.clients.pi_stream import PiStream
from engine.clients.reports import NO_USAGE, Report, Summary, Unknown, Usage
from engine.clients.text_stream import ErrorLines, TextStream

LONGEST_LINE = 4 << 20
"""Bytes of a line that are parsed; of a longer one only the beginning is kept, as an unknown line."""
SHOWN_UNKNOWN = 200


class Dialect(Protocol):
    """How one program writes its stream. Lines that begin with one of `noise` are dropped without being parsed."""

    @property
    def noise(self) -> tuple[bytes, ...]:
        """Beginnings of lines of which only the last of many says anything (pieces of a message, repeated wholes)."""
        ...

    def read(self, line: Object) -> Iterable[Report] | None:
        """The reports of one JSON line; None when its kind is unknown."""
        ...


DIALECTS: Mapping[str, Callable[[Usage], Dialect]] = {
    "claude": lambda before: ClaudeStream(before=before),
    "codex": CodexStream,
    "gemini": lambda before: GeminiStream(),
    "copilot": lambda before: CopilotStream(),
    "opencode": lambda before: OpencodeStream(),
    "acp": lambda before: AcpStream(),
    "pi": lambda before: PiStream(),
    "qwen": lambda before: ClaudeStream(cached_within=True, before=before),
}
TEXT = "text"
NAMES = (*DIALECTS, TEXT)


class Lines:
    """Cuts bytes into lines; a line that never ends takes no more memory than `longest`."""

    def __init__(self, longest: int = LONGEST_LINE) -> None:
        self._longest = longest
        self._rest = bytearray()
        self._over = False

    def feed(self, data: bytes) -> Iterator[tuple[bytes, bool]]:
        """Every line that is whole now, and whether it was cut."""
        *whole, rest = data.split(b"\n")
        for part in whole:
            self._take(part)
            yield self._done()
        self._take(rest)

    def end(self) -> Iterator[tuple[bytes, bool]]:
        """The last line, if it did not end."""
        if self._rest:
            yield self._done()

    def _take(self, part: bytes) -> None:
        room = self._longest - len(self._rest)
        self._rest += part[:room]
        self._over |= len(part) > room

    def _done(self) -> tuple[bytes, bool]:
        line, over = bytes(self._rest), self._over
        self._rest.clear()
        self._over = False
        return line.rstrip(b"\r"), over


class StreamReader:
    """Reads the standard output of one process. `summary` is what it came to so far.

    `name` is one of `NAMES`; `before` is what the conversation had used before this process (resumed ones)."""

    def __init__(self, name: str, before: Usage = NO_USAGE) -> None:
        self.summary = Summary()
        self._lines = Lines()
        self._dialect = DIALECTS[name](before) if name in DIALECTS else None
        self._text = TextStream()
        self._errors = ErrorLines()

    def feed(self, data: bytes) -> list[Report]:
        """The reports of all lines that are whole now."""
        return self._count(report for line, cut in self._lines.feed(data) for report in self._read(line, cut))

    def end(self) -> list[Report]:
        """The reports of what is left when the process has ended."""
        return self._count(report for line, cut in self._lines.end() for report in self._read(line, cut))

    def _count(self, reports: Iterable[Report]) -> list[Report]:
        counted = []
        for report in reports:
            self.summary.take(report)
            counted.append(report)
        return counted

    def _read(self, line: bytes, cut: bool) -> Iterable[Report]:
        if self._dialect is None:
            return self._text.read_text(line.decode("utf-8", "replace"))
        if not line.strip() or line.startswith(self._dialect.noise):
            return ()
        found = None if cut or not line.lstrip().startswith(b"{") else parsed(line)
        if found is None:
            return self._other(line)
        reports = self._dialect.read(found)
        return (_unknown(line),) if reports is None else reports

    def _other(self, line: bytes) -> Iterator[Report]:
        """A line that is no JSON: programs print warnings, and what keeps them from starting, in between."""
        text = line[:SHOWN_UNKNOWN].decode("utf-8", "replace")
        yield from self._errors.read(text)
        yield _unknown(line)


def _unknown(line: bytes) -> Unknown:
    return Unknown(line[:SHOWN_UNKNOWN].decode("utf-8", "replace"))


class ErrorReader:
    """Reads the standard error of one process; `last` are its last lines."""

    def __init__(self) -> None:
        self.last: tuple[str, ...] = ()
        self._lines = Lines(LONGEST_LINE >> 6)
        self._errors = ErrorLines()

    def feed(self, data: bytes) -> list[tuple[str, list[Report]]]:
        """Every line that is whole now, with its reports."""
        return [self._read(line) for line, _ in self._lines.feed(data)]

    def end(self) -> list[tuple[str, list[Report]]]:
        """What is left when the process has ended."""
        left = [self._read(line) for line, _ in self._lines.end()]
        return [*left, ("", list(self._errors.end()))]

    def _read(self, line: bytes) -> tuple[str, list[Report]]:
        text = line.decode("utf-8", "replace")
        if text.strip():
            self.last = (*self.last, text)[-20:]
        return text, list(self._errors.read(text))
