"""The hunks of one file, by `git merge-file` on its three sides, with nothing of any side lost."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from engine.conflict_model import Clean, Hunk, Lines, SideFile, decoded, encoded
from engine.conflict_text import marker_size, parse
from engine.git import failure
from engine.repo import Repo

FAILED = 255
RANGE = re.compile(rb"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@", re.M)
Parts = tuple[Clean | Hunk, ...]


def merged_parts(
    repo: Repo, base: SideFile | None, landed: SideFile | None, branch: SideFile | None, *, hunks: bool = False
) -> Parts:
    """Git's merge of three files as clean parts and hunks; none when one is binary.

    With `hunks` there is at least one: where another diff algorithm than that of the merge finds no conflict, it is
    all that differs between the sides. Without a base, hunks are as small as they can be.
    """
    texts = [(side.content or b"") if side is not None else b"" for side in (landed, base, branch)]
    lines = [decoded(text) for text in texts]
    size = marker_size(*lines)
    with tempfile.TemporaryDirectory(dir=repo.aurora_dir, prefix="merge-") as folder:
        files = [Path(folder) / name for name in ("landed", "base", "branch")]
        for file, text in zip(files, texts, strict=True):
            file.write_bytes(text)
        out = _merge_file(repo, files, size, diff3=base is not None)
        if out is None:
            return ()
        parts = parse(decoded(out), size)
        if hunks and not any(isinstance(part, Hunk) for part in parts):
            parts = _one_hunk(*lines)
        parts = _endings(parts, lines[1], lines[0], lines[2])
        return _placed(repo, Path(folder), parts, lines[0], lines[2])


def _merge_file(repo: Repo, files: Sequence[Path], size: int, *, diff3: bool) -> bytes | None:
    """The text with markers, None when a side is binary."""
    style = ("--diff3",) if diff3 else ()
    words = ("merge-file", "-p", "-q", *style, f"--marker-size={size}")
    labels = ("-L", "landed", "-L", "base", "-L", "branch")
    result = repo.git("-c", "merge.conflictStyle=merge", *words, *labels, *map(str, files), check=False)
    if result.code == FAILED:
        if "binary" in result.err:
            return None
        raise failure(words, result)
    return result.out


def _one_hunk(landed: Lines, base: Lines, branch: Lines) -> Parts:
    """All that is not the same at the start and at the end of the three sides."""
    shortest = min(len(landed), len(base), len(branch))
    start = next((n for n in range(shortest) if not landed[n] == base[n] == branch[n]), shortest)
    rest = shortest - start
    end = next((n for n in range(rest) if not landed[-1 - n] == base[-1 - n] == branch[-1 - n]), rest)
    middle = [side[start : len(side) - end] for side in (base, landed, branch)]
    hunk = Hunk(0, middle[0], middle[1], middle[2])
    parts = (Clean(landed[:start]), hunk, Clean(landed[len(landed) - end :]))
    return tuple(part for part in parts if isinstance(part, Hunk) or part.lines)


def _endings(parts: Parts, base: Lines, landed: Lines, branch: Lines) -> Parts:
    """Take back the line ending git adds in a hunk after a last line that has none."""
    if not parts or not isinstance(parts[-1], Hunk):
        return parts
    last = parts[-1]
    bare = replace(
        last,
        base=_unended(last.base, base),
        landed=_unended(last.landed, landed),
        branch=_unended(last.branch, branch),
    )
    return (*parts[:-1], bare)


def _unended(section: Lines, side: Lines) -> Lines:
    if not section or not side or side[-1].endswith("\n"):
        return section
    return (*section[:-1], side[-1]) if section[-1] in (f"{side[-1]}\n", f"{side[-1]}\r\n") else section


# --- where a hunk begins in each side ------------------------------------------------------------------------------


def _placed(repo: Repo, folder: Path, parts: Parts, landed: Lines, branch: Lines) -> Parts:
    """The parts, each hunk with the line it begins at in both sides."""
    if not any(isinstance(part, Hunk) for part in parts):
        return parts
    at_landed = iter(_places(repo, folder, [_of(part, "landed") for part in parts], parts, landed))
    at_branch = iter(_places(repo, folder, [_of(part, "branch") for part in parts], parts, branch))
    return tuple(
        replace(part, landed_line=next(at_landed), branch_line=next(at_branch)) if isinstance(part, Hunk) else part
        for part in parts
    )


def _of(part: Clean | Hunk, side: str) -> Lines:
    if isinstance(part, Clean):
        return part.lines
    return part.landed if side == "landed" else part.branch


def _places(repo: Repo, folder: Path, texts: list[Lines], parts: Parts, side: Lines) -> list[int]:
    """From 1: where each hunk begins in a side. The merge with that side taken differs from the side only by what the
    other one changed elsewhere, so a diff of the two maps one onto the other."""
    whole = tuple(line for text in texts for line in text)
    shifts = _shifts(repo, folder, whole, side) if whole != side else ()
    places: list[int] = []
    at = 0
    for text, part in zip(texts, parts, strict=True):
        if isinstance(part, Hunk):
            places.append(_mapped(at, shifts) + 1)
        at += len(text)
    return places


def _shifts(repo: Repo, folder: Path, whole: Lines, side: Lines) -> tuple[tuple[int, int, int, int], ...]:
    """(start, count) in the merge and in the side of each part that differs, from 0."""
    for name, text in (("whole", whole), ("side", side)):
        (folder / name).write_bytes(encoded(text))
    words = ("diff", "--no-index", "-U0", "--no-color", "--no-ext-diff", "--text", "--", "whole", "side")
    found = RANGE.findall(repo.git(*words, check=False, cwd=folder).out)
    return tuple(_from_zero(*(int(number) if number else 1 for number in row)) for row in found)


def _from_zero(old: int, gone: int, new: int, come: int) -> tuple[int, int, int, int]:
    return (old - 1 if gone else old, gone, new - 1 if come else new, come)


def _mapped(at: int, shifts: Sequence[tuple[int, int, int, int]]) -> int:
    shift = 0
    for old, gone, new, come in shifts:
        if old + gone > at or (old == at and not gone):
            break
        shift = new + come - old - gone
    return at + shift
