"""Pure rules: what a branch may do to the files of contracts, and what becomes of one that does more."""

from __future__ import annotations

from collections.abc import Sequence

from engine import events as ev
from engine.contracts.records import Breach, ContractFiles, ContractRecord, contract_of, holder_of, listed
from engine.model import TaskState
from engine.plan import Contract
from engine.state import State, TaskRecord


def contract(state: State, name: str) -> Contract:
    """The contract of a name, as the plan has it; KeyError when there is none."""
    return next(c for c in state.plan.contracts if c.name == name)


def may_change(state: State, record: TaskRecord, name: str) -> bool:
    """True for the author of a contract, and for a task a person allowed it."""
    return name in record.amends or contract(state, name).by == record.id


def editors(state: State, name: str) -> set[str]:
    """Who is not frozen for writing to a frozen contract: those who may change it, and those who have to take a change
    back. What the latter leave of it is found before it merges."""
    rejected = {b.task for b in state.contracts[name].breaches if b.state == "rejected"}
    return rejected | {record.id for record in state.tasks.values() if may_change(state, record, name)}


def settled(state: State, name: str) -> bool:
    """True from when the author's work is certain to land: from then on nobody changes the contract unasked."""
    by = contract(state, name).by
    landed = by in state.tasks and state.tasks[by].state is TaskState.LANDED
    return state.contracts[name].frozen or landed or by in state.landing


def owes_contract(state: State, record: TaskRecord) -> bool:
    """True when a contract this task writes is not what it should be on the target, although the task has landed."""
    return any(c.by == record.id and state.contracts[c.name].problem for c in state.plan.contracts)


def left_out(state: State, record: TaskRecord, contracts: Sequence[ContractFiles]) -> str:
    """What is missing of the contracts a task writes or amends, as a sentence; empty when all is there."""
    for files in contracts:
        written = files.name in state.contracts and may_change(state, record, files.name)
        if written and files.missing:
            return f"it leaves the contract {files.name} without {listed(files.missing)} (not there, or empty)"
    return ""


def find_breaches(state: State, record: TaskRecord, contracts: Sequence[ContractFiles], base: str) -> bool:
    """Note which frozen contracts a branch changes; True when a person has to rule."""
    for files in contracts:
        known = state.contracts.get(files.name)
        if known is None or not files.changed or not settled(state, files.name):
            continue
        if files.digest != known.digest and not may_change(state, record, files.name):
            note_breach(state, record, files, base, record.commit)
    return bool(record.breach)


def note_breach(state: State, record: TaskRecord, files: ContractFiles, base: str, commit: str) -> None:
    """A branch changes a frozen contract."""
    known = state.contracts[files.name]
    known.breaches.append(
        Breach(
            task=record.id,
            attempt=record.attempts,
            paths=files.changed,
            base=base,
            commit=commit,
            since=state.at,
            missing=files.missing,
            diff=files.diff,
        )
    )
    record.breach = (*record.breach, files.name)
    state.tell(record.id, f"changes the frozen contract {files.name}: {listed(files.changed)}")


def note_live(state: State, record: TaskRecord, path: str, holder: str) -> None:
    """An agent at work has written to a frozen file."""
    name = contract_of(holder)
    known = state.contracts[name]
    open_one = known.open_breach(record.id)
    if open_one is None:
        note_breach(state, record, ContractFiles(name, "", changed=(path,)), record.attempt.base, "")
    elif path not in open_one.paths:
        open_one.paths = (*open_one.paths, path)


def stop_breach(state: State, record: TaskRecord) -> None:
    """Keep a branch from merging until a person has ruled."""
    state.move(record, TaskState.CONFLICT, breach_words(state, record))


def breach_words(state: State, record: TaskRecord) -> str:
    """Which frozen contracts a branch changes, and where."""
    parts = []
    for name in record.breach:
        one = state.contracts[name].open_breach(record.id)
        parts.append(f"{name} in {listed(one.paths)}" if one else name)
    return f"changes the frozen contract {'; '.join(parts)}: amend the contract, or reject the change"


def forget_open(state: State, record: TaskRecord) -> None:
    """The breaches of a task nobody has ruled on are over: its work has changed, or is out of the run."""
    for known in state.contracts.values():
        known.breaches = [b for b in known.breaches if b.task != record.id or b.state != "open"]
        if record.id not in editors(state, known.name):
            state.locks.forbid(holder_of(known.name), record.id)
    record.breach = ()


def let_take_back(state: State, record: TaskRecord) -> None:
    """A branch that was sent back still holds the change: its agent may edit the file to take it back. What is left of
    the change when the agent has ended is a breach again."""
    for known in state.contracts.values():
        if any(b.task == record.id and b.state == "rejected" for b in known.breaches):
            state.locks.permit(holder_of(known.name), record.id)


def send_back(state: State, record: TaskRecord, note: str) -> None:
    """Reject every open breach of a task: its next attempt is told what to take back, and why."""
    for name in record.breach:
        known = state.contracts[name]
        one = known.open_breach(record.id)
        if one is not None:
            one.state = "rejected"
            record.failures.append(_told(known, one))
        state.locks.permit(holder_of(name), record.id)
    record.note = f"{record.note}\n{note}".strip()
    record.breach, record.failed_at = (), record.commit


def _told(known: ContractRecord, breach: Breach) -> str:
    words = (
        f"Your branch changes {listed(breach.paths)}, which the contract {known.name} (version {known.version}) "
        "freezes. Nobody may change it: take that change back, and do your work within the contract as it is."
    )
    look = f"git diff {breach.base[:12]} {breach.commit[:12]} -- {' '.join(breach.paths)}" if breach.commit else ""
    return "\n".join(part for part in (words, breach.diff or look) if part)


def checks_of(state: State, tasks: Sequence[str]) -> tuple[str, ...]:
    """The contracts whose `check` runs on a merged tree: those these tasks write or amend."""
    inside = [state.tasks[task] for task in tasks]
    return tuple(
        c.name for c in state.plan.contracts if c.check and any(may_change(state, record, c.name) for record in inside)
    )


def verifies_of(state: State, tasks: Sequence[str]) -> tuple[str, ...]:
    """The contracts that are verified on a merged tree: those with an implementer in it, landed or merged just now, or
    with a consumer where no task implements them."""
    there = [r for r in state.tasks.values() if r.id in tasks or r.id in state.landing or r.state is TaskState.LANDED]
    found = []
    for c in state.plan.contracts:
        implemented = any(c.name in r.spec.implements for r in state.tasks.values())
        needed = (r.spec.implements if implemented else r.spec.consumes for r in there)
        if c.verify and any(c.name in names for names in needed):
            found.append(c.name)
    return tuple(found)


def without_leave(state: State, event: ev.ChainBuilt) -> list[str]:
    """The tasks of a merged chain that change a contract they may not change, or write one without its files."""
    written: set[str] = set()
    leaving = []
    for step in event.steps:
        record, changes = state.tasks[step.task], event.changes.get(step.task, ())
        changes = tuple(files for files in changes if files.name in state.contracts)
        settled_ones = {files.name for files in changes if settled(state, files.name)} | written
        bad = [f for f in changes if f.name in settled_ones and not may_change(state, record, f.name)]
        if bad or left_out(state, record, changes):
            leaving.append(step.task)
            continue
        state.changing[step.task] = {files.name for files in changes}
        written |= {files.name for files in changes if may_change(state, record, files.name)}
    return leaving
