"""Pure rules: the merge queue, landing, conflicts and their resolution, taking a landing back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from engine import events as ev
from engine.effects import (
    BuildChain,
    CancelLanding,
    CancelPropose,
    CancelTest,
    Effect,
    Land,
    Propose,
    Resolve,
    TestCandidate,
)
from engine.merge_queue import Action, Build, Test
from engine.model import TaskState, Verdict
from engine.rules_breach import (
    checks_of,
    contract,
    forget_open,
    left_out,
    may_change,
    note_breach,
    settled,
    stop_breach,
    verifies_of,
    without_leave,
)
from engine.rules_ending import fail_unmerged, release
from engine.state import Landing, State, Step, TaskRecord
from engine.trial import Accept, BaseRed, Eject, Stuck

BY_RULES = "rules"
BY_AGENT = "merge agent"


def start_chain(state: State) -> Iterator[Effect]:
    """Build a chain of what waits, if none is at work and nothing forbids it.

    A branch that is being committed at this moment is waited for, so that it shares the test; not when a pool's worth
    of branches waits already, or a steady stream would keep everything from landing.
    """
    if state.stopping or state.undoing:
        return
    if len(state.queue.waiting) < state.workers and any(r.attempt.step is Step.CAPTURING for r in state.with_worker()):
        return
    actions = state.queue.start()
    for task in state.queue.members():
        state.tasks[task].reason = "is merged"
    yield from act(state, actions)


def chain(state: State, build: Build) -> BuildChain:
    """The effect that merges a chain in memory."""
    base = build.base or state.tip
    return BuildChain(candidate=build.candidate, base=base, target=state.target, branches=build.branches)


def on_chain_built(state: State, event: ev.ChainBuilt) -> Iterator[Effect]:
    """Branches that conflict leave the chain; the rest is tested as one tree."""
    at_work = {build.candidate for build in state.queue.builds() if not build.base}
    members = state.queue.members()
    if event.candidate in at_work and (leaving := without_leave(state, event)):
        for task in leaving:
            yield from _send_away(state, state.tasks[task], event)
        return
    actions = state.queue.merged(event.candidate, event.base, event.base_tree, event.steps, event.aside)
    for task, paths in event.conflicts.items():
        if task in members and event.candidate in at_work:
            yield from to_conflict(state, state.tasks[task], paths)
    for task in event.aside:
        if task in members:
            state.tasks[task].reason = "waits: it conflicts with a branch that is tested at this moment"
    yield from act(state, actions)


def _send_away(state: State, record: TaskRecord, event: ev.ChainBuilt) -> Iterator[Effect]:
    """Such a branch leaves the queue: back to its agent, to a person, or behind the contract's author."""
    changes = tuple(files for files in event.changes[record.id] if files.name in state.contracts)
    yield from withdraw(state, record)
    if missing := left_out(state, record, changes):
        fail_unmerged(state, record, missing)
        return
    unsettled = [files.name for files in changes if not settled(state, files.name)]
    if unsettled:
        author = contract(state, unsettled[0]).by
        record.merge_after.add(author)
        state.late.add(record.id)
        record.reason = f"waits for {author}: it changes the contract {unsettled[0]} too"
        return
    forget_open(state, record)
    for files in changes:
        if not may_change(state, record, files.name):
            note_breach(state, record, files, event.base, record.commit)
    stop_breach(state, record)


def to_conflict(state: State, record: TaskRecord, paths: Sequence[str]) -> Iterator[Effect]:
    """The branch does not merge with what landed: what is remembered and its syntax may settle it, then the merge agent
    proposes something, and a person decides.

    Without tests nothing would notice a wrong resolution: a person sees it first.
    """
    record.conflicts, record.proposed = tuple(paths), 0
    shown = ", ".join(paths[:3]) + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")
    state.move(record, TaskState.CONFLICT, f"conflicts with landed work in {shown}")
    if state.queue.tested:
        record.resolving = BY_RULES
        yield resolve(state, record)
    else:
        yield from _ask_agent(state, record)


