"""What tokens cost, where a program does not say what it spent: list prices, and so an estimate (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase

from engine.clients.reports import Usage
from engine.plan import Price

MILLION = 1_000_000
PRICES_OF = "November 2026"
"""When the list prices were looked up. Those of prompts of ordinary length; longer ones cost up to twice as much."""

PRICES: Mapping[str, Price] = {
    "claude-opus-4-[01]*": Price(15.0, 1.5, 75.0),
    "claude-opus-4-20*": Price(15.0, 1.5, 75.0),
    "claude-opus-5[-.]5*": Price(4.0, 0.2, 20.0),
    "claude-opus*": Price(5.0, 0.5, 25.0),
    "claude-sonnet-5[-.]5*": Price(2.0, 0.1, 10.0),
    "claude-sonnet-5*": Price(2.0, 0.2, 10.0),
    "claude-sonnet*": Price(3.0, 0.3, 15.0),
    "claude-haiku-5[-.]5*": Price(0.1, 0.01, 0.5),
    "claude-haiku*": Price(1.0, 0.1, 5.0),
    "claude-fable-5[-.]2*": Price(8.0, 0.2, 40.0),
    "claude-fable-5[-.]1*": Price(10.0, 0.25, 50.0),
    "claude-fable*": Price(10.0, 1.0, 50.0),
    "gpt-6.2-astra*": Price(8.0, 0.4, 40.0),
    "gpt-6*-astra*": Price(10.0, 1.0, 50.0),
    "gpt-6.[12]-sol*": Price(2.0, 0.1, 10.0),
    "gpt-6*-terra*": Price(1.0, 0.05, 5.0),
    "gpt-6*-luna*": Price(0.1, 0.01, 0.5),
    "gpt-6*": Price(2.0, 0.2, 10.0),
    "gpt-5.6-luna*": Price(0.2, 0.02, 1.2),
    "gpt-5.6-terra*": Price(2.0, 0.2, 12.0),
    "gpt-5.6*": Price(4.0, 0.4, 20.0),
    "gpt-5.[45]-pro*": Price(30.0, 30.0, 180.0),
    "gpt-5.5*": Price(5.0, 0.5, 30.0),
    "gpt-5.4-nano*": Price(0.2, 0.02, 1.25),
    "gpt-5.4-mini*": Price(0.75, 0.075, 4.5),
    "gpt-5.4*": Price(2.5, 0.25, 15.0),
    "gpt-5.2-pro*": Price(21.0, 21.0, 168.0),
    "gpt-5.[23]*": Price(1.75, 0.175, 14.0),
    "gpt-5-pro*": Price(15.0, 15.0, 120.0),
    "gpt-5*-nano*": Price(0.05, 0.005, 0.4),
    "gpt-5*-mini*": Price(0.25, 0.025, 2.0),
    "gpt-5*": Price(1.25, 0.125, 10.0),
    "gpt-4.1-nano*": Price(0.1, 0.025, 0.4),
    "gpt-4.1-mini*": Price(0.4, 0.1, 1.6),
    "gpt-4.1*": Price(2.0, 0.5, 8.0),
    "gpt-4o-mini*": Price(0.15, 0.075, 0.6),
    "gpt-4o*": Price(2.5, 1.25, 10.0),
    "o[34]-mini*": Price(1.1, 0.275, 4.4),
    "o3*": Price(2.0, 0.5, 8.0),
    "gemini-4-argon*": Price(4.0, 0.2, 20.0),
    "gemini-4-neon*": Price(3.0, 0.15, 15.0),
    "gemini-4-hydrogen*": Price(1.5, 0.075, 7.5),
    "gemini-2.5-flash-lite*": Price(0.1, 0.01, 0.4),
    "gemini-2.5-flash*": Price(0.3, 0.03, 2.5),
    "gemini-2.5-pro*": Price(1.25, 0.125, 10.0),
    "gemini-3.1-flash-lite*": Price(0.25, 0.025, 1.5),
    "gemini-*-flash-lite*": Price(0.3, 0.03, 2.5),
    "gemini-3-flash*": Price(0.5, 0.05, 3.0),
    "gemini-3.5-flash*": Price(1.5, 0.15, 9.0),
    "gemini-*-flash*": Price(1.5, 0.15, 7.5),
    "gemini-*": Price(2.0, 0.2, 12.0),
    "qwen*-flash*": Price(0.2, 0.04, 1.0),
    "qwen*-max*": Price(2.0, 0.25, 6.0),
    "qwen*-plus*": Price(0.65, 0.13, 3.25),
    "qwen*-coder*": Price(0.65, 0.13, 3.25),
    "claude": Price(3.0, 0.3, 15.0),
    "codex": Price(2.0, 0.1, 10.0),
    "gemini": Price(2.0, 0.2, 12.0),
    "qwen": Price(0.65, 0.13, 3.25),
}
"""US dollars for a million tokens, by the name of the model (the first pattern that fits), at last by that of the
program. `prices:` in aurora.yaml goes before it."""


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
