"""One line of tabs that can be clicked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from textual import events
from textual.message import Message
from textual.strip import Strip

from widgets.look import Painted, Piece
from widgets.text import cut


@dataclass(frozen=True, slots=True)
class Tab:
    """One tab: `id` is told when it is clicked, `badge` (a number or glyph) follows the label."""

    id: str
    label: str
    badge: str = ""


class TabLine(Painted):
    """Tabs at the left, a note at the right end as far as it fits."""

    DEFAULT_CSS = """
    TabLine { height: 1; color: $text-muted; }
    """

    class Chosen(Message):
        """A tab was clicked."""

        def __init__(self, line: TabLine, tab: str) -> None:
            super().__init__()
            self.line = line
            self.tab = tab

        @property
        def control(self) -> TabLine:
            """The line of tabs."""
            return self.line

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._tabs: tuple[Tab, ...] = ()
        self._active = ""
        self._note: tuple[Piece, ...] = ()

    def show(self, tabs: Sequence[Tab], active: str, note: Sequence[Piece] = ()) -> None:
        """The tabs as they are now."""
        if (tuple(tabs), active, tuple(note)) != (self._tabs, self._active, self._note):
            self._tabs, self._active, self._note = tuple(tabs), active, tuple(note)
            self.refresh()

    @staticmethod
    def _label(tab: Tab) -> str:
        return f" {tab.label}{' ' + tab.badge if tab.badge else ''} "

    def render_line(self, y: int) -> Strip:
        """The tabs and the note."""
        width = self.size.width
        pieces: list[Piece] = []
        for number, tab in enumerate(self._tabs):
            pieces.append(("│" if number else "", "gutter"))
            pieces.append((self._label(tab), "title" if tab.id == self._active else "dim"))
        used = sum(cell_len(text) for text, _ in pieces)
        return self.painted([*pieces, *self._at_right(width - used)], width, self.base_style)

    def _at_right(self, room: int) -> list[Piece]:
        needed = sum(cell_len(text) for text, _ in self._note)
        if needed + 2 <= room:
            return [(" " * (room - needed - 1), ""), *self._note]
        whole = cut("".join(text for text, _ in self._note), max(0, room - 2))
        return [("  " + whole, "dim")] if len(whole) > 4 else []

    def on_click(self, event: events.Click) -> None:
        """Choose the tab that was clicked."""
        x = event.x
        for number, tab in enumerate(self._tabs):
            cells = cell_len(self._label(tab)) + (1 if number else 0)
            if x < cells:
                self.post_message(self.Chosen(self, tab.id))
                return
            x -= cells
