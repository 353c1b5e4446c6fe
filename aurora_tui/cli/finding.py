"""One thing a check looked at, and how it is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Health(Enum):
    """How something is, as glyph and word."""

    GOOD = "✓ good"
    NOTE = "◦ note"
    BAD = "✗ bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    health: Health
    what: str
    words: str
