"""Pure: what the run, a task and an attempt may still spend."""

from __future__ import annotations

from dataclasses import dataclass

from engine.plan import Allowance

WARNED_AT = 0.8


@dataclass(slots=True)
class Budget:
    """Limits of the run in US dollars and tokens (None: no limit) and what was spent so far.

    `warned` when most of it was spent and that was said; `waived` when a person lets paused agents go on."""

    usd: float | None = None
    tokens: int | None = None
    spent_usd: float = 0.0
    spent_tokens: int = 0
    warned: bool = False
    waived: bool = False

    def spend(self, usd: float, tokens: int) -> None:
        """Count what an attempt used."""
        self.spent_usd += usd
        self.spent_tokens += tokens

    def allow(self, usd: float | None, tokens: int | None) -> None:
        """Set the limits anew."""
        if (usd, tokens) != (self.usd, self.tokens):
            self.usd, self.tokens, self.warned, self.waived = usd, tokens, False, False

    @property
    def exhausted(self) -> str:
        """Why nothing more may be started, or an empty string."""
        return over(Allowance(self.usd, self.tokens), self.spent_usd, self.spent_tokens, "the budget")

    @property
    def nearly(self) -> str:
        """A warning when most of it is spent, or an empty string."""
        return nearly(Allowance(self.usd, self.tokens), self.spent_usd, self.spent_tokens, "the budget")


def over(allowance: Allowance, usd: float, tokens: int, whose: str) -> str:
    """Which limit is reached, in words; empty when none is."""
    if allowance.usd is not None and usd >= allowance.usd:
        return f"{whose} of ${allowance.usd:g} is spent (${usd:.2f})"
    if allowance.tokens is not None and tokens >= allowance.tokens:
        return f"{whose} of {allowance.tokens:,} tokens is spent ({tokens:,})"
    return ""


def nearly(allowance: Allowance, usd: float, tokens: int, whose: str) -> str:
    """Which limit is nearly reached, in words; empty when none is."""
    if allowance.usd is not None and usd >= WARNED_AT * allowance.usd:
        return f"{usd / allowance.usd:.0%} of {whose} of ${allowance.usd:g} is spent (${usd:.2f})"
    if allowance.tokens is not None and tokens >= WARNED_AT * allowance.tokens:
        return f"{tokens / allowance.tokens:.0%} of {whose} of {allowance.tokens:,} tokens is spent ({tokens:,})"
    return ""


def left(allowance: Allowance, usd: float) -> float | None:
    """US dollars that may still be spent (None: no limit), at least a cent."""
    return None if allowance.usd is None else max(0.01, allowance.usd - usd)
