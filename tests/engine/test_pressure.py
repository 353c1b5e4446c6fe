"""What a pressed machine holds back, and how large an `auto` pool is."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from world import World, make_plan

from engine import effects as ef
from engine import events as ev
from engine import intents
from engine.autosize import STEP_EVERY, Outlook, first_size, most_workers, next_size
from engine.model import TaskState
from engine.plan import TaskSpec
from engine.pressure import CALM, FREE, Load, Pressed, held_words, judge

percent = st.floats(0, 100)
loads = st.builds(
    Load,
    cpu=percent,
    memory=percent,
    io=percent,
    io_full=percent,
    runnable=st.floats(0, 20),
    available=st.integers(0, 3 * 10**9),
    reserve=st.just(10**9),
    psi=st.booleans(),
)
CHOKES = replace(CALM, memory=50.0)
BUSY = replace(CALM, cpu=95.0, runnable=4.4)


# --- the guard ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("load", "heavy", "workers"),
    [
        (CALM, "", ""),
        (replace(CALM, cpu=99.0, runnable=3.6), "", ""),
        (replace(CALM, cpu=30.0, runnable=9.0), "", ""),
        (BUSY, "the machine is short of CPU", ""),
        (replace(CALM, cpu=95.0, runnable=6.0), "the machine is short of CPU", "the machine is short of CPU"),
        (replace(CALM, psi=False, runnable=4.4), "", ""),
        (replace(CALM, psi=False, runnable=5.2), "the machine is short of CPU", ""),
        (CHOKES, "the machine is short of memory", "the machine is short of memory"),
        (replace(CALM, io=90.0), "", ""),
        (replace(CALM, io=90.0, io_full=60.0), "the disks cannot follow", "the disks cannot follow"),
        (
            replace(CALM, available=4 * 10**8, reserve=10**9),
            "only 0.4 GB of memory are free",
            "only 0.4 GB of memory are free",
        ),
    ],
)
def test_what_is_held_back_and_why(load: Load, heavy: str, workers: str) -> None:
    pressed = judge(FREE, load)
    assert (pressed.heavy, pressed.workers) == (heavy, workers)


@given(st.lists(loads, max_size=8))
def test_a_hold_ends_below_where_it_began_and_says_why_while_it_lasts(seen: list[Load]) -> None:
    pressed = FREE
    for load in seen:
        after = judge(pressed, load)
        assert judge(after, load) == after, "the same look decides the same"
        assert bool(after.heavy) == bool(after.marks)
        assert not after.workers or after.heavy
        assert judge(FREE, load).marks <= after.marks, "what begins a hold also keeps it up"
        pressed = after
    assert judge(pressed, CALM) == FREE


def test_between_the_marks_everything_stays_as_it_is() -> None:
    between = replace(CALM, memory=15.0)
    assert judge(FREE, between) == FREE
    held = judge(FREE, CHOKES)
    assert judge(held, between) is held


def test_what_is_held_in_one_sentence() -> None:
    assert held_words(FREE) == ""
    assert held_words(judge(FREE, BUSY)) == "new heavy commands wait (the machine is short of CPU)"
    both = replace(CHOKES, io_full=90.0)
    assert held_words(judge(FREE, both)) == (
        "new agents and heavy commands wait (the machine is short of memory and the disks cannot follow)"
    )


# --- the pool's size ----------------------------------------------------------------------------------------------

outlooks = st.builds(
    Outlook,
    busy=st.integers(0, 40),
    startable=st.booleans(),
    choking=st.booleans(),
    ceiling=st.none() | st.integers(0, 20),
)


@given(st.integers(1, 30), st.integers(1, 40), outlooks, st.floats(0, 100))
def test_an_auto_pool_is_never_empty_and_grows_by_one_for_a_reason(
    size: int, most: int, outlook: Outlook, since: float
) -> None:
    after = next_size(size, most, outlook, since)
    assert after >= 1
    if after > size:
        assert after == size + 1 <= most
        assert outlook.startable
        assert not outlook.choking
        assert outlook.busy >= size
        assert outlook.ceiling is None or after <= outlook.ceiling
    if since < STEP_EVERY:
        assert after == size


@given(st.integers(1, 64), st.integers(1, 64))
def test_an_auto_pool_begins_within_its_bounds(max_concurrency: int, cpus: int) -> None:
    assert 1 <= first_size(max_concurrency, cpus) <= max_concurrency
    assert first_size(max_concurrency, cpus) <= most_workers(max_concurrency, cpus)


def test_a_choking_machine_makes_the_pool_smaller_step_by_step() -> None:
    size, sizes = 6, []
    for _ in range(8):
        size = next_size(size, 6, Outlook(busy=min(size, 4), startable=True, choking=True), STEP_EVERY)
        sizes.append(size)
    assert sizes == [3, 2, 1, 1, 1, 1, 1, 1]


# --- in a run -----------------------------------------------------------------------------------------------------


def tasks(count: int) -> list[TaskSpec]:
    return [TaskSpec(f"t{n}", "do", files=(f"t{n}.txt",)) for n in range(count)]


def press(world: World, load: Load) -> None:
    world.deliver(ev.PressureChanged(at=world.now, load=load))


def running(world: World) -> list[str]:
    return [r.id for r in world.machine.state.tasks.values() if r.state is TaskState.RUNNING]


def test_new_agents_wait_while_the_machine_chokes_and_say_so_and_one_always_runs() -> None:
    world = World(make_plan(tasks(3), workers=1))
    press(world, CHOKES)
    world.deliver(intents.SetWorkers(at=1.0, workers=3))
    assert running(world) == ["t0"]
    held = world.snapshot().task("t1")
    assert held.reason == "held back: the machine is short of memory"
    assert world.machine.state.stories["t1"][-1] == held.reason
    assert world.snapshot().pressure.holds.startswith("new agents and heavy commands wait")
    press(world, CALM)
    assert running(world) == ["t0", "t1", "t2"]
    world.run()
    assert {t.state for t in world.snapshot().tasks} == {TaskState.LANDED}


def test_a_choking_machine_still_finishes_the_run_one_by_one() -> None:
    world = World(make_plan(tasks(4), workers=4), load=CHOKES)
    assert running(world) == ["t0"]
    world.run()
    assert {t.state for t in world.snapshot().tasks} == {TaskState.LANDED}
    assert world.most_at_once == 1


def test_a_heavy_command_waits_for_the_machine_while_another_runs() -> None:
    world = World(make_plan(tasks(1), max_concurrency=2))
    press(world, BUSY)
    for n in (1, 2):
        world.now += 1
        ask = ev.SlotRequested(at=world.now, slot=f"s{n}", owner="t0", command="make", pid=n)
        world.deliver(ask)
    granted = [e.slot for e in world.pending if isinstance(e, ef.GrantSlot)]
    told = [e for e in world.pending if isinstance(e, ef.TellWaiting)]
    assert granted == ["s1"]
    assert [(e.slot, e.why) for e in told] == [("s2", "the machine is short of CPU")]
    assert [slot.why for slot in world.snapshot().slots] == ["", "the machine is short of CPU"]
    assert world.machine.state.stories["t0"][-1] == "its `make` is held back: the machine is short of CPU"
    press(world, CALM)
    assert [e.slot for e in world.pending if isinstance(e, ef.GrantSlot)] == ["s1", "s2"]


def auto_world(workers: int, count: int) -> World:
    return World(make_plan(tasks(count), workers=workers, most_workers=5))


def test_an_auto_pool_grows_while_tasks_queue_and_gives_workers_up_when_the_machine_chokes() -> None:
    world = auto_world(2, 9)
    sizes = []
    for load in (CALM, CALM, CALM, CALM, CALM, CHOKES, CHOKES):
        world.now += STEP_EVERY
        press(world, load)
        sizes.append(world.machine.state.workers)
    assert sizes == [3, 4, 5, 5, 5, 4, 3]
    assert world.snapshot().task("t8").reason == "held back: the machine is short of memory", "that is why it is small"
    assert world.snapshot().workers_auto


def test_an_auto_pool_does_not_grow_for_tasks_that_could_not_start() -> None:
    blocked = [TaskSpec(f"t{n}", "do", files=("same.txt",)) for n in range(4)]
    world = World(make_plan(blocked, workers=1, most_workers=5))
    world.now += STEP_EVERY
    press(world, CALM)
    assert world.machine.state.workers == 1


def test_a_person_fixes_the_size_and_lets_it_go_again() -> None:
    world = auto_world(2, 9)
    world.deliver(intents.SetWorkers(at=world.now, workers=4))
    assert not world.snapshot().workers_auto
    world.now += STEP_EVERY
    press(world, CALM)
    assert world.machine.state.workers == 4
    world.deliver(intents.SetWorkers(at=world.now, workers=1, auto=True))
    assert world.machine.answer.startswith("1 worker, and more or fewer as the machine allows")
    world.now += STEP_EVERY
    press(world, CALM)
    assert world.machine.state.workers == 2
    world.deliver(intents.SetWorkers(at=world.now, workers=0))
    world.deliver(intents.SetWorkers(at=world.now, workers=0, auto=True))
    assert world.machine.state.workers == 1


@pytest.mark.slow
@settings(max_examples=60)
@given(st.data())
def test_a_run_under_changing_pressure_always_ends_with_everything_landed(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 5))
    most = data.draw(st.sampled_from([0, 4]))
    plan = make_plan(tasks(count), workers=data.draw(st.integers(1, 3)), max_concurrency=2, most_workers=most)
    world = World(plan, choose=lambda n: data.draw(st.integers(0, n - 1)))
    slots: list[str] = []
    for n in range(data.draw(st.integers(5, 25))):
        match data.draw(st.integers(0, 5)):
            case 0:
                world.now += data.draw(st.sampled_from([1.0, STEP_EVERY]))
                press(world, data.draw(loads))
            case 1:
                slots.append(f"s{n}")
                owner = data.draw(st.sampled_from(["t0", "you"]))
                world.deliver(ev.SlotRequested(at=world.now, slot=f"s{n}", owner=owner, command="make", pid=n))
            case 2 if slots:
                world.deliver(ev.SlotFreed(at=world.now, slot=slots.pop(0)))
            case 3 if n == 7:
                world.crash()
            case _:
                world.step()
    world.run()
    assert {t.state for t in world.snapshot().tasks} == {TaskState.LANDED}
    assert isinstance(world.machine.state.pressed, Pressed)
