"""Paints one conflicted file: its hunks with both sides and the result."""

from __future__ import annotations

from functools import lru_cache

from rich.cells import cell_len, set_cell_size
from rich.style import Style

from engine.conflict_model import WHOLE, ConflictFile, Key, Settlement, Side, Take
from engine.text import clean
from widgets.conflict_rows import (
    KEYS,
    PICKABLE,
    STYLE_OF_GLYPH,
    Look,
    Row,
    decided_words,
    file_rows,
    glyph,
    in_result,
    offer_words,
    shown,
    side_lines,
    side_words,
)
from widgets.diff_words import Spans, changed_spans
from widgets.line_view import LineView
from widgets.look import Piece
from widgets.text import cut, names

WIDE = 76
"""Cells from which the sides stand beside each other."""
MARK = 2


class ConflictCanvas(LineView):
    """Paints the rows of one file. The cursor is on a row and, where the sides stand beside each other, on one side."""

    def __init__(self, settlement: Settlement, *, id: str) -> None:
        super().__init__(id=id)
        self.settlement = settlement
        self.file: ConflictFile = settlement.conflict.files[0]
        self.column: Side = "landed"
        self.base_shown = False
        self._unfolded: dict[str, set[int]] = {}
        self._rows: list[Row] = []
        self._shift = 0

    # --- what is shown ---

    def show_file(self, path: str) -> None:
        """Another file, from its top."""
        self.file = self.settlement.conflict.file(path)
        self.rebuild()
        self.cursor = 0
        self.scroll_to(y=0, animate=False, force=True)

    def rebuild(self) -> None:
        """Make the rows again: a decision, the width or what is shown of it changed."""
        unfolded = self._unfolded.get(self.file.path, set())
        self._rows = file_rows(self.settlement, self.file, self.wide, self.base_shown, unfolded)
        self.rows_changed()

    @property
    def wide(self) -> bool:
        """True when the sides stand beside each other."""
        return self.page_width >= WIDE

    def count_rows(self) -> int:
        """All rows of the file."""
        return len(self._rows)

    def on_resize(self) -> None:
        """The sides stand beside each other or above one another."""
        key = self.key
        self.rebuild()
        if key is not None:
            self.go_to(key)

    # --- where the cursor is ---

    @property
    def key(self) -> Key | None:
        """The hunk (or whole file) the cursor is on, else the next below, else the last."""
        after = [row.key for row in self._rows[self.cursor :] if row.key is not None]
        before = [row.key for row in self._rows[: self.cursor] if row.key is not None]
        return after[0] if after else before[-1] if before else None

    @property
    def line(self) -> tuple[Side, int] | None:
        """The line of a side the cursor is on."""
        row = self._rows[self.cursor] if self.cursor < len(self._rows) else None
        if row is None or row.look not in PICKABLE or row.key is None or row.key[1] == WHOLE:
            return None
        if row.look is Look.SIDES:
            place = row.landed if self.column == "landed" else row.branch
            return (self.column, place) if place >= 0 else None
        return ("landed", row.landed) if row.look is Look.LANDED else ("branch", row.branch)

    def go_to(self, key: Key) -> None:
        """Put the cursor on the first line of a hunk and as much of it into view as there is room for."""
        places = [n for n, row in enumerate(self._rows) if row.key == key]
        if not places:
            return
        lines = [n for n in places if self._rows[n].look in (*PICKABLE, Look.OFFER)]
        self.cursor = (lines or places)[0]
        spare = self.page_rows - len(places)
        self.scroll_to(y=max(0, places[0] - max(0, min(4, spare))), animate=False, force=True)
        self.refresh()

    # --- painting ---

    def _row_base(self, row: int, base: Style) -> Style:
        if self._rows[row].look in PICKABLE:
            return base
        return super()._row_base(row, base)

    def watch_cursor(self, before: int, now: int) -> None:
        """The heading of the hunk says where the cursor is, too."""
        super().watch_cursor(before, now)
        self.refresh()

    def row_pieces(self, index: int, width: int) -> list[Piece]:
        """One row."""
        row = self._rows[index]
        match row.look:
            case Look.FOLD:
                return [(f"  ··· {row.text} merged without conflict (enter unfolds)", "gutter")]
            case Look.CLEAN:
                return [("  ", ""), (self._cell(row.text, width - 2), "dim")]
            case Look.HEAD:
                return self._head_pieces(row, width)
            case Look.TITLES:
                return self._title_pieces(row, width)
            case Look.SIDES:
                return self._beside_pieces(row, width, index == self.cursor)
            case Look.LANDED | Look.BRANCH:
                return self._stacked_pieces(row, width, index == self.cursor)
            case Look.BASE_HEAD:
                return [("  base ", "strong"), ("as it was before both", "dim")]
            case Look.BASE:
                return [("  ", ""), (self._cell(row.text, width - 2), "dim")]
            case Look.RESULT:
                return [("▌ ", "result-bar"), (self._padded(row.text, width - 2), "result")]
            case Look.GONE:
                return [("▌ ", "result-bar"), (row.text, "dim")]
            case Look.OPEN:
                return [("▌ ", "bad"), ("not decided: ", "bad"), *_open_pieces(width - 16)]
            case Look.WORDS:
                return [(" ", ""), (cut(row.text, width - 2), "strong")]
            case Look.OFFER:
                return self._offer_pieces(row, width)
            case Look.GAP:
                return []

    def _head_pieces(self, row: Row, width: int) -> list[Piece]:
        key = row.key
        assert key is not None
        decision = self.settlement.decision(key)
        hunk = self.settlement.hunk(key)
        here = key == self.key
        sign = glyph(decision)
        pieces: list[Piece] = [
            (f"{sign} ", STYLE_OF_GLYPH[sign]),
            (f"hunk {hunk.number + 1} of {len(self.file.hunks)}", "title" if here else "strong"),
            (f" · line {hunk.landed_line} ", "dim"),
        ]
        words = f" {decided_words(decision)}"
        rule = max(1, width - sum(cell_len(text) for text, _ in pieces) - cell_len(words))
        return [*pieces, ("─" * rule, "title" if here else "gutter"), (words, STYLE_OF_GLYPH[sign])]

    def _titles(self) -> tuple[str, str]:
        landed = names(self.file.landed_by, 2) or "the target"
        return f"landed: {landed}", f"branch: {clean(self.settlement.conflict.task)}"

    def _title_pieces(self, row: Row, width: int) -> list[Piece]:
        landed, branch = self._titles()
        assert row.key is not None
        if row.key[1] == WHOLE:
            landed += f" ({side_words(self.file, self.file.landed)})"
            branch += f" ({side_words(self.file, self.file.branch)})"
        if row.take is not None:
            of_landed = row.take is Take.LANDED
            key = "o" if of_landed else "t"
            name = "landed-name" if of_landed else "branch-name"
            return [("  ", ""), (key, "key"), (" " + cut(landed if of_landed else branch, width - 5), name)]
        left, right = self._halves(width)
        return [
            ("  ", ""),
            ("o", "key"),
            (set_cell_size(" " + cut(landed, left - MARK - 3), left - MARK - 1), "landed-name"),
            (" │ ", "gutter"),
            ("  ", ""),
            ("t", "key"),
            (" " + cut(branch, right - MARK - 3), "branch-name"),
        ]

    def _halves(self, width: int) -> tuple[int, int]:
        left = (width - 3) // 2
        return left, width - 3 - left

    def _beside_pieces(self, row: Row, width: int, here: bool) -> list[Piece]:
        left, right = self._halves(width)
        spans = self._spans(row)
        cursor = "cursor" if self.has_focus else "cursor-away"
        return [
            *self._side_pieces(
                row, "landed", row.landed, left, spans[0], cursor if here and self.column == "landed" else ""
            ),
            (" │ ", "gutter"),
            *self._side_pieces(
                row, "branch", row.branch, right, spans[1], cursor if here and self.column == "branch" else ""
            ),
        ]

    def _spans(self, row: Row) -> tuple[Spans, Spans]:
        if row.landed < 0 or row.branch < 0 or row.key is None:
            return (), ()
        landed, branch = (side_lines(self.file, row.key, side) for side in ("landed", "branch"))
        return _changed(shown(landed[row.landed]), shown(branch[row.branch]))

    def _stacked_pieces(self, row: Row, width: int, here: bool) -> list[Piece]:
        spans = self._spans(row)
        cursor = ("cursor" if self.has_focus else "cursor-away") if here else ""
        if row.look is Look.LANDED:
            return self._side_pieces(row, "landed", row.landed, width, spans[0], cursor)
        return self._side_pieces(row, "branch", row.branch, width, spans[1], cursor)

    def _side_pieces(self, row: Row, side: Side, place: int, width: int, spans: Spans, cursor: str) -> list[Piece]:
        assert row.key is not None
        if place < 0:
            return [("▸ " if cursor else "  ", cursor), (" " * (width - MARK), cursor)]
        text = shown(side_lines(self.file, row.key, side)[place])
        mark = " "
        if row.key[1] != WHOLE:
            taken = in_result(self.settlement.hunk(row.key), self.settlement.decisions.get(row.key))
            mark = "✓" if (side, place) in taken else " "
        if cursor:
            return [(f"▸{mark}", cursor), (self._padded(text, width - MARK), cursor)]
        return [(f"{mark} ", "good"), *self._worded(text, spans, side, width - MARK)]

    def _worded(self, text: str, spans: Spans, side: Side, width: int) -> list[Piece]:
        """The text with its changed words marked, in exactly `width` cells."""
        if not spans:
            return [(self._padded(text, width), side)]
        pieces: list[Piece] = []
        at = skip = 0
        if self._shift:
            skip = min(len(text), self._shift)
        for start, end in (*spans, (len(text), len(text))):
            pieces += [
                (text[max(at, skip) : max(start, skip)], side),
                (text[max(start, skip) : max(end, skip)], f"{side}-word"),
            ]
            at = end
        used = 0
        fitting: list[Piece] = []
        for words, style in pieces:
            if used < width and words:
                words = words if used + cell_len(words) <= width else cut(words, width - used)
                fitting.append((words, style))
                used += cell_len(words)
        return [*fitting, (" " * max(0, width - used), side)]

    def _offer_pieces(self, row: Row, width: int) -> list[Piece]:
        assert row.key is not None
        assert row.take is not None
        decision = self.settlement.decisions.get(row.key)
        chosen = decision is not None and decision.take is row.take
        sign = glyph(decision) if chosen else "○"
        words = cut(offer_words(self.file, row.take), width - 8)
        return [
            (f"  {sign} ", "good" if chosen else "gutter"),
            (KEYS[row.take], "key"),
            (f"  {words}", "strong" if chosen else ""),
        ]

    def _cell(self, text: str, width: int) -> str:
        return cut(text[self._shift :], width)

    def _padded(self, text: str, width: int) -> str:
        return set_cell_size(self._cell(text, width), max(0, width))

    def empty_text(self) -> str:
        """Never seen: every file in conflict has something to decide."""
        return "nothing is in conflict here"


def _open_pieces(width: int) -> list[Piece]:
    pieces: list[Piece] = []
    used = 0
    for key, words in (
        ("o", "landed"),
        ("t", "branch"),
        ("b", "both"),
        ("n", "neither"),
        ("space", "line"),
        ("e", "edit"),
    ):
        used += cell_len(key) + cell_len(words) + 3
        if used > width:
            break
        pieces += [(key, "key"), (f" {words}  ", "dim")]
    return pieces


@lru_cache(maxsize=2000)
def _changed(one: str, other: str) -> tuple[Spans, Spans]:
    return changed_spans(one, other)
