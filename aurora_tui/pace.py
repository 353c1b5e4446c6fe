"""When the screen does what can wait: not while keys come in. A picture that is made meanwhile delays the key's own."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

AFTER_INPUT = 0.04
MOST_DELAY = 0.3
"""Seconds of silence a picture waits for, and how long it waits for them at the most."""
QUIET = 1.0
BETWEEN = 10.0
LONGEST = 60.0
"""Seconds without input before garbage is collected, between two collections, and after which it is done anyway."""
YOUNG = 2_000
"""New containers before the cheap collection of the youngest ones: that takes about a millisecond."""
MANY = 3_000
"""Of those collections before the interpreter goes through older containers by itself: only where nobody looks at the
screen for minutes, because the terminal does not read."""


class Pace:
    """Tells from the newest key or mouse event whether it is time. All times are monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._input = -QUIET
        self._held_back: float | None = None
        self._collected = clock()

    def input_came(self) -> None:
        """A key was pressed, or the mouse was used."""
        self._input = self._clock()

    def wait(self) -> float:
        """Seconds until the next picture of the run is to be looked for; 0 when it is time."""
        now = self._clock()
        if self._held_back is None:
            self._held_back = now
        left = min(self._input + AFTER_INPUT, self._held_back + MOST_DELAY) - now
        if left > 0:
            return left
        self._held_back = None
        return 0.0

    # --- garbage ---

    def take_over_garbage(self) -> None:
        """From now on the interpreter collects the youngest containers only; the rest when nobody waits for the screen.
        What there is now stays for good."""
        gc.collect()
        gc.freeze()
        gc.set_threshold(YOUNG, MANY, 10)
        gc.enable()
        self._collected = self._clock()

    def collect_when_quiet(self) -> bool:
        """Collect garbage if it is time for it; true when that was done. Takes some tens of milliseconds then."""
        now = self._clock()
        since = now - self._collected
        if since < BETWEEN or (now - self._input < QUIET and since < LONGEST):
            return False
        gc.collect()
        self._collected = self._clock()
        return True
