"""The last line: what the keys do here. A key that does nothing now stays, greyed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from textual import events
from textual.message import Message
from textual.strip import Strip

from widgets.look import Painted, Piece


@dataclass(frozen=True, slots=True)
class KeyHint:
    """One key of the bar. One that is `pinned` stays where there is too little room for all."""

    action: str
    key: str
    label: str
    enabled: bool
    pinned: bool = False

    @property
    def cells(self) -> int:
        """How much room it takes, with the blanks after it."""
        return cell_len(self.key) + cell_len(self.label) + 3


class KeyBar(Painted):
    """One painted line; a click on a key presses it."""

    DEFAULT_CSS = """
    KeyBar { height: 1; dock: bottom; background: $panel; color: $text-muted; padding: 0 1; }
    """

    class Pressed(Message):
        """A key of the bar was clicked."""

        def __init__(self, bar: KeyBar, action: str) -> None:
            super().__init__()
            self.bar = bar
            self.action = action

        @property
        def control(self) -> KeyBar:
            """The bar."""
            return self.bar

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._hints: tuple[KeyHint, ...] = ()
        self._note = ""

    def show(self, hints: Sequence[KeyHint], note: str = "") -> None:
        """The keys for the place the focus is in; `note` stands at the right end."""
        if (tuple(hints), note) != (self._hints, self._note):
            self._hints, self._note = tuple(hints), note
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """The keys, as many as fit."""
        width = self.size.width
        pieces, used = self._left(width - (cell_len(self._note) + 2 if self._note else 0))
        if self._note and used + cell_len(self._note) + 2 <= width:
            pieces += [(" " * (width - used - cell_len(self._note)), ""), (self._note, "accent")]
        return self.painted(pieces, width, self.base_style)

    def _fitting(self, width: int) -> list[KeyHint]:
        """The keys that fit; those at the end go first, pinned ones last."""
        shown = list(self._hints)
        while shown and sum(hint.cells for hint in shown) > width + 2:
            loose = [hint for hint in shown if not hint.pinned]
            shown.remove(loose[-1] if loose else shown[0])
        return shown

    def _left(self, width: int) -> tuple[list[Piece], int]:
        pieces: list[Piece] = []
        shown = self._fitting(width)
        for hint in shown:
            off = "" if hint.enabled else "key-off"
            pieces += [(hint.key, off or "key"), (f" {hint.label}  ", off)]
        return pieces, sum(hint.cells for hint in shown)

    def on_click(self, event: events.Click) -> None:
        """Press the key that was clicked."""
        x = event.x - 1
        for hint in self._fitting(self.size.width):
            if x < hint.cells:
                self.post_message(self.Pressed(self, hint.action))
                return
            x -= hint.cells
