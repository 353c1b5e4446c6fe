"""The changes of a task as a unified diff, for a person or for `git apply`."""

from __future__ import annotations

import sys
from pathlib import Path

from engine.errors import Refused
from engine.model import TaskState
from engine.repo import Repo
from engine.state import TaskRecord

PHOTOGRAPH = "What an agent is working on"


def live(repo: Repo, worktree: Path, base: str) -> bytes:
    """Everything in a worktree that differs from `base`, committed or not; the worktree is not touched."""
    from engine.checkout import checkout_at

    commit, _ = checkout_at(worktree).photograph(PHOTOGRAPH)
    return repo.diff_text(base, commit)


def left(repo: Repo, record: TaskRecord, tip: str) -> bytes:
    """What a task's newest captured work changes. Refused when it has left none."""
    if not record.commit:
        raise Refused(f"{record.id} has changed nothing yet", f"it is {record.state}: {record.reason}")
    base = record.attempt.base
    if record.state is not TaskState.LANDED or not base:
        base = repo.merge_base(tip, record.commit) or base
    return repo.diff_text(base, record.commit)


def show_diff(diff: bytes) -> None:
    """Write a diff: coloured and cleaned on a terminal, every byte as it is elsewhere."""
    if not sys.stdout.isatty():
        sys.stdout.flush()
        sys.stdout.buffer.write(diff)
        return
    from aurora_tui.cli.output import coloured
    from engine.text import clean

    colour = coloured()
    for line in diff.split(b"\n")[:-1]:
        print(_painted(clean(line), colour))


def _painted(line: str, colour: bool) -> str:
    codes = {"+": "32", "-": "31", "@": "36"}
    code = "1" if line.startswith(("+++", "---", "diff ")) else codes.get(line[:1], "")
    return f"\x1b[{code}m{line}\x1b[0m" if colour and code else line
