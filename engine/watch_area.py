"""Which directories of a worktree are watched: all but those git ignores, and only as many as there are to spare.

A tree without ignored directories is watched as one; where there are some, the directories above them are watched one
by one and everything beside them as a whole.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from engine.errors import AuroraError
from engine.git import git

LIMITS = (Path("/proc/sys/fs/inotify/max_user_watches"), Path("/proc/sys/user/max_inotify_watches"))
RESERVE = 0.25
"""The share of the user's watches left to editors and other programs."""
GIT_SECONDS = 60.0


class NoWatches(Exception):
    """More directories than may be watched; the message says how many of how many."""


@dataclass(frozen=True, slots=True)
class Area:
    """What is watched of one root: whole trees, and single directories; `count` directories in all."""

    trees: tuple[str, ...]
    single: tuple[str, ...]
    count: int


def area_of(root: Path) -> Area:
    """Everything below `root` that git does not ignore. NotADirectoryError when there is no such directory."""
    if not root.is_dir():
        raise NotADirectoryError(str(root))
    ignored = ignored_directories(root)
    if not ignored:
        return Area((str(root),), (), sum(1 for _ in directories(str(root))))
    above = {str(parent) for path in ignored for parent in Path(path).parents if parent.is_relative_to(root)}
    trees = tuple(child for folder in sorted(above) for child in _children(folder) if child not in above | ignored)
    count = len(above) + sum(1 for tree in trees for _ in directories(tree))
    return Area(trees, tuple(sorted(above)), count)


def ignored_directories(root: Path) -> set[str]:
    """The topmost directories git ignores; what is no work tree has none."""
    try:
        said = git(
            "ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory",
            cwd=root, timeout=GIT_SECONDS,
        )  # fmt: skip
    except AuroraError:
        return set()
    return {str(root / path.rstrip("/")) for path in said.fields if path.endswith("/")}


def ignores(root: Path, directories: Sequence[Path]) -> bool:
    """Whether git ignores any of these directories."""
    asked = b"".join(os.fsencode(path.relative_to(root)) + b"/\0" for path in directories)
    with suppress(AuroraError):
        return bool(git("check-ignore", "-z", "--stdin", cwd=root, input=asked, check=False).out)
    return False


def directories(top: str) -> Iterator[str]:
    """A directory and all real ones below it, git's own left out."""
    todo = [top]
    while todo:
        folder = todo.pop()
        yield folder
        todo += _children(folder)


def _children(folder: str) -> list[str]:
    with suppress(OSError), os.scandir(folder) as entries:
        return [entry.path for entry in entries if entry.is_dir(follow_symlinks=False) and entry.name != ".git"]
    return []


class Share:
    """The watches this engine may take, and who has how many of them."""

    def __init__(self, limit: int | None = None) -> None:
        known = machine_limit() if limit is None else limit
        self.most = None if known is None else int(known * (1 - RESERVE))
        self._taken: dict[str, int] = {}
        self._lock = threading.Lock()

    def take(self, name: str, count: int) -> None:
        """Count a root's directories instead of those it had before; NoWatches when there are too many."""
        with self._lock:
            others = sum(taken for one, taken in self._taken.items() if one != name)
            if self.most is not None and others + count > self.most:
                self._taken.pop(name, None)
                raise NoWatches(f"{count:,} directories, and {max(0, self.most - others):,} more can be watched")
            self._taken[name] = count

    def give_back(self, name: str) -> None:
        """A root is watched no longer."""
        with self._lock:
            self._taken.pop(name, None)


def machine_limit() -> int | None:
    """How many directories all programs of this user may watch; None when the system does not say."""
    found = []
    for file in LIMITS:
        with suppress(OSError, ValueError):
            found.append(int(file.read_text(encoding="ascii")))
    return min(found, default=None)
