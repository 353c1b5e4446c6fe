"""`aurora resolve TASK`: look at a conflict and settle it, hunk by hunk, in the editor, or by what is remembered."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from aurora_tui.cli.reaching import Reached, now
from engine.conflict_desk import Desk
from engine.conflict_model import WHOLE, ConflictFile, Decision, Key, Source, Take
from engine.errors import ConfigError, Refused
from engine.intents import ResolveConflict
from engine.model import TaskState
from engine.remembered import Remembered

if TYPE_CHECKING:
    from pathlib import Path

FOR_HUNKS = (Take.LANDED, Take.BRANCH, Take.BOTH, Take.BOTH_REVERSED, Take.NEITHER, Take.BASE)
MOST_SHOWN = 12
STATES = {True: "●", False: "○"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line asks for. `hunk` counts from 1, 0 means all."""

    take: str = ""
    file: str = ""
    hunk: int = 0
    edit: bool = False
    accept: bool = False
    again: bool = False
    forget: bool = False
    undo: bool = False
    redo: bool = False
    discard: bool = False
    explain: bool = False
    finish: bool = False

    @property
    def changes(self) -> bool:
        """True when something is to be decided."""
        return any((self.take, self.edit, self.accept, self.again, self.undo, self.redo))


def settle(run: Reached, task_id: str, wanted: Wanted) -> None:
    """Carry out one `aurora resolve`; half-done work is kept until the task has landed."""
    desk = desk_for(run, task_id)
    if wanted.discard:
        desk.discard()
        click.echo(f"what was half done of {task_id} is forgotten")
        return
    keys = tuple(_keys(desk, wanted))
    if wanted.explain:
        _explain(desk, keys)
        return
    if wanted.forget:
        _forget(desk, keys)
    if wanted.changes:
        _change(desk, wanted, keys)
        desk.save()
    if wanted.finish or (wanted.edit and not desk.settlement.open_keys()):
        _finish(run, desk)
    else:
        show(desk)


def desk_for(run: Reached, task_id: str) -> Desk:
    """The conflict of a task on the desk; Refused when it has none."""
    run.handle.story(task_id)
    snapshot = run.snapshot()
    task = snapshot.task(task_id)
    if task.state is not TaskState.CONFLICT:
        raise Refused(f"{task.id} is {task.state}: {task.reason}", "only a task in conflict needs a resolution")
    if task.breach:
        ways = (f"`aurora contract {way} {task.breach} {task.id}`" for way in ("amend", "reject"))
        raise Refused(f"{task.id} {task.reason}", " or ".join(ways))
    return Desk.open(run.repo, snapshot.run, task.id, task.commit, snapshot.target_commit)


def _keys(desk: Desk, wanted: Wanted) -> Iterator[Key]:
    """What the options name: one hunk, one file, or everything."""
    conflict = desk.settlement.conflict
    if wanted.file and all(file.path != wanted.file for file in conflict.files):
        raise ConfigError(f"{wanted.file} is not in conflict", f"these are: {_some([f.path for f in conflict.files])}")
    if wanted.hunk and not wanted.file:
        raise ConfigError("a hunk needs its file", "say --file PATH as well")
    for key in conflict.decision_keys():
        if wanted.file in ("", key[0]) and (not wanted.hunk or key[1] in (wanted.hunk - 1, WHOLE)):
            yield key
    if wanted.hunk > max(len(file.hunks) for file in conflict.files):
        raise ConfigError(f"{wanted.file} has no hunk {wanted.hunk}", "the list shows how many there are")


def _change(desk: Desk, wanted: Wanted, keys: tuple[Key, ...]) -> None:
    settlement = desk.settlement
    if wanted.undo or wanted.redo:
        if not (settlement.undo() if wanted.undo else settlement.redo()):
            raise Refused(f"there is nothing to {'undo' if wanted.undo else 'do again'}")
        return
    if wanted.again:
        settlement.decide_all(dict.fromkeys(keys))
    elif wanted.accept:
        _accept(desk, keys)
    elif wanted.edit:
        _edit(desk, wanted, keys)
    else:
        one = bool(wanted.hunk)
        chosen = keys if one or wanted.file else tuple(key for key in keys if not settlement.settled(key))
        decision = Decision(Take(wanted.take.replace("-", " ")))
        try:
            settlement.decide_all(dict.fromkeys(chosen, decision))
        except ValueError as error:
            raise ConfigError(str(error), "the list shows what can be taken of each file") from error


def _accept(desk: Desk, keys: tuple[Key, ...]) -> None:
    settlement = desk.settlement
    proposed = [key for key in keys if settlement.decision(key) is not None and not settlement.settled(key)]
    if not proposed:
        raise Refused("nothing is proposed there", "the list marks what is")
    for path, number in proposed:
        settlement.accept((path, WHOLE) if (path, WHOLE) in settlement.decisions else (path, number))


