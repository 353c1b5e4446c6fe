"""Pure rules: contracts. When they freeze, how a person rules on a breach, and who is told of a new version."""

from __future__ import annotations

from collections.abc import Generator, Iterator

from engine import events as ev
from engine import intents
from engine.contracts.records import ContractFiles, ContractRecord, contract_of, holder_of, listed
from engine.effects import Effect, ReadContracts
from engine.errors import Refused
from engine.model import TaskState
from engine.plan import Contract
from engine.rules_breach import breach_words, contract, editors, send_back
from engine.rules_ending import end_attempt
from engine.rules_intent import to_queue
from engine.rules_merge import withdraw
from engine.rules_pause import unhold
from engine.state import Ending, Hold, State, Step, TaskRecord

Answer = Generator[Effect, None, str]
WITH_WORKER = (TaskState.RUNNING, TaskState.PAUSED)
AGENT_ENDED = (Step.CAPTURING, Step.TESTING)


# --- freezing -----------------------------------------------------------------------------------------------------


def look(state: State) -> Iterator[Effect]:
    """Read the contracts on the target again when it, or which of their authors have landed, has changed."""
    wanted = (state.target, _landed_authors(state))
    if state.contracts and state.reading is None and state.read_at != wanted:
        state.reading = wanted
        yield ReadContracts(commit=state.target, before=state.read_at[0])


def _landed_authors(state: State) -> tuple[str, ...]:
    authors = {c.by for c in state.plan.contracts}
    return tuple(t for t in state.tasks if t in authors and state.tasks[t].state is TaskState.LANDED)


def on_contracts_read(state: State, event: ev.ContractsRead) -> Iterator[Effect]:
    """Contracts whose authors have landed are frozen as they are, or say why not."""
    if state.reading is None or event.commit != state.reading[0]:
        return
    state.read_at, state.reading = state.reading, None
    state.promotable = True
    for files in event.contracts:
        known = state.contracts.get(files.name)
        if known is not None:
            yield from _settle(state, known, contract(state, files.name), files)
    for record in [state.tasks[task] for task in sorted(state.ready)]:
        if state.unfrozen(record):
            to_queue(state, record, "")


def _settle(state: State, known: ContractRecord, wanted: Contract, files: ContractFiles) -> Iterator[Effect]:
    by, target = wanted.by, state.plan.settings.target
    landed = by in state.read_at[1]
    known.problem = ""
    if landed and files.missing:
        known.problem = f"{by} has landed, but {target} has no {listed(files.missing)} (not there, or empty)"
        state.tell(by, f"the contract {known.name} is not frozen: {known.problem}")
    if not landed or files.missing:
        known.frozen, known.changed_by = False, []
        state.locks.unfreeze(holder_of(known.name))
        state.locks_version += 1
        return
    yield from _freeze(state, known, wanted, files)


def _freeze(state: State, known: ContractRecord, wanted: Contract, files: ContractFiles) -> Iterator[Effect]:
    before, changed_by = known.version, tuple(known.changed_by)
    known.changed_by = []
    if known.digest != files.digest or not before:
        known.version, known.since = before + 1, state.at
    known.since = known.since or state.at
    thawed = not known.frozen
    known.digest, known.paths, known.frozen = files.digest, files.paths, True
    state.locks.freeze(holder_of(known.name), wanted.files, state.at, editors(state, known.name))
    state.locks_version += 1
    if known.version > before or thawed:
        state.tell(wanted.by, f"the contract {known.name} is frozen as version {known.version} ({files.digest})")
    if known.version > before > 0:
        yield from _spread(state, known, files, changed_by)


# --- a new version ------------------------------------------------------------------------------------------------


def users_of(state: State, name: str) -> list[TaskRecord]:
    """The tasks that implement or consume a contract."""
    return [r for r in state.tasks.values() if name in (*r.spec.implements, *r.spec.consumes)]


def _spread(state: State, known: ContractRecord, files: ContractFiles, changed_by: tuple[str, ...]) -> Iterator[Effect]:
    """Everybody who uses a contract is told of its new version; what was done for the old one is checked again."""
    by = ", ".join(changed_by) or f"a commit on {state.plan.settings.target}"
    words = f"The contract {known.name} has a new version {known.version}, by {by}: build on it as it is now."
    for record in users_of(state, known.name):
        if record.id in changed_by or record.state is TaskState.DROPPED:
            continue
        if record.state is not TaskState.LANDED:
            state.tell(record.id, f"told of version {known.version} of the contract {known.name}")
        if record.attempts and record.state is not TaskState.LANDED:
            record.note = f"{record.note}\n{words}\n{files.diff}".strip()
        yield from _check_again(state, record, f"version {known.version} of {known.name}")


