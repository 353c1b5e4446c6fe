"""No interleaving breaks a promise about contracts: what is frozen lands changed only by an amendment."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
from contract_world import FILE, NAME, ContractWorld, with_contract
from hypothesis import given, settings
from hypothesis import strategies as st
from world import make_plan

from engine import intents
from engine.machine import Machine
from engine.model import TaskState
from engine.plan import TaskSpec

pytestmark = pytest.mark.timeout(900)
EXAMPLES = int(os.environ.get("AURORA_EXAMPLES", "100"))


@st.composite
def worlds(draw: st.DrawFn) -> ContractWorld:
    """One author, up to five others that implement, consume, or have nothing to do with it; some change its file."""
    specs = [TaskSpec("t0", "spec", files=(FILE,), agent="script", retries=draw(st.integers(0, 1)))]
    for n in range(1, draw(st.integers(2, 6))):
        use = draw(st.sampled_from(("implements", "consumes", "none", "none")))
        spec = TaskSpec(f"t{n}", "work", files=(f"t{n}.txt",), agent="script", retries=draw(st.integers(0, 1)))
        specs.append(replace(spec, **{use: (NAME,)}) if use != "none" else spec)
    ids = [spec.id for spec in specs]
    attempts = st.tuples(st.sampled_from(ids), st.integers(1, 3))
    touching = draw(st.sets(st.sampled_from(ids[1:]), max_size=3))
    writes = {task: [f"{task}.txt", *([FILE] if task in touching or task == "t0" else [])] for task in ids}
    plan = make_plan(specs, workers=draw(st.integers(1, 4)), on_collision=draw(st.sampled_from(("freeze", "allow"))))
    random = draw(st.randoms(use_true_random=False))
    return ContractWorld(
        with_contract(plan, check="check", mock="mock", verify="verify"),
        bad_mocks=draw(st.sets(attempts, max_size=3)),
        choose=random.randrange,
        writes=writes,
        fails=draw(st.sets(attempts, max_size=2)),
        bad=tuple(draw(st.lists(st.frozensets(attempts, min_size=1, max_size=2), max_size=2))),
        conflicts=draw(st.sets(attempts, max_size=1)),
        files=(FILE,),
    )


def settle(world: ContractWorld) -> None:
    """Run to rest, playing the person who rules on breaches and settles conflicts."""
    world.run()
    for _ in range(60):
        moved = world.rule()
        for view in world.snapshot().tasks:
            if view.state is TaskState.CONFLICT and not view.breach and not view.resolving:
                world.deliver(intents.ResolveConflict(at=world.now, task=view.id, how="union"))
                moved = True
        if not moved:
            return
        world.run()
    raise AssertionError("it never comes to rest\n" + "\n".join(world.lines()))


def assert_promises_kept(world: ContractWorld) -> None:
    """Everybody has an end, and what is frozen is what is on the target."""
    snapshot = world.snapshot()
    assert snapshot.idle, "\n".join(world.lines())
    for view in snapshot.tasks:
        waits = view.state is TaskState.WAITING and view.needs
        assert view.state.final or waits, "\n".join(world.lines())
    [contract] = snapshot.contracts
    landed = world.machine.state.tasks["t0"].state is TaskState.LANDED
    assert contract.frozen == landed, contract
    if landed:
        there = ",".join(f"{task}@{n}" for task, n in sorted(world.writers(world.trees[world.target])))
        assert contract.digest == there
    assert not any(breach.state == "open" for breach in contract.breaches), contract
    assert not any(mock.state in ("starting", "healthy", "restarting") for mock in contract.mocks), contract
    assert not world.mocks, "\n".join([str(world.mocks), *world.lines()])


@settings(max_examples=EXAMPLES)
@given(worlds())
def test_what_is_frozen_lands_changed_only_by_an_amendment(world: ContractWorld) -> None:
    settle(world)
    assert_promises_kept(world)


@settings(max_examples=EXAMPLES // 3)
@given(worlds(), st.lists(st.integers(1, 60), min_size=1, max_size=4))
def test_a_crash_at_any_moment_keeps_the_promises(world: ContractWorld, moments: list[int]) -> None:
    for steps in moments:
        for _ in range(steps):
            if not world.step():
                world.rule()
        world.crash()
    settle(world)
    assert_promises_kept(world)


@settings(max_examples=EXAMPLES // 3)
@given(worlds())
def test_replaying_the_journal_gives_the_same_contracts(world: ContractWorld) -> None:
    settle(world)
    again = Machine()
    for event in world.log:
        again.handle(event)
    assert again.state.contracts == world.machine.state.contracts
    assert again.state.stories == world.machine.state.stories
    assert again.state.locks.held() == world.machine.state.locks.held()
