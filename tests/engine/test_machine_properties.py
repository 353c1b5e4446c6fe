"""No interleaving of generated plans breaks a promise of the machine (hypothesis, simulated world and clock)."""

from __future__ import annotations

import os
from dataclasses import replace
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from world import World, make_plan, name_of

from engine import intents
from engine.errors import Refused
from engine.locks import Write
from engine.machine import Machine
from engine.model import TaskState
from engine.plan import Allowance, Plan, TaskSpec
from engine.scheduling import PASSED_OVER_LIMIT
from engine.snapshot import SnapshotMaker

pytestmark = pytest.mark.timeout(900)
PATHS = ("src/a.py", "src/b.py", "src/deep/c.py", "docs/x.md", "README.md")
TROUBLES = ("auth", "rate_limit", "rate_limit", "server", "overflow", "refused", "session", "other")
PATTERNS = (*PATHS, "src/**", "src/deep/", "*.md", "docs/**")
EXAMPLES = int(os.environ.get("AURORA_EXAMPLES", "200"))


@st.composite
def tasks(draw: st.DrawFn) -> list[TaskSpec]:
    """Up to eight tasks; each depends only on earlier ones."""
    specs: list[TaskSpec] = []
    for n in range(draw(st.integers(1, 8))):
        earlier = [spec.id for spec in specs]
        specs.append(
            TaskSpec(
                id=f"t{n}",
                prompt="work",
                files=tuple(draw(st.lists(st.sampled_from(PATTERNS), max_size=2, unique=True))),
                shared=tuple(draw(st.lists(st.sampled_from(("CHANGELOG.md", "README.md")), max_size=1))),
                after=tuple(draw(st.lists(st.sampled_from(earlier), max_size=2, unique=True))) if earlier else (),
                agent="script",
                priority=draw(st.integers(0, 2)),
                retries=draw(st.integers(0, 2)),
            )
        )
    return specs


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """A world with failing agents, undeclared writes, red combinations and conflicts."""
    specs = draw(tasks())
    attempts = st.tuples(st.sampled_from([spec.id for spec in specs]), st.integers(1, 2))
    writes = {spec.id: draw(st.lists(st.sampled_from(PATHS), min_size=1, max_size=3, unique=True)) for spec in specs}
    random = draw(st.randoms(use_true_random=False))
    plan = make_plan(
        specs,
        workers=draw(st.integers(1, 4)),
        on_collision=draw(st.sampled_from(("freeze", "allow"))),
        merge_agent=draw(st.sampled_from(("", "merger"))),
        auto_accept=draw(st.booleans()),
        attempt_budget=Allowance(usd=draw(st.sampled_from((None, 1.0)))),
        task_budget=Allowance(usd=draw(st.sampled_from((None, 2.0)))),
        budget_usd=draw(st.sampled_from((None, None, 3.0))),
        at_limit=draw(st.sampled_from(("finish", "pause"))),
    )
    return World(
        plan,
        choose=random.randrange,
        writes=writes,
        fails=draw(st.sets(attempts, max_size=3)),
        clashes=draw(st.sets(attempts, max_size=2)),
        bad=tuple(draw(st.lists(st.frozensets(attempts, min_size=1, max_size=2), max_size=2))),
        conflicts=draw(st.sets(attempts, max_size=2)),
        files=PATHS,
        troubles=draw(st.dictionaries(attempts, st.sampled_from(TROUBLES), max_size=3)),
        idle=draw(st.sets(attempts, max_size=2)),
        costs=draw(st.sampled_from((0.0, 0.5))),
    )


def settle(world: World) -> None:
    """Run to rest, playing the person who resolves every conflict, answers every question and tops up accounts."""
    world.run()
    for _ in range(50):
        snapshot = world.snapshot()
        stuck = [t.id for t in snapshot.tasks if t.state is TaskState.CONFLICT]
        asking = [t.id for t in snapshot.tasks if t.state is TaskState.FAILED and t.asks]
        held = [t.id for t in snapshot.tasks if t.state in (TaskState.QUEUED, TaskState.PAUSED)]
        if not stuck and not asking and not held:
            return
        assert snapshot.needs_person
        assert snapshot.exit_code == 3
        for task in asking:
            world.deliver(intents.MessageTask(at=world.now, task=task, text="yes"))
        if world.machine.state.budget.exhausted:
            world.crash(with_money(world))
        for task in held:
            retry(world, task)
        for task in stuck:
            world.deliver(intents.ResolveConflict(at=world.now, task=task, how="union"))
        world.run()
    raise AssertionError("conflicts never end")


def with_money(world: World) -> Plan:
    """The plan with a run's budget that is never spent."""
    plan = world.machine.state.plan
    return replace(plan, settings=replace(plan.settings, budget_usd=None))


def retry(world: World, task: str) -> None:
    """The person's word for a task that waits for it, or for another one that does."""
    try:
        world.deliver(intents.RetryTask(at=world.now, task=task))
    except Refused:
        world.log.pop()


