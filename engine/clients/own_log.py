"""The log a program keeps of itself, where it says only there that its provider gives no answer."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

MOST = 1 << 20
"""Bytes that are read at once."""


@dataclass(frozen=True, slots=True)
class OwnLog:
    """Where it is: `name`, with the conversation's id for {session}, below the folder the first variable of `moved_by`
    that is set names, else below `folder` of the home. What follows `mark` in a line is as good as standard error."""

    name: str
    folder: str
    moved_by: tuple[str, ...]
    mark: bytes

    def path(self, session: str, environment: Mapping[str, str]) -> Path:
        """The file of a conversation."""
        moved = next((environment[name] for name in self.moved_by if environment.get(name)), None)
        base = Path(moved).expanduser() if moved else Path(environment.get("HOME") or Path.home()) / self.folder
        return base / self.name.format(session=session)


class OwnLogReader:
    """Reads what is added to it. With `skip` what is there already belongs to an earlier process."""

    def __init__(self, log: OwnLog, skip: str = "") -> None:
        self._log = log
        self._file: BinaryIO | None = None
        self._rest = b""
        self._from = self._size(skip) if skip else 0

    def _size(self, session: str) -> int:
        with suppress(OSError):
            return self._log.path(session, os.environ).stat().st_size
        return 0

    def read(self, session: str) -> bytes:
        """The marked lines that are new, without their beginnings; nothing where there is no such log."""
        if self._file is None:
            with suppress(OSError):
                self._file = self._log.path(session, os.environ).open("rb")
                self._file.seek(self._from)
        if self._file is None:
            return b""
        *lines, self._rest = (self._rest + self._file.read(MOST)).split(b"\n")
        self._rest = self._rest[-MOST:]
        marked = (line.partition(self._log.mark)[2] for line in lines)
        return b"".join(line + b"\n" for line in marked if line)

    def close(self) -> None:
        """Read no more."""
        if self._file is not None:
            self._file.close()
