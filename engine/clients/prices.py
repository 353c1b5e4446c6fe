"""What tokens cost, where a program does not say what it spent: list prices, and so an estimate (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase

from engine.clients.reports import Usage
from engine.plan import Price

MILLION = 1_000_000

PRICES: Mapping[str, Price] = {
    "claude-opus-4-[01]*": Price(15.0, 1.5, 75.0),
    "claude-opus*": Price(5.0, 0.5, 25.0),
    "claude-sonnet*": Price(3.0, 0.3, 15.0),
    "claude-haiku*": Price(1.0, 0.1, 5.0),
    "gpt-5*-nano": Price(0.05, 0.005, 0.4),
    "gpt-5*-mini": Price(0.25, 0.025, 2.0),
    "gpt-5*": Price(1.25, 0.125, 10.0),
    "gpt-4.1*": Price(2.0, 0.5, 8.0),
    "gpt-4o-mini*": Price(0.15, 0.075, 0.6),
    "gpt-4o*": Price(2.5, 1.25, 10.0),
    "o4-mini*": Price(1.1, 0.275, 4.4),
    "o3*": Price(2.0, 0.5, 8.0),
    "gemini-*-flash-lite*": Price(0.1, 0.025, 0.4),
    "gemini-*-flash*": Price(0.3, 0.075, 2.5),
    "gemini-*-pro*": Price(1.25, 0.31, 10.0),
    "qwen*-coder*": Price(1.0, 0.1, 5.0),
    "claude": Price(3.0, 0.3, 15.0),
    "codex": Price(1.25, 0.125, 10.0),
    "gemini": Price(1.25, 0.31, 10.0),
    "qwen": Price(1.0, 0.1, 5.0),
    "copilot": Price(0.0, 0.0, 0.0),
}
"""US dollars for a million tokens, by the name of the model (the first pattern that fits), at last by that of the
program. `prices:` in aurora.yaml goes before it. Copilot is paid by request, not by token."""


def cost_of(usage: Usage, names: tuple[str, ...], own: Mapping[str, Price]) -> tuple[float, bool]:
    """US dollars, and whether they are an estimate. `names` are the model and the program, the surest first."""
    if usage.usd is not None:
        return usage.usd, False
    price = next((price for name in names if name and (price := price_of(name, own)) is not None), None)
    if price is None or not usage.tokens:
        return 0.0, False
    cost = usage.input * price.input + usage.cached * price.cached + usage.output * price.output
    return cost / MILLION, True


def price_of(name: str, own: Mapping[str, Price]) -> Price | None:
    """The price of a model; None when nobody knows it."""
    bare = name.lower().rpartition("/")[2]
    for table in (own, PRICES):
        for pattern, price in table.items():
            if fnmatchcase(bare, pattern.lower()) or fnmatchcase(name.lower(), pattern.lower()):
                return price
    return None
