"""Pure: text with conflict markers, made and read without ever taking a file's own lines for markers."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

from engine.conflict_model import (
    WHOLE,
    Clean,
    ConflictFile,
    Decision,
    Hunk,
    Key,
    Lines,
    SideFile,
    Source,
    Take,
    decoded,
    join_lines,
    taken,
)

SMALLEST = 7
RUN = re.compile(r"<+|\|+|=+|>+")
NAMES = {"<": "landed", "|": "base", "=": "branch"}
PLAIN = (Take.LANDED, Take.BRANCH, Take.BOTH, Take.BOTH_REVERSED, Take.BASE, Take.NEITHER)


@dataclass(frozen=True, slots=True)
class Labels:
    """What the two sides are called in markers."""

    landed: str = "landed"
    branch: str = "branch"


def marker_size(*texts: Lines) -> int:
    """A length of conflict markers with which no line of these texts begins: 7 as in git, or longer."""
    runs = (RUN.match(line) for text in texts for line in text if line[:SMALLEST] == line[:1] * SMALLEST)
    return max((len(run[0]) + 1 for run in runs if run is not None), default=SMALLEST)


def parse(lines: Lines, size: int) -> tuple[Clean | Hunk, ...]:
    """The parts of a text with markers of this size (with or without base); ValueError when they do not match up."""
    parts: list[Clean | Hunk] = []
    here: dict[str, list[str]] = {"clean": []}
    section = "clean"
    for line in lines:
        sign = _sign(line, size)
        if sign is None:
            here.setdefault(section, []).append(line)
        elif (section == "clean") != (sign == "<"):
            raise ValueError("conflict markers do not match up")
        elif sign == ">":
            parts.append(_hunk(here, sum(isinstance(part, Hunk) for part in parts)))
            here, section = {"clean": []}, "clean"
        else:
            if sign == "<" and here["clean"]:
                parts.append(Clean(tuple(here["clean"])))
            section = NAMES[sign]
    if section != "clean":
        raise ValueError("a conflict marker is missing at the end")
    return (*parts, Clean(tuple(here["clean"]))) if here["clean"] else tuple(parts)


def _sign(line: str, size: int) -> str | None:
    """The kind of marker a line is, None when it is text."""
    run = RUN.match(line)
    return run[0][0] if run is not None and len(run[0]) == size and line[size : size + 1] in " \r\n" else None


def _hunk(here: Mapping[str, list[str]], number: int) -> Hunk:
    base, landed, branch = (tuple(here.get(side, ())) for side in ("base", "landed", "branch"))
    return Hunk(number, base, landed, branch)


# --- showing ------------------------------------------------------------------------------------------------------


def hunk_text(hunk: Hunk, labels: Labels, size: int) -> Lines:
    """A hunk with markers that name all three sides, each line ended."""
    ending = "\r\n" if any(line.endswith("\r\n") for line in hunk.landed + hunk.branch + hunk.base) else "\n"
    sections = (
        ("<", f" {labels.landed}", hunk.landed),
        ("|", " base", hunk.base),
        ("=", "", hunk.branch),
        (">", f" {labels.branch}", ()),
    )
    shown: list[str] = []
    for sign, label, lines in sections:
        shown += [f"{sign * size}{label}{ending}", *(_ended(line, ending) for line in lines)]
    return tuple(shown)


def _ended(line: str, ending: str) -> str:
    return line if line.endswith("\n") else line + ending


def file_text(file: ConflictFile, decisions: Mapping[Key, Decision], labels: Labels) -> Lines:
    """A file as it stands: decided hunks with their results, the others with markers."""
    size = size_for(file)
    lines: list[str] = []
    for part in file.parts:
        decision = None if isinstance(part, Clean) else decisions.get((file.path, part.number))
        if isinstance(part, Clean):
            lines.extend(part.lines)
        else:
            lines.extend(hunk_text(part, labels, size) if decision is None else taken(part, decision))
    return join_lines(lines)


def size_for(file: ConflictFile) -> int:
    """The length of the markers a file is shown with."""
    return marker_size(*side_texts(file))


def side_texts(file: ConflictFile) -> tuple[Lines, ...]:
    """The lines of every side, and of what git merged."""
    sides = (file.base, file.landed, file.branch)
    texts = [decoded(side.content) for side in sides if side is not None and side.content is not None]
    return (*texts, *(part.lines for part in file.parts if isinstance(part, Clean)))


# --- reading back -------------------------------------------------------------------------------------------------


def marker_left(lines: Lines, known: Iterable[Lines], size: int) -> str:
    """The first conflict marker in a text that is on no side itself, without its line ending; "" when there is none."""
    before = {line.rstrip("\r\n") for text in known for line in text}
    for line in lines:
        bare = line.rstrip("\r\n")
        if bare not in before and _like_marker(bare, size):
            return bare
    return ""


def _like_marker(bare: str, size: int) -> bool:
    run = RUN.match(bare)
    if run is None or len(run[0]) not in (SMALLEST, size):
        return False
    rest = bare[len(run[0]) :]
    return rest == "" if run[0][0] == "=" else rest == "" or rest.startswith(" ")


def as_decision(hunk: Hunk, lines: Lines, source: Source = Source.PERSON, *, accepted: bool = True) -> Decision:
    """The decision that makes these lines of a hunk: by the name of the sides if one does, otherwise as edited."""
    for take in PLAIN:
        if taken(hunk, Decision(take)) == lines:
            return Decision(take, source=source, accepted=accepted)
    return Decision(Take.EDITED, lines, source=source, accepted=accepted)


def aligned(file: ConflictFile, lines: Lines, source: Source, *, accepted: bool) -> dict[Key, Decision]:
    """A whole result as decisions hunk by hunk, where git's own merge stands around them untouched and in one place
    only; otherwise as one edit of the whole file."""
    results = _between(file.parts, lines)
    if results is None:
        return {(file.path, WHOLE): Decision(Take.EDITED, lines, source=source, accepted=accepted)}
    pairs = zip(file.hunks, results, strict=True)
    return {(file.path, hunk.number): as_decision(hunk, found, source, accepted=accepted) for hunk, found in pairs}


def _between(parts: tuple[Clean | Hunk, ...], lines: Lines) -> list[Lines] | None:
    """What stands in the place of each hunk, None when that is not certain."""
    alternate = all(isinstance(a, Hunk) != isinstance(b, Hunk) for a, b in pairwise(parts))
    if not alternate or not any(isinstance(part, Hunk) for part in parts):
        return None
    early = _cuts(parts, lines)
    backwards = [replace(part, lines=part.lines[::-1]) if isinstance(part, Clean) else part for part in parts[::-1]]
    late = _cuts(tuple(backwards), lines[::-1])
    if early is None or late is None:
        return None
    mirrored = [(len(lines) - end, len(lines) - start) for start, end in late[::-1]]
    return [lines[start:end] for start, end in early] if early == mirrored else None


def _cuts(parts: tuple[Clean | Hunk, ...], lines: Lines) -> list[tuple[int, int]] | None:
    """Where each hunk's result begins and ends when every clean part is found as early as it can be."""
    cuts: list[tuple[int, int]] = []
    at = 0
    for index, part in enumerate(parts):
        if isinstance(part, Hunk):
            if index == len(parts) - 1:
                cuts.append((at, len(lines)))
                return cuts
            continue
        last = index == len(parts) - 1
        found = _find(part.lines, lines, at, fixed=0 if index == 0 else len(lines) - len(part.lines) if last else None)
        if found is None:
            return None
        if index:
            cuts.append((at, found))
        at = found + len(part.lines)
    return cuts


