"""What an agent behind the Agent Client Protocol has used, summed over the turns of one process (pure)."""

from __future__ import annotations

from engine.clients.reports import Usage

TURN_BY_TURN = ("opencode", "claude")
"""Agents, by a part of the name they give themselves, whose numbers are those of one turn. The protocol says that they
are the sum of all turns, and others keep to that."""


class TurnUsage:
    """`sum` is all that was used so far. Dollars are told as a sum over the session; what a repeated session says of
    them (`repeated`) was spent before."""

    def __init__(self) -> None:
        self.agent = ""
        self._turns = Usage()
        self._total = Usage()
        self._usd: float | None = None
        self._usd_before = 0.0

    @property
    def sum(self) -> Usage:
        """Tokens, and dollars if any were told."""
        whole = self._turns + self._total
        return Usage(whole.input, whole.cached, whole.output, whole.reasoning, self._usd)

    def more(self, given: int, cached: int, output: int) -> None:
        """What one request or turn used; `given` includes what was `cached`."""
        self._turns += Usage(max(0, given - cached), cached, output)

    def turn(self, given: int, cached: int, output: int, whole: int) -> None:
        """What an agent says at the end of a turn. Some count what was `cached` among what was `given`: then the
        `whole` is the sum of only two numbers."""
        fresh = given - cached if cached and whole == given + output else given
        said = Usage(max(0, fresh), cached, output)
        goes_on = said.input >= self._total.input and said.cached >= self._total.cached
        if any(name in self.agent.lower() for name in TURN_BY_TURN):
            self._turns += said
        elif goes_on and said.output >= self._total.output:
            self._total = said
        else:
            self._turns += self._total
            self._total = said

    def dollars(self, amount: float, *, repeated: bool) -> None:
        """The session has cost so much until now."""
        if repeated:
            self._usd_before = amount
        else:
            self._usd = amount - self._usd_before if amount >= self._usd_before else amount
