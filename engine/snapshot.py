"""Pure: the machine's state as the frozen `Snapshot` that front ends draw."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from engine.bounds import lower_bound
from engine.contracts.view import contract_views
from engine.forecast import MOST_SIMULATED, Left, Source, forecast
from engine.lock_views import lock_views
from engine.locks import Claim
from engine.merge_queue import MergeQueue, Test
from engine.model import (
    BoundView,
    ForecastView,
    LandingView,
    MergeView,
    PressureView,
    ProfileView,
    SlotView,
    Snapshot,
    TaskState,
    TaskView,
    TestRunView,
    WorkerView,
)
from engine.plan import AgentProfile
from engine.pressure import CALM, Load, held_words
from engine.rules_ending import task_spent
from engine.rules_line import free_places, open_places, ranked, waiting_words
from engine.rules_merge import land_words
from engine.rules_provider import open_at, room_of, why_not
from engine.rules_writes import waiting_words as waits_to_edit
from engine.state import State, Step, TaskRecord

_LIVE = (TaskState.WAITING, TaskState.QUEUED, TaskState.RUNNING, TaskState.PAUSED)
_OVER = (Step.CAPTURING, Step.TESTING)
_FEW = 200
_NO_BOUND = BoundView(0.0, "none", "nothing is left to run", ())


@dataclass(frozen=True, slots=True)
class Work:
    """What a running attempt has changed so far, as it was measured last."""

    attempt: int
    added: int
    removed: int
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Beside:
    """What the runner knows that no event says: it is measured anew by every engine."""

    work: Mapping[str, Work] = field(default_factory=dict)
    test_log: str = ""
    load: Load = CALM


NOTHING_BESIDE = Beside()


class _Look(NamedTuple):
    """What others make of a task: its place in the line, who holds its files, how many wait for it, what it waits for,
    the reason in words, and until when it waits."""

    place: int
    held: tuple[str, ...]
    blocks: int
    missing: tuple[str, ...]
    reason: str
    until: float | None


class SnapshotMaker:
    """Builds snapshots, keeping what is dear to compute while it does not change."""

    def __init__(self) -> None:
        self._bound_key: object = None
        self._bound = _NO_BOUND
        self._held_key: object = None
        self._held: dict[str, tuple[str, ...]] = {}
        self._path: tuple[str, ...] = ()
        self._forecast = ForecastView()
        self._forecast_key: object = None
        self._forecast_at = -math.inf
        self._unbegun: dict[str, tuple[object, TaskView]] = {}

    def make(self, state: State, beside: Beside = NOTHING_BESIDE) -> Snapshot:
        """The state as it is now, with what was measured `beside` it."""
        queue = tuple(task.id for task in ranked(state))
        held = self._held_by(state, queue)
        bound = self._lower_bound(state)
        return Snapshot(
            version=state.version,
            at=state.at,
            run=state.run,
            started=state.started,
            repo=state.repo,
            target=state.plan.settings.target,
            target_commit=state.target,
            workers_limit=state.workers,
            paused_all=state.paused_all,
            workers=_workers(state),
            tasks=self._tasks(state, queue, held, beside.work),
            queue=queue,
            locks=lock_views(state, held),
            merge=_merge(state, beside.test_log),
            slots_limit=state.plan.settings.max_concurrency,
            slots=_slots(state),
            cost=state.budget.spent_usd,
            tokens=state.budget.spent_tokens,
            budget_usd=state.budget.usd,
            budget_tokens=state.budget.tokens,
            bound=bound,
            idle=is_idle(state),
            stopping=bool(state.stopping),
            needs_person=needs_person(state),
            critical_path=self._path,
            forecast=self._forecast_of(state, bound),
            merge_agent=state.plan.settings.merge_agent,
            contracts=contract_views(state),
            profiles=_profiles(state),
            pressure=_pressure(state, beside.load),
            workers_auto=bool(state.most_workers),
        )

    def _tasks(
        self, state: State, queue: tuple[str, ...], held: dict[str, tuple[str, ...]], work: Mapping[str, Work]
    ) -> tuple[TaskView, ...]:
        """Most of many tasks have not begun, and look as they did the last time."""
        place = {task: n for n, task in enumerate(queue, 1)}
        blocks = Counter(holder for holders in held.values() for holder in holders)
        nobody = _why_nobody_starts(state)
        views = []
        for name, record in state.tasks.items():
            missing, reason, until = _why_not_yet(state, record, held, nobody)
            look = _Look(place.get(name, 0), held.get(name, ()), blocks[name], missing, reason, until)
            if record.attempts or record.state not in (TaskState.WAITING, TaskState.QUEUED):
                views.append(_with_work(_task(state, record, look), work.get(name)))
                continue
            own = (record.spec, record.state, record.since, record.claims)
            key = (look, own, state.estimate(name), state.levels.get(name), record.conflicts, record.breach)
            known = self._unbegun.get(name)
            if known is None or known[0] != key:
                known = self._unbegun[name] = (key, _task(state, record, look))
            views.append(known[1])
        return tuple(views)

    def _forecast_of(self, state: State, bound: BoundView) -> ForecastView:
        """Made anew when a task changed its state; with many tasks left at most once a second."""
        key = (state.workers, len(state.tests), tuple((r.state, r.attempts) for r in state.tasks.values()))
        quick = len(state.tasks) <= _FEW or bound is _NO_BOUND
        if key != self._forecast_key and (quick or state.at - self._forecast_at >= 1.0):
            self._forecast_key, self._forecast_at = key, state.at
            self._forecast = _forecast(state, bound)
        return self._forecast

    def _held_by(self, state: State, queue: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
        key = (state.locks_version, queue)
        if key != self._held_key:
            self._held_key = key
            self._held = {task: _blockers(state, task) for task in queue}
        return self._held

    def _lower_bound(self, state: State) -> BoundView:
        left = {r.id: state.estimate(r.id) for r in state.tasks.values() if r.state in _LIVE}
        key = (state.workers, tuple(left.items()))
        if key != self._bound_key:
            self._bound_key = key
            self._bound = _bound(state, left)
            self._path = critical_path(state, left)
        return self._bound


def _bound(state: State, left: dict[str, float], *, cliques: bool = True) -> BoundView:
    if not left:
        return _NO_BOUND
    needs = {task: tuple(n for n in state.graph.needs(task) if n in left) for task in left}
    claims: dict[str, tuple[Claim, ...]] = {task: state.tasks[task].claims for task in left}
    bound = lower_bound(left, needs, claims, max(1, state.workers), cliques=cliques)
    return BoundView(bound.seconds, bound.kind, bound.sentence, bound.tasks)


def critical_path(state: State, left: Mapping[str, float]) -> tuple[str, ...]:
    """The longest chain of tasks that are left and need each other; nothing for a chain of one."""
    path: list[str] = []
    choice = [task for task in left if not any(need in left for need in state.graph.needs(task))]
    while choice:
        path.append(max(choice, key=lambda task: state.levels.get(task, 0.0)))
        choice = [task for task in state.graph.dependents(path[-1]) if task in left]
    return tuple(path) if len(path) > 1 else ()


def _forecast(state: State, whole: BoundView) -> ForecastView:
    left = [_left(state, record) for record in state.tasks.values() if record.state in _LIVE]
    many = len(left) > MOST_SIMULATED
    low = whole.seconds if many else _bound(state, {each.task: each.seconds for each in left}, cliques=False).seconds
    tests = [test.seconds for test in state.tests]
    coming = left or any(r.state in (TaskState.MERGING, TaskState.TESTING) for r in state.tasks.values())
    test = sum(tests) / len(tests) if tests and coming else 0.0
    return forecast(left, state.done, state.workers, low, test)


def _left(state: State, record: TaskRecord) -> Left:
    running = record.state in (TaskState.RUNNING, TaskState.PAUSED)
    ran = record.attempt.active_until(state.at) if running else 0.0
    return Left(
        task=record.id,
        seconds=0.0 if record.attempt.step in _OVER else max(1.0, state.estimate(record.id) - ran),
        source=_source(state, record),
        begun=running,
        needs=state.graph.needs(record.id),
        level=state.levels.get(record.id, 0.0),
    )


def _source(state: State, record: TaskRecord) -> Source:
    if record.spec.estimate:
        return Source.PLAN
    if state.durations.get(record.id):
        return Source.LAST_RUN
    return Source.THIS_RUN if state.done else Source.NONE


def _blockers(state: State, task: str) -> tuple[str, ...]:
    blockers = state.locks.conflicts(task, state.tasks[task].claims)
    return tuple(dict.fromkeys(blocker.holder for blocker in blockers))


def _workers(state: State) -> tuple[WorkerView, ...]:
    by_name = {record.attempt.worker: record for record in state.with_worker()}
    names = {f"w{n}" for n in range(1, state.workers + 1)} | set(by_name)
    return tuple(_worker(name, by_name.get(name)) for name in sorted(names, key=lambda name: int(name[1:])))


def _worker(name: str, record: TaskRecord | None) -> WorkerView:
    if record is None:
        return WorkerView(name, "", "idle", False, False, 0, 0.0)
    attempt = record.attempt
    paused = record.state is TaskState.PAUSED
    return WorkerView(
        name=name,
        task=record.id,
        state=attempt.step.name.lower(),
        paused=paused,
        frozen=record.frozen,
        pid=attempt.pid,
        since=attempt.begun,
        active=attempt.active,
        active_at=attempt.active_at,
    )


def _with_work(view: TaskView, work: Work | None) -> TaskView:
    """While an agent is at it, what it has changed so far."""
    if work is None or view.state not in (TaskState.RUNNING, TaskState.PAUSED) or work.attempt != view.attempt:
        return view
    return replace(view, added=work.added, removed=work.removed, paths=work.paths)


def _why_not_yet(
    state: State, record: TaskRecord, held: Mapping[str, tuple[str, ...]], nobody: str
) -> tuple[tuple[str, ...], str, float | None]:
    """The tasks that must land before this one, what is to be said of it, and until when it waits, if that is known."""
    missing = tuple(n for n in state.graph.needs(record.id) if state.tasks[n].state is not TaskState.LANDED)
    waits, until = _agent_waits(record)
    reason = waits or record.reason
    if record.state is TaskState.WAITING:
        reason = waiting_words(state, list(missing), [] if missing else state.unfrozen(record))
    elif record.state is TaskState.QUEUED:
        if holders := held.get(record.id):
            reason = "waits for " + ", ".join(f"{h} ({state.tasks[h].state})" for h in holders)
        elif words := why_not(state, record):
            reason, until = words, open_at(state, record)
        elif nobody and (state.budget.exhausted or not state.stopping):
            reason = nobody
    return missing, reason, until


def _task(state: State, record: TaskRecord, look: _Look) -> TaskView:
    asked = (h for ask in record.attempt.asks.values() for h in ask.holders if ask.blocked)
    collided = tuple(dict.fromkeys((*record.attempt.collisions.values(), *asked)))
    return TaskView(
        id=record.id,
        prompt=record.spec.prompt,
        state=record.state,
        reason=look.reason,
        since=record.since,
        agent=record.spec.agent,
        priority=record.spec.priority,
        attempt=record.attempts,
        branch=record.branch,
        worker=record.attempt.worker,
        after=state.graph.needs(record.id),
        needs=look.missing,
        held_by=look.held or collided,
        claims=tuple(claim.pattern for claim in record.claims),
        queue_place=look.place,
        started=record.started,
        finished=record.finished,
        active=record.active,
        commit=record.commit,
        landed=record.landed,
        paths=record.paths or tuple(sorted(record.attempt.touched)),
        added=record.added,
        removed=record.removed,
        cost=record.cost,
        tokens=record.tokens,
        estimate=state.estimate(record.id),
        blocks=look.blocks,
        conflicts=record.conflicts,
        kept=tuple(record.kept),
        base=record.attempt.base,
        level=state.levels.get(record.id, 0.0),
        failure=record.settled_red if record.state is TaskState.CONFLICT else "",
        resolving=record.resolving,
        proposed=record.proposed,
        asks=record.question,
        estimated=bool(record.guessed),
        breach=record.breach[0] if record.breach else "",
        waits=_agent_waits(record)[0],
        until=look.until,
    )


def _agent_waits(record: TaskRecord) -> tuple[str, float | None]:
    """What an agent at work waits for, and until when, if that is known."""
    attempt = record.attempt
    if record.state is not TaskState.RUNNING or attempt.step is not Step.WORKING:
        return "", None
    asked = next((ask for ask in attempt.asks.values() if ask.blocked), None)
    return (waits_to_edit(asked), None) if asked is not None else (attempt.waits, attempt.waits_until)


def _profiles(state: State) -> tuple[ProfileView, ...]:
    """The profiles of the plan as their providers let them be used now."""
    busy = Counter(record.spec.agent for record in state.with_worker())
    return tuple(_profile(state, profile, busy[profile.name]) for profile in state.plan.settings.agents)


def _profile(state: State, profile: AgentProfile, running: int) -> ProfileView:
    limit = state.limits.get(profile.name)
    if limit is None:
        return ProfileView(profile.name, running, profile.max_parallel)
    until = limit.until if limit.until > state.at else None
    return ProfileView(profile.name, running, room_of(state, profile), until, limit.stopped or limit.words)


def _why_nobody_starts(state: State) -> str:
    if state.budget.exhausted:
        return state.budget.exhausted
    if state.paused_all:
        return "everything is paused"
    if free_places(state) > 0:
        return ""
    pressed = state.pressed.workers and (open_places(state) > 0 or state.most_workers)
    return f"held back: {state.pressed.workers}" if pressed else "waits for a free worker"


def _merge(state: State, log: str) -> MergeView:
    queue = state.queue
    phase, detail = "idle", ""
    if queue.round is not None:
        tests = queue.tests()
        phase, detail = ("testing", _under_test(queue, tests)) if tests else ("merging", "")
    elif state.landing:
        phase, detail = "landing", land_words(state)
    return MergeView(
        waiting=tuple(task for task, _ in queue.waiting),
        chain=queue.members() if queue.round is not None else tuple(state.landing),
        phase=phase,
        detail=detail,
        landing_blocked=state.landing_blocked,
        target_red=state.target_red,
        tests=tuple(
            TestRunView(
                t.candidate,
                state.tests_of.get(t.commit, ()),
                t.commit,
                t.tree,
                t.verdict,
                t.seconds,
                t.at,
                t.command,
                t.tail,
            )
            for t in state.tests
        ),
        landings=tuple(LandingView(m.tasks, m.commit, m.previous, m.at, m.undone) for m in state.landings),
        log=log,
    )


def _under_test(queue: MergeQueue, tests: Sequence[Test]) -> str:
    """What the tests under way are about."""
    first = tests[0]
    what = f"{len(first.tasks)} of {len(queue.members())} branches" if first.tasks else "the target alone"
    if len(tests) > 1:
        what = f"{len(tests)} sets of branches"
    if first.only:
        what += f", {len(first.only)} failing test{'s' if len(first.only) > 1 else ''} only"
    return what


def _pressure(state: State, load: Load) -> PressureView:
    return PressureView(load.cpu, load.memory, load.io, held_words(state.pressed))


def _slots(state: State) -> tuple[SlotView, ...]:
    why = state.pressed.heavy if state.slots.held_back(bool(state.pressed.heavy)) else ""
    held = [SlotView(s.slot, s.owner, s.command, s.pid, True, s.at, 0, ()) for s in state.slots.held()]
    line = [
        SlotView(slot, s.owner, s.command, s.pid, False, s.at, state.slots.place(slot), state.slots.behind(slot), why)
        for s in state.slots.line()
        for slot in (s.slot,)
    ]
    return (*held, *line)


def is_idle(state: State) -> bool:
    """True when nothing is under way: only a person (or the checkout's changes going away) can move the run."""
    if any(record.state is TaskState.RUNNING or record.attempt.resuming for record in state.with_worker()):
        return False
    if state.queue.round is not None or state.undoing or state.reading is not None:
        return False
    if state.landing and not state.landing_blocked:
        return False
    if state.wake_at is not None and not state.paused_all and not state.budget.exhausted and state.workers:
        return False
    return not any(record.resolving for record in state.tasks.values())


def needs_person(state: State) -> tuple[str, ...]:
    """One sentence for each thing that waits for a person."""
    sentences = [
        f"{r.id}: {r.reason}" for r in state.tasks.values() if r.state is TaskState.CONFLICT and not r.resolving
    ]
    sentences.extend(
        f"{r.id}: {r.reason} (answer with `aurora message {r.id} TEXT`)"
        for r in state.tasks.values()
        if r.question and r.state is TaskState.FAILED
    )
    if state.landing_blocked:
        sentences.append(f"landing of {', '.join(state.landing)}: {state.landing_blocked}")
    sentences.extend(f"contract {known.name}: {known.problem}" for known in state.contracts.values() if known.problem)
    if state.target_red:
        sentences.append(f"the tests are red on {state.plan.settings.target} itself: nothing can land")
    if state.stuck:
        sentences.append(state.stuck)
    if is_idle(state):
        paused = [record for record in state.with_worker() if record.state is TaskState.PAUSED]
        sentences.extend(f"{record.id}: {record.reason}" for record in paused)
        sentences.extend(_held_back(state))
        if state.budget.exhausted and state.ready:
            sentences.append(state.budget.exhausted)
        elif (state.paused_all or state.workers == 0) and state.ready:
            sentences.append("everything is paused" if state.paused_all else "the pool has no workers")
    return tuple(sentences)


def _held_back(state: State) -> Iterator[str]:
    """Ready tasks that only a person's word can start."""
    ready = [state.tasks[task] for task in sorted(state.ready, key=lambda task: state.tasks[task].order)]
    stopped = [state.limits[record.spec.agent].stopped for record in ready if record.spec.agent in state.limits]
    yield from dict.fromkeys(words for words in stopped if words)
    for record in ready:
        if words := task_spent(state, record):
            yield f"{record.id}: {words} (`aurora retry {record.id}` allows it as much again)"
