"""The developer of the demo: rules on a breach of the contract when whoever watches does not."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from engine.handle import EngineHandle
from engine.intents import RejectBreach
from engine.model import Snapshot

PATIENCE = 5.0
"""Seconds a viewer has to rule, at speed 1."""
NOTE = "Gift notes can wait. The backend builds on the same contract just now."
LOOK_EVERY = 0.2


class Developer:
    """Rejects every breach that is open for `patience` seconds."""

    def __init__(self, engine: EngineHandle, patience: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine, self._patience, self._clock = engine, patience, clock
        self._seen: dict[tuple[str, str, int], float] = {}

    def will_rule(self, snapshot: Snapshot) -> bool:
        """Rule on what has waited long enough; True when there is something left to rule on, or to come of it."""
        waiting = False
        for contract in snapshot.contracts:
            for breach in contract.breaches:
                if breach.state == "open":
                    waiting = True
                    key = (contract.name, breach.task, breach.attempt)
                    if self._clock() - self._seen.setdefault(key, self._clock()) >= self._patience:
                        self._reject(contract.name, breach.task)
        return waiting

    def _reject(self, contract: str, task: str) -> None:
        intent = RejectBreach(at=time.time(), by="the demo", contract=contract, task=task, note=NOTE)
        self._engine.send(intent).add_done_callback(lambda answer: answer.exception())

    def watch(self) -> None:
        """Look again and again, on a thread that ends with the program."""
        threading.Thread(target=self._watch, name="demo-developer", daemon=True).start()

    def _watch(self) -> None:
        while True:
            time.sleep(LOOK_EVERY)
            self.will_rule(self._engine.snapshot())