def _forget(desk: Desk, keys: tuple[Key, ...]) -> None:
    store = Remembered.of(desk.repo)
    count = sum(store.forget_file(desk.settlement.conflict.file(path)) for path in dict.fromkeys(k[0] for k in keys))
    click.echo(f"{count} remembered resolution{'' if count == 1 else 's'} forgotten")


# --- the editor ---------------------------------------------------------------------------------------------------


def _edit(desk: Desk, wanted: Wanted, keys: tuple[Key, ...]) -> None:
    """One hunk, or whole files with markers where they are open, in git's own editor."""
    if wanted.hunk:
        wholes = list(keys)
    else:
        paths = dict.fromkeys(path for path, _ in keys if not wanted.file or path == wanted.file)
        files = [desk.settlement.conflict.file(path) for path in paths]
        wholes = [(file.path, WHOLE) for file in files if file.parts or wanted.file]
    if not wholes:
        raise Refused("none of these has a text to edit", "take one of their sides with --take")
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Refused("an editor needs a terminal", "decide with --take, or edit in the screen of `aurora attach`")
    editor = desk.repo.git("var", "GIT_EDITOR", cwd=desk.repo.root).text
    for key in wholes:
        file = desk.editor_file(key)
        _open(editor, file)
        desk.settlement.decide(key, desk.read_back(key, file))
        desk.save()


def _open(editor: str, file: Path) -> None:
    done = subprocess.run(["/bin/sh", "-c", f'{editor} "$@"', editor, file.name], cwd=file.parent)
    if done.returncode:
        raise ConfigError(f"the editor `{editor}` ended with {done.returncode}", "this file is as it was before")


# --- showing ------------------------------------------------------------------------------------------------------


def show(desk: Desk) -> None:
    """Each file, each hunk, what was decided, and what can be."""
    settlement = desk.settlement
    conflict = settlement.conflict
    keys = tuple(conflict.decision_keys())
    done = sum(settlement.settled(key) for key in keys)
    click.echo(f"{conflict.task}: {done} of {len(keys)} settled, {_count(len(conflict.files), 'file')} in conflict")
    for file in conflict.files:
        click.echo(f"\n{file.path}  [{file.kind}]\n  {file.words}")
        for line in _lines_of(desk, file):
            click.echo(f"  {line}")
    click.echo("")
    if done == len(keys):
        click.echo(f"all settled: `aurora resolve {conflict.task} --finish` has it tested and landed")
    else:
        first = settlement.open_keys()[0]
        hunk = f" --hunk {first[1] + 1}" if first[1] != WHOLE else ""
        click.echo(f"next: aurora resolve {conflict.task} --file {first[0]}{hunk} --take …   (or --edit)")


def _lines_of(desk: Desk, file: ConflictFile) -> Iterator[str]:
    settlement = desk.settlement
    whole = settlement.decisions.get((file.path, WHOLE))
    if whole is not None or not file.parts:
        offers = ", ".join(_name(take) for take in file.offers)
        yield f"{STATES[whole is not None and whole.accepted]} {_decided(whole)}" + (f"   take: {offers}")
        return
    for hunk in file.hunks:
        decision = settlement.decisions.get((file.path, hunk.number))
        settled = decision is not None and decision.accepted
        yield f"{STATES[settled]} hunk {hunk.number + 1} at line {hunk.landed_line}: {_decided(decision)}"
        if not settled:
            for sign, lines in (("<", hunk.landed), (">", hunk.branch)):
                yield from (f"    {sign} {_plain(line)}" for line in lines[:MOST_SHOWN])
                if len(lines) > MOST_SHOWN:
                    yield f"    {sign} … {len(lines) - MOST_SHOWN} more lines"
    yield f"take: {', '.join(_name(take) for take in FOR_HUNKS)}   (< landed, > {desk.settlement.conflict.task})"


def _plain(line: str) -> str:
    from engine.text import clean

    return clean(line.encode("utf-8", "surrogateescape")).rstrip("\n")


def _name(take: Take) -> str:
    return take.value.replace(" ", "-")


def _decided(decision: Decision | None) -> str:
    if decision is None:
        return "open"
    by = f" ({decision.source})" if decision.source is not Source.PERSON else ""
    return f"{_name(decision.take)}{by}" + ("" if decision.accepted else ", to be accepted with --accept")


def _explain(desk: Desk, keys: tuple[Key, ...]) -> None:
    for key in keys:
        where = key[0] if key[1] == WHOLE else f"{key[0]}, hunk {key[1] + 1}"
        click.echo(where)
        for made in desk.explain(key):
            day = time.strftime("%Y-%m-%d %H:%M", time.localtime(made.at))
            who = f" of {made.task}" if made.task else ""
            click.echo(f"  {made.side:<6} {made.commit[:9]}{who}, {made.author}, {day}: {made.subject}")


def _finish(run: Reached, desk: Desk) -> None:
    task = desk.settlement.conflict.task
    commit = desk.finish()
    intent = ResolveConflict(at=now(), by=os.environ.get("USER", ""), task=task, how="edit", commit=commit)
    click.echo(run.ask(intent))


def _some(names: list[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _count(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
