"""The pending queue: what starts next, what holds each task, and what needs the developer."""

from __future__ import annotations

from textual import events
from textual.message import Message

from engine.model import Snapshot, TaskState, TaskView
from widgets.columns import Column, widest
from widgets.look import Piece
from widgets.moment import Moment
from widgets.table_view import TableView
from widgets.text import duration, flat
from widgets.words import GLYPHS, STYLES, until_words

LATER = (TaskState.WAITING, TaskState.FAILED, TaskState.DROPPED)


class QueuePane(TableView):
    """Queued tasks in their order, then those that wait, failed or were dropped. A queued row can be dragged."""

    moment: Moment | None = None
    filter_text = ""
    _shown_for: tuple[Snapshot | None, str] = (None, "")
    _dragged: str | None = None

    class Dragged(Message):
        """A queued task was dragged `places` towards the end (negative: the front)."""

        def __init__(self, pane: QueuePane, task: str, places: int) -> None:
            super().__init__()
            self.pane = pane
            self.task = task
            self.places = places

        @property
        def control(self) -> QueuePane:
            """The pane."""
            return self.pane

    def show(self, moment: Moment) -> None:
        """Another moment of the run."""
        known, self._shown_for = self._shown_for, (moment.snapshot, self.filter_text)
        self.moment = moment
        if known[0] is moment.snapshot and known[1] == self.filter_text:
            self.paint_changes()
            return
        self._critical = frozenset(moment.snapshot.critical_path)
        self.set_columns(self._columns(moment))
        self.set_keys(self._order(moment))
        bound = moment.snapshot.bound
        least = f"at least {duration(bound.seconds)}: {flat(bound.sentence)}" if bound.seconds > 0 else ""
        self.set_note(least)

    def _order(self, moment: Moment) -> list[str]:
        rest = [task.id for state in LATER for task in moment.snapshot.tasks if task.state is state]
        whole = [*moment.snapshot.queue, *rest]
        wanted = self.filter_text.lower()
        return [task for task in whole if self._matches(moment.tasks[task], wanted)] if wanted else whole

    @staticmethod
    def _matches(task: TaskView, wanted: str) -> bool:
        return any(wanted in text.lower() for text in (task.id, task.reason, str(task.state), *task.claims))

    def empty_text(self) -> str:
        """Nothing waits, or nothing matches."""
        if self.filter_text:
            return f"No task matches “{self.filter_text}”. Esc shows all."
        return "No task waits. Press a to add one." if self.moment else ""

    @staticmethod
    def _columns(moment: Moment) -> tuple[Column, ...]:
        tasks = moment.snapshot.tasks
        return (
            Column("#", len(str(len(moment.snapshot.queue))), right=True),
            Column("", 1),
            Column("task", widest((task.id for task in tasks), 6, 22) + 2),
            Column("prio", 3 if any(task.priority for task in tasks) else 0, right=True, drop=2),
            Column("takes", 6, right=True, drop=1),
            Column("why", 14, stretch=True),
        )

    @property
    def selected_task(self) -> str:
        """The task under the cursor."""
        return self.selected_key or ""

    def cells(self, key: str) -> list[Piece]:
        """Place, glyph, name, priority, expected time, and why it waits."""
        assert self.moment is not None
        task = self.moment.tasks[key]
        critical = key in self._critical
        return [
            (str(task.queue_place) if task.queue_place else "", "dim"),
            ("?", "warn") if task.asks else (GLYPHS[task.state], STYLES[task.state]),
            (f"{task.id} ◆" if critical else task.id, "accent" if critical else "strong"),
            (f"{task.priority:+d}" if task.priority else "", "accent"),
            (duration(task.estimate), "dim"),
            (self._why(task, self.moment.now), self._why_style(task)),
        ]

    @staticmethod
    def _why(task: TaskView, now: float) -> str:
        if task.asks:
            return f"asks: {flat(task.asks)}"
        if task.state is TaskState.QUEUED:
            return f"{flat(task.reason)}{until_words(task.until, now)}" or "starts next"
        reason = flat(task.reason)
        return reason if task.state is TaskState.WAITING or reason.startswith(task.state) else f"{task.state}: {reason}"

    @staticmethod
    def _why_style(task: TaskView) -> str:
        if task.state is TaskState.FAILED and not task.asks:
            return "bad"
        return "warn" if task.asks or task.held_by else "dim"

    # --- dragging ---

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """A drag may begin."""
        row = self.row_under(event)
        self._dragged = self.keys[row] if row is not None else None

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """A drag may have ended on another row."""
        dragged, self._dragged = self._dragged, None
        row = self.row_under(event)
        if dragged is None or row is None or dragged not in self.keys or self.moment is None:
            return
        places = row - list(self.keys).index(dragged)
        if places and self.moment.tasks[dragged].queue_place:
            self.post_message(self.Dragged(self, dragged, places))
