"""Diffs to show."""

from __future__ import annotations

from difflib import unified_diff

from engine.diff_model import BranchDiff, FileDiff, branch_diff
from engine.diff_parse import parse_diff

SMALL, LARGE = (80, 24), (120, 36)


def file(path: str, old: list[str], new: list[str]) -> FileDiff:
    """The diff of a file with these lines."""
    text = "\n".join(unified_diff(old, new, f"a/{path}", f"b/{path}", lineterm=""))
    kind = "new file mode 100644\n" if not old else "deleted file mode 100644\n" if not new else ""
    (made,) = parse_diff(f"diff --git a/{path} b/{path}\n{kind}{text}\n".encode())
    return made


def diff(*files: FileDiff, task: str = "auth", live: bool = True, error: str = "") -> BranchDiff:
    return branch_diff(task, files, live=live, at=0.0, error=error)


LINES = [f"line {n}" for n in range(1, 301)]


def edited(*places: int, lines: list[str] = LINES) -> list[str]:
    """The lines with some (counted from 1) changed."""
    return [f"{line} edited" if n in places else line for n, line in enumerate(lines, 1)]


def three() -> tuple[FileDiff, FileDiff, FileDiff]:
    return (
        file("a.py", LINES, edited(10, 50, 90)),
        file("b.py", LINES, edited(20, 60, 100)),
        file("c.py", LINES, edited(30, 70)),
    )
