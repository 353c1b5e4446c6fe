"""Commands that look at a run and change nothing: status, graph, locks, queue, log, diff, story."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from aurora_tui.cli.reaching import Reached
    from aurora_tui.render.look import Look
    from engine.model import Snapshot
    from engine.repo import Repo

as_json = click.option("--json", "as_json", is_flag=True, help="As JSON, for programs.")


def _seen(reached: Reached) -> tuple[Snapshot, Look]:
    """The run, and how it looks now; without an engine time stands still."""
    from aurora_tui.cli.output import look

    snapshot = reached.snapshot()
    return snapshot, look(now=None if reached.live else snapshot.at)


@click.command(short_help="The whole run at one glance, and which commands help.")
@as_json
def status(as_json: bool) -> None:
    """Show every task with its state and the reason, what is merged, what is heavy, and what waits for you."""
    from aurora_tui.cli.output import look, show, show_json
    from aurora_tui.cli.reaching import reached
    from aurora_tui.render import views
    from engine.model import Snapshot

    with reached() as run:
        snapshot = run.snapshot()
        if as_json:
            show_json(Snapshot, snapshot)
        else:
            show(views.status(snapshot, look(), live=run.live))


@click.command(short_help="The tasks as a tree of what comes after what.")
@click.option("--status", "with_status", is_flag=True, help="With states, what blocks each task, and why.")
@as_json
def graph(with_status: bool, as_json: bool) -> None:
    """Draw the dependencies of the run; before the first run, those of aurora.yaml.

    With --status also what binds the time that is left.
    """
    from aurora_tui.cli.output import look, show, show_json
    from aurora_tui.cli.reaching import here, reached
    from aurora_tui.render import views
    from engine.model import TaskView

    repo = here()
    if not (repo.aurora_dir / "journal.db").exists() and not with_status and not as_json:
        show(_planned(repo))
        return
    with reached(repo) as run:
        snapshot = run.snapshot()
        if as_json:
            show_json(dict[str, object], {"tasks": snapshot.tasks, "bound": snapshot.bound})
        elif with_status:
            show(views.graph(snapshot, look()))
        else:
            tasks: dict[str, TaskView] = {task.id: task for task in snapshot.tasks}
            after = {task.id: task.after for task in tasks.values()}
            show(views.plain_graph(after, {task.id: task.prompt for task in tasks.values()}, look()))


def _planned(repo: Repo) -> list[str]:
    """The graph of a plan that has not run yet."""
    from aurora_tui.cli.output import look
    from aurora_tui.cli.reaching import load
    from aurora_tui.render import views

    plan = load(repo, None)
    after = {spec.id: plan.dependencies(spec) for spec in plan.tasks}
    return views.plain_graph(after, {spec.id: spec.prompt for spec in plan.tasks}, look())


@click.command(short_help="Who holds which files, since when, and who waits.")
@as_json
def locks(as_json: bool) -> None:
    """Show the lock table, those somebody waits for first."""
    from aurora_tui.cli.output import show, show_json
    from aurora_tui.cli.reaching import reached
    from aurora_tui.render import views
    from engine.model import LockView

    with reached() as run:
        snapshot, look = _seen(run)
        if as_json:
            show_json(tuple[LockView, ...], snapshot.locks)
        else:
            show(views.locks(snapshot, look))


@click.command(short_help="Who starts next, who is held and why.")
@as_json
def queue(as_json: bool) -> None:
    """Show the queue in its order, what is being merged, and what binds the time that is left."""
    from aurora_tui.cli.output import show, show_json
    from aurora_tui.cli.reaching import reached
    from aurora_tui.render import views
    from engine.model import TaskView

    with reached() as run:
        snapshot, look = _seen(run)
        if as_json:
            show_json(tuple[TaskView, ...], tuple(snapshot.task(task) for task in snapshot.queue))
        else:
            show(views.queue(snapshot, look))


@click.command(short_help="What happened to a task, in words.")
@click.argument("task")
@as_json
def story(task: str, as_json: bool) -> None:
    """Tell what happened to TASK, oldest first."""
    from aurora_tui.cli.output import show, show_json
    from aurora_tui.cli.reaching import reached
    from aurora_tui.render.story import story as told

    with reached() as run:
        snapshot, look = _seen(run)
        words = run.handle.story(task)
        if as_json:
            show_json(tuple[str, ...], words)
        else:
            show(told(snapshot.task(task), words, look))


@click.command(short_help="What a task's agent said.")
@click.argument("task")
@click.option("-f", "--follow", is_flag=True, help="Go on until the attempt is over.")
@click.option("--attempt", type=click.IntRange(1), metavar="N", help="Which attempt; default: the last.")
@click.option("--raw", is_flag=True, help="Every byte as it was written.")
def log(task: str, follow: bool, attempt: int | None, raw: bool) -> None:
    """Show the output of TASK's agent, without anything that could disturb the terminal."""
    from aurora_tui.cli.logs import attempt_log, copy, until_over
    from aurora_tui.cli.reaching import reached

    with reached() as run:
        path, number = attempt_log(run, task, attempt)
        copy(path, raw=raw, more=until_over(run, task, number) if follow else lambda: False)


@click.command(short_help="What a task has changed so far.")
@click.argument("task")
def diff(task: str) -> None:
    """Show the changes of TASK: of a running task as they are now, of any other what it left."""
    from aurora_tui.cli.diffs import left, live, show_diff
    from aurora_tui.cli.reaching import here, last_state
    from engine.session import worktrees_of

    repo = here()
    state = last_state(repo)
    record = state.record(task)
    attempt = record.attempt
    if attempt.worker and attempt.base:
        show_diff(live(repo, worktrees_of(repo, state.plan).path(attempt.worker), attempt.base))
    else:
        show_diff(left(repo, record, state.tip))


COMMANDS = (status, graph, locks, queue, log, diff, story)