def _find(wanted: Lines, lines: Lines, start: int, fixed: int | None) -> int | None:
    """The first place of some lines from `start` on, or whether they are at a fixed place."""
    places: Iterator[int] = iter(range(start, len(lines) - len(wanted) + 1))
    if fixed is not None:
        places = iter((fixed,) if fixed >= start else ())
    return next((place for place in places if lines[place : place + len(wanted)] == wanted), None)


# --- telling apart ------------------------------------------------------------------------------------------------


def hunk_digest(hunk: Hunk) -> str:
    """The identity of a hunk by its base and its sides, whichever of them landed (the idea of git rerere)."""
    return digest("hunk", *("".join(lines) for lines in (hunk.base, *sorted((hunk.landed, hunk.branch)))))


def file_digest(file: ConflictFile) -> str:
    """The identity of a file's conflict by the objects of its sides, whichever of them landed."""
    base, *sides = (side_identity(side) for side in (file.base, file.landed, file.branch))
    return digest("file", file.kind, base, *sorted(sides))


def side_identity(side: SideFile | None) -> str:
    """One side of a path as a word: what it is, and where."""
    return "none" if side is None else f"{side.mode}:{side.blob}:{side.path}"


def digest(*words: str) -> str:
    """A hexadecimal digest of words that no other words share."""
    framed = "".join(f"{len(word)}:{word}" for word in words)
    return hashlib.sha256(framed.encode("utf-8", "surrogateescape")).hexdigest()[:40]
