"""What a line may become: shown below or beside each other, chosen with keys or a click."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from textual import events
from textual.message import Message
from textual.strip import Strip

from widgets.look import Painted, Piece
from widgets.path_completion import Cycle
from widgets.text import cut

MOST_COMPLETIONS = 6


class Taken(Message):
    """A completion was clicked."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


class Completions(Painted):
    """What the line may become: one below the other, at most six, or `beside` each other on one line. The one that
    stands in the line is marked and always in sight; `hint` says how to take one, where there is room for it."""

    DEFAULT_CSS = "Completions { height: 1; padding: 0 1; display: none; }"

    def __init__(self, *, beside: bool = False, hint: str = "") -> None:
        super().__init__(id="completions")
        self.cycle = Cycle()
        self._beside, self._hint = beside, hint

    def show(self) -> None:
        """The cycle changed."""
        self.display = bool(self.cycle.found)
        self.styles.height = 1 if self._beside else min(MOST_COMPLETIONS, len(self.cycle.found))
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """One of them, or all that fit."""
        pieces = self._all() if self._beside else self._one(y)
        left = self.size.width - sum(cell_len(text) for text, _ in pieces) - cell_len(self._hint)
        if left > 1 and y == 0:
            pieces += [(" " * left, ""), (self._hint, "gutter")]
        return self.painted(pieces, self.size.width, self.base_style)

    def _one(self, index: int) -> list[Piece]:
        if index >= len(self.cycle.found):
            return []
        here, text = index == self.cycle.at, cut(self.cycle.found[index], self.size.width - 2)
        return [("▸ " if here else "  ", "key"), (text, "strong" if here else "dim")]

    def _all(self) -> list[Piece]:
        found, first = self.cycle.found, self._first()
        return [(f" {found[n]} ", "cursor" if n == self.cycle.at else "dim") for n in range(first, len(found))]

    def _first(self) -> int:
        """The first that is painted on the one line."""
        first = 0
        while first < self.cycle.at and _width(self.cycle.found[first : self.cycle.at + 1]) > self.size.width:
            first += 1
        return first

    def on_click(self, event: events.Click) -> None:
        """Take the one under the mouse."""
        place = event.get_content_offset(self)
        if place is None:
            return
        found, at = self.cycle.found, place.y
        if self._beside:
            first = self._first()
            at = next((n for n in range(first, len(found)) if place.x < _width(found[first : n + 1])), len(found))
        if at < len(found):
            self.post_message(Taken(found[at]))


def _width(texts: Sequence[str]) -> int:
    return sum(cell_len(text) + 2 for text in texts)
