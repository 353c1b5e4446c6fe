"""Pure rules: one attempt, from the worktree to the merge queue; collisions on the way."""

from __future__ import annotations

from collections.abc import Iterator

from engine import events as ev
from engine.clients.reports import Usage
from engine.effects import (
    CaptureAttempt,
    Effect,
    PauseAgent,
    PrepareWorktree,
    ResumeAgent,
    StartAgent,
    StopAgent,
    TestAttempt,
)
from engine.model import LockMode, TaskState, Verdict
from engine.prompt import compose, resumed
from engine.rules_breach import find_breaches, forget_open, left_out, let_take_back, may_change, stop_breach
from engine.rules_budget import after_spending, count, most_usd
from engine.rules_clash import clash_of, spared_clash
from engine.rules_collision import let_both_edit, write_all
from engine.rules_ending import ask, fail_attempt, leave_worker, release
from engine.rules_mock import lose_mock, restart_mock, serve_mocks, served
from engine.rules_pause import current, hold, pause
from engine.rules_provider import after_trouble, no_trouble
from engine.state import Attempt, Ending, Hold, State, Step, TaskRecord, first_line

MAX_WORKERS = 256


# --- starting -----------------------------------------------------------------------------------------------------


def free_worker(state: State, wanted: str = "") -> str:
    """The slot `wanted` if no task has it, else the lowest name that is free."""
    busy = {record.attempt.worker for record in state.with_worker()}
    if wanted and wanted not in busy and int(wanted[1:]) <= state.workers:
        return wanted
    return next(name for n in range(1, MAX_WORKERS + 1) if (name := f"w{n}") not in busy)


def begin_attempt(state: State, record: TaskRecord) -> Iterator[Effect]:
    """Give a task (whose claims were just granted) a worker and prepare its worktree."""
    record.attempts += 1
    worker = free_worker(state, record.session_of[1])
    resumes = bool(record.session and record.continue_from) and record.session_of == (record.spec.agent, worker)
    if not resumes:
        record.session, record.session_of, record.thread = "", ("", ""), Usage()
    record.attempt = Attempt(
        number=record.attempts,
        step=Step.PREPARING,
        worker=worker,
        start=record.continue_from or state.tip,
        onto=state.tip,
        begun=state.at,
        session=record.session,
        used_before=record.thread,
        recheck=record.recheck,
    )
    record.question, record.recheck = "", False
    let_take_back(state, record)
    state.busy.add(record.id)
    record.started, record.held_back = record.started or state.at, ""
    again = "" if record.attempts == 1 else f", attempt {record.attempts}"
    again = ": checked again on top of what landed" if record.attempt.recheck else again
    state.move(record, TaskState.RUNNING, f"on {record.attempt.worker}{again}")
    yield prepare(record)


def prepare(record: TaskRecord) -> PrepareWorktree:
    """The effect that readies the worktree of the attempt under way."""
    attempt = record.attempt
    return PrepareWorktree(
        task=record.id,
        attempt=attempt.number,
        worker=attempt.worker,
        branch=record.branch,
        start=attempt.start,
        onto=attempt.onto,
        new_branch=not record.branch_made,
    )


def start(state: State, record: TaskRecord) -> StartAgent:
    """The effect that starts (or adopts) the agent of the attempt under way."""
    spec, attempt = record.spec, record.attempt
    return StartAgent(
        task=record.id,
        attempt=attempt.number,
        worker=attempt.worker,
        agent=spec.agent,
        branch=record.branch,
        base=attempt.base,
        prompt=_prompt(state, record),
        heavy=spec.heavy,
        timeout=spec.timeout,
        session=attempt.session,
        short_prompt=_short_prompt(state, record) if attempt.session else "",
        used_before=attempt.used_before,
        max_usd=most_usd(state, record),
        mocks=tuple((name, mock.port) for name, mock in attempt.mocks.items()),
        shift=record.clashes,
    )


def _short_prompt(state: State, record: TaskRecord) -> str:
    return resumed(
        failures=tuple(record.failures) if record.failed_at else (),
        note=record.note,
        landed_since=tuple(record.landed_since),
        held_by_others=tuple((lock.pattern, lock.holder) for lock in state.locks.held() if lock.holder != record.id),
    )


