"""Pure rules: the merge queue, landing, conflicts and their resolution, taking a landing back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from engine import events as ev
from engine.effects import (
    BuildChain,
    CancelLanding,
    CancelTest,
    Effect,
    Land,
    Resolve,
    TestCandidate,
)
from engine.merge_queue import Accept, Action, BaseRed, Build, Eject, Stuck, Test
from engine.model import TaskState, Verdict
from engine.rules_attempt import release
from engine.state import Landing, State, Step, TaskRecord


def start_chain(state: State) -> Iterator[Effect]:
    """Build a chain of what waits, if none is at work and nothing forbids it.

    A branch that is being committed at this moment is waited for, so that it shares the test; not when a pool's worth
    of branches waits already, or a steady stream would keep everything from landing.
    """
    if state.stopping or state.undoing:
        return
    if len(state.queue.waiting) < state.workers and any(r.attempt.step is Step.CAPTURING for r in state.with_worker()):
        return
    build = state.queue.start()
    if build is not None:
        for task, _ in build.branches:
            state.tasks[task].reason = f"is merged in {build.candidate}"
        yield chain(state, build)


def chain(state: State, build: Build) -> BuildChain:
    """The effect that merges a chain in memory."""
    return BuildChain(candidate=build.candidate, base=state.tip, target=state.target, branches=build.branches)


def on_chain_built(state: State, event: ev.ChainBuilt) -> Iterator[Effect]:
    """Branches that conflict leave the chain; the rest is tested as one tree."""
    at_work = state.queue.chain
    if at_work is None or at_work.candidate != event.candidate:
        return
    branches = dict(at_work.branches)
    actions = state.queue.merged(event.candidate, event.base, event.base_tree, event.steps)
    for task, paths in event.conflicts.items():
        if task in branches:
            to_conflict(state, state.tasks[task], paths)
    yield from act(state, actions)


def to_conflict(state: State, record: TaskRecord, paths: Sequence[str]) -> None:
    """The branch does not merge with what landed: a person settles it."""
    record.conflicts = tuple(paths)
    shown = ", ".join(paths[:3]) + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")
    state.move(record, TaskState.CONFLICT, f"conflicts with landed work in {shown}")


def on_chain_failed(state: State, event: ev.ChainFailed) -> Iterator[Effect]:
    """Git itself failed; nothing is blamed on a task."""
    if state.queue.chain is not None and state.queue.chain.candidate == event.candidate:
        state.queue.abandon()
        state.queue.halted = event.error
        state.stuck = f"branches could not be merged: {event.error}"
    yield from ()


def act(state: State, actions: Sequence[Action]) -> Iterator[Effect]:
    """Carry out what the queue decided."""
    for action in actions:
        match action:
            case Test():
                yield from _test(state, action)
            case Accept():
                yield from _accept(state, action)
            case Eject():
                _eject(state, action)
            case BaseRed():
                state.target_red = action.tail or "red"
                _back_to_merging(state, f"the tests are red on {state.plan.settings.target} itself")
            case Stuck():
                state.stuck = f"the tests could not be run: {action.tail}"
                _back_to_merging(state, "the tests could not be run")
            case Build():
                yield chain(state, action)


def _test(state: State, test: Test) -> Iterator[Effect]:
    state.tests_of[test.commit] = test.tasks
    at_work = state.queue.chain
    under_test = set(test.tasks)
    for task, _ in at_work.branches if at_work else ():
        record = state.tasks[task]
        if task in under_test:
            others = [t for t in test.tasks if t != task]
            state.move(record, TaskState.TESTING, f"tested with {', '.join(others)}" if others else "tested")
        else:
            state.move(record, TaskState.MERGING, "waits while the culprit of a red chain is looked for")
    yield TestCandidate(candidate=test.candidate, commit=test.commit, tree=test.tree)


def on_candidate_tested(state: State, event: ev.CandidateTested) -> Iterator[Effect]:
    """One verdict on one tree."""
    state.tests.append(event)
    yield from act(state, state.queue.judge(event))


def _accept(state: State, accepted: Accept) -> Iterator[Effect]:
    """A tested tree becomes the tip and lands."""
    for step in accepted.steps:
        record = state.tasks[step.task]
        state.landing[step.task] = accepted.steps[-1].commit
        if record.state is TaskState.MERGING:
            state.move(record, TaskState.TESTING, "merged")
        record.reason = "tested; lands" if state.queue.tested else "merged (no tests are configured); lands"
    state.tip = accepted.steps[-1].commit
    state.landing_candidate = accepted.candidate
    yield land(state)


def land(state: State) -> Land:
    """The effect that moves the target to the tip."""
    return Land(candidate=state.landing_candidate, commit=state.tip, previous=state.target)


def _eject(state: State, eject: Eject) -> None:
    record = state.tasks[eject.step.task]
    timed_out = eject.verdict is Verdict.TIMEOUT
    words = "the tests do not end with it" if timed_out else "the tests are red with it"
    if eject.beside or state.landings:
        words += " on top of " + (", ".join(eject.beside) if eject.beside else "what landed")
    record.failures.append(f"{words}\n{eject.command}\n{eject.tail}".strip())
    record.continue_from = eject.step.branch_commit
    if record.tries_left > 0:
        record.tries_left -= 1
        state.move(record, TaskState.QUEUED, f"{words}; tries again")
    else:
        state.move(record, TaskState.FAILED, words)
        release(state, record)


def _back_to_merging(state: State, reason: str) -> None:
    for task, _ in state.queue.waiting:
        state.move(state.tasks[task], TaskState.MERGING, reason)


# --- landing ------------------------------------------------------------------------------------------------------


def on_landed(state: State, event: ev.Landed) -> Iterator[Effect]:
    """The target moved to a tested tree: its tasks have landed, their locks are free."""
    if event.commit not in state.landing.values():
        yield from on_target_moved(state, ev.TargetMoved(at=event.at, commit=event.commit))
        return
    tasks = _landed_with(state, event.commit)
    state.landings.append(Landing(tasks, event.commit, event.previous, state.at))
    state.target = event.commit
    for task in tasks:
        del state.landing[task]
    state.landing_blocked = ""
    for task in tasks:
        record = state.tasks[task]
        record.landed = event.commit
        record.note = ""
        state.move(record, TaskState.LANDED, f"in {state.plan.settings.target} as {event.commit[:9]}")
        release(state, record)
    for record in state.with_worker():
        record.landed_since.extend(tasks)
    for record in state.tasks.values():
        if record.state is TaskState.QUEUED and record.continue_from:
            record.landed_since.extend(tasks)
    if state.landing and not state.stopping:
        yield land(state)


def _landed_with(state: State, commit: str) -> tuple[str, ...]:
    """The tasks that are in `commit`: those accepted with it, and before it."""
    tasks = list(state.landing)
    upto = [n for n, task in enumerate(tasks, 1) if state.landing[task] == commit]
    return tuple(tasks[: max(upto)])


def on_landing_blocked(state: State, event: ev.LandingBlocked) -> Iterator[Effect]:
    """The landing waits for the developer's checkout; what is tested meanwhile joins it."""
    state.landing_blocked = event.reason
    for task in state.landing:
        state.tasks[task].reason = f"tested; landing waits: {event.reason}"
    yield from ()


