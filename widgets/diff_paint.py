"""Pure: what is painted on the rows of a diff."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from rich.cells import cell_len, get_character_cell_size

from engine.diff_model import DiffHunk, DiffLine, FileDiff, FileStatus
from widgets.diff_rows import Most
from widgets.diff_shape import HunkShape
from widgets.diff_syntax import HunkColours, lexer_for
from widgets.diff_words import Spans, changed_spans
from widgets.look import Piece
from widgets.text import cut

TAB = 4
LONGEST_LINE = 2_000
"""Characters; the rest of a longer line is not painted."""
BAR = 10
NARROW = 60
"""Cells; a narrower pane has one column of line numbers and no bars."""
WORD_CELLS = len(FileStatus.TOO_LARGE)

Layer = Iterable[tuple[int, int, str]]

SIGNS = {"+": ("+", "good"), "-": ("−", "bad"), " ": (" ", "")}
BACKGROUNDS = {"+": "added", "-": "removed", " ": ""}
STATUS_STYLES = {
    FileStatus.ADDED: "good",
    FileStatus.DELETED: "bad",
    FileStatus.RENAMED: "accent",
    FileStatus.TOO_LARGE: "warn",
}


@dataclass(frozen=True, slots=True)
class Sought:
    """The text searched for; `now` is True on the row the reader was brought to."""

    text: str = ""
    now: bool = False

    def spans(self, text: str) -> Layer:
        """Where it is in a line."""
        if not self.text:
            return ()
        flags = re.IGNORECASE if self.text == self.text.lower() else re.NOFLAG
        style = "match-now" if self.now else "match"
        return [(found.start(), found.end(), style) for found in re.finditer(re.escape(self.text), text, flags)]


class PaintedHunk:
    """One hunk with all that is worked out about its lines as they are looked at."""

    def __init__(self, hunk: DiffHunk, path: str, shape: HunkShape) -> None:
        self.hunk = hunk
        self.shape = shape
        self._colours = HunkColours(hunk, lexer_for(path))
        self._words: dict[int, Spans] = {}

    def text(self, index: int, sought: Sought) -> list[Piece]:
        """The text of a line: syntax, changed words, what is searched for, and how it ends where that matters."""
        line = self.hunk.lines[index]
        word = f"{BACKGROUNDS[line.kind]}-word"
        words = [(start, end, word) for start, end in self._changed(index)]
        text = line.text[:LONGEST_LINE]
        pieces = layered(text, self._colours.of(index), words, sought.spans(text))
        return [*expanded(pieces), (self._end(line), "dim")]

    def _changed(self, index: int) -> Spans:
        if self.hunk.lines[index].kind == " ":
            return ()
        if index not in self._words:
            partner = self.shape.partner(index)
            if partner is None:
                return ()
            old, new = sorted((index, partner))
            lines = self.hunk.lines
            self._words[old], self._words[new] = changed_spans(lines[old].text, lines[new].text)
        return self._words[index]

    def _end(self, line: DiffLine) -> str:
        more = "…" if len(line.text) > LONGEST_LINE else ""
        if not line.ending:
            return f"{more} (no line feed at the end)"
        return f"{more}␍" if line.ending == "\r\n" and self.shape.mixed_endings else more


def layered(text: str, *layers: Layer) -> list[Piece]:
    """The text with the styles of all layers, a later one over an earlier one."""
    spans = [span for layer in layers for span in layer if span[0] < len(text)]
    if not spans:
        return [(text, "")]
    cuts = sorted({0, len(text), *(start for start, _, _ in spans), *(min(end, len(text)) for _, end, _ in spans)})
    styles: dict[int, list[str]] = {start: [] for start in cuts}
    for start, end, style in spans:
        for place in cuts[cuts.index(start) :]:
            if place >= end:
                break
            styles[place].append(style)
    return [(text[start:end], " ".join(styles[start])) for start, end in pairwise(cuts)]


def expanded(pieces: Sequence[Piece]) -> list[Piece]:
    """The pieces with their tabs as blanks, which depend on what is before them."""
    done: list[Piece] = []
    used = 0
    for text, style in pieces:
        for part in re.findall(r"\t|[^\t]+", text):
            shown = " " * (TAB - used % TAB) if part == "\t" else part
            used += cell_len(shown)
            done.append((shown, style))
    return done


def window(pieces: Sequence[Piece], start: int, width: int) -> list[Piece]:
    """Exactly the cells from `start` on; a wide character cut in half becomes a blank."""
    done: list[Piece] = []
    at, end = 0, start + width
    for text, style in pieces:
        cells = cell_len(text)
        if at + cells > start and at < end:
            done.append((_cells(text, start - at, end - at), style))
        at += cells
        if at >= end:
            break
    missing = width - max(0, min(at, end) - start)
    return [*done, (" " * missing, "")] if missing > 0 else done


def _cells(text: str, start: int, end: int) -> str:
    if text.isascii():
        return text[max(0, start) : end]
    done, at = "", 0
    for char in text:
        size = get_character_cell_size(char)
        inside = max(0, min(at + size, end) - max(at, start))
        done += char if inside == size and start <= at <= end else " " * inside
        at += size
    return done


# --- whole rows ---


def entry(file: FileDiff, width: int, most: Most) -> list[Piece]:
    """A line of the file list; `most` makes its columns as wide as all files need them."""
    plus, minus = f"+{file.added:,}", f"−{file.removed:,}"
    counts = [
        (plus.rjust(len(f"+{most.added:,}")), "good" if file.added else "dim"),
        (" " + minus.rjust(len(f"+{most.removed:,}")), "bad" if file.removed else "dim"),
    ]
    bar = [(" ", ""), *_bar(file, most.changed)] if width >= NARROW else []
    word = f" {file.status:<{WORD_CELLS}} "
    room = max(8, width - 2 - len(word) - _cells_of(counts) - _cells_of(bar))
    name = window([(_names(file, room), "")], 0, room)
    return [(" ", ""), *name, (word, STATUS_STYLES.get(file.status, "dim")), *counts, *bar]


def header(file: FileDiff, folded: bool, width: int, sought: Sought) -> list[Piece]:
    """The header of a file."""
    word = f" {file.status} "
    counts = _counts(file)
    room = max(8, width - 2 - len(word) - _cells_of(counts))
    name = _names(file, room)
    named = [(text, f"title {style}".strip()) for text, style in layered(name, sought.spans(name))]
    style = STATUS_STYLES.get(file.status, "dim")
    return [("▸ " if folded else "▾ ", "title"), *named, (word, style), *counts]


def _names(file: FileDiff, room: int) -> str:
    return _end_of(f"{file.old_path} → {file.path}" if file.old_path else file.path, room)


def _end_of(path: str, room: int) -> str:
    """A path that is too long loses its beginning: the file's name says more than its folders."""
    if cell_len(path) <= room:
        return path
    kept = path[-room + 1 :]
    while cell_len(kept) > room - 1:
        kept = kept[1:]
    return f"…{kept}"