def _prompt(state: State, record: TaskRecord) -> str:
    spec = record.spec
    wanted = {*spec.implements, *spec.consumes}
    return compose(
        spec,
        claims=tuple(claim.pattern for claim in record.claims if claim.mode is not LockMode.READS),
        held_by_others=tuple((lock.pattern, lock.holder) for lock in state.locks.held() if lock.holder != spec.id),
        failures=tuple(record.failures),
        note=record.note,
        landed_since=tuple(record.landed_since),
        continued=bool(record.continue_from),
        contracts=tuple(c for c in state.plan.contracts if c.name in wanted or c.by == spec.id),
        mocks={name: mock.port for name, mock in record.attempt.mocks.items()},
        amends=tuple(sorted(record.amends)),
    )


def on_worktree_ready(state: State, event: ev.WorktreeReady) -> Iterator[Effect]:
    """The branch exists and is checked out: start the agent, unless it was told to end meanwhile."""
    record = current(state, event)
    if record is None or record.attempt.step is not Step.PREPARING:
        return
    record.branch_made = True
    record.attempt.base, record.attempt.first = event.base, event.start
    if record.attempt.ending is not Ending.NONE:
        yield from _after_capture(state, record)
    elif record.attempt.recheck:
        record.attempt.step = Step.CAPTURING
        yield capture(record)
    else:
        yield from serve_mocks(state, record)
        yield from start_served(state, record)


def start_served(state: State, record: TaskRecord) -> Iterator[Effect]:
    """Start the agent once all its mocks answer."""
    if all(mock.state == "healthy" for mock in record.attempt.mocks.values()):
        record.attempt.step = Step.STARTING
        yield start(state, record)


def on_mock_ready(state: State, event: ev.MockReady) -> Iterator[Effect]:
    """A mock answers: the agent starts when it was the last one."""
    record = current(state, event)
    mock = record.attempt.mocks.get(event.contract) if record else None
    if record is None or mock is None or mock.state == "ended":
        return
    mock.state, mock.since, mock.port, mock.pid, mock.log = "healthy", state.at, event.port, event.pid, event.log
    mock.words = f"answers on port {event.port}"
    state.tell(record.id, f"the mock of {event.contract} {mock.words} (pid {event.pid}, {event.log})")
    if record.attempt.step is not Step.PREPARING:
        return
    if record.attempt.ending is not Ending.NONE:
        yield from _after_capture(state, record)
    else:
        yield from start_served(state, record)


def on_mock_failed(state: State, event: ev.MockFailed) -> Iterator[Effect]:
    """A mock did not start or has died: once it is started again, then its task is told."""
    record = current(state, event)
    mock = record.attempt.mocks.get(event.contract) if record else None
    if record is None or mock is None or mock.state == "ended":
        return
    mock.log = event.log or mock.log
    if record.attempt.ending is not Ending.NONE and record.attempt.step is Step.PREPARING:
        yield from _after_capture(state, record)
    elif mock.restarts == 0:
        yield restart_mock(state, record, event.contract, event.words)
    else:
        lose_mock(state, record, event.contract, event.words)
        words = f"the mock of {event.contract} {event.words}"
        if record.attempt.step is Step.PREPARING:
            fail_attempt(state, record, f"{words}: see {mock.log}", event.tail)
        elif record.attempt.step in (Step.STARTING, Step.WORKING):
            yield from hold(state, record, Hold.MOCK, f"{words}, twice: see {mock.log}")


def on_worktree_failed(state: State, event: ev.WorktreeFailed) -> Iterator[Effect]:
    """No worktree, no attempt."""
    record = current(state, event)
    if record is not None:
        if record.attempt.ending is not Ending.NONE:
            yield from _after_capture(state, record)
        else:
            fail_attempt(state, record, f"its worktree could not be prepared: {event.error}", "")


def on_agent_started(state: State, event: ev.AgentStarted) -> Iterator[Effect]:
    """The agent works; a pause or stop asked for while it started is carried out now."""
    record = current(state, event)
    if record is None or record.attempt.step not in (Step.STARTING, Step.WORKING, Step.UPDATING):
        return
    if record.attempt.step is Step.STARTING:
        record.attempt.step = Step.WORKING
    record.attempt.pid = event.pid
    if record.state is TaskState.RUNNING:
        record.attempt.run_clock(state.at)
        served(record)
    how = "adopted" if event.adopted else "goes on with its conversation" if record.attempt.session else "started"
    state.tell(record.id, f"agent {record.spec.agent} {how} (pid {event.pid})")
    for remark in event.remarks:
        state.tell(record.id, remark)
    if record.attempt.ending is not Ending.NONE:
        yield StopAgent(task=record.id, attempt=event.attempt)
    elif record.attempt.holds and record.state is TaskState.RUNNING:
        yield from pause(state, record)
    elif event.adopted:
        paused = record.state is TaskState.PAUSED
        yield (PauseAgent if paused else ResumeAgent)(task=record.id, attempt=event.attempt)


