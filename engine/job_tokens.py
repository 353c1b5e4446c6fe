"""Pure: how the jobs that all builds may run together are shared between the builds that run now.

Every build has one job of its own that needs no token; the tokens are the jobs beyond that. A build whose tokens are
all in use is hungry; one that leaves some lying needs no more than it uses. Tokens go to where the least are (max-min
fairness), and none lies idle while somebody is hungry.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Build:
    """One build: it can use `most` tokens, was given `issued`, and `lying` of those are not in use; a `paused` one uses
    no processor."""

    id: str
    most: int
    issued: int
    lying: int
    paused: bool = False

    @property
    def used(self) -> int:
        """Tokens with which jobs run now."""
        return self.issued - self.lying

    @property
    def wanted(self) -> int:
        """Tokens it can use soon: all it may when none lies idle, else one more than it uses."""
        return self.most if not self.lying else min(self.most, self.used + 1)


def tokens(total: int, builds: Sequence[Build], busy: int) -> int:
    """How many tokens there are for builds that are not paused, when `total` jobs may run and `busy` commands (these
    builds among them) use a processor each."""
    return max(0, total - max(sum(not build.paused for build in builds), busy))


def shares(total: int, builds: Sequence[Build], busy: int = 0) -> dict[str, int]:
    """How many tokens each build should have. What a paused build does not use is taken from it."""
    active = [build for build in builds if not build.paused]
    free = tokens(total, builds, busy)
    given = poured(free, {build.id: build.wanted for build in active})
    rest = free - sum(given.values())
    more = poured(rest, {build.id: build.most - given[build.id] for build in active})
    paused = {build.id: build.used for build in builds if build.paused}
    return {build: given[build] + more[build] for build in given} | paused


def poured(amount: int, wanted: Mapping[str, int]) -> dict[str, int]:
    """`amount` divided evenly, nobody getting more than is wanted; the first get what does not divide."""
    given = dict.fromkeys(wanted, 0)
    open_to = [name for name, most in wanted.items() if most > 0]
    while amount > 0 and open_to:
        each = max(1, amount // len(open_to))
        for name in open_to:
            part = min(each, wanted[name] - given[name], amount)
            given[name] += part
            amount -= part
        open_to = [name for name in open_to if given[name] < wanted[name]]
    return given
