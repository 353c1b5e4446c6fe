"""Files that are there only for a moment: what editors and agent programs write beside a file before they rename it
over the file (pure)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

SECONDS = 1.0
"""How long a file with such a name may be there, or any be gone, before that counts as work."""
_PASSING = re.compile(
    r"\.tmp(?:[.\-_][\w.\-]*)?$"  # claude, most programs: name.tmp, name.tmp.31692.1a497d30822e
    r"|\.\d{6,}$"  # npm's write-file-atomic: name.1834598123
    r"|~$|\.sw[a-p]x?$|^4913$|^\.#"  # editors
    r"|^sed\w{6}$|^tmp[a-z0-9_]{8}$|^\.goutputstream-\w+$"  # sed -i, Python's tempfile, GLib
)


def passing(path: str) -> bool:
    """True when a path is named like a file that will be renamed or removed in a moment."""
    return _PASSING.search(path.rpartition("/")[2]) is not None


class Passing:
    """Changed paths that may be no work in a moment, by when they were seen first; a moment is seconds of any clock."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}

    @property
    def paths(self) -> tuple[str, ...]:
        """All that were seen."""
        return tuple(self._since)

    def settled(self, paths: Iterable[str], gone: Collection[str], now: float) -> tuple[str, ...]:
        """The new paths that count as work at `now`; the others are to be looked at again. Of those that are `gone` one
        cannot tell yet whether they were removed or never more than passing."""
        work: list[str] = []
        for path in paths:
            doubtful = path in gone or passing(path)
            if not doubtful or now - self._since.setdefault(path, now) >= SECONDS:
                work.append(path)
        return tuple(work)
