"""All keys on one sheet; those that cannot be used now are greyed, with the reason."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import ClassVar

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Input, Static

from widgets.ask_line import Line
from widgets.dialog import Dialog
from widgets.line_view import LineView
from widgets.look import Piece
from widgets.text import cut, flat, wrap

KEYS, LABEL, GAP = 13, 14, 3
BELOW = 4
"""Blanks before a help that stands below its label."""
BESIDE = 60
"""Cells from which the help stands beside the label, not below it."""
TWO_COLUMNS = 2 * 64 + GAP
"""Cells from which the sections stand in two columns."""
MOST_LINES = 4
Pieces = list[Piece]


@dataclass(frozen=True, slots=True)
class HelpRow:
    """One key: what it is called, what it does, and why not now ("" when it can be used)."""

    keys: str
    label: str
    help: str
    disabled_reason: str = ""


Section = tuple[str, Sequence[HelpRow]]


def matching(sections: Sequence[Section], text: str) -> list[Section]:
    """Pure: the sections with only the rows that contain a text."""
    wanted = text.lower().strip()
    found = [(name, [row for row in rows if wanted in _words(row)]) for name, rows in sections]
    return [(name, rows) for name, rows in found if rows]


def _words(row: HelpRow) -> str:
    return flat(f"{row.keys} {row.label} {row.help} {row.disabled_reason}").lower()


def laid_out(sections: Sequence[Section], width: int) -> list[Pieces]:
    """Pure: the sheet as lines of at most `width` cells; in two columns where it is wide enough."""
    if width < TWO_COLUMNS or len(sections) < 2:
        return _column(sections, width)
    half = (width - GAP) // 2
    heights = [len(_section(section, half)) + 1 for section in sections]
    split = min(range(1, len(sections)), key=lambda at: max(sum(heights[:at]), sum(heights[at:])))
    empty: Pieces = []
    columns = zip_longest(_column(sections[:split], half), _column(sections[split:], half), fillvalue=empty)
    return [[*_padded(left, half + GAP), *right] for left, right in columns]


def _column(sections: Sequence[Section], width: int) -> list[Pieces]:
    lines: list[Pieces] = []
    for section in sections:
        lines += [*([[]] if lines else []), *_section(section, width)]
    return lines


def _section(section: Section, width: int) -> list[Pieces]:
    name, rows = section
    return [[(flat(name), "title")], *(line for row in rows for line in _row(row, width))]


def _row(row: HelpRow, width: int) -> Iterator[Pieces]:
    """The key and its label, and the help beside or below them."""
    off = "key-off" if row.disabled_reason else ""
    beside = width >= BESIDE
    before = KEYS + LABEL if beside else BELOW
    head: Pieces = [
        (f" {_filled(row.keys, KEYS - 1)}", off or "key"),
        (_filled(row.label, LABEL) if beside else cut(flat(row.label), width - KEYS), off or "strong"),
    ]
    words = [(line, off or ("" if beside else "dim")) for line in wrap(flat(row.help), width - before, MOST_LINES)]
    if row.disabled_reason:
        words += [(line, "key-off") for line in wrap(f"✗ {flat(row.disabled_reason)}", width - before, MOST_LINES)]
    if beside:
        head.append(words.pop(0))
    yield head
    yield from ([(" " * before, ""), line] for line in words)


def _filled(text: str, width: int) -> str:
    fitting = cut(flat(text), width - 1)
    return fitting + " " * (width - cell_len(fitting))


def _padded(pieces: Pieces, width: int) -> Pieces:
    return [*pieces, (" " * max(0, width - sum(cell_len(text) for text, _ in pieces)), "")]


def marked(pieces: Pieces, text: str) -> Iterator[Piece]:
    """Pure: the pieces with every occurrence of a text in the style of a match."""
    for piece, style in pieces:
        rest = piece
        while text and (at := rest.lower().find(text)) >= 0 and len(rest.lower()) == len(rest):
            yield rest[:at], style
            yield rest[at : at + len(text)], "match"
            rest = rest[at + len(text) :]
        yield rest, style


class HelpLines(LineView):
    """The rows, grouped, filtered by a text."""

    DEFAULT_CSS = """
    HelpLines { height: 1fr; background: $surface; }
    HelpLines:ansi { background: ansi_default; }
    """
    show_cursor: ClassVar[bool] = False

    def __init__(self, sections: Sequence[Section]) -> None:
        super().__init__(id="lines")
        self._sections = sections
        self._text = ""
        self._lines: list[Pieces] = []

    def filter(self, text: str) -> int:
        """Only rows that contain a text; how many those are."""
        self._text = text.lower().strip()
        self.rows_changed()
        self.scroll_to(y=0, animate=False, force=True)
        return sum(len(rows) for _, rows in matching(self._sections, text))

    def rows_changed(self) -> None:
        """Another filter or another width."""
        self._lines = laid_out(matching(self._sections, self._text), self.page_width - 1)
        super().rows_changed()

    def count_rows(self) -> int:
        """The painted lines."""
        return len(self._lines)

    def empty_text(self) -> str:
        """Nothing matches."""
        return "No key matches."

    def row_pieces(self, index: int, width: int) -> list[Piece]:
        """One line."""
        return list(marked(self._lines[index], self._text))


class HelpSheet(Dialog[None]):
    """The sheet; letters after `/` filter it."""

    DEFAULT_CSS = """
    HelpSheet > #box { max-width: 160; height: 80%; max-height: 60; }
    HelpSheet.-low > #box { max-width: 160; height: 100%; }
    HelpSheet .note { margin-bottom: 1; }
    HelpSheet.-low .note { display: none; }
    HelpSheet #filter { height: 1; margin-bottom: 1; display: none; }
    HelpSheet.-low #filter { margin-bottom: 0; }
    HelpSheet #sign { width: 2; color: $text-accent; text-style: bold; }
    HelpSheet #count { width: auto; color: $text-muted; }
    HelpSheet Line, HelpSheet Line:focus { border: none; height: 1; padding: 0; width: 1fr; }
    HelpSheet Line:ansi, HelpSheet Line:ansi:focus { border: none; background: ansi_default; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "ask", "filter", show=False),
        Binding("q,question_mark", "leave", "leave", show=False),
        Binding("down", "rows", "to the rows", show=False),
    ]
    keys_help: ClassVar[str] = "↑↓ scroll · / filters · esc leaves"

    def __init__(self, sections: Sequence[Section], intro: str) -> None:
        super().__init__("Keys")
        self._sections, self._intro = sections, flat(intro)

    def compose_box(self) -> ComposeResult:
        """Intro, filter, rows."""
        yield Static(self._intro, classes="note", markup=False)
        with Horizontal(id="filter"):
            yield Static("/", id="sign", markup=False)
            yield Line(placeholder="key, name or what it does", select_on_focus=False)
            yield Static("", id="count", markup=False)
        yield HelpLines(self._sections)

    def on_mount(self) -> None:
        """Scroll at once."""
        self.query_one(HelpLines).focus()

    def action_ask(self) -> None:
        """Filter."""
        self.query_one("#filter").display = True
        self.query_one(Line).focus()

    def action_rows(self) -> None:
        """From the filter back to the rows."""
        self.query_one(HelpLines).focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Every letter acts at once."""
        found = self.query_one(HelpLines).filter(event.value)
        every = sum(len(rows) for _, rows in self._sections)
        self.query_one("#count", Static).update(f"{found} of {every}" if event.value else "")

    def on_input_submitted(self) -> None:
        """Back to the rows; an empty filter goes away."""
        self.query_one("#filter").display = bool(self.query_one(Line).value)
        self.query_one(HelpLines).focus()
