"""Pure: one conflicted file as rows: what merged by itself, folded; each hunk with its sides; and the result so far."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from engine.conflict_model import (
    WHOLE,
    Clean,
    ConflictFile,
    Decision,
    Hunk,
    Key,
    Kind,
    Lines,
    Settlement,
    Side,
    SideFile,
    Source,
    Take,
    decoded,
)
from engine.text import clean
from widgets.diff_words import pair_lines
from widgets.text import expanded, many

CONTEXT = 3
"""Lines shown around a hunk; the others are folded."""
MOST_PREVIEWED = 400
KEYS = {Take.LANDED: "o", Take.BRANCH: "t", Take.BOTH: "b", Take.BASE: "i", Take.DELETE: "n"}
"""The keys of whole-file decisions."""


STYLE_OF_GLYPH = {"●": "good", "◌": "warn", "○": "bad"}


class Look(Enum):
    """What a row shows."""

    FOLD = auto()
    CLEAN = auto()
    HEAD = auto()
    TITLES = auto()
    SIDES = auto()
    LANDED = auto()
    BRANCH = auto()
    BASE_HEAD = auto()
    BASE = auto()
    RESULT = auto()
    OPEN = auto()
    GONE = auto()
    WORDS = auto()
    OFFER = auto()
    GAP = auto()


PICKABLE = (Look.SIDES, Look.LANDED, Look.BRANCH)


@dataclass(frozen=True, slots=True)
class Row:
    """One row. `landed` and `branch` are places in the sides of the hunk `key`, −1 for none (of a row with one side the
    other is the line to compare with); `place` is the part of the file a fold stands for."""

    look: Look
    key: Key | None = None
    text: str = ""
    landed: int = -1
    branch: int = -1
    take: Take | None = None
    place: int = -1


def file_rows(
    settlement: Settlement, file: ConflictFile, wide: bool, base: bool, unfolded: Collection[int]
) -> list[Row]:
    """All rows of a file. `wide`: sides beside each other; `base`: show the common ancestor; `unfolded`: parts shown
    whole."""
    whole = settlement.decisions.get((file.path, WHOLE))
    if whole is not None and whole.take is Take.EDITED:
        words = Row(
            Look.WORDS, (file.path, WHOLE), "This file was written by hand. u takes that back, E goes on with it."
        )
        return [words, *(Row(Look.RESULT, (file.path, WHOLE), shown(line)) for line in whole.lines)]
    if not file.parts:
        return list(_whole_rows(file, wide))
    rows: list[Row] = []
    for place, part in enumerate(file.parts):
        if isinstance(part, Clean):
            rows += _clean_rows(part, place, place == 0, place == len(file.parts) - 1, place in unfolded)
        else:
            rows += _hunk_rows(settlement, (file.path, part.number), part, wide, base)
    return rows


def shown(line: str) -> str:
    """A line of a file as it may be painted."""
    bare = line.rstrip("\r\n").replace("\r", "␍")
    return expanded(clean(bare.encode("utf-8", "surrogateescape")).replace("\n", "␊"))


def _clean_rows(part: Clean, place: int, first: bool, last: bool, unfolded: bool) -> Iterator[Row]:
    lines = part.lines
    head, foot = 0 if first else CONTEXT, 0 if last else CONTEXT
    if unfolded or len(lines) <= head + foot + 1:
        yield from (Row(Look.CLEAN, None, shown(line), place=place) for line in lines)
        return
    yield from (Row(Look.CLEAN, None, shown(line), place=place) for line in lines[:head])
    yield Row(Look.FOLD, None, many(len(lines) - head - foot, "line"), place=place)
    yield from (Row(Look.CLEAN, None, shown(line), place=place) for line in (lines[-foot:] if foot else ()))


def _hunk_rows(settlement: Settlement, key: Key, hunk: Hunk, wide: bool, base: bool) -> Iterator[Row]:
    yield Row(Look.HEAD, key)
    if wide:
        yield Row(Look.TITLES, key)
        yield from (Row(Look.SIDES, key, landed=left, branch=right) for left, right in beside(hunk.landed, hunk.branch))
    else:
        pairs = pair_lines(hunk.landed, hunk.branch) if hunk.landed and hunk.branch else ()
        partner, back = dict(pairs), {right: left for left, right in pairs}
        yield Row(Look.TITLES, key, take=Take.LANDED)
        yield from (Row(Look.LANDED, key, landed=n, branch=partner.get(n, -1)) for n in range(len(hunk.landed)))
        yield Row(Look.TITLES, key, take=Take.BRANCH)
        yield from (Row(Look.BRANCH, key, branch=n, landed=back.get(n, -1)) for n in range(len(hunk.branch)))
    if base:
        yield Row(Look.BASE_HEAD, key)
        yield from (Row(Look.BASE, key, shown(line)) for line in hunk.base)
    result = settlement.hunk_lines(key)
    if result is None:
        yield Row(Look.OPEN, key)
    elif not result:
        yield Row(Look.GONE, key, "(no lines)")
    else:
        yield from (Row(Look.RESULT, key, shown(line)) for line in result)


def beside(landed: Lines, branch: Lines) -> Iterator[tuple[int, int]]:
    """Places of the lines that stand beside each other, like ones together; −1 where a side has none. A side without
    any line has one empty row."""
    if not landed and not branch:
        return
    left = right = 0
    pairs = pair_lines(landed, branch) if landed and branch else ()
    for one, other in (*pairs, (len(landed), len(branch))):
        while left < one or right < other:
            yield (left if left < one else -1, right if right < other else -1)
            left, right = min(left + 1, one), min(right + 1, other)
        if one < len(landed) and other < len(branch):
            yield (one, other)
        left, right = one + 1, other + 1


def in_result(hunk: Hunk, decision: Decision | None) -> frozenset[tuple[Side, int]]:
    """The lines of the sides that the result is made of; none for what was written by hand."""
    if decision is None:
        return frozenset()
    if decision.take is Take.LINES:
        return frozenset(decision.picked)
    sides: dict[Take, tuple[Side, ...]] = {
        Take.LANDED: ("landed",),
        Take.BRANCH: ("branch",),
        Take.BOTH: ("landed", "branch"),
        Take.BOTH_REVERSED: ("branch", "landed"),
    }
    return frozenset((side, n) for side in sides.get(decision.take, ()) for n in range(len(hunk.side(side))))


# --- files without hunks ------------------------------------------------------------------------------------------


def _whole_rows(file: ConflictFile, wide: bool) -> Iterator[Row]:
    key = (file.path, WHOLE)
    yield Row(Look.GAP)
    yield Row(Look.WORDS, key, file.words)
    yield Row(Look.GAP)
    for take in file.offers:
        yield Row(Look.OFFER, key, offer_words(file, take), take=take)
    yield Row(Look.GAP)
    texts = [_text_of(side) for side in (file.landed, file.branch)]
    if file.kind in (Kind.BINARY, Kind.SUBMODULE) or not any(texts):
        return
    landed, branch = texts
    if wide and landed and branch:
        yield Row(Look.TITLES, key)
        yield from (Row(Look.SIDES, key, landed=a, branch=b) for a, b in beside(landed, branch))
        return
    if landed:
        yield Row(Look.TITLES, key, take=Take.LANDED)
        yield from (Row(Look.LANDED, key, landed=n) for n in range(len(landed)))
    if branch:
        yield Row(Look.TITLES, key, take=Take.BRANCH)
        yield from (Row(Look.BRANCH, key, branch=n) for n in range(len(branch)))


def side_lines(file: ConflictFile, key: Key, side: Side) -> Lines:
    """The lines of a side at a key: of the hunk, or of the whole file as far as it is shown."""
    if key[1] != WHOLE:
        return next(hunk for hunk in file.hunks if hunk.number == key[1]).side(side)
    return _text_of({"landed": file.landed, "branch": file.branch, "base": file.base}[side])


def _text_of(side: SideFile | None) -> Lines:
    if side is None or side.content is None or b"\0" in side.content:
        return ()
    return decoded(side.content)[:MOST_PREVIEWED]


def offer_words(file: ConflictFile, take: Take) -> str:
    """What a whole-file decision comes to."""
    if take is Take.DELETE:
        return "no such file"
    if take is Take.BOTH:
        return "keep both, each under its own name"
    side = {Take.LANDED: file.landed, Take.BRANCH: file.branch, Take.BASE: file.base}[take]
    name = {Take.LANDED: "what landed", Take.BRANCH: "what the task did", Take.BASE: "as it was before both"}[take]
    return f"{name}: {side_words(file, side)}"


def side_words(file: ConflictFile, side: SideFile | None) -> str:
    """One side of a path in words."""
    if side is None:
        return "the file is deleted"
    if side.content is None:
        return f"submodule at {side.blob[:9]}"
    what = f"{len(side.content):,} bytes" if b"\0" in side.content else many(len(decoded(side.content)), "line")
    name = f"{clean(side.path)}, " if file.kind in (Kind.RENAME_RENAME, Kind.RENAME_DELETE) and side.path else ""
    mode = f", mode {side.mode[-3:]}" if file.kind is Kind.MODE else ""
    return f"{name}{what}{mode}"


# --- words --------------------------------------------------------------------------------------------------------

TAKEN = {
    Take.LANDED: "landed",
    Take.BRANCH: "branch",
    Take.BOTH: "both, landed first",
    Take.BOTH_REVERSED: "both, branch first",
    Take.NEITHER: "neither",
    Take.BASE: "as before both",
    Take.LINES: "lines picked",
    Take.EDITED: "by hand",
    Take.DELETE: "deleted",
}


def decided_words(decision: Decision | None) -> str:
    """What was decided, and by whom if not by a person."""
    if decision is None:
        return "open"
    by = "" if decision.source is Source.PERSON else f" ({decision.source})"
    return f"{TAKEN[decision.take]}{by}" + ("" if decision.accepted else ": y accepts it")


def glyph(decision: Decision | None) -> str:
    """● settled, ◌ proposed, ○ open."""
    return "○" if decision is None else "●" if decision.accepted else "◌"


def counts(settlement: Settlement, keys: Sequence[Key]) -> tuple[int, int]:
    """Settled, and all."""
    return sum(settlement.settled(key) for key in keys), len(keys)


def keys_of(file: ConflictFile) -> list[Key]:
    """What is to be decided of a file."""
    return [(file.path, hunk.number) for hunk in file.hunks] if file.parts else [(file.path, WHOLE)]
