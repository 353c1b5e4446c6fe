"""Which commits made a side of a conflict: git's blame of the hunk's lines, or the history of its file."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass

from engine.conflict_model import WHOLE, ConflictFile, Hunk, Key, Settlement, Side, SideFile
from engine.repo import Repo
from engine.text import clean

MOST = 20
FORMAT = "%x01%H%x00%an%x00%at%x00%s%x00%(trailers:key=Aurora-Task,valueonly,separator=%x2c)"
BLAMED = re.compile(r"^([0-9a-f]{40,64}) \d+ \d+(?: \d+)?$", re.M)
BOUNDARY = re.compile(r"^boundary$", re.M)


@dataclass(frozen=True, slots=True)
class Made:
    """One commit that made a side of a hunk or file. `task` is "" when nobody says whose it was; `at` is in seconds
    since the epoch."""

    side: Side
    commit: str
    task: str
    author: str
    at: float
    subject: str


def explain(repo: Repo, settlement: Settlement, key: Key) -> tuple[Made, ...]:
    """The commits since the base that made the landed and the branch side, newest first. KeyError for no such key."""
    conflict = settlement.conflict
    file = conflict.file(key[0])
    hunk = None if key[1] == WHOLE else settlement.hunk(key)
    made = [*_side(repo, "landed", conflict.base, conflict.onto, file, hunk)]
    owners = _owners(repo, conflict.base, conflict.onto, [one.commit for one in made if not one.task])
    landed = [_owned(one, owners.get(one.commit, "")) for one in made]
    branch = [
        _owned(one, conflict.task) for one in _side(repo, "branch", conflict.base, conflict.branch_commit, file, hunk)
    ]
    return tuple(sorted([*landed, *branch], key=lambda one: -one.at))


def _owned(made: Made, task: str) -> Made:
    return Made(made.side, made.commit, made.task or task, made.author, made.at, made.subject)


def _side(repo: Repo, side: Side, base: str, tip: str, file: ConflictFile, hunk: Hunk | None) -> list[Made]:
    span = f"{base}..{tip}" if base else tip
    of = {"base": file.base, "landed": file.landed, "branch": file.branch}[side]
    commits = _blamed(repo, span, of, file, side, hunk) if hunk is not None and of is not None else []
    if commits:
        return _told(repo, side, "--no-walk=unsorted", *commits)
    names = sorted({file.path, *(one.path for one in (file.base, file.landed, file.branch) if one and one.path)})
    limit = [f":(top,literal){name}" for name in names]
    return _told(repo, side, f"--max-count={MOST}", "--no-merges", span, "--", *limit)


def _blamed(repo: Repo, span: str, of: SideFile, file: ConflictFile, side: Side, hunk: Hunk) -> list[str]:
    """The commits that wrote these lines since the base; none when there are no lines or all are older."""
    lines = hunk.side(side)
    if not lines:
        return []
    start = hunk.landed_line if side == "landed" else hunk.branch_line
    words = ("blame", "--line-porcelain", f"-L{start},{start + len(lines) - 1}", span, "--", of.path or file.path)
    found = repo.git(*words, check=False)
    if found.code:
        return []
    text = os.fsdecode(found.out)
    heads = list(BLAMED.finditer(text))
    ends = [match.start() for match in heads[1:]] + [len(text)]
    entries = ((head[1], text[head.end() : end]) for head, end in zip(heads, ends, strict=True))
    return list(dict.fromkeys(commit for commit, entry in entries if not BOUNDARY.search(entry)))


def _told(repo: Repo, side: Side, *words: str) -> list[Made]:
    out = os.fsdecode(repo.git("log", f"--format={FORMAT}", *words).out)
    found: list[Made] = []
    for entry in out.split("\x01")[1:]:
        commit, author, at, subject, who = entry.rstrip("\n").split("\0")
        task = clean(who.split(",")[-1]).strip()
        found.append(Made(side, commit, task, clean(author), float(at), clean(subject)))
    return found


def _owners(repo: Repo, base: str, tip: str, commits: Iterable[str]) -> dict[str, str]:
    """For commits without a name of their own: the task whose landing brought them."""
    wanted = set(commits)
    if not wanted:
        return {}
    span = f"{base}..{tip}" if base else tip
    found: dict[str, str] = {}
    for landing in _told(repo, "landed", "--first-parent", "--reverse", span):
        brought = set(repo.git("rev-list", f"{landing.commit}^1..{landing.commit}", check=False).lines)
        found |= {commit: landing.task for commit in wanted & brought if landing.task}
        wanted -= brought
        if not wanted:
            break
    return found
