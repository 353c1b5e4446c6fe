"""Pure: how many agents of one profile its provider bears at once, and when it bears the next.

Additive increase, multiplicative decrease, as TCP does it (Jacobson 1988): a rate limit halves the number of places,
once per episode, and makes everybody wait; then a place comes back for every attempt that ends without one, and for
every minute. The wait doubles from one episode to the next, and is never shorter than the provider asks for.
"""

from __future__ import annotations

from dataclasses import dataclass

FIRST_WAIT = 15.0
LONGEST_WAIT = 900.0
"""Seconds of our own back-off, at first and at most; a provider may ask for more."""
EPISODE = 10.0
"""Seconds after a cut in which more rate limits belong to the same episode: many agents meet it at once."""
PLACE_EVERY = 60.0
"""Seconds after which a place comes back by itself."""
CALM = 600.0
"""Seconds without a rate limit after which the next one is the first again."""


@dataclass(slots=True)
class ProfileLimit:
    """One profile. `places` may run at once since `cut_at` (None: as many as like); `until` nothing starts.

    `stopped` says why nothing starts at all until a person has done something (its key is refused, its money spent)."""

    places: int | None = None
    cut_at: float = 0.0
    until: float = 0.0
    strikes: int = 0
    last_hit: float = float("-inf")
    words: str = ""
    stopped: str = ""

    def hit(
        self, at: float, running: int, words: str, *, seconds: float | None = None, until: float | None = None
    ) -> bool:
        """The provider refused a request at `at` while `running` agents used it; True when a new episode begins."""
        wait = max(seconds or 0.0, (until or 0.0) - at)
        self.words = words
        if at < max(self.until, self.cut_at + EPISODE) and self.strikes:
            self.last_hit = at
            self.until = max(self.until, at + wait)
            return False
        if at - self.last_hit > CALM:
            self.strikes = 0
        self.strikes += 1
        self.last_hit = self.cut_at = at
        self.places = max(1, min(running, self.room(at, running)) // 2)
        self.until = at + max(wait, min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(self.strikes - 1, 10)))
        return True

    def went_well(self, at: float) -> None:
        """An attempt has ended without a rate limit: one more place, unless the last limit is too fresh."""
        if self.places is not None and at >= self.until:
            self.places += 1

    def room(self, at: float, most: int) -> int:
        """How many may run at once at `at`, at most `most`."""
        if self.places is None:
            return most
        return min(most, self.places + self._minutes(at))

    def open(self, at: float) -> bool:
        """True when nothing but the number of places keeps an attempt from starting."""
        return not self.stopped and at >= self.until

    def next_change(self, at: float) -> float | None:
        """When more may start than now, if nothing happens; None: never, or now."""
        if self.places is None or self.stopped:
            return None
        if at < self.until:
            return self.until
        return max(self.cut_at, self.until) + PLACE_EVERY * (self._minutes(at) + 1)

    def _minutes(self, at: float) -> int:
        """How many places have come back by themselves; a moment that was asked for counts, however it was rounded."""
        return max(0, int((at - max(self.cut_at, self.until) + 0.001) // PLACE_EVERY))

    def forget(self, at: float, most: int) -> None:
        """Lift the limit when there is nothing left of it."""
        if self.places is not None and at >= self.until and self.room(at, most) >= most:
            self.places, self.words = None, ""
