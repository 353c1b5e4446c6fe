"""What a headless run writes while it works: a line per change for people, or the journal's events for programs."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable
from typing import Protocol

from aurora_tui.cli.errors import silence
from aurora_tui.cli.output import look
from aurora_tui.render.changes import changes, opening, pulse
from aurora_tui.render.closing import closing
from engine.handle import EngineHandle
from engine.model import Snapshot

PULSE_SECONDS = 30.0
LINE_WIDTH = 200
CLEAR_LINE = "\r\x1b[K"


class Teller(Protocol):
    """Where a headless run goes; nobody may be listening any more."""

    def tell(self, snapshot: Snapshot) -> None:
        """What is new since the last time."""
        ...

    def say(self, words: str) -> None:
        """A remark about the run itself."""
        ...

    def end(self, snapshot: Snapshot) -> None:
        """The end of the run."""
        ...


class LineTeller:
    """A line per change; on a terminal a line at the bottom that moves, elsewhere a sign of life now and then."""

    def __init__(self) -> None:
        self._before: Snapshot | None = None
        self._said = time.monotonic()
        self._bottom = ""
        self._moving = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"

    def tell(self, snapshot: Snapshot) -> None:
        """Write what has changed."""
        style = look(pipe_width=LINE_WIDTH)
        lines = [] if self._before else opening(snapshot, style)
        if snapshot is not self._before:
            lines += changes(self._before, snapshot, style)
        self._before = snapshot
        if not lines and not self._moving and time.monotonic() - self._said > PULSE_SECONDS:
            lines = pulse(snapshot, style)
        self._write(lines, pulse(snapshot, style)[0] if self._moving else "")

    def say(self, words: str) -> None:
        """Write a remark."""
        self._write([words], "")

    def end(self, snapshot: Snapshot) -> None:
        """Write the closing table."""
        self._write(["", *closing(snapshot, look())], "")

    def _write(self, lines: Iterable[str], bottom: str) -> None:
        """Lines above, and the bottom line below them."""
        text = "".join(f"{line}\n" for line in lines)
        if text:
            self._said = time.monotonic()
        if not text and bottom == self._bottom:
            return
        clear = CLEAR_LINE if self._bottom else ""
        self._bottom = bottom
        write(f"{clear}{text}{bottom}")


class JsonTeller:
    """The journal's events as they come, one JSON object per line; remarks go to stderr."""

    def __init__(self, handle: EngineHandle, last: int) -> None:
        self._handle = handle
        self._last = last

    def tell(self, snapshot: Snapshot) -> None:
        """Write the events that are new."""
        from engine.session import events_as_json

        while rows := self._handle.events_since(self._last):
            self._last = rows[-1][0]
            write("".join(f"{line}\n" for line in events_as_json(rows)))

    def say(self, words: str) -> None:
        """Write a remark to stderr."""
        from aurora_tui.cli.errors import say

        say(words)

    def end(self, snapshot: Snapshot) -> None:
        """Nothing more than the events."""
        self.tell(snapshot)


def write(text: str) -> None:
    """Write to stdout at once; a closed pipe or a terminal that is gone ends the output, not the run."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError:
        silence(sys.stdout)
