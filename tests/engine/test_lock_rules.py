"""What a person does to single locks, and messages to agents: the rules alone, in the simulated world."""

from __future__ import annotations

import pytest
from world import World, make_plan

from engine import events as ev
from engine.errors import Refused
from engine.model import TaskState
from engine.plan import TaskSpec

FILES = ("src/a.py", "src/b.py", "src/deep/c.py", "docs/x.md")


def spec(name: str, *files: str, **rest: object) -> TaskSpec:
    """One task."""
    return TaskSpec(id=name, prompt="work", files=files, agent="script", **rest)  # type: ignore[arg-type]


def world_of(*specs: TaskSpec, workers: int = 4) -> World:
    """A world in which every agent has started and written nothing yet."""
    world = World(make_plan(list(specs), workers=workers), choose=lambda n: 0, files=FILES)
    while not all(record.attempt.pid for record in world.machine.state.with_worker()):
        assert world.step()
    return world


def holders(world: World) -> dict[str, str]:
    """Who holds what."""
    return {lock.pattern: lock.holder for lock in world.machine.state.locks.held()}


def test_a_lock_is_handed_over_to_the_task_that_waits_for_it_alone() -> None:
    world = world_of(spec("a", "src/a.py", "src/b.py"), spec("b", "src/a.py"))
    assert world.state_of("b") is TaskState.QUEUED
    world.deliver(ev.HandOverLock(at=world.now, task="a", pattern="src/a.py", to="b"))
    assert holders(world) == {"src/a.py": "b", "src/b.py": "a"}
    assert world.state_of("b") is TaskState.RUNNING
    world.machine.check()


def test_nobody_is_handed_a_lock_while_it_waits_for_another_one() -> None:
    world = world_of(spec("a", "src/a.py", "src/b.py"), spec("b", "src/a.py", "src/b.py"))
    with pytest.raises(Refused, match=r"b also waits for a, which has src/b\.py"):
        world.deliver(ev.HandOverLock(at=world.now, task="a", pattern="src/a.py", to="b"))
    assert holders(world) == {"src/a.py": "a", "src/b.py": "a"}


@pytest.mark.parametrize(
    ("pattern", "to", "words"), [("docs/x.md", "b", "does not hold"), ("src/a.py", "a", "already")]
)
def test_a_hand_over_that_makes_no_sense_changes_nothing(pattern: str, to: str, words: str) -> None:
    world = world_of(spec("a", "src/a.py"), spec("b", "src/b.py"))
    with pytest.raises(Refused, match=words):
        world.deliver(ev.HandOverLock(at=world.now, task="a", pattern=pattern, to=to))
    assert holders(world) == {"src/a.py": "a", "src/b.py": "b"}


def test_a_lock_is_narrowed_and_lets_others_in() -> None:
    world = world_of(spec("a", "src/**"), spec("b", "src/deep/**"))
    assert world.state_of("b") is TaskState.QUEUED
    world.deliver(ev.NarrowLock(at=world.now, task="a", pattern="src/**", narrower="src/*.py"))
    assert holders(world) == {"src/*.py": "a", "src/deep/**": "b"}
    world.machine.check()


@pytest.mark.parametrize("narrower", ["docs/**", "**", "src/**/../x", "src2/a.py"])
def test_a_lock_is_never_narrowed_to_something_outside_of_it(narrower: str) -> None:
    world = world_of(spec("a", "src/**"))
    with pytest.raises(Refused):
        world.deliver(ev.NarrowLock(at=world.now, task="a", pattern="src/**", narrower=narrower))
    assert holders(world) == {"src/**": "a"}


def test_a_lock_keeps_covering_what_its_holder_has_changed() -> None:
    world = world_of(spec("a", "src/**"))
    world.deliver(ev.FilesTouched(at=world.now, task="a", attempt=1, paths=("src/deep/c.py",)))
    with pytest.raises(Refused, match=r"has changed src/deep/c\.py"):
        world.deliver(ev.NarrowLock(at=world.now, task="a", pattern="src/**", narrower="src/*.py"))


def test_a_message_ends_the_attempt_and_the_next_one_goes_on_from_its_work() -> None:
    world = world_of(spec("a", "src/a.py", retries=0))
    world.deliver(ev.MessageTask(at=world.now, task="a", text="use tabs"))
    world.run()
    record = world.machine.state.tasks["a"]
    assert (record.state, record.attempts, record.tries_left) == (TaskState.LANDED, 2, 0)
    assert any("use tabs" in line for line in world.machine.state.stories["a"])


def test_a_message_waits_for_a_task_that_has_not_started() -> None:
    world = world_of(spec("a", "src/a.py"), spec("b", "src/a.py"))
    world.deliver(ev.MessageTask(at=world.now, task="b", text="one"))
    world.deliver(ev.MessageTask(at=world.now, task="b", text="two"))
    assert world.machine.state.tasks["b"].note == "one\ntwo"
    assert world.state_of("b") is TaskState.QUEUED


def test_a_landed_task_hears_no_message() -> None:
    world = world_of(spec("a", "src/a.py"))
    world.run()
    with pytest.raises(Refused, match="its agent has ended"):
        world.deliver(ev.MessageTask(at=world.now, task="a", text="too late"))


def test_the_clock_of_an_attempt_stands_while_it_is_paused() -> None:
    world = world_of(spec("a", "src/a.py"))
    attempt = world.machine.state.tasks["a"].attempt
    began = attempt.active_at
    assert began is not None
    world.deliver(ev.PauseTask(at=began + 10, task="a"))
    assert (attempt.active, attempt.active_at) == (10, None)
    world.deliver(ev.ResumeTask(at=began + 100, task="a"))
    assert (attempt.active, attempt.active_at) == (10, began + 100)
