"""`aurora resolve TASK --edit`: the conflicted files in an editor, then the result to the engine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aurora_tui.cli.reaching import Reached, now, reached
from engine.errors import ConfigError, Refused, RepoError
from engine.events import ResolveConflict
from engine.model import Snapshot, TaskState, TaskView
from engine.resolving import Edit, finish_edit, start_edit

if TYPE_CHECKING:
    from engine.repo import Repo

PERSON = 3


def settle_by_hand(task_id: str) -> None:
    """Open the editor on the conflicted files; without a terminal, say where they are and wait for a second call."""
    with reached() as run:
        run.handle.story(task_id)
        task = run.snapshot().task(task_id)
        if task.state is not TaskState.CONFLICT:
            raise Refused(f"{task.id} is {task.state} ({task.reason})", "only a task in conflict needs a resolution")
        edit, begun = _edit(run, task)
        if sys.stdin.isatty() and sys.stdout.isatty():
            _open_editor(run.repo, edit)
        elif not begun:
            _explain(edit, task)
            click.get_current_context().exit(PERSON)
        _finish(run, task, edit)


def _edit(run: Reached, task: TaskView) -> tuple[Edit, bool]:
    """The edit of this very conflict that was begun before (True), or a new one."""
    folder = run.repo.aurora_dir / "resolving" / task.id
    note = folder.with_name(f"{task.id}.json")
    onto = run.snapshot().target_commit
    begun = _read(note, folder)
    if begun is not None and (begun.branch_commit, begun.onto) == (task.commit, onto) and folder.is_dir():
        return begun, True
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    landed = f"landed: {_landed_side(run.snapshot(), task)}"
    edit = start_edit(run.repo, task.commit, onto, folder, landed=landed, branch=f"branch: {task.id}")
    note.write_text(json.dumps([edit.branch_commit, edit.onto, edit.texts, edit.wholes]), encoding="utf-8")
    return edit, False


def _landed_side(snapshot: Snapshot, task: TaskView) -> str:
    """Whose landed work is on the other side: the tasks that changed these files, or whoever moved the target."""
    landed = [one for one in snapshot.tasks if one.state is TaskState.LANDED]
    others = [one.id for one in landed if set(one.paths) & set(task.conflicts)]
    return ", ".join(others) or snapshot.target


def _read(note: Path, folder: Path) -> Edit | None:
    try:
        branch_commit, onto, texts, wholes = json.loads(note.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return Edit(branch_commit, onto, folder, tuple(texts), tuple(wholes))


def _open_editor(repo: Repo, edit: Edit) -> None:
    """Git's own editor, one call for all files with markers."""
    editor = repo.git("var", "GIT_EDITOR", cwd=repo.root).text
    if edit.wholes:
        click.echo(_about_wholes(edit))
    if not edit.texts:
        click.pause("Press a key when that is done …")
        return
    done = subprocess.run(["/bin/sh", "-c", f'{editor} "$@"', editor, *edit.texts], cwd=edit.folder)
    if done.returncode:
        raise ConfigError(f"the editor `{editor}` ended with {done.returncode}", "nothing was resolved")


def _explain(edit: Edit, task: TaskView) -> None:
    click.echo(f"The conflicts of {task.id} lie in {edit.folder}:")
    for path in edit.texts:
        click.echo(f"  {path}")
    if edit.wholes:
        click.echo(_about_wholes(edit))
    click.echo(f"Edit them until no marker is left, then say `aurora resolve {task.id} --edit` again.")


def _about_wholes(edit: Edit) -> str:
    lines = [f"  {path}: rename {path}~landed or {path}~branch to {path}, or delete both" for path in edit.wholes]
    return "\n".join([f"Of these, one side must be chosen in {edit.folder}:", *lines])


def _finish(run: Reached, task: TaskView, edit: Edit) -> None:
    try:
        commit = finish_edit(run.repo, edit, f"Merge landed work into {task.branch}, conflicts settled by hand")
    except RepoError as error:
        raise RepoError(error.message, f"`aurora resolve {task.id} --edit` goes on in {edit.folder}") from error
    intent = ResolveConflict(at=now(), by=os.environ.get("USER", ""), task=task.id, how="edit", commit=commit)
    click.echo(run.ask(intent))
    shutil.rmtree(edit.folder, ignore_errors=True)
    edit.folder.with_name(f"{task.id}.json").unlink(missing_ok=True)
