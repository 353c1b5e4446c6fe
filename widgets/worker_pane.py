"""The worker pool: who works on what, for how long, what it says, what it changed."""

from __future__ import annotations

from engine.model import TaskState, TaskView, WorkerView
from widgets.columns import Column, laid_out, widest
from widgets.look import Piece
from widgets.moment import Moment
from widgets.table_view import TableView
from widgets.text import clock, expanded, flat, money, names
from widgets.words import GLYPHS, STYLES, until_words

ONE_LINE_FROM = 96
INDENT = "    "


class WorkerPane(TableView):
    """One row a worker: two lines each, or one where the pane is wide."""

    moment: Moment | None = None

    def show(self, moment: Moment) -> None:
        """Another moment of the run."""
        first, self.moment = self.moment is None, moment
        self._workers = {worker.name: worker for worker in moment.snapshot.workers}
        self.set_columns(self._columns(moment))
        self.set_keys([worker.name for worker in moment.snapshot.workers])
        if first:
            self.select_key(next((w.name for w in moment.snapshot.workers if w.task), ""))
        busy = sum(1 for worker in moment.snapshot.workers if worker.task and not worker.frozen)
        limit = moment.snapshot.workers_limit
        paused = " · all paused" if moment.snapshot.paused_all else ""
        self.set_note(f"{busy} of {limit} busy{paused}")

    def on_resize(self) -> None:
        """A wide pane has room for all on one line."""
        self.tall = 1 if self.page_width >= ONE_LINE_FROM else 2
        if self.moment is not None:
            self.set_columns(self._columns(self.moment))
        self.refresh(layout=True)

    def empty_text(self) -> str:
        """The pool may have no workers at all."""
        return "The pool has no workers: + adds one." if self.moment else "The engine is starting …"

    def _columns(self, moment: Moment) -> tuple[Column, ...]:
        """What no row has takes no room; in two-line rows what the agent says has a line of its own."""
        tasks = [moment.tasks[worker.task] for worker in moment.snapshot.workers if worker.task]
        name = widest((task.id for task in tasks), 8, 24)
        says = (Column("says", 20, stretch=True),) if self.tall == 1 else (Column("", 0),)
        return (
            Column("", widest(self._workers, 2, 4)),
            Column("state", 10),
            Column("task", name, stretch=self.tall > 1),
            Column("try", 5 if any(task.attempt > 1 for task in tasks) else 0, drop=2),
            Column("cost", widest((money(t.cost, t.estimated) for t in tasks), 0, 8), right=True, drop=3),
            Column("changed", widest(map(_changed, tasks), 0, 12), right=True, drop=1),
            Column("time", 7 if self.tall == 1 else 5, right=True),
            *says,
        )

    @property
    def selected_task(self) -> str:
        """The task of the worker under the cursor, "" when it is idle."""
        return self._workers[self.selected_key].task if self.selected_key else ""

    def cells(self, key: str) -> list[Piece]:
        """All that is said of a worker; the last cell is its second line."""
        assert self.moment is not None
        worker = self._workers[key]
        task = self.moment.tasks.get(worker.task)
        if task is None:
            return [(key, "dim"), ("◌ idle", "dim"), *[("", "")] * 5, (self._why_idle(), "dim")]
        glyph = "❄" if worker.frozen else GLYPHS[task.state]
        word = "frozen" if worker.frozen else str(task.state)
        return [
            (key, "strong"),
            (f"{glyph} {word}", STYLES[task.state]),
            (task.id, "strong"),
            (f"try {task.attempt}" if task.attempt > 1 else "", "warn"),
            (money(task.cost, task.estimated), "dim"),
            (_changed(task), "good"),
            (clock(worker.elapsed(self.moment.now)), "dim" if worker.paused else ""),
            self._says(worker, task),
        ]

    def _why_idle(self) -> str:
        assert self.moment is not None
        snapshot = self.moment.snapshot
        if snapshot.paused_all:
            return "everything is paused: P lets it go on"
        if snapshot.pressure.holds:
            return flat(snapshot.pressure.holds)
        return "takes the next task that may start" if snapshot.queue else "nothing is queued"

    def _says(self, worker: WorkerView, task: TaskView) -> Piece:
        assert self.moment is not None
        if task.state is TaskState.PAUSED:
            waiting = self.moment.waiters_of(task.id)
            blocks = f" · blocks {names(waiting, 2)}" if waiting else ""
            return f"{flat(task.reason)}{blocks}", "warn"
        if worker.state != "working":
            return f"{task.agent} · {flat(task.reason) or worker.state}", "dim"
        if task.waits:
            return f"◔ {flat(task.waits)}{until_words(task.until, self.moment.now)}", "warn"
        line = flat(expanded(self.moment.last_lines.get(task.id, "")))
        return f"{task.agent} · {line}" if line else f"{task.agent} · no output yet", "dim"

    def line_pieces(self, index: int, line: int, width: int) -> list[Piece]:
        """The columns, and below them what the agent says."""
        cells = self.fresh_cells(index)
        if line == 0:
            return laid_out(self.columns, self.fitted_to(width), cells)
        return [(INDENT, ""), cells[-1]]


def _changed(task: TaskView) -> str:
    return f"+{task.added} −{task.removed}" if task.added or task.removed else ""
