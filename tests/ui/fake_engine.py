"""An engine that shows what it was given."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future

from engine.errors import Refused
from engine.intents import Intent, Shutdown
from engine.model import Snapshot


class FakeEngine:
    """An engine that shows one snapshot after the other, one per look, and then the last for ever."""

    def __init__(self, *shown: Snapshot) -> None:
        self.shown = list(shown)
        self.asked: list[Intent] = []
        self.over = threading.Event()
        self.looks = 0
        self.at_look: dict[int, Callable[[], None]] = {}
        self.rows: list[tuple[int, str, str]] = []
        self.callbacks: list[Callable[[], None]] = []

    def send(self, intent: Intent) -> Future[str]:
        self.asked.append(intent)
        if isinstance(intent, Shutdown):
            self.over.set()
        answer: Future[str] = Future()
        answer.set_result(f"{type(intent).__name__} it is")
        return answer

    def snapshot(self) -> Snapshot:
        self.looks += 1
        for callback in self.callbacks:
            callback()
        self.at_look.get(self.looks, lambda: None)()
        return self.shown.pop(0) if len(self.shown) > 1 else self.shown[0]

    def on_dirty(self, callback: Callable[[], None]) -> None:
        self.callbacks.append(callback)

    def story(self, task: str) -> tuple[str, ...]:
        if task not in {one.id for one in self.shown[0].tasks}:
            raise Refused(f"there is no task {task!r}")
        return ("added",)

    def events_since(self, seq: int) -> tuple[tuple[int, str, str], ...]:
        return tuple(row for row in self.rows if row[0] > seq)

    def wait(self, timeout: float | None = None) -> bool:
        return self.over.wait(timeout)

    def close(self) -> None:
        self.over.set()
