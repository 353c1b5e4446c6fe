"""What the main pane shows of one task: its diff, its output, its story; kept up to date from tick to tick."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aurora_tui.actions import Place
from aurora_tui.bridge import moving
from aurora_tui.reader import Wanted
from engine.model import TaskState, TaskView
from widgets.contract_pane import ContractPane
from widgets.diff_pane import DiffPane
from widgets.moment import Moment
from widgets.output_pane import OutputPane
from widgets.story_pane import StoryPane
from widgets.text import flat, names

if TYPE_CHECKING:
    from aurora_tui.diffs import Diffs
    from aurora_tui.opening import Opened
    from aurora_tui.reader import Reader
    from aurora_tui.screens.main import MainScreen

WITH_WORKER = (TaskState.RUNNING, TaskState.PAUSED)


class Content:
    """Feeds the main pane of a screen; asks the reader and the diffs only for what is visible."""

    def __init__(self, screen: MainScreen, opened: Opened, reader: Reader, diffs: Diffs) -> None:
        self._screen = screen
        self._opened = opened
        self._reader = reader
        self._diffs = diffs
        self._painted: dict[Place, object] = {}

    def sync(self, moment: Moment) -> None:
        """Show what there is of the selected task, and say what to read next."""
        task = moment.tasks.get(self._screen.shown_task)
        tab = self._screen.tab
        self._want(moment, task, tab)
        if tab is Place.DIFF:
            self._show_diff(task)
        elif tab is Place.OUTPUT:
            self._show_output(moment, task)
        elif tab is Place.CONTRACT:
            self._show_contract(moment)
        else:
            self._show_story(task)

    def _want(self, moment: Moment, task: TaskView | None, tab: Place) -> None:
        snapshot = moment.snapshot
        running = [task for task in snapshot.tasks if task.state in WITH_WORKER]
        logs = {each.id: self._opened.log_of(snapshot.run, each.id, each.attempt) for each in running}
        shown = None
        if task is not None and task.attempt and tab is Place.OUTPUT:
            shown = self._opened.log_of(snapshot.run, task.id, task.attempt)
        story = (task.id, snapshot.version) if task is not None and tab is Place.STORY else None
        test = self._opened.aurora_dir / snapshot.merge.log if snapshot.merge.log else None
        self._reader.want(Wanted(logs, shown, test, story, moving(snapshot)))
        self._diffs.want(task if tab is Place.DIFF else None)

    def _show_diff(self, task: TaskView | None) -> None:
        diff = self._diffs.latest
        key = (task.id if task else "", diff, task.state if task else None, task.reason if task else "")
        if self._painted.get(Place.DIFF) == key:
            return
        self._painted[Place.DIFF] = key
        mine = diff if diff is not None and task is not None and diff.task == task.id else None
        self._screen.query_one(DiffPane).show(mine, self._no_diff(task), task.branch if task else "")

    @staticmethod
    def _no_diff(task: TaskView | None) -> str:
        if task is None:
            return "Select a task at the left: its changes are shown here as they are made."
        if task.state in WITH_WORKER:
            said = f"{task.id} has changed nothing yet. Changes appear here as the agent makes them."
        elif task.asks:
            said = f"{task.id} asks: {flat(task.asks)}\nm answers; it goes on from there."
        elif task.attempt:
            said = f"{task.id} has changed nothing: it is {task.state} ({flat(task.reason)})."
        else:
            said = f"{task.id} has not started: {flat(task.reason)}."
        claims = f"\nIt will edit {names(task.claims, 6)}." if task.claims and not task.attempt else ""
        prompt = "\n".join(flat(line) for line in task.prompt.splitlines())
        return f"{said}{claims}\n\n{prompt}"

    def _show_output(self, moment: Moment, task: TaskView | None) -> None:
        pane = self._screen.query_one(OutputPane)
        log = self._reader.log
        path = self._opened.log_of(moment.snapshot.run, task.id, task.attempt) if task else None
        mine = log if log is not None and path is not None and log.path == path else None
        key = (task.id, task.attempt, mine is not None) if task else None
        if self._painted.get(Place.OUTPUT) != key:
            self._painted[Place.OUTPUT] = key
            pane.show(mine, f"attempt {task.attempt}" if task and task.attempt else "", self._no_output(task))
        elif mine is not None:
            pane.grown()

    @staticmethod
    def _no_output(task: TaskView | None) -> str:
        if task is None:
            return "Select a task at the left: what its agent prints is shown here."
        if not task.attempt:
            return f"{task.id} has not started: {flat(task.reason)}."
        return f"The agent of {task.id} has printed nothing yet."

    def _show_contract(self, moment: Moment) -> None:
        contract = self._screen.contract()
        breaches = self._diffs.breaches
        if contract is not None:
            opened = [breach for breach in contract.breaches if breach.state == "open"]
            breaches.want((breach, self._diffs.worktree_of(moment.tasks.get(breach.task))) for breach in opened)
        self._screen.query_one(ContractPane).show(contract, moment.tasks, breaches.found, moment.now)

    def _show_story(self, task: TaskView | None) -> None:
        name, lines = self._reader.story
        mine = lines if task is not None and name == task.id else ()
        key = (task.id if task else "", mine)
        if self._painted.get(Place.STORY) != key:
            self._painted[Place.STORY] = key
            empty = "Select a task at the left: what happened to it is told here." if task is None else "…"
            self._screen.query_one(StoryPane).show(mine, task.id if task else "", empty)
