"""Sentences that several views share: how far the run is, why a task is where it is, and which commands help."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from aurora_tui.render.look import Look
from aurora_tui.render.table import Cell, Column, table
from engine.model import Snapshot, TaskState, TaskView
from widgets.text import change_size, duration, flat, many, money, wrap

URGENCY = (
    TaskState.CONFLICT,
    TaskState.PAUSED,
    TaskState.RUNNING,
    TaskState.TESTING,
    TaskState.MERGING,
    TaskState.QUEUED,
    TaskState.WAITING,
    TaskState.FAILED,
    TaskState.DROPPED,
    TaskState.LANDED,
)
WITH_WORKER = (TaskState.RUNNING, TaskState.PAUSED)


def why(task: TaskView, look: Look) -> str:
    """The reason of a task's state, until when it waits, and how much it has changed so far while it is worked on."""
    size = change_size(task.added, task.removed, len(task.paths)) if task.state in WITH_WORKER else ""
    until = f"until {look.clock(task.until)}" if task.until is not None and task.until > look.now else ""
    return ", ".join(part for part in (flat(task.reason), until, size) if part)


def elapsed(task: TaskView, now: float) -> float:
    """Seconds from the task's first start to its end, or to `now`; 0 when it has not started."""
    if task.started is None:
        return 0.0
    end = task.finished if task.state.final and task.finished is not None else now
    return max(0.0, end - task.started)


def progress(snapshot: Snapshot) -> str:
    """How far the run is: `7/15 landed, 3 running, 5 queued`."""
    counts = Counter(task.state for task in snapshot.tasks)
    landed = f"{counts[TaskState.LANDED]}/{len(snapshot.tasks)} landed"
    others = [f"{counts[state]} {state}" for state in URGENCY[:-1] if counts[state]]
    return ", ".join([landed, *others])


def spent(snapshot: Snapshot) -> str:
    """What the run has cost, and its budget; empty when it cost nothing."""
    parts = []
    if snapshot.cost or snapshot.budget_usd is not None:
        limit = f" of {money(snapshot.budget_usd)}" if snapshot.budget_usd else ""
        guess = any(task.estimated and task.cost for task in snapshot.tasks)
        parts.append((money(snapshot.cost, guess) or "$0.00") + limit)
    if snapshot.budget_tokens is not None:
        parts.append(f"{snapshot.tokens:,} of {snapshot.budget_tokens:,} tokens")
    return ", ".join(parts)


def bound_words(snapshot: Snapshot, look: Look) -> list[str]:
    """What the rest of the run takes at least, and what binds it; no line when nothing is left."""
    bound = snapshot.bound
    if bound.seconds <= 0:
        return []
    return wrap(f"What is left takes at least {duration(bound.seconds)}: {flat(bound.sentence)}", look.width, 3)


def merge_words(snapshot: Snapshot, look: Look) -> list[str]:
    """What the merge queue is doing; no line when it has nothing to do."""
    merge, lines = snapshot.merge, []
    if merge.chain:
        what = f" ({flat(merge.detail)})" if merge.detail else ""
        lines.append(f"{merge.phase.capitalize()}: {', '.join(merge.chain)}{what}")
    if merge.waiting:
        lines.append(f"To be merged: {', '.join(merge.waiting)}")
    return [part for line in lines for part in wrap(line, look.width, 3)]


def needs(snapshot: Snapshot, look: Look) -> list[str]:
    """What waits for a person; no line when nothing does."""
    lines = [line for one in snapshot.needs_person for line in wrap(f"needs you  {flat(one)}", look.width, 3)]
    return [look.paint(line, "warn") for line in lines]


def total(snapshot: Snapshot, look: Look) -> list[str]:
    """A whole run in one sentence: tasks by state, time, money, where the target is."""
    counts = Counter(task.state for task in snapshot.tasks)
    states = ", ".join(f"{counts[state]} {state}" for state in reversed(URGENCY) if counts[state])
    parts = [
        f"{many(len(snapshot.tasks), 'task')}: {states}" if states else "no tasks",
        duration(look.now - snapshot.started),
        spent(snapshot),
        f"{snapshot.target} at {snapshot.target_commit[:9]}",
    ]
    return wrap(" · ".join(part for part in parts if part), look.width, 3)


# --- what helps ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Remedy:
    """A command that helps now, and what it does."""

    command: str
    does: str


