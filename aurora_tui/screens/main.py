"""The one screen of a run: lists at the left, the main pane at the right; or one of them where there is no room."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.css.query import NoMatches
from textual.screen import Screen
from textual.widget import Widget

from aurora_tui.actions import (
    BY_ID,
    MAIN,
    Breach,
    Place,
    Situation,
    all_keys,
    bar_actions,
    breach_of,
    for_key,
    key_name,
)
from engine.model import ContractView, TaskView
from widgets.ask_line import LineBar
from widgets.contract_list import ContractList
from widgets.contract_pane import ContractPane
from widgets.diff_pane import DiffPane
from widgets.header import RunHeader
from widgets.key_bar import KeyBar, KeyHint
from widgets.line_view import LineView
from widgets.lock_pane import LockPane
from widgets.look import Piece
from widgets.merge_pane import MergePane
from widgets.moment import Moment
from widgets.output_pane import OutputPane
from widgets.pane_layout import Shape, heights, shape_of, side_columns
from widgets.queue_pane import QueuePane
from widgets.story_pane import StoryPane
from widgets.tab_line import Tab, TabLine
from widgets.table_view import TableView
from widgets.text import flat
from widgets.too_small import TooSmall
from widgets.words import STYLES, state_words
from widgets.worker_pane import WorkerPane

if TYPE_CHECKING:
    from aurora_tui.app import AuroraApp

PANES: dict[Place, str] = {place: place.value.lower() for place in Place}
SIDE = (Place.WORKERS, Place.QUEUE, Place.LOCKS, Place.MERGES, Place.CONTRACTS)
TABS = (Place.DIFF, Place.OUTPUT, Place.STORY, Place.CONTRACT)
ROOMY = 74
"""Columns from which the names of five lists fit on one line."""
ListPane = WorkerPane | QueuePane | LockPane | MergePane | ContractList


def ignore(text: str) -> None:
    """Nothing is to be done."""


class MainScreen(Screen[None]):
    """Shows moments; keys become actions of the table, which the app carries out."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(key, f"press('{key}')", key_name(key), show=False) for key in all_keys() if key != "ctrl+q"
    ]
    app: AuroraApp

    def __init__(self) -> None:
        super().__init__()
        self.moment: Moment | None = None
        self.tab = Place.DIFF
        self.shown_task = ""
        self.zoomed = False
        self._main_title = ""
        self._asked: tuple[Place, Callable[[str], object], Callable[[str], object]] = (Place.WORKERS, ignore, ignore)
        self._list = Place.WORKERS
        self._followed: Widget | None = None
        self._shape = Shape.FULL
        self._tab_before: Place | None = None

    def compose(self) -> ComposeResult:
        """Header, lists, main pane, key bar."""
        yield RunHeader(id="head")
        yield TabLine(id="panes")
        with Horizontal(id="body"):
            with Vertical(id="side"):
                yield WorkerPane(id="workers")
                yield QueuePane(id="queue")
                yield LockPane(id="locks")
                yield MergePane(id="merges")
                yield ContractList(id="contracts")
            with Vertical(id="main"):
                yield TabLine(id="tabs")
                yield DiffPane(id="diff")
                yield OutputPane(id="output")
                yield StoryPane(id="story")
                yield ContractPane(id="contract")
        yield LineBar(id="line")
        yield KeyBar(id="keys")
        yield TooSmall()

    def on_mount(self) -> None:
        """Titles, and the focus where the run is seen first."""
        for number, place in enumerate(SIDE, 1):
            self.pane(place).border_title = f"{number} {place.value}"
        self.set_tab(self.tab)
        self.go(Place.WORKERS)
        self.lay_out()

    # --- panes ---

    def pane(self, place: Place) -> LineView:
        """The pane of a place."""
        return self.query_one(f"#{PANES[place]}", LineView)

    def table(self, place: Place) -> TableView:
        """The list of a place."""
        return self.query_one(f"#{PANES[place]}", TableView)

    @property
    def place(self) -> Place:
        """Where the focus is; while something else has it, the list it was in."""
        focused = self.focused.id if self.focused is not None else None
        return next((place for place, name in PANES.items() if name == focused), self._list)

    def go(self, place: Place) -> None:
        """Put the focus into a pane."""
        if place in MAIN:
            self.set_tab(place)
        else:
            self._list = place
        self.pane(place).remove_class("hidden")
        self.set_focus(self.pane(place))
        self._follow_focus()

    def set_tab(self, place: Place) -> None:
        """Show a tab of the main pane."""
        self.tab = place
        had_focus = self.place in MAIN
        for other in TABS:
            self.pane(other).set_class(other is not place, "hidden")
        if had_focus:
            self.set_focus(self.pane(place))
        self.show_tabs()

    def situation(self) -> Situation:
        """What actions are judged by now."""
        place = self.place
        snapshot = self.moment.snapshot if self.moment else None
        lock = self.query_one(LockPane).selected_lock if place is Place.LOCKS else None
        task = self.selected()
        breach = self._breach(place, task)
        return Situation(place, snapshot, task, lock, self.app.read_only, self.app.live, breach)

    def selected(self) -> TaskView | None:
        """The task actions are about: of the row under the cursor, or the one the main pane shows."""
        place = self.place
        name = self.shown_task if place in MAIN else self.selected_in(place)
        return self.moment.tasks.get(name) if self.moment else None

    def selected_in(self, place: Place) -> str:
        """The task under the cursor of a list, "" for none."""
        pane = self.pane(place)
        assert isinstance(pane, ListPane)
        return pane.selected_task if pane.keys else ""

    # --- contracts ---

    @property
    def lists(self) -> tuple[Place, ...]:
        """The lists there are: that of the contracts when the plan has some, or when it was asked for."""
        wanted = self._list is Place.CONTRACTS or bool(self.moment and self.moment.snapshot.contracts)
        return SIDE if wanted else SIDE[:-1]

    @property
    def tabs(self) -> tuple[Place, ...]:
        """The tabs of the main pane."""
        return TABS if Place.CONTRACTS in self.lists else TABS[:-1]

    def contract(self) -> ContractView | None:
        """The contract the main pane speaks of: of the list's row, or one the shown task has to do with."""
        selected = self.query_one(ContractList).selected_contract
        if self._list is Place.CONTRACTS or self.moment is None:
            return selected
        task = self.shown_task
        of_task = (c for c in self.moment.snapshot.contracts if task in (c.by, *c.implementers, *c.consumers))
        breached = breach_of(self.moment.snapshot, self.moment.tasks.get(task))
        return breached[0] if breached else next(of_task, selected)

    def _breach(self, place: Place, task: TaskView | None) -> Breach | None:
        """The open breach actions are about: of the selected task, or of the contract that is shown."""
        found = breach_of(self.moment.snapshot if self.moment else None, task)
        if place not in (Place.CONTRACTS, Place.CONTRACT):
            return found
        contract, row = self.contract(), self.query_one(ContractList)
        if contract is not None and contract == row.selected_contract and row.selected_breach is not None:
            return contract, row.selected_breach
        return found if found and found[0] == contract else None

    def look_at_contract(self, name: str) -> None:
        """Show a contract, its list and its tab."""
        self.go(Place.CONTRACTS)
        row = self.query_one(ContractList)
        row.select_key(next((key for key in row.keys if key.startswith(f"{name}\0breach\0")), f"{name}\0\0"))

    @property
    def last_list(self) -> Place:
        """The list the focus was in last."""
        return self._list

    # --- data in ---

    def show(self, moment: Moment) -> None:
        """Another moment of the run."""
        self.moment = moment
        with self.app.batch_update():
            for place in SIDE:
                pane = self.pane(place)
                assert isinstance(pane, ListPane)
                pane.show(moment)
            self.show_frame()
            self.lay_out()
        self.choose()

    def show_frame(self) -> None:
        """Header, tabs and key bar."""
        self.query_one(RunHeader).show(self.moment, self.app.notes())
        self.show_tabs()
        self.show_keys()

    def show_keys(self) -> None:
        """The key bar for where the focus is."""
        now = self.situation()
        asked = "message" if now.task is not None and now.task.asks else ""
        hints = [
            KeyHint(
                action.id,
                key_name(action.keys[0]),
                "answer" if action.id == asked else action.label,
                not action.reason(now),
                bool(action.bar),
            )
            for action in bar_actions(now.place, asked)
        ]
        self.query_one(KeyBar).show(hints)

    def show_tabs(self) -> None:
        """The tabs of the main pane, and those of all panes where only one fits."""
        try:
            tabs = [Tab(place.name, place.value) for place in self.tabs]
            self.query_one("#tabs", TabLine).show(tabs, self.tab.name, self._task_note())
            self._title_main()
            self.query_one("#panes", TabLine).show(self._pane_tabs(), self._pane_tab())
        except NoMatches:
            return

    def _task_note(self) -> list[Piece]:
        """The state of the shown task, and why."""
        if self.tab is Place.CONTRACT:
            return []
        task = self.moment.tasks.get(self.shown_task) if self.moment else None
        return [(state_words(task.state), STYLES[task.state]), (f": {flat(task.reason)}", "dim")] if task else []

    def _title_main(self) -> None:
        contract = self.contract() if self.tab is Place.CONTRACT else None
        title = f"0 {contract.name if contract else self.shown_task or 'Main'}"
        if title != self._main_title:
            self._main_title = title
            self.query_one("#main").border_title = title

    def _pane_tabs(self) -> list[Tab]:
        five = len(self.lists) == len(SIDE)
        short = self._shape is Shape.LIST or (five and self.size.width < ROOMY)
        labels = {place: place.value[:4] if short else place.value for place in self.lists}
        if five and self._shape is Shape.LIST:
            labels = {place: place.value if place is self.place else "" for place in self.lists}
        tabs = [Tab(place.name, f"{n} {labels[place]}".rstrip()) for n, place in enumerate(self.lists, 1)]
        return [*tabs, Tab("MAIN", "0 Main" if short else f"0 {self.tab.value}")]

    def _pane_tab(self) -> str:
        place = self.place
        return "MAIN" if place in MAIN else place.name

    def choose(self) -> None:
        """Show the task that is selected in the list the focus is in."""
        if self.place in MAIN or self.moment is None:
            name = self.shown_task
        else:
            name = self.selected_in(self.place) or self.shown_task
        self.app.show_task(name)

    # --- layout ---

    def on_resize(self) -> None:
        """Another size, maybe another shape."""
        self.lay_out()

    def lay_out(self) -> None:
        """Divide the screen."""
        columns, lines = self.size
        self._shape = shape_of(columns, lines)
        self.set_class(self.query_one(TooSmall).fit(columns, lines), "-small")
        self.set_class(self._shape is Shape.TABS, "-tabs")
        self.set_class(self._shape is Shape.LIST, "-list")
        if self._shape is Shape.TOO_SMALL:
            return
        if self._shape is Shape.FULL and not self.zoomed:
            self._lay_out_full(columns, lines - 3)
        else:
            self._lay_out_one()

    def _lay_out_full(self, columns: int, lines: int) -> None:
        side, main = self.query_one("#side"), self.query_one("#main")
        side.set_class(False, "hidden")
        main.set_class(False, "hidden")
        side.styles.width = side_columns(columns)
        place = self.place
        self.pane(Place.CONTRACTS).set_class(Place.CONTRACTS not in self.lists, "hidden")
        lists = self.lists
        focused = lists.index(place) if place in lists else None
        wanted = [max(3, pane.count_rows() * pane.tall + 2) for pane in map(self.pane, lists)]
        least = 4 if len(lists) < len(SIDE) else 3
        for each, height in zip(lists, heights(lines, wanted, focused, least), strict=True):
            pane = self.pane(each)
            pane.set_class(False, "hidden")
            if pane.styles.height is None or pane.styles.height.value != height:
                pane.styles.height = height

    def _lay_out_one(self) -> None:
        place = self.place
        in_main = place in MAIN
        self.query_one("#side").set_class(in_main, "hidden")
        self.query_one("#main").set_class(not in_main, "hidden")
        self.query_one("#side").styles.width = "1fr"
        for each in SIDE:
            pane = self.pane(each)
            pane.set_class(each is not self._list, "hidden")
            pane.styles.height = "1fr"

    # --- the line for / and : ---

    def ask_line(
        self,
        sign: str,
        hint: str,
        *,
        changed: Callable[[str], object] = ignore,
        submitted: Callable[[str], object] = ignore,
        complete: Callable[[str], Sequence[str]] | None = None,
    ) -> None:
        """Ask for a line at the bottom; afterwards the focus is where it was."""
        self._asked = (self.place, changed, submitted)
        self.query_one(LineBar).open(sign, hint, complete)

    def on_line_bar_changed(self, message: LineBar.Changed) -> None:
        """Another letter."""
        self._asked[1](message.value)

    def on_line_bar_submitted(self, message: LineBar.Submitted) -> None:
        """Enter."""
        place, _, submitted = self._asked
        self.set_focus(self.pane(place))
        if message.value:
            submitted(message.value)

    def on_line_bar_cancelled(self, message: LineBar.Cancelled) -> None:
        """Esc: as if nothing had been typed."""
        place, changed, _ = self._asked
        self.set_focus(self.pane(place))
        changed("")

    # --- keys and mouse ---

    async def action_press(self, key: str) -> None:
        """A key of the table was pressed. One that came faster than a dialog opened does nothing."""
        action = for_key(key, self.place)
        if action is not None and self.app.screen is self:
            self.app.act(action, self.situation())
            await asyncio.sleep(0)  # the deed begins now, before the next key is looked at

    def on_key_bar_pressed(self, message: KeyBar.Pressed) -> None:
        """A key of the bar was clicked."""
        self.app.act(BY_ID[message.action], self.situation())

    def on_tab_line_chosen(self, message: TabLine.Chosen) -> None:
        """A tab was clicked."""
        self.go(self.tab if message.tab == "MAIN" else Place[message.tab])

    def on_descendant_focus(self) -> None:
        """The focus is in another pane: other keys, another layout, maybe another task."""
        if self._followed is not self.focused:
            self._follow_focus()

    def _follow_focus(self) -> None:
        self._followed = self.focused
        if self.place in SIDE:
            self._list = self.place
            self._tab_for(self.place)
        with self.app.batch_update():
            self.lay_out()
            self.show_frame()
        self.choose()

    def _tab_for(self, place: Place) -> None:
        """With the contracts the main pane shows the contract; elsewhere what it showed before."""
        if place is Place.CONTRACTS and self.tab is not Place.CONTRACT:
            self._tab_before = self.tab
            self.set_tab(Place.CONTRACT)
        elif place is not Place.CONTRACTS and self._tab_before is not None:
            before, self._tab_before = self._tab_before, None
            self.set_tab(before if self.tab is Place.CONTRACT else self.tab)

    def on_line_view_moved(self, message: LineView.Moved) -> None:
        """Another row of a list: another task."""
        if message.view.has_focus:
            self.show_keys()
            self.choose()

    def on_line_view_opened(self, message: LineView.Opened) -> None:
        """A double click."""
        self.app.act(BY_ID["fold" if message.view.id == "diff" else "open"], self.situation())

    def on_diff_pane_said(self, message: DiffPane.Said) -> None:
        """Why the diff pane did nothing."""
        self.app.say(message.sentence)

    def on_queue_pane_dragged(self, message: QueuePane.Dragged) -> None:
        """A task was dragged to another place of the queue."""
        self.app.move_task(message.task, message.places)
