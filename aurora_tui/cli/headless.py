"""A run without a screen: tells what happens, ends when nothing can move any more, obeys signals."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from enum import Enum
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Protocol

from aurora_tui.cli.errors import INTERRUPTED, silence
from aurora_tui.cli.telling import Teller
from engine.errors import AuroraError
from engine.handle import EngineHandle
from engine.intents import Shutdown
from engine.model import Snapshot, TaskState

LOOK_EVERY = 1.0
END_SECONDS = 60.0
KILL_SECONDS = 3.0


class Engine(EngineHandle, Protocol):
    """An engine that can be waited for."""

    def wait(self, timeout: float | None = None) -> bool:
        """True when it has ended; raises what made it fail."""
        ...


class Prospect(Enum):
    """What may still happen: work, only what a person does now, or nothing."""

    MOVING = "moving"
    PERSON = "person"
    OVER = "over"


def prospect(snapshot: Snapshot) -> Prospect:
    """Pure: what may still happen. A person at another terminal is waited for where one act lets the run go on."""
    if not snapshot.idle or snapshot.stopping:
        return Prospect.MOVING
    paused = snapshot.paused_all or any(task.state is TaskState.PAUSED for task in snapshot.tasks)
    waits = paused or bool(snapshot.merge.landing_blocked) or snapshot.workers_limit == 0
    return Prospect.PERSON if waits and snapshot.needs_person else Prospect.OVER


class Signals:
    """Ctrl-C, SIGTERM and a lost terminal, as flags that the main loop reads."""

    def __init__(self, wake: SimpleQueue[None]) -> None:
        self.stops = 0
        self._wake = wake

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Catch them for a while; what the parent told this process to ignore stays ignored."""
        handlers = {signal.SIGINT: self._stop, signal.SIGTERM: self._stop, signal.SIGHUP: self._hang_up}
        wanted = {number: h for number, h in handlers.items() if signal.getsignal(number) is not signal.SIG_IGN}
        before = {number: signal.signal(number, handler) for number, handler in wanted.items()}
        try:
            yield
        finally:
            for number, old in before.items():
                signal.signal(number, old)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.stops += 1
        self._wake.put(None)

    def _hang_up(self, number: int, frame: FrameType | None) -> None:
        """The terminal is gone: the run goes on without it."""
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                if os.isatty(stream.fileno()):
                    silence(stream)


class HeadlessRun:
    """One run from an engine's start to its end. `patience` is how many seconds a person is waited for; `somebody` says
    of a snapshot whether somebody is about to rule on something in it."""

    def __init__(
        self, engine: Engine, teller: Teller, patience: float, somebody: Callable[[Snapshot], bool] | None = None
    ) -> None:
        self._engine = engine
        self._teller = teller
        self._patience = patience
        self._somebody = somebody or (lambda snapshot: False)
        self._wake: SimpleQueue[None] = SimpleQueue()
        self._signals = Signals(self._wake)
        self._moved: tuple[object, float] = (None, time.monotonic())
        self._obeyed = 0
        self._look_in = LOOK_EVERY
        engine.on_dirty(lambda: self._wake.put(None))

    def run(self) -> int:
        """Work until the end; the exit code."""
        with self._signals.caught():
            while not self._engine.wait(0):
                snapshot = self._engine.snapshot()
                self._teller.tell(snapshot)
                self._obey()
                if not self._obeyed and not self._somebody(snapshot) and self._is_over(snapshot):
                    return self._finish(snapshot)
                self._pause()
            last = self._engine.snapshot()
            self._teller.tell(last)
            self._teller.end(last)
            return INTERRUPTED if self._obeyed else last.exit_code

    def _is_over(self, snapshot: Snapshot) -> bool:
        chance = prospect(snapshot)
        if chance is not Prospect.PERSON:
            return chance is Prospect.OVER
        stands = (snapshot.needs_person, tuple((task.state, task.reason) for task in snapshot.tasks))
        if stands != self._moved[0]:
            self._moved = (stands, time.monotonic())
            self._teller.say(f"only you can help now; waiting {self._patience:g} s: {snapshot.needs_person[0]}")
        left = self._patience - (time.monotonic() - self._moved[1])
        self._look_in = min(LOOK_EVERY, max(0.0, left))
        return left <= 0

    def _finish(self, snapshot: Snapshot) -> int:
        """End the engine; paused agents are left as they are, the next run takes them over."""
        self._send("detach")
        if not self._engine.wait(END_SECONDS):
            self._teller.say("the engine does not end; it is left alone")
        self._teller.tell(self._engine.snapshot())
        self._teller.end(snapshot)
        return snapshot.exit_code

    def _obey(self) -> None:
        """The first interruption stops the agents, the second ends everything at once."""
        if self._signals.stops == self._obeyed:
            return
        self._obeyed += 1
        if self._obeyed == 1:
            self._teller.say("stopping the agents, their work is kept; once more ends it at once")
            self._send("stop")
            return
        self._teller.say("ending at once; agents that still live are taken over by the next `aurora run`")
        closing = threading.Thread(target=self._engine.close, daemon=True)
        closing.start()
        closing.join(KILL_SECONDS)
        os._exit(INTERRUPTED)

    def _send(self, mode: str) -> None:
        intent = Shutdown(at=time.time(), by="you", mode="stop" if mode == "stop" else "detach")
        self._engine.send(intent).add_done_callback(_ignored)

    def _pause(self) -> None:
        """Until something happens, at most a second."""
        wait, self._look_in = self._look_in, LOOK_EVERY
        with suppress(Empty):
            self._wake.get(timeout=wait)
            while True:
                self._wake.get_nowait()


def _ignored(answer: Future[str]) -> None:
    """That the engine is stopping already is no news."""
    with suppress(AuroraError):
        answer.result()
