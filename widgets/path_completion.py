"""Pure: completes the last of several comma-separated path patterns or names, one path segment at a time."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

MOST = 8
LAST = "\U0010ffff"
"""Sorts behind everything a path can go on with."""


def complete_paths(text: str, files: Sequence[str], most: int = MOST) -> list[str]:
    """Whole texts whose last pattern is one segment longer: a file, a folder to go on in, or `folder/**`.

    `files` must be sorted; it is searched by halves, so its length hardly matters.
    """
    lead, typed, given = _parts(text)
    return [lead + path for path in segments(typed, files, most + len(given)) if path not in given][:most]


def complete_names(text: str, names: Sequence[str], most: int = MOST) -> list[str]:
    """Whole texts whose last name is complete; names that are given already are not offered again."""
    lead, typed, given = _parts(text)
    return [lead + name for name in names if name.startswith(typed) and name not in {*given, typed}][:most]


def segments(typed: str, files: Sequence[str], most: int = MOST) -> list[str]:
    """What may follow what was typed, up to the next `/`."""
    found = _children(typed, files, most)
    whole = typed + "**" if typed.endswith("/") and found else ""
    if len(found) == 1 and found[0].endswith("/"):
        whole = whole or found[0] + "**"
        return [whole, found[0]] if typed.endswith("/") else [found[0], whole]
    return ([whole] if whole else []) + found


def _children(typed: str, files: Sequence[str], most: int) -> list[str]:
    found: list[str] = []
    at = bisect_left(files, typed)
    while at < len(files) and files[at].startswith(typed) and len(found) < most:
        path = files[at]
        slash = path.find("/", len(typed))
        if slash < 0:
            at += 1
            if path != typed:
                found.append(path)
        else:
            found.append(path[: slash + 1])
            at = bisect_left(files, path[: slash + 1] + LAST, at)
    return found


def _parts(text: str) -> tuple[str, str, set[str]]:
    """What stays as it is, the last token, and the tokens before it."""
    done, comma, last = text.rpartition(",")
    typed = last.lstrip()
    return done + comma + last[: len(last) - len(typed)], typed, {token.strip() for token in done.split(",")}