def assert_everyone_has_an_end(world: World) -> None:
    """Every task is final, or waits for one that failed and says so."""
    snapshot = world.snapshot()
    assert snapshot.idle, "\n".join(world.lines())
    for view in snapshot.tasks:
        if not view.state.final:
            assert view.state is TaskState.WAITING, "\n".join(world.lines())
            assert view.needs, view
            assert all(need in view.reason for need in view.needs), view
    assert not world.machine.state.busy


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(worlds())
def test_every_plan_comes_to_an_end_and_keeps_every_promise(world: World) -> None:
    settle(world)
    assert_everyone_has_an_end(world)
    assert world.machine.state.budget.spent_usd == pytest.approx(world.spent)
    if any(view.state is TaskState.LANDED for view in world.snapshot().tasks):
        assert name_of(world.trees[world.target]) in world.tested


@settings(max_examples=EXAMPLES // 5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(worlds(), st.lists(st.integers(1, 60), min_size=1, max_size=4))
def test_a_crash_at_any_moment_loses_nothing_and_runs_nothing_twice(world: World, moments: list[int]) -> None:
    for steps in moments:
        for _ in range(steps):
            if not world.step():
                break
        world.crash()
    settle(world)
    assert_everyone_has_an_end(world)
    assert world.machine.state.budget.spent_usd == pytest.approx(world.spent)


@settings(max_examples=EXAMPLES // 5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(worlds())
def test_replaying_the_journal_gives_the_same_state(world: World) -> None:
    settle(world)
    again = Machine()
    for event in world.log:
        again.handle(event)
    assert again.state.locks.held() == world.machine.state.locks.held()
    again.state.locks = world.machine.state.locks
    assert again.state == world.machine.state


@settings(max_examples=EXAMPLES // 5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(worlds())
def test_no_path_has_two_writers_at_once_unless_that_was_allowed(world: World) -> None:
    while world.step():
        writing: dict[str, str] = {}
        for name, agent in world.agents.items():
            record = world.machine.state.tasks[name]
            for path in agent.touched - set(record.attempt.collisions):
                other = writing.setdefault(path, name)
                if other == name:
                    continue
                allowed = {w.outcome for w in _asked(world, path, name, other)} <= {Write.OWN, Write.SHARED}
                ordered = world.machine.state.tasks[other].merge_after | record.merge_after
                assert allowed or ordered & {name, other}, (path, name, other)


def _asked(world: World, path: str, *tasks_asked: str) -> list[object]:
    table, now = world.machine.state.locks, world.now
    return [table.write(task, path, now) for task in tasks_asked]


def by_hand(world: World, random: Random) -> intents.Intent:
    """Something a person does to a single lock or task, sensible or not."""
    task = random.choice(list(world.machine.state.tasks))
    held = world.machine.state.locks.held()
    if not held or random.random() < 0.3:
        return intents.MessageTask(at=world.now, task=task, text="and be quick")
    lock = random.choice(held)
    if random.random() < 0.5:
        return intents.HandOverLock(at=world.now, task=lock.holder, pattern=lock.pattern, to=task)
    if random.random() < 0.5:
        return intents.ReleaseLock(at=world.now, task=lock.holder, pattern=lock.pattern)
    return intents.NarrowLock(at=world.now, task=lock.holder, pattern=lock.pattern, narrower=random.choice(PATTERNS))


@settings(max_examples=EXAMPLES // 5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(worlds(), st.randoms(use_true_random=False), st.lists(st.integers(0, 12), min_size=1, max_size=20))
def test_locks_and_messages_by_hand_bring_nothing_to_a_standstill(
    world: World, random: Random, moments: list[int]
) -> None:
    for steps in moments:
        for _ in range(steps):
            world.step()
        intent, before = by_hand(world, random), world.machine.state.locks.held()
        try:
            world.deliver(intent)
        except Refused:
            world.log.pop()
            assert world.machine.state.locks.held() == before
    settle(world)
    assert_everyone_has_an_end(world)
    again = Machine()
    for event in world.log:
        again.handle(event)
    assert again.state.locks.held() == world.machine.state.locks.held()
    assert again.state.stories == world.machine.state.stories


@settings(max_examples=EXAMPLES // 5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(worlds())
def test_nobody_is_passed_over_for_ever(world: World) -> None:
    while world.step():
        for record in world.machine.state.tasks.values():
            assert record.passed_over <= PASSED_OVER_LIMIT + world.machine.state.workers, record


@settings(max_examples=EXAMPLES // 5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(worlds(), st.randoms(use_true_random=False), st.integers(0, 60))
def test_what_a_picture_keeps_of_the_last_one_is_still_true(world: World, random: Random, steps: int) -> None:
    """A maker that has seen the whole run says of every task what a fresh one says."""
    maker = SnapshotMaker()
    for _ in range(steps):
        world.step()
        if not random.randrange(4):
            try:
                world.deliver(by_hand(world, random))
            except Refused:
                world.log.pop()
        state = world.machine.state
        assert maker.make(state).tasks == SnapshotMaker().make(state).tasks
    world.crash()
    assert maker.make(world.machine.state).tasks == SnapshotMaker().make(world.machine.state).tasks