def on_target_moved(state: State, event: ev.TargetMoved) -> Iterator[Effect]:
    """Somebody else moved the target: what was tested on the old one is merged and tested again on the new one."""
    state.target = state.tip = event.commit
    again = [task for task in state.landing if state.tasks[task].state is TaskState.TESTING]
    state.landing.clear()
    state.landing_blocked = ""
    yield from drop_chain(state, "the target moved: merged again")
    for task in reversed(again):
        record = state.tasks[task]
        state.move(record, TaskState.MERGING, "the target moved: merged again")
        state.queue.waiting.insert(0, (task, record.commit))
    clear_halt(state)


def land_words(state: State) -> str:
    """What the landing under way does, or waits for."""
    return state.landing_blocked or f"moves {state.plan.settings.target} to {state.tip[:9]}"


def clear_halt(state: State) -> None:
    """Try again what could not be tested."""
    state.queue.resume()
    state.target_red = state.stuck = ""


def drop_chain(state: State, reason: str) -> Iterator[Effect]:
    """Give the chain at work up; its branches wait again."""
    at_work = state.queue.chain
    if at_work is None:
        return
    state.queue.abandon()
    _back_to_merging(state, reason)
    if at_work.testing is not None:
        yield CancelTest(candidate=at_work.candidate)


