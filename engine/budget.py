"""Pure: what the run may still spend."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Budget:
    """Limits in US dollars and tokens (None: no limit) and what was spent so far."""

    usd: float | None = None
    tokens: int | None = None
    spent_usd: float = 0.0
    spent_tokens: int = 0

    def spend(self, usd: float, tokens: int) -> None:
        """Count what an attempt used."""
        self.spent_usd += usd
        self.spent_tokens += tokens

    @property
    def exhausted(self) -> str:
        """Why nothing more may be started, or an empty string."""
        if self.usd is not None and self.spent_usd >= self.usd:
            return f"the budget of ${self.usd:g} is spent (${self.spent_usd:.2f})"
        if self.tokens is not None and self.spent_tokens >= self.tokens:
            return f"the budget of {self.tokens:,} tokens is spent ({self.spent_tokens:,})"
        return ""
