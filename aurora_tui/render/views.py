"""The views of `aurora status`, `graph`, `locks` and `queue`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aurora_tui.render.look import Look
from aurora_tui.render.table import Cell, Column, table
from aurora_tui.render.tree import tree
from aurora_tui.render.words import (
    URGENCY,
    bound_words,
    elapsed,
    merge_words,
    needs,
    progress,
    remedy_lines,
    spent,
    why,
)
from engine.model import LockView, SlotView, Snapshot, TaskState, TaskView
from widgets.text import cut, duration, flat, many, money, names, wrap
from widgets.words import STYLES, state_words

NOTHING = "the plan has no tasks"
_STATUS = (
    Column("task"),
    Column("state"),
    Column("why", stretch=True),
    Column("time", right=True),
    Column("cost", right=True),
)


def state_cell(task: TaskView) -> Cell:
    """The task's state, painted."""
    return Cell(state_words(task.state), STYLES[task.state])


def status(snapshot: Snapshot, look: Look, *, live: bool) -> list[str]:
    """The whole run at one glance. `live` when an engine is at work on it."""
    moment = look.now if live else snapshot.at
    rows = [_status_row(task, look, moment) for task in sorted(snapshot.tasks, key=_status_key)]
    lines = [*_heading(snapshot, look, live)]
    if rows:
        lines += ["", *table(_STATUS, rows, look, lines=2)]
    limits = _limits(snapshot, look) if live else []
    for section in (limits, merge_words(snapshot, look), _slots(snapshot, look), _help(snapshot, look, live)):
        if section:
            lines += ["", *section]
    return look.finish(lines)


def _heading(snapshot: Snapshot, look: Look, live: bool) -> list[str]:
    busy = sum(1 for worker in snapshot.workers if worker.task)
    name = f"{snapshot.repo}:{snapshot.target}"
    since = duration(look.now - snapshot.at)
    engine = [f"run {snapshot.run}"] if live else [f"run {snapshot.run}, no engine", f"last seen {since} ago"]
    held = sum(1 for slot in snapshot.slots if slot.held)
    size = " (all paused)" if snapshot.paused_all else " (auto)" if snapshot.workers_auto else ""
    parts = [
        *engine,
        progress(snapshot),
        f"workers {busy}/{snapshot.workers_limit}{size}" if live else "",
        f"heavy {held}/{snapshot.slots_limit}" if live else "",
        spent(snapshot),
        duration(look.now - snapshot.started) if live else "",
        f"machine busy: {snapshot.pressure.holds}" if live and snapshot.pressure.holds else "",
    ]
    facts = wrap(" · ".join(part for part in parts if part), look.width, 3)
    return [look.paint(cut(flat(name), look.width), "bold"), *facts]


def _limits(snapshot: Snapshot, look: Look) -> list[str]:
    """Which agents their providers hold back, and until when."""
    held = [(one.name, one.until, flat(one.words)) for one in snapshot.profiles if one.until is not None]
    return [
        cut(f"agent {name} waits until {look.clock(until)}: {words}", look.width)
        for name, until, words in held
        if until > look.now
    ]


def _status_key(task: TaskView) -> tuple[int, int]:
    return URGENCY.index(task.state), task.queue_place


def _status_row(task: TaskView, look: Look, moment: float) -> list[Cell]:
    spent_time = elapsed(task, moment)
    return [
        Cell(task.id, "bold"),
        state_cell(task),
        Cell(why(task, look)),
        Cell(duration(spent_time) if spent_time else ""),
        Cell(money(task.cost, task.estimated)),
    ]


def _slots(snapshot: Snapshot, look: Look) -> list[str]:
    """Who holds a slot of the heavy semaphore, and the line."""
    columns = (Column("heavy"), Column("owner"), Column("command", stretch=True), Column("since", right=True))
    return table(columns, [_slot_row(slot, look) for slot in snapshot.slots], look) if snapshot.slots else []


def _slot_row(slot: SlotView, look: Look) -> list[Cell]:
    place = Cell("► runs", "live") if slot.held else Cell(f"○ {slot.place} in line", "dim")
    command = f"{slot.command} (held back: {slot.why})" if slot.why else slot.command
    return [place, Cell(slot.owner), Cell(command), Cell(duration(look.now - slot.since))]


def _help(snapshot: Snapshot, look: Look, live: bool) -> list[str]:
    helps = bool(snapshot.needs_person) or snapshot.idle or not live
    return [*needs(snapshot, look), *(remedy_lines(snapshot, look, live=live) if helps else [])]


# --- graph --------------------------------------------------------------------------------------------------------


