"""What a finished (or interrupted) headless run says at its end."""

from __future__ import annotations

from aurora_tui.render.look import Look
from aurora_tui.render.table import Cell, Column, table
from aurora_tui.render.views import state_cell
from aurora_tui.render.words import elapsed, remedy_lines, total
from engine.model import Snapshot, TaskView
from widgets.text import duration, money

_COLUMNS = (
    Column("task"),
    Column("state"),
    Column("reason", stretch=True),
    Column("time", right=True),
    Column("cost", right=True),
    Column("commit"),
)


def closing(snapshot: Snapshot, look: Look) -> list[str]:
    """The table of all tasks, the sum, and the commands that help when something is left."""
    rows = [_row(task, look) for task in snapshot.tasks]
    lines = [*table(_COLUMNS, rows, look, lines=3), ""] if rows else []
    lines += [look.paint(line, "bold") for line in total(snapshot, look)]
    helping = remedy_lines(snapshot, look, live=False) if snapshot.exit_code else []
    return look.finish([*lines, "", "What helps:", *helping] if helping else lines)


def _row(task: TaskView, look: Look) -> list[Cell]:
    seconds = elapsed(task, look.now)
    return [
        Cell(task.id, "bold"),
        state_cell(task),
        Cell(task.reason),
        Cell(duration(seconds) if seconds else ""),
        Cell(money(task.cost, task.estimated)),
        Cell((task.landed or task.commit)[:9], "dim"),
    ]
