"""The newest line of many logs, for little: only the ends of those that changed are read."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.log_file import decoded
from engine.text import clean

END = 4096
NEAR = 512
"""Bytes from the end of a file in which its last line is looked for, and those that are looked at first."""
LONGEST = 300


@dataclass(frozen=True, slots=True)
class _Tail:
    inode: int
    size: int
    changed: int
    line: str


class Tails:
    """Remembers what it saw, so that a log that did not change costs one `stat`."""

    def __init__(self) -> None:
        self._known: dict[Path, _Tail] = {}

    def look(self, paths: Mapping[str, Path]) -> dict[str, str]:
        """The last non-empty line of each log, cleaned; "" for one that is missing or says nothing."""
        seen = {path: tail for path in paths.values() if (tail := self._tail(path)) is not None}
        self._known = seen
        return {name: seen[path].line if path in seen else "" for name, path in paths.items()}

    def _tail(self, path: Path) -> _Tail | None:
        known = self._known.get(path)
        try:
            found = path.stat()
            if known is not None and (known.inode, known.size, known.changed) == _identity(found):
                return known
            with path.open("rb") as file:
                file.seek(max(0, found.st_size - END))
                line = last_line(file.read(END))
        except OSError:
            return None
        grown = known is not None and known.inode == found.st_ino and known.size <= found.st_size
        return _Tail(*_identity(found), line or (known.line if known is not None and grown else ""))


def _identity(found: os.stat_result) -> tuple[int, int, int]:
    return found.st_ino, found.st_size, found.st_mtime_ns


def last_line(data: bytes) -> str:
    """The last line of a log's end that says something, cleaned and cut; a character begun elsewhere is left out."""
    _, begun, near = data[-NEAR:].partition(b"\n")
    return (_last_line(near) if begun else "") or _last_line(data.lstrip(bytes(range(0x80, 0xC0))))


def _last_line(data: bytes) -> str:
    lines = (line.strip() for line in reversed(clean(decoded(data)).split("\n")))
    return next((line for line in lines if line), "")[:LONGEST]