# --- ending -------------------------------------------------------------------------------------------------------


def on_agent_exited(state: State, event: ev.AgentExited) -> Iterator[Effect]:
    """However the agent ended, what it left is captured first and judged afterwards."""
    record = current(state, event)
    if record is None or record.attempt.step not in (Step.STARTING, Step.WORKING, Step.UPDATING):
        return
    attempt = record.attempt
    attempt.step = Step.CAPTURING
    attempt.active, attempt.active_at = event.active, None
    for path, holder in list(attempt.collisions.items()):
        let_both_edit(state, record, path, holder)
    attempt.asks.clear()
    attempt.holds.clear()
    attempt.collisions.clear()
    attempt.resuming = False
    attempt.exit_code, attempt.tail = event.code, event.tail
    attempt.judged, attempt.said = event.judged, event.said
    if not attempt.trouble:
        attempt.trouble, attempt.trouble_words = event.trouble, event.trouble_words
    if attempt.ending is Ending.SPENT and event.judged and not (event.trouble or event.code):
        attempt.ending, attempt.exit_words = Ending.NONE, ""
        state.tell(record.id, "its agent was done before it could be ended: its work counts")
    attempt.exit_words = attempt.exit_words or _exit_words(record, event)
    attempt.clash = clash_of(event)
    record.active += event.active
    count(state, record, event.cost, event.tokens, event.estimated)
    record.thread = attempt.used_before + event.usage
    state.slots.forget(record.id)
    state.move(record, TaskState.RUNNING, "its work is committed")
    yield capture(record)


def _exit_words(record: TaskRecord, event: ev.AgentExited) -> str:
    if event.timed_out:
        return f"the agent was ended after its time limit of {record.spec.timeout:g} s"
    if event.lost:
        return "the agent vanished without leaving an exit status"
    if event.judged:
        return ""
    if event.code < 0:
        return f"the agent was killed by signal {-event.code}"
    return f"the agent exited with {event.code}" if event.code else ""


def capture(record: TaskRecord) -> CaptureAttempt:
    """The effect that commits and keeps what the attempt left."""
    attempt = record.attempt
    return CaptureAttempt(
        task=record.id,
        attempt=attempt.number,
        worker=attempt.worker,
        branch=record.branch,
        base=attempt.base,
        title=first_line(record.spec.prompt, 60),
    )


def on_attempt_captured(state: State, event: ev.AttemptCaptured) -> Iterator[Effect]:
    """The work is safe; judge the attempt."""
    record = current(state, event)
    if record is None or record.attempt.step is not Step.CAPTURING:
        return
    record.commit, record.paths = event.commit, event.paths
    base = record.attempt.base
    record.added, record.removed = event.added, event.removed
    record.kept.append(event.kept)
    forget_open(state, record)
    for warning in event.warnings:
        state.tell(record.id, warning)
    if record.attempt.ending is not Ending.NONE:
        yield from _after_capture(state, record)
    elif spared_clash(state, record):
        return
    elif record.attempt.exit_words:
        fail_attempt(state, record, record.attempt.exit_words, record.attempt.tail)
    elif record.attempt.trouble:
        after_trouble(state, record)
    else:
        no_trouble(state, record)
        yield from write_all(state, record, event.paths)
        if missing := left_out(state, record, event.contracts):
            fail_attempt(state, record, missing, record.attempt.tail)
        elif find_breaches(state, record, event.contracts, base):
            leave_worker(state, record)
            stop_breach(state, record)
        else:
            yield from _check_alone(state, record)


def on_capture_failed(state: State, event: ev.CaptureFailed) -> Iterator[Effect]:
    """The work stays where it is (or under its keep ref), unmerged."""
    record = current(state, event)
    if record is None:
        return
    forget_open(state, record)
    if record.attempt.ending not in (Ending.NONE, Ending.MESSAGED):
        record.attempt.exit_words = record.attempt.exit_words or event.error
        yield from _after_capture(state, record)
    else:
        fail_attempt(state, record, f"its work could not be taken over: {event.error}", record.attempt.tail)


