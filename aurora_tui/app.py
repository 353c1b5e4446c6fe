"""The app: opens an engine after its first frame, follows it, and carries out what keys ask for."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.timer import Timer
from textual.worker import Worker

from aurora_tui import terminal
from aurora_tui.pace import Pace
from aurora_tui.screens.outline import Outline
from aurora_tui.themes import NAMES, THEMES
from engine.errors import AuroraError

if TYPE_CHECKING:
    from aurora_tui.actions import Action, Situation
    from aurora_tui.bridge import Bridge
    from aurora_tui.content import Content
    from aurora_tui.deeds import Deeds
    from aurora_tui.diffs import Diffs
    from aurora_tui.opening import Opened, Opener
    from aurora_tui.reader import Reader
    from aurora_tui.screens.main import MainScreen
    from engine.model import Snapshot

TOAST_SECONDS = 5.0
SETTLE_SECONDS = 0.12
BETWEEN_PICTURES = 0.02
"""Seconds a cursor rests before the main pane follows it, and between the picture of the lists and the main pane's:
a key that comes meanwhile waits for one of them only."""
PEOPLE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Ended:
    """How the app ended: the exit code, an error to tell, and whether the run is to go on in the background."""

    code: int
    error: AuroraError | None = None
    background: bool = False
    hung_up: bool = False
    opened: Opened | None = None


class AuroraApp(App[Ended]):
    """Everything the developer sees and steers."""

    CSS_PATH = "aurora.tcss"
    TITLE = "aurora"
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q", "leave", "quit", show=False, priority=True),
        Binding("ctrl+c", "leave", "quit", show=False),
    ]

    def __init__(
        self,
        opener: Opener,
        profile: terminal.Profile,
        *,
        read_only: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__()
        self.clock = clock
        self.profile = profile
        self.read_only = read_only
        self.live = True
        self.hung_up = False
        self.bell_wanted = bool(os.environ.get("AURORA_BELL"))
        self.bridge: Bridge | None = None
        self.reader: Reader | None = None
        self.diffs: Diffs | None = None
        self.deeds: Deeds | None = None
        self._outline = Outline()
        self._opener = opener
        self._content: Content | None = None
        self._told: Snapshot | None = None
        self._title = ""
        self._sync_due: Timer | None = None
        self._look_due: Timer | None = None
        self.pace = Pace()
        self._left = False
        self._asking = False
        self._attached: tuple[str, ...] = ()
        for theme in THEMES:
            self.register_theme(theme)
        self._begin_with_theme(profile.theme if profile.theme in self.available_themes else terminal.DARK)

    def _begin_with_theme(self, name: str) -> None:
        """Set the theme before the first style sheet is read, which would be read twice otherwise."""
        self.set_reactive(AuroraApp.theme, name)
        self.stylesheet.set_variables(self.get_css_variables())
        dark = self.current_theme.dark
        for of_theme, wanted in ((f"-theme-{name}", True), ("-dark-mode", dark), ("-light-mode", not dark)):
            self.set_class(wanted, of_theme, update=False)
        self._refresh_truecolor_filter(self.ansi_theme)

    @cached_property
    def main(self) -> MainScreen:
        """The screen of the run, loaded when it is first asked for: that is after the first frame."""
        from aurora_tui.screens.main import MainScreen

        return MainScreen()

    # --- opening ---

    def on_mount(self) -> None:
        """The picture first, the panes and the engine after it."""
        self.push_screen(self._outline)
        self.call_after_refresh(self._open_soon)

    def _open_soon(self) -> None:
        self.run_worker(self._open(), group="open", exit_on_error=False)

    async def _open(self) -> None:
        opening = asyncio.get_running_loop().run_in_executor(None, self._opener)
        try:
            await self.switch_screen(self.main)
            self.begin(await opening)
        except AuroraError as error:
            self.exit(Ended(2, error))
        except Exception as error:  # noqa: BLE001 - told after the terminal is restored
            self.exit(Ended(2, AuroraError(f"the engine could not be started: {error!r}")))

    def begin(self, opened: Opened) -> None:
        """An engine is there: follow it."""
        from aurora_tui.bridge import Bridge
        from aurora_tui.content import Content
        from aurora_tui.deeds import Deeds
        from aurora_tui.diffs import Diffs
        from aurora_tui.reader import Reader

        self.bridge = Bridge(opened, self.clock)
        self.reader = Reader(1 / self.profile.reads, opened.handle.story, self.bridge.mark_read)
        self.diffs = Diffs(opened.repo, opened.worktrees, self.bridge.mark_read)
        self._content = Content(self.main, opened, self.reader, self.diffs)
        self.deeds = Deeds(self, opened)
        self.reader.start()
        if opened.note:
            self.say(opened.note)
        self.set_interval(1 / self.profile.looks, self.look)
        self.tick()
        self.pace.take_over_garbage()

    # --- following ---

    async def on_event(self, event: events.Event) -> None:
        """Remember when a person did something last: what can wait, waits for it."""
        if isinstance(event, events.InputEvent):
            self.pace.input_came()
        await super().on_event(event)

    def look(self) -> None:
        """Show what is new, unless a key is on its way to the screen: keys come first."""
        if self._look_due is not None:
            return
        if wait := self.pace.wait():
            self._look_due = self.set_timer(wait, self._look_again)
        else:
            self.tick()
            self.pace.collect_when_quiet()

    def _look_again(self) -> None:
        self._look_due = None
        self.look()

    def tick(self) -> None:
        """Show what is new."""
        if self.bridge is None or self.reader is None or self._left or not self.is_running:
            return
        self._watch_engine()
        if self._left:
            return
        moment = self.bridge.moment(self.reader)
        if moment is None:
            return
        self.main.show(moment)
        if self._sync_due is None:
            self._sync_due = self.set_timer(BETWEEN_PICTURES, self.sync)
        self._ask_who_is_there()
        if moment.snapshot is not self._told:
            self._tell(moment.snapshot)

    def sync(self) -> None:
        """Bring the main pane up to date, once no key is on its way."""
        if wait := self.pace.wait():
            self._sync_due = self.set_timer(wait, self.sync)
            return
        self._sync_due = None
        if not self.is_running:
            return
        self.main.show_tabs()
        if self._content is not None and self.main.moment is not None and not self._left:
            self._content.sync(self.main.moment)

    def show_task(self, name: str) -> None:
        """Show a task in the main pane as soon as the cursor rests: keys come first."""
        if name != self.main.shown_task:
            self.main.shown_task = name
            if self._sync_due is not None:
                self._sync_due.stop()
            self._sync_due = self.set_timer(SETTLE_SECONDS, self.sync)

    def _watch_engine(self) -> None:
        assert self.bridge is not None
        if not self.live:
            return
        try:
            ended = self.bridge.ended
        except AuroraError as error:
            self.live = False
            if self.main.moment is None:
                self.leave(Ended(2, error))
            else:
                self.say_error(error)
            return
        if ended:
            self.live = False
            if self.bridge.opened.own is None:
                self.bridge.read_the_end()
            self.bridge.mark()
            if self.deeds is not None:
                self.deeds.engine_ended()

    def _tell(self, snapshot: Snapshot) -> None:
        from aurora_tui.news import news

        for item in news(self._told, snapshot):
            self.notify(item.text, severity=item.severity, timeout=TOAST_SECONDS, markup=False)
            if item.calls and self.bell_wanted:
                self.bell()
        self._told = snapshot
        self._set_title(snapshot)
        if self.deeds is not None:
            self.deeds.look_at(snapshot)

    def _set_title(self, snapshot: Snapshot) -> None:
        from engine.model import TaskState
        from widgets.text import flat

        landed = sum(1 for task in snapshot.tasks if task.state is TaskState.LANDED)
        needs = "! " if snapshot.needs_person else ""
        words = f"{needs}aurora {flat(snapshot.repo)} {landed}/{len(snapshot.tasks)}"
        if words != self._title:
            self._title = words
            self.write_raw(terminal.title(words))

    def notes(self) -> tuple[str, ...]:
        """What stands at the right end of the header."""
        ended = () if self.live else ("engine ended",)
        guest = ("read-only",) if self.read_only else ()
        return (*guest, *ended, *self._attached)

    def _ask_who_is_there(self) -> None:
        """Find out who else looks at this run, a moment later: people come one by one, and nothing else need happen."""
        if not self._asking:
            self._asking = True
            self.set_timer(PEOPLE_SECONDS, self._look_for_people)

    def _look_for_people(self) -> Worker[None]:
        return self.run_worker(self._see_people, exit_on_error=False)

    async def _see_people(self) -> None:
        self._asking = False
        if self.bridge is None or not self.live or self._left:
            return
        handle = self.bridge.opened.handle
        mine = os.getpid() if self.bridge.opened.own is None else 0
        people = [who for who in await asyncio.to_thread(handle.attached) if who.pid != mine]
        names = tuple(f"with {who.name}{' (looks on)' if who.read_only else ''}" for who in people)
        if names != self._attached:
            self._attached = names
            self.main.show_frame()

    # --- telling ---

    def say(self, words: str) -> None:
        """A sentence for the developer."""
        self.notify(words, timeout=TOAST_SECONDS, markup=False)

    def say_error(self, error: AuroraError) -> None:
        """What went wrong, and what helps."""
        words = f"{error.message}\nhint: {error.hint}" if error.hint else error.message
        self.notify(words, severity="error", timeout=2 * TOAST_SECONDS, markup=False)

    def write_raw(self, sequence: str) -> None:
        """Write a sequence of ours to the terminal (title, clipboard), where there is one."""
        if self._driver is not None and not self.is_headless:
            self._driver.write(sequence)

    # --- acting ---

    def act(self, action: Action, now: Situation) -> None:
        """Do what an action says, or say why it cannot be done."""
        reason = action.reason(now)
        if reason:
            self.notify(reason, severity="warning", timeout=3, markup=False)
        elif self.deeds is not None:
            self.run_worker(self.deeds.do(action, now), group="deeds", exit_on_error=False)
        elif action.id in ("quit", "detach"):
            self.exit(Ended(0))

    def move_task(self, task: str, places: int) -> None:
        """Move a queued task, as a drag of the mouse asks for."""
        from aurora_tui.actions import BY_ID

        if self.deeds is not None and not BY_ID["up"].reason(self.main.situation()):
            self.run_worker(self.deeds.move(task, places), group="deeds", exit_on_error=False)

    def action_leave(self) -> None:
        """Ctrl-Q and ctrl-C, wherever the focus is."""
        from aurora_tui.actions import BY_ID

        if self.screen is self._outline:
            self.exit(Ended(0))
        elif self.screen is self.main:
            self.act(BY_ID["quit"], self.main.situation())
        else:
            self.screen.dismiss(None)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The palette: the actions that can be done now, and the themes."""
        from aurora_tui.actions import ACTIONS

        if screen is self._outline:
            return
        now = self.main.situation()
        for action in ACTIONS:
            if not action.reason(now) and now.place in action.places:
                yield SystemCommand(action.label, action.help, lambda action=action: self.act(action, now))
        for name in NAMES:
            yield SystemCommand(f"theme {name}", "other colours", lambda name=name: setattr(self, "theme", name))

    # --- leaving ---

    def leave(self, ended: Ended) -> None:
        """Close what was opened, then the screen."""
        self._left = True
        self._stop_reading()
        self.write_raw(terminal.title(""))
        self.exit(ended)

    def on_unmount(self) -> None:
        """However the app ends, no thread of it goes on."""
        self._stop_reading()

    def _stop_reading(self) -> None:
        if self.reader is not None:
            self.reader.close()
        if self.diffs is not None:
            self.diffs.close()
