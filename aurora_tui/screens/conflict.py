"""The screen a conflict is settled on by hand, hunk by hunk. It touches no ref: what it ends with is a commit's id."""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, ClassVar, Protocol

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import Screen
from textual.strip import Strip

from aurora_tui import terminal
from aurora_tui.conflict_actions import CONFLICT_KEYS, KEY_NAMES, TAKES, ConflictKey
from engine.conflict_model import WHOLE, Decision, Key, Take
from engine.errors import AuroraError
from engine.text import clean
from widgets.conflict_files import ConflictFiles
from widgets.conflict_rows import counts, keys_of
from widgets.conflict_view import ConflictView
from widgets.help_sheet import HelpRow, HelpSheet
from widgets.key_bar import KeyBar, KeyHint
from widgets.look import Painted, Piece
from widgets.text import cut, cut_path, many, names
from widgets.text_sheet import TextSheet
from widgets.too_small import TooSmall

if TYPE_CHECKING:
    from pathlib import Path

    from engine.conflict_desk import Desk

LIST_FROM = 100
"""Columns from which the list of files stands beside the hunks."""
LOOK_SECONDS = 0.25
HELP = "Decide every hunk; then `w` hands the result over. It is tested as one tree before anything lands."


class MergeAgent(Protocol):
    """Whom `A` asks for proposals."""

    def why_not(self) -> str:
        """Why it cannot be asked now, "" when it can."""

    def at_work(self) -> str:
        """Its name while it works on this conflict, "" otherwise."""

    def last_words(self) -> str:
        """What it ended with."""

    async def ask(self) -> None:
        """Begin; it says itself when it cannot."""


