"""Commands that steer a run: add, pause, resume, stop, message, retry, drop, priority, workers, lock, resolve, undo.

With an engine they take effect at once; without one, those that make sense then are written to the journal.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import click

if TYPE_CHECKING:
    from engine.intents import Intent

NUMBERS = {"ignore_unknown_options": True}
several = click.argument("tasks", metavar="TASK...", nargs=-1)


def _send(*intents: Intent) -> None:
    """Hand intents over one after the other and say what was answered."""
    from aurora_tui.cli.reaching import reached
    from engine.text import clean

    with reached() as run:
        for intent in intents:
            click.echo(clean(run.ask(intent)))


def _each(named: tuple[str, ...], intent: Callable[[str], Intent]) -> None:
    if not named:
        raise click.UsageError("name at least one task", click.get_current_context())
    _send(*(intent(task) for task in named))


def _at() -> float:
    from aurora_tui.cli.reaching import now

    return now()


@click.command(short_help="Put one more task into the run.")
@click.argument("prompt")
@click.option("--id", "task_id", metavar="NAME", help="The task's name; default: made from the prompt.")
@click.option("--files", multiple=True, metavar="PATTERN", help="Files it will edit, alone. May be given again.")
@click.option("--shared", multiple=True, metavar="PATTERN", help="Files others may edit too.")
@click.option("--reads", multiple=True, metavar="PATTERN", help="Files nobody may edit meanwhile.")
@click.option("--after", multiple=True, metavar="TASK", help="A task that must have landed before.")
@click.option("--agent", metavar="PROFILE", help="Which agent works on it.")
@click.option("--priority", type=int, metavar="N", help="Higher runs first.")
@click.option("--test", metavar="COMMAND", help="What must pass on its branch.")
@click.option("--timeout", metavar="TIME", help="How long an attempt may take: 90s, 20m, 1h.")
@click.option("--retries", type=int, metavar="N", help="How many fix attempts it gets.")
@click.option("--heavy", is_flag=True, help="It takes a slot for as long as it runs.")
def add(prompt: str, task_id: str | None, heavy: bool, **given: object) -> None:
    """Put one more task into the run. PROMPT says what is to be done; `-` reads it from stdin.

    \b
    Example:
      aurora add "Describe the login page in the manual" --files 'docs/**' --after login
    """
    from aurora_tui.cli.reaching import here, running_plan
    from engine.config import parse_task
    from engine.intents import AddTask

    repo = here()
    text = sys.stdin.read() if prompt == "-" else prompt
    lists = {key: list(value) for key, value in given.items() if isinstance(value, tuple) and value}
    single = {key: value for key, value in given.items() if value is not None and not isinstance(value, tuple)}
    fields = {"prompt": text, "id": task_id, "heavy": heavy or None, **lists, **single}
    _send(AddTask(at=_at(), spec=parse_task(fields, plan=running_plan(repo), root=repo.root)))


@click.command(short_help="Stop an agent's processes until it is resumed.")
@several
@click.option("--all", "everything", is_flag=True, help="All agents, and start nothing.")
def pause(tasks: tuple[str, ...], everything: bool) -> None:
    """Pause the agents of TASK…, with every process they started."""
    from engine.intents import PauseAll, PauseTask

    _all_or_each(everything, tasks, PauseAll(at=_at()), lambda task: PauseTask(at=_at(), task=task))


@click.command(short_help="Let a paused agent go on.")
@several
@click.option("--all", "everything", is_flag=True, help="All agents.")
@click.option("--allow", "ruling", flag_value="allow", help="Frozen by a collision: let both edit the file.")
@click.option("--take", "ruling", flag_value="take", help="Frozen by a collision: give this task the lock.")
def resume(tasks: tuple[str, ...], everything: bool, ruling: Literal["allow", "take"] | None) -> None:
    """Let the agents of TASK… go on. One that is frozen by a collision needs your ruling: --allow or --take."""
    from engine.intents import ResumeAll, ResumeTask, SettleCollision

    if ruling and not everything:
        _each(tasks, lambda task: SettleCollision(at=_at(), task=task, ruling=ruling))
    else:
        _all_or_each(everything, tasks, ResumeAll(at=_at()), lambda task: ResumeTask(at=_at(), task=task))


def _all_or_each(everything: bool, named: tuple[str, ...], whole: Intent, one: Callable[[str], Intent]) -> None:
    if everything and named:
        raise click.UsageError("--all and names of tasks exclude each other", click.get_current_context())
    if everything:
        _send(whole)
    else:
        _each(named, one)


@click.command(short_help="End an agent; its work is kept and the task fails.")
@several
def stop(tasks: tuple[str, ...]) -> None:
    """End the agents of TASK…; what they did is kept, `aurora retry` goes on from there."""
    from engine.intents import StopTask

    _each(tasks, lambda task: StopTask(at=_at(), task=task))


@click.command(short_help="Tell an agent something: it goes on from its work.")
@click.argument("task")
@click.argument("text")
def message(task: str, text: str) -> None:
    """Tell the agent of TASK something. TEXT is what it should know; `-` reads it from stdin.

    An agent at work is ended, what it did is kept, and its next attempt goes on from there with your text; this uses up
    no retry. A task that has not started reads it when it does; a failed one is queued again.

    \b
    Example:
      aurora message login "Use the session store that is there already"
    """
    from engine.intents import MessageTask

    _send(MessageTask(at=_at(), task=task, text=sys.stdin.read() if text == "-" else text))


@click.command(short_help="Queue a failed, dropped or conflicting task again.")
@several
@click.option("--note", default="", metavar="TEXT", help="What the agent should know this time.")
def retry(tasks: tuple[str, ...], note: str) -> None:
    """Queue TASK… again. After red tests on the target it also means: try the tests again."""
    from engine.intents import RetryTask

    _each(tasks, lambda task: RetryTask(at=_at(), task=task, note=note))


@click.command(short_help="Take a task out of the run; its work is kept.")
@several
def drop(tasks: tuple[str, ...]) -> None:
    """Take TASK… out of the run. Locks are released; what was done stays under refs/aurora."""
    from engine.intents import DropTask

    _each(tasks, lambda task: DropTask(at=_at(), task=task))


@click.command(context_settings=NUMBERS, short_help="Set a task's priority; higher runs first.")
@click.argument("task")
@click.argument("n", type=int)
def priority(task: str, n: int) -> None:
    """Set the priority of TASK to N (0 is usual, below 0 runs later)."""
    from engine.intents import SetPriority

    _send(SetPriority(at=_at(), task=task, priority=n))


@click.command(context_settings=NUMBERS, short_help="Change how many tasks run at the same time.")
@click.argument("n")
def workers(n: str) -> None:
    """Make the pool N workers big. When it shrinks, running agents finish first.

    With `auto` for N it grows while the machine is calm and tasks queue, and shrinks while it is short of CPU, memory
    or disk.
    """
    from engine.intents import SetWorkers

    if n == "auto":
        _send(SetWorkers(at=_at(), workers=0, auto=True))
    elif n.removeprefix("-").isdigit():
        _send(SetWorkers(at=_at(), workers=int(n)))
    else:
        raise click.UsageError(f"`{n}` is neither a whole number nor auto", click.get_current_context())


@click.group(short_help="Release, hand over or narrow a single lock.")
def lock() -> None:
    """Change a single lock by hand. `aurora locks` shows who holds what."""


holder = click.argument("task")
held = click.argument("pattern")


@lock.command(short_help="Take a lock away from its holder.")
@holder
@held
def release(task: str, pattern: str) -> None:
    """Take the lock on PATTERN away from TASK. Its agent may still be editing: then a conflict is likely."""
    from engine.intents import ReleaseLock

    _send(ReleaseLock(at=_at(), task=task, pattern=pattern))


@lock.command("hand-over", short_help="Give a lock to another task.")
@holder
@held
@click.argument("to")
def hand_over(task: str, pattern: str, to: str) -> None:
    """Give the lock of TASK on PATTERN to the task TO, which is at work or could start with it."""
    from engine.intents import HandOverLock

    _send(HandOverLock(at=_at(), task=task, pattern=pattern, to=to))


@lock.command(short_help="Replace a lock by a narrower pattern.")
@holder
@held
@click.argument("narrower")
def narrow(task: str, pattern: str, narrower: str) -> None:
    """Replace the lock of TASK on PATTERN by NARROWER, which lies within it and covers all TASK has changed.

    \b
    Example:
      aurora lock narrow backend 'src/**' 'src/api/**'
    """
    from engine.intents import NarrowLock

    _send(NarrowLock(at=_at(), task=task, pattern=pattern, narrower=narrower))


TAKES = ("landed", "branch", "both", "both-reversed", "neither", "base", "delete")


@click.command(short_help="Settle the conflict of a task.")
@click.argument("task")
@click.option("--landed", "--ours", "how", flag_value="landed", help="All: keep what has landed (git calls it ours).")
@click.option("--branch", "--theirs", "how", flag_value="branch", help="All: keep what the task wrote (theirs).")
@click.option("--union", "how", flag_value="union", help="All: keep the lines of both.")
@click.option("--take", type=click.Choice(TAKES), default=None, help="Decide so what is open, or what is named.")
@click.option("--file", default="", help="Only this file.")
@click.option("--hunk", type=click.IntRange(1), default=None, help="Only this hunk of the file, counted from 1.")
@click.option("--edit", is_flag=True, help="Write it by hand, in your editor.")
@click.option("--accept", is_flag=True, help="Take what is remembered or proposed.")
@click.option("--ask", is_flag=True, help="Let the merge agent propose something.")
@click.option("--open", "again", is_flag=True, help="Leave it open again.")
@click.option("--undo", is_flag=True, help="Take the last step back.")
@click.option("--redo", is_flag=True, help="Do the last step taken back again.")
@click.option("--explain", is_flag=True, help="Which commits of which tasks made each side.")
@click.option("--forget", is_flag=True, help="Drop what is remembered of it.")
@click.option("--discard", is_flag=True, help="Forget all that was decided so far.")
@click.option("--finish", is_flag=True, help="Hand the settled conflict over: it is tested, then lands.")
def resolve(
    task: str, how: Literal["landed", "branch", "union"] | None, hunk: int | None, ask: bool, **wanted: Any
) -> None:
    """Settle the conflict of TASK; all that does not conflict is merged as usual.

    Without options it shows what is in conflict and what was decided. Decisions are kept until the task has landed;
    the result is tested like any other merge before it does.

    \b
    Examples:
      aurora resolve stock --take both --file shop/models.py --hunk 2
      aurora resolve stock --take landed --finish     all that is open, then on with it
      aurora resolve stock --union                    the lines of both, everywhere
    """
    from aurora_tui.cli.reaching import reached
    from engine.intents import AskMergeAgent, ResolveConflict

    if ask:
        _send(AskMergeAgent(at=_at(), task=task))
        return
    if how is not None:
        _send(ResolveConflict(at=_at(), task=task, how=how))
        return
    from aurora_tui.cli.resolving import Wanted, settle

    with reached() as run:
        settle(run, task, Wanted(hunk=hunk or 0, **{k: v for k, v in wanted.items() if v}))


@click.command(short_help="Take the last landing back.")
def undo() -> None:
    """Take the last landing back: the target returns to where it was, or gets a commit that reverts it."""
    from engine.intents import UndoLanding

    _send(UndoLanding(at=_at()))


COMMANDS: tuple[click.Command, ...] = (
    *(add, pause, resume, stop, message, retry, drop),
    *(priority, workers, lock, resolve, undo),
)