def on_chain_failed(state: State, event: ev.ChainFailed) -> Iterator[Effect]:
    """Git itself failed; nothing is blamed on a task."""
    if any(build.candidate == event.candidate for build in state.queue.builds()):
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
                named = f"{_some(action.names)}\n" if action.names else ""
                state.target_red = f"{named}{action.tail}" or "red"
                _back_to_merging(state, f"the tests are red on {state.plan.settings.target} itself")
            case Stuck():
                state.stuck = f"the tests could not be run: {action.tail}"
                _back_to_merging(state, "the tests could not be run")
            case Build():
                yield chain(state, action)
    for task, _ in state.queue.waiting:
        if state.tasks[task].state is TaskState.TESTING:
            state.move(state.tasks[task], TaskState.MERGING, "is merged and tested again with what is left")


def _test(state: State, test: Test) -> Iterator[Effect]:
    state.tests_of[test.commit] = test.tasks
    under_test = {task for one in state.queue.tests() for task in one.tasks} & set(state.queue.members())
    for task in state.queue.members():
        record = state.tasks[task]
        if task in under_test:
            others = [other for other in test.tasks if other != task]
            words = "its failing tests run again" if test.only else "tested"
            state.move(record, TaskState.TESTING, f"{words} with {', '.join(others)}" if others else words)
        else:
            state.move(record, TaskState.MERGING, "waits while the culprit of a red tree is looked for")
    yield TestCandidate(
        candidate=test.candidate,
        commit=test.commit,
        tree=test.tree,
        only=test.only,
        runner=test.runner,
        lane=test.lane,
        contract_checks=() if test.only else checks_of(state, test.tasks),
        verifies=() if test.only else verifies_of(state, test.tasks),
        shift=test.shift,
    )


def be_in(state: State, surroundings: str, proven: Sequence[str] = ()) -> None:
    """Tests run in these surroundings from now on, in which `proven` trees are known to be green. What was known in
    others counts no more."""
    if surroundings != state.surroundings:
        state.queue.forget()
        state.surroundings = surroundings
    state.queue.proven.update(proven)


def on_candidate_tested(state: State, event: ev.CandidateTested) -> Iterator[Effect]:
    """One verdict on one tree."""
    state.tests.append(event)
    if event.surroundings:
        be_in(state, event.surroundings)
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
    if accepted.flaky:
        state.tell(accepted.steps[-1].task, f"flaky, green when run again: {_some(accepted.flaky)}")
    yield land(state)


def land(state: State) -> Land:
    """The effect that moves the target to the tip."""
    return Land(candidate=state.landing_candidate, commit=state.tip, previous=state.target)


def _eject(state: State, eject: Eject) -> None:
    record = state.tasks[eject.task]
    words = _blame(state, eject)
    names = f"failing: {', '.join(eject.names)}" if eject.names else ""
    others = _changes_of(state, (eject.partner,) if eject.partner else eject.beside)
    record.failures.append("\n".join(part for part in (words, names, others, eject.command, eject.tail) if part))
    if record.unsettled[0]:
        record.commit, record.conflicts = record.unsettled
        record.unsettled, record.settled_red = ("", ()), record.failures.pop()
        state.move(record, TaskState.CONFLICT, f"settled, but {words}: settle it again")
        return
    record.continue_from = record.failed_at = eject.commit
    if record.tries_left > 0:
        record.tries_left -= 1
        state.move(record, TaskState.QUEUED, f"{words}; tries again")
    else:
        state.move(record, TaskState.FAILED, words)
        release(state, record)


def _changes_of(state: State, tasks: Sequence[str]) -> str:
    """How the next attempt sees what the others did."""
    told = []
    for task in tasks[:3]:
        other = state.tasks[task]
        if other.attempt.base and other.commit:
            told.append(f"what {task} changed: git diff {other.attempt.base[:12]} {other.commit[:12]}")
    return "\n".join(told)


def _blame(state: State, eject: Eject) -> str:
    """One sentence: with whom, and which tests."""
    what = f"{_some(eject.names)} is red" if len(eject.names) == 1 else f"{_some(eject.names)} are red"
    words = f"{what} with it" if eject.names else "the tests are red with it"
    if eject.verdict is Verdict.TIMEOUT:
        words = "the tests do not end with it"
    if eject.partner:
        return f"{words}, but only together with {eject.partner}"
    if eject.alone:
        return f"{words} alone"
    if eject.beside or state.landings:
        words += " on top of " + (", ".join(eject.beside) if eject.beside else "what landed")
    return words


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


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
        record.note = record.settled_red = ""
        record.amends.clear()
        for name in state.changing.pop(task, ()):
            state.contracts[name].changed_by.append(task)
        record.unsettled = ("", ())
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
    state.queue.rebase()
    _merge_again(state, again, "the target moved: merged again")
    clear_halt(state)


