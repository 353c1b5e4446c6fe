"""Pure: how many test runs at the same time are worth their while, measured."""

from __future__ import annotations

from dataclasses import dataclass

SLOWER_AT_MOST = 1.3
"""Runs side by side that take this much longer than one alone do not pay."""


@dataclass(slots=True)
class Tempo:
    """Durations of full test runs: `single` alone, in seconds; `paying` is the largest number that paid, `next` the
    one to be tried, 0 when a trial was slow."""

    single: float = 0.0
    paying: int = 1
    next: int = 2

    def lanes(self, most: int, searching: bool) -> int:
        """How many sets to test at once: one until a search needs more, then twice as many as paid before."""
        if not searching or not self.single:
            return 1
        return max(1, min(most, max(self.paying, self.next)))

    def took(self, seconds: float, beside: int) -> None:
        """A full run took that long, `beside` being the number of runs of its round, itself included."""
        if beside == 1:
            self.single = seconds if not self.single else 0.7 * self.single + 0.3 * seconds
        elif self.single:
            if seconds > SLOWER_AT_MOST * self.single:
                self.paying, self.next = max(1, min(self.paying, beside // 2)), 0
            elif self.next and beside >= self.next:
                self.paying, self.next = beside, beside * 2
