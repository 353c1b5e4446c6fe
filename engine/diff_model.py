"""What a branch changes, as frozen values: files, hunks, lines. All text in them is safe to show."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class FileStatus(StrEnum):
    """What happened to a file. The diff of a `too large` one is left out; its note says how much there is."""

    MODIFIED = "modified"
    ADDED = "added"
    DELETED = "deleted"
    RENAMED = "renamed"
    MODE = "mode"
    BINARY = "binary"
    SUBMODULE = "submodule"
    TOO_LARGE = "too large"


@dataclass(frozen=True, slots=True)
class DiffLine:
    """One line: `kind` is " ", "+" or "-". Line numbers count from 1, 0 where that side has no such line.

    `ending` is what the file has after the text: a line feed, `\\r\\n`, or nothing at the end of the file.
    """

    kind: str
    old: int
    new: int
    text: str
    ending: str = "\n"


@dataclass(frozen=True, slots=True)
class DiffHunk:
    """Neighbouring changes with their context. `heading` is the function or section git found them in."""

    old_start: int
    old_count: int
    new_start: int
    new_count: int
    heading: str
    lines: tuple[DiffLine, ...]


@dataclass(frozen=True, slots=True)
class FileDiff:
    """The changes of one file. `old_path` is empty unless it was renamed; `note` is a sentence or empty.

    `key` and `old_key` are the paths as the file system spells them, for opening the file; never to be painted.
    """

    path: str
    old_path: str = ""
    status: FileStatus = FileStatus.MODIFIED
    added: int = 0
    removed: int = 0
    hunks: tuple[DiffHunk, ...] = ()
    note: str = ""
    key: str = ""
    old_key: str = ""


@dataclass(frozen=True, slots=True)
class BranchDiff:
    """All changes of a task's branch, files in git's order. `live` ones follow a worktree; `at` is seconds since the
    epoch. With an `error` sentence nothing could be read, and there are no files."""

    task: str
    files: tuple[FileDiff, ...]
    added: int
    removed: int
    live: bool
    at: float
    error: str = ""


def branch_diff(task: str, files: tuple[FileDiff, ...], *, live: bool, at: float, error: str = "") -> BranchDiff:
    """A BranchDiff with its sums."""
    return BranchDiff(
        task=task,
        files=files,
        added=sum(file.added for file in files),
        removed=sum(file.removed for file in files),
        live=live,
        at=at,
        error=error,
    )