def withdraw(state: State, record: TaskRecord) -> Iterator[Effect]:
    """Take a task's branch out of the queue, the chain at work and a landing that still waits."""
    at_work = state.queue.chain
    if state.queue.withdraw(record.id) and at_work is not None:
        _back_to_merging(state, f"{record.id} left the chain: merged again")
        if at_work.testing is not None:
            yield CancelTest(candidate=at_work.candidate)
    if record.id in state.landing:
        yield CancelLanding()
        yield from _unland(state, record.id)


def _unland(state: State, leaving: str) -> Iterator[Effect]:
    """A tested but unlanded chain loses one of its tasks: the others are merged anew from the target."""
    others = [task for task in state.landing if task != leaving]
    state.landing.clear()
    state.landing_blocked = ""
    state.tip = state.target
    yield from drop_chain(state, f"{leaving} left the landing: merged again")
    for task in reversed(others):
        record = state.tasks[task]
        state.move(record, TaskState.MERGING, f"{leaving} left the landing: merged again")
        state.queue.waiting.insert(0, (task, record.commit))


def offer_released(state: State) -> None:
    """Branches that waited for another one's landing join the queue when it is over."""
    for task in sorted(state.late, key=lambda task: state.tasks[task].order):
        record = state.tasks[task]
        if record.state is not TaskState.MERGING:
            state.late.discard(task)
        elif not state.pending_before(record):
            state.late.discard(task)
            record.reason = "waits to be merged"
            state.queue.offer(task, record.commit)


# --- conflicts ----------------------------------------------------------------------------------------------------


def resolve(state: State, record: TaskRecord) -> Resolve:
    """The effect that settles a conflict as the person said."""
    how = record.resolving
    assert how in ("landed", "branch", "union", "edit")
    return Resolve(
        task=record.id,
        branch_commit=record.commit,
        onto=state.tip,
        how=how,  # type: ignore[arg-type]
        commit=record.resolution,
    )


def on_conflict_resolved(state: State, event: ev.ConflictResolved) -> Iterator[Effect]:
    """The resolution goes the same way as any branch: merged, tested, landed."""
    record = state.tasks.get(event.task)
    if record is None or record.state is not TaskState.CONFLICT:
        return
    record.commit = event.commit
    record.conflicts, record.resolving, record.resolution = (), "", ""
    state.move(record, TaskState.MERGING, f"conflict settled ({event.how}); merged again")
    state.queue.offer(record.id, record.commit)
    yield from ()


def on_resolution_failed(state: State, event: ev.ResolutionFailed) -> Iterator[Effect]:
    """The task stays in conflict."""
    record = state.tasks.get(event.task)
    if record is not None and record.state is TaskState.CONFLICT:
        record.resolving, record.resolution = "", ""
        record.reason = f"the resolution could not be applied: {event.reason}"
        state.tell(record.id, record.reason)
    yield from ()


# --- undo ---------------------------------------------------------------------------------------------------------


def on_undone(state: State, event: ev.Undone) -> Iterator[Effect]:
    """The landing is taken back; its tasks need a person's word before they go on."""
    state.undoing = False
    for landing in state.landings:
        if landing.commit == event.landing:
            landing.undone = True
            for task in landing.tasks:
                record = state.tasks[task]
                record.landed, record.continue_from = "", record.commit
                kept = f"; its work is kept under {record.kept[-1]}" if record.kept else ""
                state.move(record, TaskState.FAILED, f"landing undone{kept}")
    yield from on_target_moved(state, ev.TargetMoved(at=event.at, commit=event.commit))


def on_undo_failed(state: State, event: ev.UndoFailed) -> Iterator[Effect]:
    """Nothing was changed."""
    state.undoing = False
    yield from ()