def _merge_again(state: State, tasks: Sequence[str], reason: str) -> None:
    for task in tasks:
        state.move(state.tasks[task], TaskState.MERGING, reason)
    state.queue.rejoin((task, state.tasks[task].commit) for task in tasks)


def land_words(state: State) -> str:
    """What the landing under way does, or waits for."""
    return state.landing_blocked or f"moves {state.plan.settings.target} to {state.tip[:9]}"


def clear_halt(state: State) -> None:
    """Try again what could not be tested."""
    state.queue.resume()
    state.target_red = state.stuck = ""


def drop_chain(state: State, reason: str) -> Iterator[Effect]:
    """Give the round at work up; its branches wait again."""
    if state.queue.round is None:
        return
    tests = state.queue.tests()
    state.queue.abandon()
    _back_to_merging(state, reason)
    for test in tests:
        yield CancelTest(candidate=test.candidate)


def withdraw(state: State, record: TaskRecord) -> Iterator[Effect]:
    """Take a task's branch out of the queue, the round at work and a landing that still waits."""
    tests = state.queue.tests()
    if state.queue.withdraw(record.id):
        _back_to_merging(state, f"{record.id} left the chain: merged again")
        for test in tests:
            yield CancelTest(candidate=test.candidate)
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
    state.queue.rebase()
    _merge_again(state, others, f"{leaving} left the landing: merged again")


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


def _ask_agent(state: State, record: TaskRecord) -> Iterator[Effect]:
    if state.plan.settings.merge_agent:
        record.resolving = BY_AGENT
        record.reason += f"; {state.plan.settings.merge_agent} works on a resolution"
        yield resolve(state, record)


def leave_resolving(record: TaskRecord) -> Iterator[Effect]:
    """Whoever was settling the conflict no longer does."""
    if record.resolving == BY_AGENT:
        yield CancelPropose(task=record.id)
    record.resolving, record.resolution = "", ""


def resolve(state: State, record: TaskRecord) -> Resolve | Propose:
    """The effect that settles a conflict as the person said, by rules, or by the merge agent."""
    how, settings = record.resolving, state.plan.settings
    if how == BY_AGENT:
        return Propose(
            task=record.id,
            branch_commit=record.commit,
            onto=state.tip,
            agent=settings.merge_agent,
            accept=settings.auto_accept and state.queue.tested,
        )
    assert how in ("landed", "branch", "union", "edit", BY_RULES)
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
    record.unsettled = (record.commit, record.conflicts)
    record.commit = event.commit
    record.conflicts, record.resolving, record.resolution, record.proposed = (), "", "", 0
    state.move(record, TaskState.MERGING, f"conflict settled ({event.how}); merged again")
    state.queue.offer(record.id, record.commit)
    yield from ()


def on_resolution_failed(state: State, event: ev.ResolutionFailed) -> Iterator[Effect]:
    """The task stays in conflict."""
    record = state.tasks.get(event.task)
    if record is not None:
        state.spend(record, event.cost, event.tokens)
    if record is not None and record.state is TaskState.CONFLICT:
        by, record.resolving, record.resolution = record.resolving, "", ""
        if by == BY_RULES:
            yield from _ask_agent(state, record)
            return
        who = f"the merge agent {state.plan.settings.merge_agent} proposes nothing: "
        record.reason = f"{who if by == BY_AGENT else 'the resolution could not be applied: '}{event.reason}"
        state.tell(record.id, record.reason)


def on_resolution_proposed(state: State, event: ev.ResolutionProposed) -> Iterator[Effect]:
    """The merge agent is done: a person looks at what it proposes."""
    record = state.tasks.get(event.task)
    if record is None:
        return
    state.spend(record, event.cost, event.tokens)
    if record.state is TaskState.CONFLICT and record.resolving == BY_AGENT:
        record.resolving, record.proposed = "", event.proposed
        what = "a resolution" if event.proposed == 1 else f"{event.proposed} resolutions"
        record.reason = f"{state.plan.settings.merge_agent} proposes {what}: accept or change what it wrote"
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