def remedy_lines(snapshot: Snapshot, look: Look, *, live: bool) -> list[str]:
    """The commands that help now, as two columns."""
    found = remedies(snapshot, live=live)
    rows = [[Cell(f"  {remedy.command}", "bold", True), Cell(remedy.does)] for remedy in found]
    columns = (Column("command", limit=max(24, look.width * 2 // 3)), Column("does", stretch=True))
    return table(columns, rows, look, lines=3, titles=False) if rows else []


def remedies(snapshot: Snapshot, *, live: bool) -> list[Remedy]:
    """What a person can do. `live` when an engine runs: a paused agent obeys no other."""
    found = [
        *_of_contracts(snapshot, live),
        *_of_conflicts(snapshot),
        *(one for task in snapshot.tasks for one in _of_task(snapshot, task, live)),
    ]
    merge, target = snapshot.merge, snapshot.target
    if merge.landing_blocked:
        found.append(Remedy("git status", f"shows your changes on {target}: commit or stash them, then it lands"))
    if merge.target_red:
        found.append(Remedy(f"git log {target}", f"shows what made the tests red on {target} itself"))
    if snapshot.paused_all and live:
        found.append(Remedy("aurora resume --all", "lets everything go on"))
    if snapshot.workers_limit == 0:
        found.append(Remedy("aurora workers 4", "lets tasks start"))
    if not live and any(task.state not in (TaskState.LANDED, TaskState.DROPPED) for task in snapshot.tasks):
        found.append(Remedy("aurora run", "then goes on with the run" if found else "goes on with the run"))
    return found


def _of_contracts(snapshot: Snapshot, live: bool) -> list[Remedy]:
    """How a person rules on breaches, and mends a contract whose author landed without it."""
    found = []
    for one in snapshot.contracts:
        for breach in one.breaches:
            if breach.state == "open" and (live or breach.commit):
                words = f"{one.name} {breach.task}"
                found += [
                    Remedy(f"aurora contract diff {words}", f"shows how {breach.task} changes the contract"),
                    Remedy(f"aurora contract amend {words}", "lets it: a new version, all who use it are told"),
                    Remedy(f"aurora contract reject {words}", f"sends {breach.task} back to its agent"),
                ]
        lost = not one.frozen and any(task.id == one.by and task.state is TaskState.LANDED for task in snapshot.tasks)
        if lost and any(f"contract {one.name}: " in sentence for sentence in snapshot.needs_person):
            found.append(Remedy(f"aurora retry {one.by}", f"has the contract {one.name} written again"))
    return found


def _of_conflicts(snapshot: Snapshot) -> list[Remedy]:
    """All ways to settle the first conflict; the others go the same way."""
    in_conflict = [task for task in snapshot.tasks if task.state is TaskState.CONFLICT and not task.breach]
    if not in_conflict:
        return []
    first, *others = [task.id for task in in_conflict]
    accept = Remedy(f"aurora resolve {first} --accept --finish", f"takes what {snapshot.merge_agent} proposes")
    return [
        Remedy(f"aurora resolve {first}", "shows the conflict, hunk by hunk"),
        *([accept] if in_conflict[0].proposed else []),
        Remedy(f"aurora resolve {first} --landed", "keeps what has landed"),
        Remedy(f"aurora resolve {first} --branch", f"keeps what {first} wrote"),
        Remedy(f"aurora resolve {first} --union", "keeps the lines of both"),
        Remedy(f"aurora resolve {first} --edit", "opens your editor"),
        *(Remedy(f"aurora resolve {other} …", "likewise") for other in others),
    ]


def _of_task(snapshot: Snapshot, task: TaskView, live: bool) -> list[Remedy]:
    if task.state is TaskState.FAILED and task.asks:
        return [
            Remedy(f"aurora message {task.id} TEXT", "answers it: its agent goes on with that"),
            Remedy(f"aurora log {task.id}", "shows all that the agent said"),
            Remedy(f"aurora drop {task.id}", "takes the task out of the run"),
        ]
    if task.state is TaskState.FAILED:
        return [
            Remedy(f"aurora log {task.id}", "shows what the agent said"),
            Remedy(f"aurora retry {task.id}", "tries again"),
        ]
    if task.state is not TaskState.PAUSED or snapshot.paused_all or not live:
        return []
    if task.breach:
        return []
    if not any(worker.task == task.id and worker.frozen for worker in snapshot.workers):
        return [Remedy(f"aurora resume {task.id}", "lets it go on")]
    return [
        Remedy(f"aurora resume {task.id} --allow", "lets both edit the file"),
        Remedy(f"aurora resume {task.id} --take", f"gives the lock to {task.id}"),
    ]