def _counts(file: FileDiff) -> list[Piece]:
    return [(f"+{file.added:,}", "good"), (" ", ""), (f"−{file.removed:,}", "bad")]


def _cells_of(pieces: Sequence[Piece]) -> int:
    return sum(cell_len(text) for text, _ in pieces)


def _bar(file: FileDiff, most: int) -> list[Piece]:
    """The file's share of the largest change."""
    changed = file.added + file.removed
    cells = max(1, round(BAR * changed / most)) if changed else 0
    plus = round(cells * file.added / changed) if changed else 0
    return [("+" * plus, "good"), ("−" * (cells - plus), "bad"), (" " * (BAR - cells), "")]


def hunk_header(hunk: DiffHunk, width: int) -> list[Piece]:
    """Where a hunk is, and in which function or section."""
    where = f"  @@ −{hunk.old_start},{hunk.old_count} +{hunk.new_start},{hunk.new_count} @@ "
    return [(where, "hunk"), (cut(hunk.heading, max(1, width - len(where))), "dim")]


def number_cells(file: FileDiff) -> int:
    """Cells for the largest line number of a file."""
    last = [max(one.old_start + one.old_count, one.new_start + one.new_count) for one in file.hunks[-1:]]
    return max(3, len(str(max(last, default=0))))


def gutter(line: DiffLine, numbers: int, width: int) -> list[Piece]:
    """Line numbers and sign of a line in the unified view."""
    old, new = str(line.old or ""), str(line.new or "")
    text = f"{new or old:>{numbers}} " if width < NARROW else f"{old:>{numbers}} {new:>{numbers}} "
    sign, style = SIGNS[line.kind]
    return [(text, "gutter"), (f"{sign} ", style)]


@dataclass(frozen=True, slots=True)
class Frame:
    """What both halves of a side-by-side row have in common. `plain` leaves the background to the row."""

    numbers: int
    shift: int
    plain: bool


def one_side(
    painted: PaintedHunk, index: int | None, frame: Frame, width: int, sought: Sought, *, old: bool
) -> list[Piece]:
    """One half of a side-by-side row in exactly `width` cells."""
    if index is None:
        return [(" " * width, "")]
    line = painted.hunk.lines[index]
    sign, style = SIGNS[line.kind]
    start = [(f"{(line.old if old else line.new) or '':>{frame.numbers}} ", "gutter"), (f"{sign} ", style)]
    text = window(painted.text(index, sought), frame.shift, max(0, width - _cells_of(start)))
    under = "" if frame.plain else BACKGROUNDS[line.kind]
    return [(part, f"{under} {style}".strip()) for part, style in window([*start, *text], 0, width)]