def graph(snapshot: Snapshot, look: Look) -> list[str]:
    """The tasks by dependency, each with its state, what it waits for and why, and what binds the rest of the run."""
    tasks = {task.id: task for task in snapshot.tasks}
    rows = [
        [
            Cell(branch.drawn + branch.task, "", True),
            state_cell(tasks[branch.task]),
            Cell(_graph_why(tasks[branch.task], branch.also_after, look)),
        ]
        for branch in tree({task.id: task.after for task in snapshot.tasks})
    ]
    columns = (Column("task", limit=max(20, look.width // 3)), Column("state"), Column("why", stretch=True))
    lines = table(columns, rows, look, lines=2, titles=False) if rows else [NOTHING]
    bound = bound_words(snapshot, look)
    return look.finish([*lines, "", *bound] if bound else lines)


def _graph_why(task: TaskView, also_after: tuple[str, ...], look: Look) -> str:
    also = f"also after {names(also_after)}" if also_after else ""
    if task.state in (TaskState.LANDED, TaskState.WAITING):
        return "; ".join(part for part in (flat(task.reason), also if task.state is TaskState.LANDED else "") if part)
    blocks = f"{many(task.blocks, 'task')} wait for it" if task.blocks > 1 else "1 task waits for it"
    return "; ".join(part for part in (why(task, look), also, blocks if task.blocks else "") if part)


def plain_graph(after: Mapping[str, Sequence[str]], prompts: Mapping[str, str], look: Look) -> list[str]:
    """The tasks by dependency with what they are about (id → ids it comes after, id → prompt)."""
    rows = []
    for branch in tree(after):
        also = f"(also after {names(branch.also_after)}) " if branch.also_after else ""
        first_line = flat(prompts[branch.task].strip().split("\n", 1)[0])
        rows.append([Cell(branch.drawn + branch.task, "", True), Cell(also + first_line)])
    columns = (Column("task", limit=max(20, look.width // 2)), Column("prompt", stretch=True))
    return look.finish(table(columns, rows, look, titles=False) if rows else [NOTHING])


# --- locks and queue ----------------------------------------------------------------------------------------------


def locks(snapshot: Snapshot, look: Look) -> list[str]:
    """The lock table: those somebody waits for first."""
    if not snapshot.locks:
        return ["no locks are held"]
    columns = (
        Column("pattern", limit=max(24, look.width // 3)),
        Column("mode"),
        Column("holder"),
        Column("since", right=True),
        Column("waiting", stretch=True),
    )
    ordered = sorted(snapshot.locks, key=lambda lock: (-len(lock.waiters), lock.pattern, lock.holder))
    styles = {task.id: STYLES[task.state] for task in snapshot.tasks}
    rows = [_lock_row(lock, styles.get(lock.holder, "dim"), look) for lock in ordered]
    return look.finish(table(columns, rows, look, lines=2))


def _lock_row(lock: LockView, style: str, look: Look) -> list[Cell]:
    mode = f"{lock.mode}, grown" if lock.grown else lock.mode
    flag = " (‖ paused)" if lock.holder_paused else ""
    stuck = lock.holder_paused and bool(lock.waiters)
    asked = dict(lock.asking)
    waiting = ", ".join(f"{task} (at {asked[task]})" if task in asked else task for task in lock.waiters)
    if stuck:
        waiting += f" (paused holder blocks {len(lock.waiters)})"
    return [
        Cell(lock.pattern),
        Cell(mode),
        Cell(lock.holder + flag, "warn" if stuck else style),
        Cell(duration(look.now - lock.since)),
        Cell(waiting, "warn" if stuck else ""),
    ]


def queue(snapshot: Snapshot, look: Look) -> list[str]:
    """Who starts next and what holds them, what is merged, and what binds the rest of the run."""
    columns = (
        Column("#", right=True),
        Column("task"),
        Column("priority", right=True),
        Column("takes", right=True),
        Column("why", stretch=True),
    )
    tasks = {task.id: task for task in snapshot.tasks}
    rows = [_queue_row(tasks[task], look) for task in snapshot.queue]
    lines = table(columns, rows, look, lines=2) if rows else ["no task is queued"]
    rest = [*merge_words(snapshot, look), *bound_words(snapshot, look)]
    return look.finish([*lines, "", *rest] if rest else lines)


def _queue_row(task: TaskView, look: Look) -> list[Cell]:
    held = "warn" if task.held_by else ""
    return [
        Cell(str(task.queue_place)),
        Cell(task.id, "bold"),
        Cell(str(task.priority) if task.priority else ""),
        Cell(duration(task.estimate)),
        Cell(why(task, look), held),
    ]
