"""The one door between a front end and an engine."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol

from engine.intents import Intent
from engine.model import Attached, Snapshot


class EngineHandle(Protocol):
    """What a front end may do with an engine, whether it lives in this process or behind a socket.

    All methods are safe to call from any thread and never block on the engine's work.
    """

    def send(self, intent: Intent) -> Future[str]:
        """Hand an intent over. The future holds one sentence of what happens now, or an `AuroraError`."""
        ...

    def snapshot(self) -> Snapshot:
        """The latest state."""
        ...

    def on_dirty(self, callback: Callable[[], None]) -> None:
        """Call `callback` (from any thread, without data) when the snapshot is out of date; at most one is pending."""
        ...

    def story(self, task: str) -> tuple[str, ...]:
        """The events of one task in words, oldest first."""
        ...

    def events_since(self, seq: int) -> tuple[tuple[int, str, str], ...]:
        """Journal rows after `seq` as (seq, kind, JSON body), for `--json` and followers."""
        ...

    def attached(self) -> tuple[Attached, ...]:
        """Who watches from other terminals, the longest first."""
        ...

    def close(self) -> None:
        """Let go of the engine; one in this process ends when nothing of it runs any more."""
        ...
