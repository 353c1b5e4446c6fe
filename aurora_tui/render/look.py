"""How text is to look on one output: its width, its letters, its colours, and what time it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

_CODES = {
    "bold": "1",
    "dim": "2",
    "bad": "31",
    "good": "32",
    "warn": "33",
    "live": "36",
    "added": "32",
    "removed": "31",
}
_ASCII = str.maketrans(
    {
        **{"◦": ".", "○": "o", "►": ">", "‖": '"', "⇄": "&", "◐": "%", "✓": "+", "≠": "!", "✗": "x", "−": "-"},
        **{"…": "~", "→": ">", "·": "-", "│": "|", "├": "+", "└": "`", "─": "-", "’": "'"},
    }
)


def local_clock(at: float) -> str:
    """The time of day at `at` (seconds since the epoch), here."""
    return time.strftime("%H:%M:%S", time.localtime(at))


@dataclass(frozen=True, slots=True)
class Look:
    """One output. `width` is in cells, `now` in seconds since the epoch; `ascii` when it has no other letters."""

    width: int = 100
    now: float = 0.0
    colour: bool = False
    ascii: bool = False
    clock: Callable[[float], str] = field(default=local_clock)

    def paint(self, text: str, style: str) -> str:
        """The text in a style, where there are colours."""
        if not (self.colour and style and text.strip()):
            return text
        return f"\x1b[{_CODES[style]}m{text}\x1b[0m"

    def finish(self, lines: Sequence[str]) -> list[str]:
        """Finished lines: no blanks at their ends, and letters this output has. One cell stays one cell."""
        return [line.rstrip().translate(_ASCII) if self.ascii else line.rstrip() for line in lines]
