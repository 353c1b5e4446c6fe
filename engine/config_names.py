"""Names people write: which are allowed for tasks and branches, and what a wrong one probably meant (pure)."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

_TASK_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_NOT_IN_BRANCH = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|^-|\.\.|@\{|^(?:@|HEAD)$")
_WORD = re.compile(r"[a-z0-9]+")


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that was probably meant; None when nothing is near (Ratcliff/Obershelp ratio under 0.6)."""
    by_lower = {candidate.lower(): candidate for candidate in known}
    close = difflib.get_close_matches(name.lower(), by_lower, 1)
    return by_lower[close[0]] if close else None


def nearest_hint(name: str, known: Iterable[str]) -> str:
    """`; did you mean `x`?` or nothing."""
    found = nearest(name, known)
    return f"; did you mean `{found}`?" if found else ""


def task_id_problem(task: str) -> str | None:
    """Why a text cannot be a task's id, which is a piece of a branch name and of file names; None when it can."""
    if not _TASK_ID.fullmatch(task):
        return "an id is made of letters, digits, `.`, `_` and `-`, starts with a letter or digit, and has at most 100"
    if ".." in task or task.endswith((".", ".lock")):
        return "an id cannot contain `..` or end in `.` or `.lock`: git allows no such branch"
    return None


def branch_problem(branch: str) -> str | None:
    """Why git would not allow a branch name (the rules of git-check-ref-format); None when it would."""
    parts = branch.split("/")
    if _NOT_IN_BRANCH.search(branch):
        return "git allows no such branch name"
    if any(not part or part.startswith(".") or part.endswith(".lock") for part in parts) or branch.endswith("."):
        return "git allows no such branch name"
    return None


def id_from_prompt(prompt: str, taken: Iterable[str]) -> str:
    """A task id made of the first words of a prompt that no task in `taken` has."""
    words = _WORD.findall(prompt.lower())[:4]
    stem = "-".join(words)[:40].strip("-") or "task"
    used = set(taken)
    numbered = (f"{stem}-{number}" for number in range(2, len(used) + 3))
    return stem if stem not in used else next(name for name in numbered if name not in used)
