"""Pure rules: a new engine takes over an unfinished run, with the plan as it stands now."""

from __future__ import annotations

from collections.abc import Iterator

from engine import events as ev
from engine.contracts.records import holder_of
from engine.effects import Effect, TakeBack
from engine.graph import TaskGraph
from engine.model import TaskState
from engine.plan import Plan, TaskSpec
from engine.pressure import FREE, judge
from engine.rules_attempt import capture, prepare, start, test_alone
from engine.rules_budget import lift
from engine.rules_collision import update
from engine.rules_intent import to_queue
from engine.rules_merge import act, be_in, clear_halt, land, on_target_moved, resolve
from engine.rules_mock import serve_again
from engine.state import Ending, State, Step, TaskRecord, contract_records, has_tests, test_lanes

OPEN = (TaskState.WAITING, TaskState.QUEUED, TaskState.FAILED)


def continue_run(state: State, event: ev.RunContinued) -> Iterator[Effect]:
    """Adopt the plan, then name every effect again that was under way when the last engine ended."""
    state.stopping, state.ended = "", False
    state.paused_all = state.paused_all and event.handed_over
    state.load, state.pressed = event.load, judge(FREE, event.load)
    clear_halt(state)
    state.wake_at = None
    for limit in state.limits.values():
        limit.stopped = ""
    state.reading = None
    _adopt_plan(state, event.plan)
    be_in(state, event.surroundings, event.proven)
    for slot in [asked.slot for asked in (*state.slots.held(), *state.slots.line())]:
        if slot not in event.live_slots:
            state.slots.free(slot)
    if event.tip != state.target:
        yield from on_target_moved(state, ev.TargetMoved(at=event.at, commit=event.tip))
    yield from _redo_merging(state)
    for record in state.with_worker():
        yield from redo(state, record)
    for record in state.tasks.values():
        if record.state is TaskState.FAILED and not record.question and not event.handed_over:
            record.tries_left = record.spec.retries
            to_queue(state, record, "tried again in this run")
        if record.state is TaskState.CONFLICT and record.resolving:
            yield resolve(state, record)
        elif record.state is TaskState.CONFLICT and not record.breach and not record.conflicts:
            record.recheck, record.continue_from = True, record.commit
            to_queue(state, record, "the contract it changed is no longer in the plan")


def redo(state: State, record: TaskRecord) -> Iterator[Effect]:
    """The effects an attempt was waiting for; a running agent is adopted, and asks anew what it waits to edit."""
    record.attempt.asks.clear()
    if record.attempt.ending is Ending.INTERRUPTED:
        record.attempt.ending = Ending.NONE
    if record.attempt.step is not Step.PREPARING:
        yield from serve_again(record)
    match record.attempt.step:
        case Step.PREPARING:
            yield prepare(record)
        case Step.UPDATING:
            yield start(state, record)
            yield update(record)
        case Step.CAPTURING:
            yield capture(record)
        case Step.TESTING:
            yield test_alone(state, record)
        case _:
            yield start(state, record)


def _redo_merging(state: State) -> Iterator[Effect]:
    yield from act(state, [*state.queue.builds(), *state.queue.tests()])
    if state.landing:
        yield land(state)
    if state.undoing:
        last = next(landing for landing in reversed(state.landings) if not landing.undone)
        yield TakeBack(landing=last.commit, previous=last.previous, tasks=last.tasks)


def _adopt_plan(state: State, plan: Plan) -> None:
    added = tuple(record.spec for record in state.tasks.values() if record.spec.added)
    wanted = {spec.id: spec for spec in (*added, *plan.tasks)}
    _adopt_contracts(state, plan)
    _adopt_settings(state, plan)
    kept = [record.spec for record in state.tasks.values() if record.id not in wanted]
    state.graph = TaskGraph({s.id: _known(state, wanted, plan, s) for s in (*kept, *wanted.values())})
    for spec in wanted.values():
        if spec.id not in state.tasks:
            state.add_task(spec)
        else:
            _adopt_spec(state, state.tasks[spec.id], spec)
    for spec in kept:
        record = state.tasks[spec.id]
        if record.state in OPEN:
            state.move(record, TaskState.DROPPED, "no longer in the plan")
            state.locks.release(record.id)
    state.levels = {}


def _known(state: State, wanted: dict[str, TaskSpec], plan: Plan, spec: TaskSpec) -> tuple[str, ...]:
    return tuple(need for need in plan.dependencies(spec) if need in wanted or need in state.tasks)


def _adopt_settings(state: State, plan: Plan) -> None:
    before, settings = state.plan, plan.settings
    state.plan = plan
    state.workers, state.most_workers, state.resized = settings.workers, settings.most_workers, state.at
    state.slots.set_limit(settings.max_concurrency)
    state.budget.allow(settings.budget_usd, settings.budget_tokens)
    lift(state)
    state.queue.tested = has_tests(plan)
    state.queue.lanes = test_lanes(settings)
    if _commands(before) != _commands(plan):
        state.queue.forget()


def _commands(plan: Plan) -> object:
    """What is run on merged trees."""
    contracts = [(c.name, c.check, c.verify, c.serve, c.health) for c in plan.contracts]
    return plan.settings.checks, plan.settings.integration_test, contracts


def _adopt_contracts(state: State, plan: Plan) -> None:
    """Contracts that are new begin, those that are gone are forgotten; all are looked at again when any changed."""
    if plan.contracts == state.plan.contracts:
        return
    known, state.contracts = state.contracts, contract_records(plan, {})
    for name, record in known.items():
        if name in state.contracts:
            state.contracts[name] = record
        state.locks.unfreeze(holder_of(name))
        record.frozen = False
    for task in state.tasks.values():
        task.breach = tuple(name for name in task.breach if name in state.contracts)
        task.amends &= set(state.contracts)
    state.read_at = ("", ())


def _adopt_spec(state: State, record: TaskRecord, spec: TaskSpec) -> None:
    """A task that has not started takes its new form; one that landed in another form is opened again."""
    changed = spec.fingerprint != record.spec.fingerprint
    if record.state in (TaskState.RUNNING, TaskState.PAUSED, TaskState.MERGING, TaskState.TESTING):
        if changed:
            state.tell(record.id, "its entry in the plan changed while it ran; the change counts from the next run on")
        return
    record.spec = spec
    if changed:
        record.narrowed.clear()
    if changed and record.state in (TaskState.LANDED, TaskState.DROPPED, TaskState.FAILED):
        record.continue_from, record.commit, record.landed = "", "", ""
        record.failures.clear()
        record.tries_left = spec.retries
        to_queue(state, record, "its entry in the plan changed")