class ConflictHead(Painted):
    """One line: whose conflict, with whom, and how far it is."""

    DEFAULT_CSS = "ConflictHead { height: 1; background: $panel; padding: 0 1; }"

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self.note = ""

    def render_line(self, y: int) -> Strip:
        """The line, with a bar at its right end."""
        settlement = self._desk.settlement
        conflict = settlement.conflict
        done, every = counts(settlement, list(conflict.decision_keys()))
        landed = tuple(dict.fromkeys(task for file in conflict.files for task in file.landed_by))
        width = self.size.width
        right = f" {done} of {every} settled "
        bar = max(0, min(20, width // 6))
        full = bar * done // every if every else bar
        words = f" conflicts with {names(landed, 3) or 'the target'} in {many(len(conflict.files), 'file')}"
        room = width - len(right) - bar
        left: list[Piece] = [(cut(clean(conflict.task), max(4, room // 2)), "title")]
        left.append((cut(self.note or words, max(0, room - len(left[0][0]))), "warn" if self.note else "dim"))
        used = sum(len(text) for text, _ in left)
        pieces = [*left, (" " * max(0, room - used), ""), (right, "good" if done == every else "strong")]
        return self.painted([*pieces, ("━" * full, "bar"), ("━" * (bar - full), "bar-rest")], width, self.base_style)


class ConflictScreen(Screen[str]):
    """Ends with the id of the merge commit, or with None when the work is left half done."""

    DEFAULT_CSS = """
    ConflictScreen { background: $background; layers: base over; }
    ConflictScreen #work { height: 1fr; }
    ConflictScreen #file { height: 1fr; width: 1fr; border: round $foreground 25%; background: $surface; padding: 0 1; }
    ConflictScreen #file { border-title-color: $text-primary; border-subtitle-color: $text-muted; }
    ConflictScreen #file:focus-within { border: round $primary; }
    ConflictScreen #file:ansi { border: round ansi_bright_black; }
    ConflictScreen #file:ansi:focus-within { border: round ansi_cyan; }
    ConflictScreen.-narrow #files { display: none; }
    ConflictScreen.-small #work, ConflictScreen.-small ConflictHead, ConflictScreen.-small #keys { display: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(",".join(key.keys), f"deed('{key.id}')", key.help, show=False, priority=True) for key in CONFLICT_KEYS
    ]

    def __init__(self, desk: Desk, failure: str = "", agent: MergeAgent | None = None) -> None:
        super().__init__()
        self.desk = desk
        self.failure = failure
        self.agent = agent
        self._asked = ""
        self._saving: asyncio.Lock = asyncio.Lock()

    def compose(self) -> ComposeResult:
        """Head, list, file, keys."""
        yield ConflictHead(self.desk)
        with Horizontal(id="work"):
            yield ConflictFiles(self.desk.settlement, id="files")
            with Vertical(id="file"):
                yield ConflictView(self.desk.settlement, id="hunks")
        yield KeyBar(id="keys")
        yield TooSmall()

    @property
    def view(self) -> ConflictView:
        """The hunks."""
        return self.query_one(ConflictView)

    def on_mount(self) -> None:
        """Begin at the first thing that is open."""
        self.query_one(ConflictFiles).border_title = "Files"
        self.view.focus()
        still = self.desk.settlement.open_keys()
        if self.failure:
            self.notify(
                "the tests were red with this resolution; f shows their output", severity="warning", markup=False
            )
        self.call_after_refresh(self._go_to, still[0] if still else self._keys()[0])
        if self.agent is not None:
            self.set_interval(LOOK_SECONDS, self._look_at_agent)

    def on_resize(self) -> None:
        """Divide the screen."""
        columns, lines = self.size
        self.set_class(columns < LIST_FROM, "-narrow")
        self.set_class(self.query_one(TooSmall).fit(columns, lines), "-small")

    # --- where we are ---

    def _keys(self) -> list[Key]:
        return list(self.desk.settlement.conflict.decision_keys())

    def _here(self) -> Key:
        return self.view.key or keys_of(self.view.file)[0]

    def _go_to(self, key: Key) -> None:
        view = self.view
        if view.file.path != key[0]:
            view.show_file(key[0])
        files = [file.path for file in self.desk.settlement.conflict.files]
        self.query_one(ConflictFiles).move_cursor(files.index(key[0]))
        view.rebuild()
        view.go_to(key)
        self._show_frame()

    def _step(self, step: int, only_open: bool = False) -> None:
        """To the next or last thing to decide, around the ends."""
        keys = self._keys()
        at = keys.index(self._here()) if self._here() in keys else 0
        around = [keys[(at + step * n) % len(keys)] for n in range(1, len(keys) + 1)]
        settled = self.desk.settlement.settled
        wanted = next((key for key in around if not only_open or not settled(key)), None)
        if wanted is not None:
            self._go_to(wanted)

    def _changed(self) -> None:
        """After a decision: paint, save, say what comes next."""
        self.view.rebuild()
        self.query_one(ConflictFiles).refresh()
        self.query_one(ConflictHead).refresh()
        self._show_frame()
        self.run_worker(self._save(), group="save", exit_on_error=False)

    def _show_frame(self) -> None:
        file = self.view.file
        box = self.query_one("#file")
        place = f"{[f.path for f in self.desk.settlement.conflict.files].index(file.path) + 1}"
        count = len(self.desk.settlement.conflict.files)
        room = self.size.width - (36 if self.size.width >= LIST_FROM else 8)
        box.border_title = Content(cut_path(clean(file.path), max(8, room)))
        box.border_subtitle = Content(f"{file.kind} · file {place} of {count}")
        still = self.desk.settlement.open_keys()
        hints = [
            KeyHint(key.id, _names(key), key.label, not self._why_not(key), key.pinned)
            for key in sorted((key for key in CONFLICT_KEYS if key.bar), key=lambda key: key.bar)
        ]
        self.query_one(KeyBar).show(hints, "" if still else "all settled: w")

    # --- what can be done ---

    def _why_not(self, key: ConflictKey) -> str:
        """Why a key does nothing here, "" when it does something."""
        settlement, here = self.desk.settlement, self._here()
        file = settlement.conflict.file(here[0])
        whole = here[1] == WHOLE
        if key.id in TAKES and whole and self._whole_take(TAKES[key.id]) not in file.offers:
            return f"that makes no sense for a {file.kind} conflict"
        if key.id in ("pick", "edit", "all_landed", "all_branch") and whole and not file.parts:
            return f"a {file.kind} conflict is decided for the whole file"
        if key.id == "accept" and (settlement.decision(here) is None or settlement.settled(here)):
            return "nothing is proposed here"
        if key.id == "ask":
            return self.agent.why_not() if self.agent is not None else "no merge agent can be asked here"
        if key.id == "failure" and not self.failure:
            return "no test was red with this resolution"
        if key.id == "undo" and not settlement.past:
            return "there is nothing to undo"
        if key.id == "redo" and not settlement.future:
            return "there is nothing to do again"
        return ""

    def _whole_take(self, take: Take) -> Take:
        return Take.DELETE if take is Take.NEITHER else take

    async def action_deed(self, name: str) -> None:
        """A key of the table."""
        key = next(key for key in CONFLICT_KEYS if key.id == name)
        reason = self._why_not(key)
        if reason:
            self._warn(reason)
            return
        try:
            await self._deeds()[name]()
        except AuroraError as error:
            words = f"{error.message}\nhint: {error.hint}" if error.hint else error.message
            self.notify(words, severity="error", timeout=8, markup=False)
        except ValueError as error:
            self._warn(str(error))

    def _deeds(self) -> dict[str, Callable[[], Awaitable[None]]]:
        takes = {name: lambda take=take: self._take(self._here(), take) for name, take in TAKES.items()}
        return takes | {
            "pick": self._pick,
            "accept": self._accept,
            "accept_all": self._accept_all,
            "ask": self._ask,
            "edit": lambda: self._edit(self._here()),
            "edit_file": lambda: self._edit((self._here()[0], WHOLE)),
            "all_landed": lambda: self._take_all(Take.LANDED),
            "all_branch": lambda: self._take_all(Take.BRANCH),
            "open": self._leave_open,
            "undo": lambda: self._again(self.desk.settlement.undo),
            "redo": lambda: self._again(self.desk.settlement.redo),
            "next": lambda: self._moved(1),
            "previous": lambda: self._moved(-1),
            "next_open": lambda: self._moved(1, True),
            "previous_open": lambda: self._moved(-1, True),
            "show_base": self._show_base,
            "explain": self._explain,
            "failure": self._show_failure,
            "help": self._help,
            "finish": self._finish,
            "leave": self._leave,
        }

    # --- deciding ---

    async def _take(self, key: Key, take: Take) -> None:
        if key[1] == WHOLE:
            take = self._whole_take(take)
        self.desk.settlement.decide(key, Decision(take))
        self._changed()
        self._advance(key)

    def _advance(self, key: Key) -> None:
        """On to what is still open, if anything is."""
        if self.desk.settlement.open_keys() and self.desk.settlement.settled(key):
            self._step(1, only_open=True)
        else:
            self.view.go_to(key)

    async def _pick(self) -> None:
        line, key = self.view.line, self.view.key
        if line is None or key is None:
            self._warn("the cursor is on no line of a side")
            return
        row, scroll = self.view.cursor, self.view.scroll_offset.y
        self.desk.settlement.toggle_line(key, *line)
        self._changed()
        self.view.scroll_to(y=scroll, animate=False, force=True)
        self.view.cursor = row
        self.view.action_down()

    async def _accept(self) -> None:
        key = self._here()
        whole = (key[0], WHOLE)
        self.desk.settlement.accept(whole if whole in self.desk.settlement.decisions else key)
        self._changed()
        self._advance(key)

    async def _accept_all(self) -> None:
        settlement = self.desk.settlement
        proposed = {key: one for key, one in settlement.decisions.items() if not one.accepted}
        settlement.decide_all({key: Decision(d.take, d.lines, d.picked, d.source) for key, d in proposed.items()})
        self.notify(f"{many(len(proposed), 'proposal')} accepted", timeout=3, markup=False)
        self._changed()

    async def _ask(self) -> None:
        assert self.agent is not None
        await self._save()
        await self.agent.ask()
        self._look_at_agent()

    def _look_at_agent(self) -> None:
        """Say that it works; when it has ended, put what it proposes on what is open."""
        assert self.agent is not None
        if not self.is_current:
            return
        before, self._asked = self._asked, self.agent.at_work()
        if before != self._asked:
            head = self.query_one(ConflictHead)
            head.note = f" {self._asked} works on a resolution" if self._asked else ""
            head.refresh()
        if self._asked:
            return
        count = self.desk.take_proposals()
        if count:
            words = f"the merge agent proposes {many(count, 'resolution')}: y accepts one, Y all of them"
            self.notify(words, timeout=8, markup=False)
            self._changed()
        elif before:
            self._warn(self.agent.last_words())

    async def _take_all(self, take: Take) -> None:
        file = self.view.file
        wanted: dict[Key, Decision | None] = {(file.path, hunk.number): Decision(take) for hunk in file.hunks}
        self.desk.settlement.decide_all(wanted)
        self._changed()
        self._advance(keys_of(file)[-1])

    async def _leave_open(self) -> None:
        path, number = self._here()
        self.desk.settlement.decide_all({(path, WHOLE): None, (path, number): None})
        self._changed()
        self.view.go_to(self._here())

    async def _again(self, step: Callable[[], bool]) -> None:
        before = dict(self.desk.settlement.decisions)
        step()
        after = self.desk.settlement.decisions
        changed = [key for key in self._keys() if before.get(key) != after.get(key)]
        self._changed()
        self._go_to(changed[0] if changed else self._here())

    async def _edit(self, key: Key) -> None:
        """In the developer's editor, with the screen put aside."""
        path = await asyncio.to_thread(self.desk.editor_file, key)
        script = f'{terminal.editor(os.environ)} "$0"'
        if code := self._in_terminal(script, path):
            self._warn(f"the editor ended with {code}; nothing was decided")
            return
        self.desk.settlement.decide(key, await asyncio.to_thread(self.desk.read_back, key, path))
        self._changed()
        self._advance(key if key[1] != WHOLE else keys_of(self.view.file)[0])

    def _in_terminal(self, script: str, path: Path) -> int:
        with self.app.batch_update(), self.app.suspend():
            done = subprocess.run(["/bin/sh", "-c", script, str(path)], check=False)
        self.app.refresh(layout=True)
        return done.returncode

    def _warn(self, words: str) -> None:
        self.notify(words, severity="warning", timeout=4, markup=False)

    def on_conflict_view_taken(self, message: ConflictView.Taken) -> None:
        """What was clicked."""
        if message.take is not None:
            self.run_worker(self._take(message.key, message.take), exit_on_error=False)
        elif message.pick is not None:
            self.run_worker(self._pick(), exit_on_error=False)

    # --- moving and looking ---

    async def _moved(self, step: int, only_open: bool = False) -> None:
        self._step(step, only_open)

    def on_line_view_moved(self, message: ConflictFiles.Moved) -> None:
        """The cursor of the list shows its file; that of the hunks changes what the keys do."""
        if isinstance(message.view, ConflictFiles) and message.view.has_focus:
            path = self.desk.settlement.conflict.files[message.row].path
            if path != self.view.file.path:
                self.view.show_file(path)
        self._show_frame()

    def on_key_bar_pressed(self, message: KeyBar.Pressed) -> None:
        """A click on the key bar."""
        self.run_worker(self.action_deed(message.action), exit_on_error=False)

    async def _show_base(self) -> None:
        self.view.toggle_base()

    async def _explain(self) -> None:
        key = self._here()
        made = await asyncio.to_thread(self.desk.explain, key)
        lines: list[str] = []
        for one in made:
            day = time.strftime("%d %b %H:%M", time.localtime(one.at))
            who = f"{one.task}, {one.author}" if one.task else one.author
            lines += [f"{one.side}: {one.commit[:9]}  {day}  {who}", f"    {one.subject}", ""]
        where = clean(key[0]) + (f", hunk {key[1] + 1}" if key[1] != WHOLE else "")
        await self.app.push_screen(TextSheet(f"Who made {where}", lines or ["nobody changed it since the two parted"]))

    async def _show_failure(self) -> None:
        await self.app.push_screen(TextSheet("The tests were red with this resolution", self.failure.split("\n")))

    async def _help(self) -> None:
        groups: dict[str, list[HelpRow]] = {}
        for key in CONFLICT_KEYS:
            row = HelpRow(_names(key), key.label, key.help, self._why_not(key))
            groups.setdefault(key.group, []).append(row)
        await self.app.push_screen(HelpSheet(list(groups.items()), HELP))

    # --- the end ---

    async def _save(self) -> None:
        async with self._saving:
            await asyncio.to_thread(self.desk.save)

    async def _finish(self) -> None:
        still = self.desk.settlement.open_keys()
        if still:
            proposed = sum(self.desk.settlement.decision(key) is not None for key in still)
            more = f" ({proposed} only to be accepted: y, or Y for all)" if proposed else ""
            self._warn(f"{many(len(still), 'conflict')} still open{more}")
            self._go_to(still[0])
            return
        async with self._saving:
            commit = await asyncio.to_thread(self.desk.finish)
        self.dismiss(commit)

    async def _leave(self) -> None:
        await self._save()
        if self.desk.settlement.decisions:
            self.app.notify("what was decided is kept; c goes on with it", timeout=4, markup=False)
        self.dismiss(None)


def _names(key: ConflictKey) -> str:
    return " ".join(KEY_NAMES.get(name, name) for name in key.keys)
