"""Reads beside the engine, on a thread of its own: last lines, the shown log, the story, the test's output."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from engine.errors import AuroraError
from engine.log_file import LogFile
from engine.tails import Tails

TEST_LINES = 3


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is on the screen and so has to be read. `story` is (task, version of the snapshot) or None."""

    logs: Mapping[str, Path] = field(default_factory=dict)
    shown_log: Path | None = None
    test_log: Path | None = None
    story: tuple[str, int] | None = None
    moving: bool = False


class Reader:
    """`wanted` may be replaced at any time; `on_news` is told (on the reading thread) when something new was read."""

    def __init__(self, every: float, story_of: Callable[[str], tuple[str, ...]], on_news: Callable[[], None]) -> None:
        self.last_lines: Mapping[str, str] = {}
        self.test_lines: tuple[str, ...] = ()
        self.log: LogFile | None = None
        self.story: tuple[str, tuple[str, ...]] = ("", ())
        self._every = every
        self._story_of = story_of
        self._on_news = on_news
        self._wanted = Wanted()
        self._story_read: tuple[str, int] | None = None
        self._tails = Tails()
        self._wake = threading.Event()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._live, name="aurora-reader", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def want(self, wanted: Wanted) -> None:
        """Read this from now on; what is newly asked for is read at once."""
        if wanted == self._wanted:
            return
        at_once = (wanted.shown_log, wanted.story) != (self._wanted.shown_log, self._wanted.story)
        moves = wanted.moving and not self._wanted.moving
        self._wanted = wanted
        if at_once or moves:
            self._wake.set()

    def close(self) -> None:
        """Stop reading."""
        self._closed.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(2)
        if self.log is not None:
            self.log.close()

    def _live(self) -> None:
        while not self._closed.is_set():
            self._wake.clear()
            wanted = self._wanted
            if self._read(wanted) and not self._closed.is_set():
                self._on_news()
            pause = self._every if wanted.moving else None
            if self._wake.wait(pause):
                self._closed.wait(0.02)
            elif self._closed.wait(0):
                return

    def _read(self, wanted: Wanted) -> bool:
        fresh = [self._read_log(wanted), self._read_story(wanted), self._read_tails(wanted), self._read_test(wanted)]
        return any(fresh)

    def _read_tails(self, wanted: Wanted) -> bool:
        before, self.last_lines = self.last_lines, self._tails.look(wanted.logs)
        return before != self.last_lines

    def _read_log(self, wanted: Wanted) -> bool:
        if wanted.shown_log is None:
            return False
        if self.log is None or self.log.path != wanted.shown_log:
            fresh = LogFile(wanted.shown_log)
            self._grow_fully(fresh)
            before, self.log = self.log, fresh
            if before is not None:
                before.close()
            return True
        return self.log.grow()

    @staticmethod
    def _grow_fully(log: LogFile) -> None:
        for _ in range(1000):
            before = log.count
            if not log.grow() or log.count == before:
                return

    def _read_story(self, wanted: Wanted) -> bool:
        if wanted.story is None or wanted.story == self._story_read:
            return False
        self._story_read = wanted.story
        with suppress(AuroraError):
            fresh = (wanted.story[0], self._story_of(wanted.story[0]))
            before, self.story = self.story, fresh
            return before != fresh
        return False

    def _read_test(self, wanted: Wanted) -> bool:
        lines: tuple[str, ...] = ()
        if wanted.test_log is not None:
            lines = last_lines(wanted.test_log, TEST_LINES)
        before, self.test_lines = self.test_lines, lines
        return before != lines


def last_lines(path: Path, number: int, block: int = 4096) -> tuple[str, ...]:
    """The last non-empty lines of a file, cleaned; none when it cannot be read."""
    from engine.text import clean

    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - block))
            data = file.read(block)
    except OSError:
        return ()
    return tuple([line for line in clean(data).split("\n") if line.strip()][-number:])