def _check_again(state: State, record: TaskRecord, what: str) -> Iterator[Effect]:
    """Bring one user of a contract to its new version: an agent at work goes on from its work on top of it, a finished
    branch goes through its tests again. What landed was verified with the new version before that landed."""
    if record.state in WITH_WORKER and record.attempt.ending is Ending.NONE:
        ending = Ending.RECHECKED if record.attempt.step in AGENT_ENDED else Ending.MESSAGED
        ending = Ending.RECHECKED if record.attempt.recheck else ending
        record.attempt.told = what
        yield from end_attempt(state, record, ending, f"is told of {what}")
    elif record.state in (TaskState.MERGING, TaskState.TESTING) and record.id not in state.landing:
        yield from withdraw(state, record)
        check_again(state, record, f"is checked again with {what}")


def check_again(state: State, record: TaskRecord, reason: str) -> None:
    """Let a branch go through its own tests again, on top of what landed; no agent runs."""
    record.recheck, record.continue_from = True, record.commit
    state.late.discard(record.id)
    to_queue(state, record, reason)


# --- ruling -------------------------------------------------------------------------------------------------------


def _open(state: State, name: str, task: str) -> tuple[TaskRecord, ContractRecord]:
    record = state.record(task)
    known = state.contracts.get(name)
    if known is None:
        names = ", ".join(state.contracts)
        raise Refused(f"there is no contract {name!r}", f"there are: {names}" if names else None)
    if known.open_breach(task) is None:
        raise Refused(f"{task} does not change the contract {name}", "`aurora contract list` shows breaches")
    if record.attempt.ending is not Ending.NONE and record.state in WITH_WORKER:
        raise Refused(f"{task} {record.reason}: wait until it has ended")
    return record, known


def amend_contract(state: State, intent: intents.AmendContract) -> Answer:
    """The branch may change the contract: a new version when it lands."""
    record, known = _open(state, intent.contract, intent.task)
    breach = known.open_breach(record.id)
    assert breach is not None
    if breach.missing:
        raise Refused(
            f"{record.id} leaves the contract {known.name} without {listed(breach.missing)}",
            f"`aurora contract reject {known.name} {record.id}` sends it back",
        )
    breach.state = "amended"
    record.breach = tuple(name for name in record.breach if name != known.name)
    record.amends.add(known.name)
    state.locks.permit(holder_of(known.name), record.id)
    state.locks_version += 1
    state.tell(record.id, f"may change the contract {known.name}, said {intent.by or 'you'}")
    for user in users_of(state, known.name):
        if user.id != record.id and not user.state.final and not state.would_deadlock(user.id, record.id):
            user.merge_after.add(record.id)
    if record.state is TaskState.CONFLICT:
        _go_on_amended(state, record, known.name)
    else:
        _thaw_amended(state, record, known.name)
    return f"{record.id} may change {known.name}: version {known.version + 1} when it lands"
    yield


def _go_on_amended(state: State, record: TaskRecord, name: str) -> None:
    if record.breach:
        record.reason = breach_words(state, record)
        return
    record.conflicts = ()
    check_again(state, record, f"may change the contract {name}: it is checked")


def _thaw_amended(state: State, record: TaskRecord, name: str) -> None:
    collisions = record.attempt.collisions
    for path in [path for path, holder in collisions.items() if contract_of(holder) == name]:
        del collisions[path]
    if Hold.COLLISION in record.attempt.holds and not collisions:
        record.attempt.thawed = f"goes on: it may change the contract {name}"
        unhold(state, record, Hold.COLLISION)


def reject_breach(state: State, intent: intents.RejectBreach) -> Answer:
    """The branch may not change the contract: back to its agent, with what it changed."""
    record, known = _open(state, intent.contract, intent.task)
    send_back(state, record, intent.note)
    state.tell(record.id, f"must leave the contract {known.name} as it is, said {intent.by or 'you'}")
    if record.state is TaskState.CONFLICT:
        record.continue_from = record.commit
        to_queue(state, record, f"sent back: it must leave the contract {known.name} as it is")
    else:
        record.attempt.told = "your ruling"
        yield from end_attempt(state, record, Ending.MESSAGED, f"is told to leave {known.name} as it is")
    return f"{record.id} is sent back: it must leave {known.name} as it is"
