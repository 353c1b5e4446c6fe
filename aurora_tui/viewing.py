"""The actions that only concern the screen: moving about, searching, copying, opening the editor, help, commands."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from aurora_tui import terminal
from aurora_tui.actions import ACTIONS, BY_ID, MAIN, Place, Situation, breach_of, key_name
from aurora_tui.command_words import completions, parse
from aurora_tui.printed import output_of, title_of
from aurora_tui.screens.main import SIDE
from aurora_tui.themes import NAMES
from engine.errors import AuroraError, Refused
from engine.model import TaskState
from widgets.contract_pane import ContractPane
from widgets.diff_pane import DiffPane
from widgets.help_sheet import HelpRow, HelpSheet
from widgets.lock_pane import LockPane
from widgets.merge_pane import MergePane
from widgets.output_pane import OutputPane
from widgets.queue_pane import QueuePane
from widgets.story_pane import StoryPane
from widgets.task_form import TaskForm
from widgets.text import names
from widgets.text_sheet import TextSheet

if TYPE_CHECKING:
    from aurora_tui.app import AuroraApp
    from aurora_tui.deeds import Deeds
    from aurora_tui.opening import Opened
    from engine.plan import TaskSpec

PLACE_KEYS = {place.value.lower(): place for place in SIDE}
HELP_INTRO = "Keys that cannot be used now are greyed, with the reason. The mouse works everywhere."


class Viewing:
    """One method for each action that sends nothing to the engine."""

    def __init__(self, app: AuroraApp, opened: Opened, steering: Deeds) -> None:
        self.app = app
        self.main = app.main
        self._opened = opened
        self._steering = steering
        self._searching = ""
        self._draft: dict[str, object] = {}

    def deeds(self) -> dict[str, Callable[[Situation], Awaitable[None]]]:
        """The actions by id."""
        plain: dict[str, Callable[[Situation], object]] = {
            "open": self.open,
            "fold": lambda now: self._diff.toggle_fold(),
            "fold-all": lambda now: self._diff.fold_all(),
            "side": lambda now: self._diff.toggle_side_by_side(),
            "next-file": lambda now: self._diff.next_file(),
            "previous-file": lambda now: self._diff.previous_file(),
            "next-match": lambda now: self._next(now, 1),
            "previous-match": lambda now: self._next(now, -1),
            "follow": lambda now: self.main.query_one(OutputPane).toggle_follow(),
            "edit": self.edit,
            "copy": self.copy,
            "previous-tab": lambda now: self._turn(-1),
            "next-tab": lambda now: self._turn(1),
            "zoom": lambda now: self.zoom(),
            "search": self.search,
            "back": self.back,
            "main": self._to_main,
            "next-pane": lambda now: self._step(now, 1),
            "previous-pane": lambda now: self._step(now, -1),
            "command": lambda now: self._ask_command(),
            "palette": lambda now: self.app.action_command_palette(),
            "help": self.help,
        }
        plain.update({name: self._goer(place) for name, place in PLACE_KEYS.items()})
        return {name: _awaitable(deed) for name, deed in plain.items()}

    @property
    def _diff(self) -> DiffPane:
        return self.main.query_one(DiffPane)

    def open(self, now: Situation) -> None:
        """Show the task in the main pane; on a test run, all it printed."""
        pane, opened = self.main.query_one(MergePane), self._opened
        if now.place is not Place.MERGES or now.snapshot is None:
            self.main.go(self.main.tab)
        elif (test := pane.selected_test) is not None:
            lines = output_of(opened.test_log_of(now.snapshot.run, test), test)
            self.app.push_screen(TextSheet(title_of(test), lines))
        elif pane.on_live_test:
            log = opened.aurora_dir / now.snapshot.merge.log
            self.app.push_screen(TextSheet(f"under test: {names(now.snapshot.merge.chain, 4)}", output_of(log)))
        else:
            self.main.go(self.main.tab)

    # --- moving about ---

    def _goer(self, place: Place) -> Callable[[Situation], object]:
        return lambda now: self.main.go(place)

    def _to_main(self, now: Situation) -> None:
        if now.place in MAIN:
            self._turn(1)
        else:
            self.main.go(self.main.tab)

    def _turn(self, step: int) -> None:
        tabs = self.main.tabs
        self.main.set_tab(tabs[(tabs.index(self.main.tab) + step) % len(tabs)])
        self.app.sync()
        self.main.show_frame()

    def _step(self, now: Situation, step: int) -> None:
        order = [*self.main.lists, self.main.tab]
        here = order.index(now.place) if now.place in order else 0
        self.main.go(order[(here + step) % len(order)])

    async def go_to(self, task: str) -> None:
        """Put the cursor on a task, in whichever list it stands; otherwise only show it in the main pane."""
        for place in (Place.QUEUE, Place.MERGES, Place.WORKERS):
            pane = self.main.table(place)
            for key in pane.keys:
                if key == task or key.endswith(f"\0{task}"):
                    self.main.go(place)
                    pane.select_key(key)
                    return
        for worker in self.main.moment.snapshot.workers if self.main.moment else ():
            if worker.task == task:
                self.main.go(Place.WORKERS)
                self.main.table(Place.WORKERS).select_key(worker.name)
        self.app.show_task(task)

    def set_theme(self, name: str) -> None:
        """Other colours. Refused when there is no such theme."""
        if name not in self.app.available_themes:
            raise Refused(f"there is no theme `{name}`" if name else "which theme?", f"there are {', '.join(NAMES)}")
        self.app.theme = name

    def zoom(self) -> None:
        """One pane on the whole screen, and back."""
        self.main.zoomed = not self.main.zoomed
        self.main.lay_out()

    def back(self, now: Situation) -> None:
        """One step out of whatever is open."""
        if self._searching:
            self._search_for(now.place, "")
        elif self.main.zoomed:
            self.zoom()
        elif now.place in MAIN:
            self.main.go(self.main.last_list)

    # --- searching ---

    def search(self, now: Situation) -> None:
        """Ask for a filter or search; every letter acts at once."""
        hint = "search (n next, N before, esc ends)" if now.place in MAIN else "filter (esc shows all)"
        self.main.ask_line("/", hint, changed=lambda text: self._search_for(now.place, text))

    def _search_for(self, place: Place, text: str) -> None:
        self._searching = text
        if place in MAIN:
            pane = self.main.pane(place)
            if isinstance(pane, DiffPane | OutputPane):
                pane.search(text)
            return
        queue, locks = self.main.query_one(QueuePane), self.main.query_one(LockPane)
        queue.filter_text = locks.filter_text = text
        if self.main.moment is not None:
            queue.show(self.main.moment)
            locks.show(self.main.moment)

    def _next(self, now: Situation, step: int) -> None:
        pane = self.main.pane(now.place)
        if isinstance(pane, DiffPane) and not self._searching:
            if step > 0:
                pane.next_hunk()
            else:
                pane.previous_hunk()
        elif isinstance(pane, DiffPane | OutputPane):
            pane.next_match(step)

    # --- out of the app ---

    def copy(self, now: Situation) -> None:
        """Put what is selected on the clipboard."""
        text = self._selected_text(now)
        if not text:
            self.app.say("there is nothing to copy")
            return
        terminal.copy(text, self.app.write_raw, os.environ)
        lines = text.count("\n") + 1
        self.app.say(f"copied {lines} lines" if lines > 1 else f"copied: {text[:60]}")

    def _selected_text(self, now: Situation) -> str:
        if now.place in MAIN:
            pane = self.main.pane(now.place)
            assert isinstance(pane, DiffPane | OutputPane | StoryPane | ContractPane)
            return pane.selected_text()
        if now.lock is not None:
            return now.lock.pattern
        return now.task.branch or now.task.id if now.task is not None else ""

    def edit(self, now: Situation) -> None:
        """Open the file under the cursor in the editor, else the first changed one; of a contract its first file."""
        contract = self.main.contract() if now.place in (Place.CONTRACTS, Place.CONTRACT) else None
        if contract is not None:
            self._open_in_editor(self._opened.repo.root, contract.files[0], 1)
            return
        assert now.task is not None
        place = self._diff.current_place() if now.place is Place.DIFF else None
        path, line = place if place is not None else (now.task.paths[0], 1)
        folder = self._opened.repo.root
        if now.task.state in (TaskState.RUNNING, TaskState.PAUSED) and now.task.worker:
            folder = self._opened.worktrees.path(now.task.worker)
        self._open_in_editor(folder, path, line)

    def _open_in_editor(self, folder: Path, path: str, line: int) -> None:
        file = folder / path
        if not file.is_file():
            raise Refused(f"{path} is not in {folder}", "it may have been deleted, or lies on the branch only")
        self._in_terminal(f'{terminal.editor(os.environ)} +{max(1, line)} "$0"', file)

    def _in_terminal(self, script: str, file: Path) -> None:
        with self.app.batch_update(), self.app.suspend():
            done = subprocess.run(["/bin/sh", "-c", script, str(file)], check=False)
        self.app.refresh(layout=True)
        if done.returncode:
            self.app.say(f"the editor ended with {done.returncode}")

    # --- help and commands ---

    def help(self, now: Situation) -> None:
        """All keys by group."""
        groups: dict[str, list[HelpRow]] = {}
        for action in ACTIONS:
            keys = " ".join(key_name(key) for key in action.keys)
            places = "" if len(action.places) > 4 else f" ({', '.join(sorted(p.value for p in action.places))})"
            row = HelpRow(keys, action.label, action.help + places, action.reason(now))
            groups.setdefault(action.group, []).append(row)
        self.app.push_screen(HelpSheet(list(groups.items()), HELP_INTRO))

    def _ask_command(self) -> None:
        self.main.ask_line(":", "command (tab completes)", submitted=self._command, complete=self._complete)

    def _complete(self, text: str) -> list[str]:
        tasks = list(self.main.moment.tasks) if self.main.moment is not None else []
        return completions(text, tasks)

    def _command(self, text: str) -> None:
        """Do what was typed after `:`."""
        try:
            order = parse(text, self.main.moment.snapshot if self.main.moment else None)
        except AuroraError as error:
            self.app.say_error(error)
            return
        now = self.main.situation()
        if order.task is not None:
            now = replace(now, task=order.task, breach=breach_of(now.snapshot, order.task))
        if order.perform is not None:
            self.app.run_worker(order.perform(self._steering, now), group="deeds", exit_on_error=False)
        else:
            self.app.act(BY_ID[order.action], now)

    async def ask_task(self, now: Situation) -> TaskSpec | None:
        """The form for one more task, checked by the plan's own rules."""
        from aurora_tui.cli.reaching import running_plan
        from engine.config import parse_task

        repo = self._opened.repo
        plan = running_plan(repo)
        found: list[TaskSpec] = []

        def check(fields: dict[str, object]) -> str:
            try:
                found[:] = [parse_task(fields, plan=plan, root=repo.root)]
            except AuroraError as error:
                return f"{error.message} ({error.hint})" if error.hint else error.message
            return ""

        files = repo.tracked_files("HEAD")
        tasks = [task.id for task in now.snapshot.tasks] if now.snapshot else []
        agents = [profile.name for profile in plan.settings.agents]
        form = TaskForm(files, tasks, agents, agents[0] if agents else "", check=check, given=self._draft)
        added = await self.app.push_screen_wait(form) is not None
        self._draft = {} if added else form.draft
        if self._draft:
            self.app.say("no task was added; what you typed is there when you press a again")
        return found[0] if added and found else None


def _awaitable(deed: Callable[[Situation], object]) -> Callable[[Situation], Awaitable[None]]:
    async def run(now: Situation) -> None:
        deed(now)

    return run
