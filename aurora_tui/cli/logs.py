"""Finds the log of an attempt and copies it to stdout, once or as it grows."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import Refused
from engine.model import TaskState

if TYPE_CHECKING:
    from aurora_tui.cli.reaching import Reached
    from engine.model import TaskView

READ_EVERY = 0.2
BLOCK = 1 << 16


def attempt_log(run: Reached, task_id: str, attempt: int | None) -> tuple[Path, int]:
    """The log file and the number of an attempt (None: the last). Refused when there is none."""
    task = _task(run, task_id)
    folder = run.repo.aurora_dir / "runs" / run.snapshot().run
    number = attempt or task.attempt
    path = folder / f"{task.id}.{number}.log"
    if path.exists():
        return path, number
    there = [n for n in range(1, task.attempt + 1) if (folder / f"{task.id}.{n}.log").exists()]
    if attempt is None and there:
        return folder / f"{task.id}.{there[-1]}.log", there[-1]
    known = f"there are logs of: {', '.join(map(str, there))}" if there else f"it is {task.state}: {task.reason}"
    what = f"attempt {attempt} of {task.id}" if attempt else task.id
    raise Refused(f"there is no log of {what} yet" if not there else f"there is no log of {what}", known)


def _task(run: Reached, task_id: str) -> TaskView:
    run.handle.story(task_id)
    return run.snapshot().task(task_id)


def until_over(run: Reached, task_id: str, number: int) -> Callable[[], bool]:
    """A test whether the attempt may still write."""

    def more() -> bool:
        if not run.live:
            return False
        task = run.snapshot().task(task_id)
        return task.attempt == number and task.state in (TaskState.RUNNING, TaskState.PAUSED)

    return more


def copy(path: Path, *, raw: bool, more: Callable[[], bool]) -> None:
    """Write a log to stdout: whole lines, cleaned unless `raw`; read again as long as there may be `more`."""
    rest = b""
    with path.open("rb") as log:
        while True:
            going_on = more()
            while block := log.read(BLOCK):
                whole, newline, rest = (rest + block).rpartition(b"\n")
                _write(whole + newline, raw)
            if not going_on:
                break
            sys.stdout.flush()
            time.sleep(READ_EVERY)
    _write(rest, raw)


def _write(data: bytes, raw: bool) -> None:
    from engine.text import clean

    if raw:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
    elif data:
        sys.stdout.write(clean(data))
