"""Between the engine's thread and the screen's: a mark that something is new, and the newest `Moment` when asked."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from engine.errors import AuroraError
from engine.model import Snapshot, TaskState
from widgets.moment import Moment

if TYPE_CHECKING:
    from aurora_tui.opening import Opened
    from aurora_tui.reader import Reader


class Bridge:
    """Pulls snapshots from an engine. `mark` may be called from any thread; everything else is the screen's."""

    def __init__(self, opened: Opened, clock: Callable[[], float] = time.time) -> None:
        self.opened = opened
        self._clock = clock
        self.snapshot: Snapshot | None = None
        self._dirty = True
        self._read = False
        self._second = 0
        self._over = False
        opened.handle.on_dirty(self.mark)

    def mark(self) -> None:
        """There is a newer snapshot."""
        self._dirty = True

    def mark_read(self) -> None:
        """The reader read something new."""
        self._read = True

    @property
    def ended(self) -> bool:
        """True when the engine has ended; raises what made it fail."""
        wait = getattr(self.opened.own or self.opened.handle, "wait", None)
        return bool(wait(0)) if wait is not None else False

    def read_the_end(self) -> None:
        """The engine of another process is gone: what it did last stands in the journal."""
        from engine.session import read_only

        self._over = True
        with suppress(AuroraError):
            reader = read_only(self.opened.repo)
            try:
                self.snapshot = replace(reader.snapshot(), stopping=False)
            finally:
                reader.close()
        self.mark_read()

    def moment(self, reader: Reader) -> Moment | None:
        """A new moment when there is anything new to paint (also a clock that runs on), None otherwise."""
        fresh, self._dirty = self._dirty, False
        read, self._read = self._read, False
        if fresh and not self._over:
            try:
                self.snapshot = self.opened.handle.snapshot()
            except AuroraError:
                fresh = False
        if self.snapshot is None:
            return None
        now = self._clock()
        ticked = int(now) != self._second and moving(self.snapshot)
        if not (fresh or read or ticked):
            return None
        self._second = int(now)
        return Moment.of(self.snapshot, now, reader.last_lines, reader.test_lines)


def moving(snapshot: Snapshot) -> bool:
    """True when time passes for the run: clocks run and output may grow."""
    if not snapshot.idle:
        return True
    return any(task.state is TaskState.RUNNING for task in snapshot.tasks)
