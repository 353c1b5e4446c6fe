"""The list of all files in conflict: how far each is, and what kind of conflict it is."""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size

from engine.conflict_model import Settlement
from engine.text import clean
from widgets.conflict_rows import STYLE_OF_GLYPH, counts, keys_of
from widgets.line_view import LineView
from widgets.look import Piece
from widgets.text import cut_path


class ConflictFiles(LineView):
    """All files in conflict: how far each is, and what kind of conflict it is."""

    DEFAULT_CSS = """
    ConflictFiles { width: 27; border: round $foreground 25%; border-title-color: $text-muted; }
    ConflictFiles:focus { border: round $primary; }
    ConflictFiles:ansi { border: round ansi_bright_black; }
    ConflictFiles:ansi:focus { border: round ansi_cyan; }
    """

    def __init__(self, settlement: Settlement, *, id: str) -> None:
        super().__init__(id=id)
        self.settlement = settlement
        self.tall = 2

    def count_rows(self) -> int:
        """One row of two lines for each."""
        return len(self.settlement.conflict.files)

    def line_pieces(self, index: int, line: int, width: int) -> list[Piece]:
        """Its name, then its kind and how much is settled."""
        file = self.settlement.conflict.files[index]
        keys = keys_of(file)
        done, all_of_them = counts(self.settlement, keys)
        proposed = any(self.settlement.decision(key) is not None and not self.settlement.settled(key) for key in keys)
        sign = "●" if done == all_of_them else "◌" if proposed else "○"
        if line == 0:
            return [(f"{sign} ", STYLE_OF_GLYPH[sign]), (cut_path(clean(file.path), width - 2), "strong")]
        count = f"{done}/{all_of_them}" if file.parts else "settled" if done else "open"
        room = width - 2 - cell_len(count)
        return [("  ", ""), (set_cell_size(str(file.kind), max(0, room)), "dim"), (count, STYLE_OF_GLYPH[sign])]
