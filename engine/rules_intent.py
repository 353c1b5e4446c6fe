"""Pure rules: what a person asks for. Each raises Refused with a sentence, or returns the sentence that answers it."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import replace

from engine import intents
from engine.contracts.records import contract_of
from engine.effects import CancelLanding, Effect, EndEngine, TakeBack
from engine.errors import Refused
from engine.model import TaskState
from engine.rules_attempt import MAX_WORKERS
from engine.rules_breach import forget_open, owes_contract, send_back
from engine.rules_budget import allow_again
from engine.rules_collision import let_both_edit
from engine.rules_ending import end_attempt, release, task_spent
from engine.rules_line import ranked, waiting_words
from engine.rules_merge import BY_AGENT, clear_halt, drop_chain, leave_resolving, resolve, withdraw
from engine.rules_mock import revive_mocks
from engine.rules_pause import hold, unhold
from engine.state import Ending, Hold, State, Step, TaskRecord, first_line

Answer = Generator[Effect, None, str]
WITH_WORKER = (TaskState.RUNNING, TaskState.PAUSED)


def _require(record: TaskRecord, *states: TaskState, verb: str, hint: str | None = None) -> None:
    if record.state not in states:
        raise Refused(f"{record.id} is {record.state} ({record.reason}): it cannot be {verb}", hint)


def _require_conflict(record: TaskRecord) -> None:
    _require(record, TaskState.CONFLICT, verb="resolved", hint="only a task in conflict needs a resolution")
    if record.breach:
        name = record.breach[0]
        raise Refused(
            f"{record.id} {record.reason}",
            f"`aurora contract amend {name} {record.id}` or `aurora contract reject {name} {record.id}`",
        )


def pause_task(state: State, intent: intents.PauseTask) -> Answer:
    """Stop every process of one agent."""
    record = state.record(intent.task)
    _require(record, *WITH_WORKER, verb="paused", hint="only a running task can be paused")
    if Hold.PERSON in record.attempt.holds:
        raise Refused(f"{record.id} is paused already")
    yield from hold(state, record, Hold.PERSON, "paused by you")
    return f"{record.id} is paused"


def resume_task(state: State, intent: intents.ResumeTask) -> Answer:
    """Let one agent go on."""
    record = state.record(intent.task)
    if Hold.COLLISION in record.attempt.holds and Hold.PERSON not in record.attempt.holds:
        raise Refused(
            f"{record.id} is {record.reason}",
            _way_out(record),
        )
    if not record.attempt.holds:
        raise Refused(f"{record.id} is not paused")
    yield from revive_mocks(state, record)
    for why in (Hold.PERSON, Hold.ALL, Hold.BUDGET, Hold.MOCK):
        unhold(state, record, why)
    state.budget.waived = state.budget.waived or bool(state.budget.exhausted)
    return f"{record.id} goes on"


def _way_out(record: TaskRecord) -> str:
    """What helps a worker that is frozen by a collision."""
    frozen = [name for name in map(contract_of, record.attempt.collisions.values()) if name]
    if frozen:
        return f"`aurora contract amend {frozen[0]} {record.id}` or `aurora contract reject {frozen[0]} {record.id}`"
    return f"it goes on when the holder has landed; or `aurora stop {record.id}`"


def pause_all(state: State, intent: intents.PauseAll) -> Answer:
    """Pause every agent and start nothing."""
    state.paused_all = True
    for record in state.with_worker():
        yield from hold(state, record, Hold.ALL, "paused with all others")
    return "everything is paused"


def resume_all(state: State, intent: intents.ResumeAll) -> Answer:
    """Let everything go on."""
    state.paused_all = False
    state.budget.waived = state.budget.waived or bool(state.budget.exhausted)
    for record in state.with_worker():
        for why in (Hold.ALL, Hold.PERSON, Hold.BUDGET):
            unhold(state, record, why)
    return "everything goes on"
    yield


def stop_task(state: State, intent: intents.StopTask) -> Answer:
    """End one agent."""
    record = state.record(intent.task)
    _require(record, *WITH_WORKER, verb="stopped", hint=f"`aurora drop {record.id}` takes it out of the run")
    yield from end_attempt(state, record, Ending.STOPPED, "is being stopped")
    return f"{record.id} is being stopped; its work is kept"


def drop_task(state: State, intent: intents.DropTask) -> Answer:
    """Take a task out of the run."""
    record = state.record(intent.task)
    if record.state in (TaskState.LANDED, TaskState.DROPPED):
        raise Refused(f"{record.id} is {record.state}", "`aurora undo` takes the last landing back")
    if record.state in WITH_WORKER:
        yield from end_attempt(state, record, Ending.DROPPED, "is being dropped")
        return f"{record.id} is being dropped; its work is kept"
    if record.id in state.landing and not state.landing_blocked:
        raise Refused(f"{record.id} is landing at this moment", "`aurora undo` takes the last landing back")
    yield from withdraw(state, record)
    yield from leave_resolving(record)
    forget_open(state, record)
    kept = f"; its work is kept under {record.kept[-1]}" if record.kept else ""
    state.move(record, TaskState.DROPPED, f"dropped by you{kept}")
    release(state, record)
    return f"{record.id} is dropped{kept}"


def retry_task(state: State, intent: intents.RetryTask) -> Answer:
    """Queue a task again; also the word to go on after red or broken tests."""
    record = state.record(intent.task)
    if record.state is TaskState.MERGING and state.queue.halted:
        clear_halt(state)
        return "the tests are tried again"
    if record.state is TaskState.QUEUED and (words := _let_start(state, record)):
        record.note = intent.note or record.note
        return words
    if not (record.state is TaskState.LANDED and owes_contract(state, record)):
        _require(record, TaskState.FAILED, TaskState.DROPPED, TaskState.CONFLICT, verb="retried")
    record.note = intent.note
    record.tries_left = record.spec.retries
    record.spared = record.clashes = 0
    allow_again(state, record)
    _let_start(state, record)
    if record.breach:
        send_back(state, record, "")
    elif record.state is TaskState.CONFLICT:
        record.failures.append("the branch conflicts with landed work in " + ", ".join(record.conflicts))
    record.continue_from = record.commit if record.state in (TaskState.FAILED, TaskState.CONFLICT) else ""
    record.conflicts, record.landed = (), ""
    yield from leave_resolving(record)
    to_queue(state, record, "retried by you")
    return f"{record.id} is queued again"


def _let_start(state: State, record: TaskRecord) -> str:
    """Take away what keeps a ready task from starting until a person has acted; what was taken away, or nothing."""
    limit = state.limits.get(record.spec.agent)
    if limit is not None and limit.stopped:
        limit.stopped = ""
        return f"agent {record.spec.agent} is tried again"
    if limit is not None and limit.until > state.at:
        limit.until = state.at
        return f"agent {record.spec.agent} is tried at once"
    if task_spent(state, record):
        allow_again(state, record)
        return f"{record.id} may spend its budget once more"
    return ""


def message_task(state: State, intent: intents.MessageTask) -> Answer:
    """Tell the agent something, now or with its next attempt."""
    record = state.record(intent.task)
    text = intent.text.strip()
    if not text:
        raise Refused("the message is empty")
    if record.state in (TaskState.FAILED, TaskState.DROPPED, TaskState.CONFLICT):
        answer = yield from retry_task(state, intents.RetryTask(at=intent.at, by=intent.by, task=record.id, note=text))
        state.tell(record.id, f"message from you: {first_line(text)}")
        return answer
    if record.state not in (*WITH_WORKER, TaskState.QUEUED, TaskState.WAITING):
        raise Refused(
            f"{record.id} is {record.state}: its agent has ended", "`aurora add` puts a task for it into the run"
        )
    if record.attempt.ending is not Ending.NONE and record.state in WITH_WORKER:
        raise Refused(f"{record.id} {record.reason}: its agent cannot be told anything now")
    record.note = f"{record.note}\n{text}".strip()
    record.recheck = False
    state.tell(record.id, f"message from you: {first_line(text)}")
    if record.state not in WITH_WORKER or record.attempt.step is Step.PREPARING:
        return f"{record.id} reads it when it starts"
    yield from end_attempt(state, record, Ending.MESSAGED, "is told your message")
    return f"{record.id} goes on from its work with your message"


def set_priority(state: State, intent: intents.SetPriority) -> Answer:
    """Higher runs first."""
    record = state.record(intent.task)
    record.spec = replace(record.spec, priority=intent.priority)
    record.moved = 0
    return f"{record.id} has priority {intent.priority}"
    yield


def move_task(state: State, intent: intents.MoveTask) -> Answer:
    """Move a queued task in the line; the order as it then stands is kept."""
    record = state.record(intent.task)
    _require(record, TaskState.QUEUED, verb="moved", hint="only a queued task has a place in the line")
    line = [task.id for task in ranked(state)]
    here = line.index(record.id)
    there = max(0, min(len(line) - 1, here + intent.by_places))
    line.insert(there, line.pop(here))
    behind = [state.tasks[task].spec.priority for task in line[there + 1 :]]
    ahead = [state.tasks[task].spec.priority for task in line[:there]]
    priority = min([max([record.spec.priority, *behind]), *ahead])
    record.spec = replace(record.spec, priority=priority)
    for place, task in enumerate(line):
        state.tasks[task].moved = place - len(line)
    return f"{record.id} is number {there + 1} of {len(line)}"
    yield


def set_workers(state: State, intent: intents.SetWorkers) -> Answer:
    """Resize the pool; shrinking drains."""
    if not 0 <= intent.workers <= MAX_WORKERS:
        raise Refused(f"the pool can have 0 to {MAX_WORKERS} workers, not {intent.workers}")
    busy, settings = len(state.busy), state.plan.settings
    size = intent.workers or (max(1, state.workers) if intent.auto else 0)
    state.workers, state.resized = size, state.at
    state.most_workers = max(size, settings.most_workers, settings.max_concurrency) if intent.auto else 0
    drains = f"; {busy - size} more finish first" if busy > size else ""
    follows = ", and more or fewer as the machine allows" if intent.auto else ""
    return f"{size} worker{'' if size == 1 else 's'}{follows}{drains}"
    yield


def settle_collision(state: State, intent: intents.SettleCollision) -> Answer:
    """Rule on a frozen worker."""
    record = state.record(intent.task)
    if not record.attempt.collisions:
        raise Refused(f"{record.id} is not frozen by a collision")
    if intent.ruling == "stop":
        yield from end_attempt(state, record, Ending.STOPPED, "is being stopped")
        return f"{record.id} is being stopped; its work is kept"
    if intent.ruling == "wait":
        return f"{record.id} waits for the holder"
    if intent.ruling == "take" and any(map(contract_of, record.attempt.collisions.values())):
        raise Refused(f"{record.id} changed what a contract has frozen: nobody can take that", _way_out(record))
    for path, holder in list(record.attempt.collisions.items()):
        if intent.ruling == "take":
            state.locks.take(record.id, path, state.at)
            state.tell(holder, f"{record.id} took {path} over")
        else:
            let_both_edit(state, record, path, holder)
    record.attempt.collisions.clear()
    state.locks_version += 1
    unhold(state, record, Hold.COLLISION)
    return f"{record.id} goes on"


def resolve_conflict(state: State, intent: intents.ResolveConflict) -> Answer:
    """Settle a conflict one way."""
    record = state.record(intent.task)
    _require_conflict(record)
    if record.resolving and record.resolving != BY_AGENT:
        raise Refused(f"{record.id} is being resolved already", "try again in a moment")
    yield from leave_resolving(record)
    record.resolving, record.resolution = intent.how, intent.commit
    record.reason = "is being resolved"
    yield resolve(state, record)
    return f"{record.id} is resolved ({intent.how}); it is merged and tested again"


def ask_merge_agent(state: State, intent: intents.AskMergeAgent) -> Answer:
    """Let the merge agent propose a resolution."""
    record = state.record(intent.task)
    agent = state.plan.settings.merge_agent
    if not agent:
        raise Refused("no merge agent is configured", "`merge_agent: NAME` in aurora.yaml names an agent profile")
    _require_conflict(record)
    if record.resolving:
        raise Refused(f"{record.id} is being resolved already", "try again in a moment")
    record.resolving = BY_AGENT
    record.reason = f"{agent} works on a resolution"
    yield resolve(state, record)
    return f"{agent} is asked how the conflict of {record.id} should be settled"


def undo_landing(state: State, intent: intents.UndoLanding) -> Answer:
    """Take the last landing back."""
    last = next((landing for landing in reversed(state.landings) if not landing.undone), None)
    if last is None:
        raise Refused("nothing has landed in this run that could be undone")
    if intent.commit and intent.commit != last.commit:
        raise Refused(f"{', '.join(last.tasks)} landed meanwhile; nothing was undone", "look again, then undo")
    if state.landing or state.undoing:
        raise Refused("a landing is under way", "try again when it is over")
    state.undoing = True
    yield from drop_chain(state, "a landing is being undone")
    yield TakeBack(landing=last.commit, previous=last.previous, tasks=last.tasks)
    return f"the landing of {', '.join(last.tasks)} is being undone"


def add_task(state: State, intent: intents.AddTask) -> Answer:
    """One more task."""
    spec = intent.spec
    if spec.id in state.tasks:
        raise Refused(f"there is a task {spec.id} already", "give another --id")
    needs = state.plan.dependencies(spec)
    for need in needs:
        state.record(need)
    state.graph.add(spec.id, needs)
    state.add_task(spec)
    return f"{spec.id} is added"
    yield


def shutdown(state: State, intent: intents.Shutdown) -> Answer:
    """End the engine: stop every agent first (its work is kept), or leave them running."""
    if state.stopping == "stop" or (state.stopping and intent.mode == "detach"):
        raise Refused("the engine is stopping already")
    state.stopping = intent.mode
    yield from drop_chain(state, "interrupted: merged again in the next run")
    if state.landing:
        yield CancelLanding()
    if intent.mode == "stop":
        for record in state.with_worker():
            if record.attempt.ending is Ending.NONE:
                yield from end_attempt(state, record, Ending.INTERRUPTED, "is being stopped")
    yield from end_if_quiet(state)
    return "the engine stops; all work is kept" if intent.mode == "stop" else "the agents go on without the engine"


def end_if_quiet(state: State) -> Iterator[Effect]:
    """Leave the loop when nothing has to be waited for."""
    if not state.stopping or state.ended:
        return
    if state.stopping == "stop" and state.busy:
        return
    state.ended = True
    yield EndEngine()


def to_queue(state: State, record: TaskRecord, reason: str) -> None:
    """Make a task ready, or waiting when its dependencies have not landed (any more)."""
    missing, unfrozen = unlanded(state, record), state.unfrozen(record)
    if missing or unfrozen:
        state.move(record, TaskState.WAITING, waiting_words(state, missing, unfrozen))
    else:
        state.move(record, TaskState.QUEUED, reason)


def unlanded(state: State, record: TaskRecord) -> list[str]:
    """The dependencies of a task that have not landed."""
    return [need for need in state.graph.needs(record.id) if state.tasks[need].state is not TaskState.LANDED]
