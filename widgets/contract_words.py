"""Pure: contracts in words, for the list and for the main pane."""

from __future__ import annotations

from engine.model import BreachView, ContractView, MockView
from widgets.look import Piece
from widgets.text import flat, many, names

MOCKS: dict[str, Piece] = {
    "starting": ("◌ starting", "dim"),
    "healthy": ("● healthy", "good"),
    "restarting": ("↻ restarting", "warn"),
    "dead": ("✗ dead", "bad"),
    "ended": ("− ended", "dim"),
}
BREACHES: dict[str, Piece] = {
    "open": ("≠ breach", "warn"),
    "amended": ("✓ amended", "good"),
    "rejected": ("− rejected", "dim"),
}
NO_CONTRACTS = (
    "The plan has no contracts. One would name files, the task that writes them, who implements and who consumes them; "
    "its version, mocks and breaches would be shown here. `aurora contract new` writes one."
)


def standing(contract: ContractView) -> Piece:
    """Frozen or not, in glyph and word."""
    if contract.frozen:
        return f"❄ frozen v{contract.version}", "live"
    return ("✗ not frozen", "bad") if contract.version else ("○ not yet", "dim")


def mock_piece(mock: MockView) -> Piece:
    """How a mock is; a state that is not known as it is."""
    return MOCKS.get(mock.state, (flat(mock.state), ""))


def breach_piece(breach: BreachView) -> Piece:
    """What became of a breach; a state that is not known as it is."""
    return BREACHES.get(breach.state, (flat(breach.state), ""))


def open_breaches(contract: ContractView) -> tuple[BreachView, ...]:
    """The breaches nobody has ruled on."""
    return tuple(breach for breach in contract.breaches if breach.state == "open")


def users(contract: ContractView) -> str:
    """Who writes, implements and consumes it, on one line."""
    parts = [f"{contract.by} writes"]
    if contract.implementers:
        parts.append(f"{names(contract.implementers, 2)} implement{'' if len(contract.implementers) > 1 else 's'}")
    if contract.consumers:
        parts.append(f"{names(contract.consumers, 2)} consume{'' if len(contract.consumers) > 1 else 's'}")
    return " · ".join(parts)


def mock_words(mock: MockView) -> str:
    """Where a mock listens and how often it had to be started again."""
    port = f"port {mock.port}" if mock.port else "no port yet"
    again = f", restarted {many(mock.restarts, 'time')}" if mock.restarts else ""
    words = f": {flat(mock.words)}" if mock.words else ""
    return f"{port}{again}{words}"
