"""Pure: completes path patterns segment by segment from the files there are."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

MOST = 8


def complete(text: str, files: Sequence[str], most: int = MOST) -> list[str]:
    """Whole texts whose last comma-separated pattern is one segment longer. `files` must be sorted."""
    done, comma, last = text.rpartition(",")
    typed = last.lstrip()
    lead = done + comma + last[: len(last) - len(typed)]
    return [lead + path for path in segments(typed, files, most)]


def segments(typed: str, files: Sequence[str], most: int = MOST) -> list[str]:
    """Files and folders (with `/**`) that begin with what was typed."""
    found: dict[str, None] = {}
    at = bisect_left(files, typed)
    while at < len(files) and files[at].startswith(typed) and len(found) < most:
        path = files[at]
        slash = path.find("/", len(typed))
        if slash < 0:
            found[path] = None
            at += 1
            continue
        folder = path[: slash + 1]
        found[folder + "**"] = None
        at = bisect_left(files, folder + "\U0010ffff", at)
    return list(found)