def _check_alone(state: State, record: TaskRecord) -> Iterator[Effect]:
    test = test_alone(state, record)
    if test.checks or test.commands or test.verifies:
        record.attempt.step = Step.TESTING
        record.reason = "its own test runs"
        yield test
    elif record.attempt.judged and _did_nothing(record):
        ask(state, record, "its agent changed nothing")
    elif not record.paths:
        fail_attempt(state, record, "the agent changed nothing", record.attempt.tail)
    else:
        _to_merge(state, record)


def _did_nothing(record: TaskRecord) -> bool:
    """There is no work at all, or it is just what failed before: the agent asks, refuses, or has no answer."""
    return not record.paths or (record.commit == record.attempt.first and record.attempt.start == record.failed_at)


def test_alone(state: State, record: TaskRecord) -> TestAttempt:
    """The effect that runs what must pass on the task's branch alone: the checks of contracts it may change, its
    `test`, and the verification of those it implements."""
    attempt, contracts = record.attempt, state.plan.contracts
    return TestAttempt(
        task=record.id,
        attempt=attempt.number,
        worker=attempt.worker,
        commands=(record.spec.test,) if record.spec.test else (),
        checks=tuple(c.name for c in contracts if c.check and may_change(state, record, c.name)),
        verifies=tuple(c.name for c in contracts if c.verify and c.name in record.spec.implements),
        shift=record.clashes,
    )


def on_attempt_tested(state: State, event: ev.AttemptTested) -> Iterator[Effect]:
    """The task's own test decides before anything is merged."""
    record = current(state, event)
    if record is None or record.attempt.step is not Step.TESTING:
        return
    if record.attempt.ending is not Ending.NONE:
        yield from _after_capture(state, record)
    elif event.verdict is Verdict.FAILED and record.attempt.judged and _did_nothing(record):
        ask(state, record, "its agent changed nothing, and its test is red")
    elif event.verdict is not Verdict.PASSED:
        words = "ran out of time" if event.verdict is Verdict.TIMEOUT else "failed"
        fail_attempt(state, record, f"its own test {words}: {event.command}", event.tail)
    elif not record.paths:
        leave_worker(state, record)
        record.landed = record.attempt.base
        state.move(record, TaskState.LANDED, "nothing to change: its test passes as it is")
        release(state, record)
    else:
        _to_merge(state, record)


def _to_merge(state: State, record: TaskRecord) -> None:
    if record.attempt.active:
        state.done += 1
        state.done_seconds += record.attempt.active
    leave_worker(state, record)
    before = state.pending_before(record)
    state.move(record, TaskState.MERGING, f"waits for {', '.join(sorted(before))}" if before else "waits to be merged")
    if before:
        state.late.add(record.id)
    else:
        state.queue.offer(record.id, record.commit)


def _after_capture(state: State, record: TaskRecord) -> Iterator[Effect]:
    """An attempt that was told to end has ended."""
    ending, words = record.attempt.ending, record.attempt.exit_words
    if ending is Ending.SPENT:
        after_spending(state, record)
        return
    if ending is Ending.STUCK:
        after_trouble(state, record)
        return
    kept = f"; its work is kept under {record.kept[-1]}" if record.kept else ""
    leave_worker(state, record)
    if ending is Ending.DROPPED:
        state.move(record, TaskState.DROPPED, f"dropped by you{kept}")
        release(state, record)
    elif ending is Ending.RECHECKED or (ending is Ending.INTERRUPTED and record.attempt.recheck):
        record.continue_from, record.recheck = record.commit, True
        state.move(record, TaskState.QUEUED, "is checked again: a contract it uses has changed")
    elif ending is Ending.INTERRUPTED:
        record.continue_from = ""
        state.move(record, TaskState.QUEUED, f"interrupted; will start again{kept}")
        release(state, record)
    elif ending is Ending.MESSAGED:
        record.continue_from = record.commit
        state.move(record, TaskState.QUEUED, f"goes on with {record.attempt.told}")
    else:
        reason = "stopped by you" if ending is Ending.STOPPED else words
        state.move(record, TaskState.FAILED, f"{reason}{kept}")
        release(state, record)
    yield from ()
