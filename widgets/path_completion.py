"""Pure: what a line may be completed to: whole texts, names, and path patterns one segment at a time."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

MOST = 8
LAST = "\U0010ffff"
"""Sorts behind everything a path can go on with."""


def matching(typed: str, texts: Sequence[str], most: int = MOST) -> list[str]:
    """Pure: the texts that begin with what was typed, then those that contain it; not the very same one."""
    wanted = typed.lower()
    begin = [text for text in texts if text.lower().startswith(wanted) and text != typed]
    inside = [text for text in texts if wanted in text.lower() and not text.lower().startswith(wanted)]
    return (begin + inside)[:most]


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


class Cycle:
    """Pure: what may be meant by what was typed, and which of it stands in the line; `at` is -1 for the typed text."""

    def __init__(self) -> None:
        self.typed = ""
        self.found: tuple[str, ...] = ()
        self.at = -1

    @property
    def text(self) -> str:
        """What stands in the line."""
        return self.found[self.at] if self.at >= 0 else self.typed

    def offer(self, typed: str, found: Sequence[str]) -> None:
        """Something else was typed. Completions that a terminal cannot show as they are, are left out."""
        self.typed, self.at = typed, -1
        self.found = tuple(text for text in found if text.isprintable())

    def step(self, by: int) -> str:
        """The next or previous text; the typed one is between the last and the first."""
        self.at = (self.at + 1 + by) % (len(self.found) + 1) - 1
        return self.text
