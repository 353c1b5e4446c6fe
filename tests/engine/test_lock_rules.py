"""What a person does to single locks, and messages to agents: the rules alone, in the simulated world."""

from __future__ import annotations

import pytest
from world import World, make_plan

from engine import events as ev
from engine import intents
from engine.errors import Refused
from engine.model import TaskState
from engine.plan import TaskSpec
from engine.state import Step

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
    world.deliver(intents.HandOverLock(at=world.now, task="a", pattern="src/a.py", to="b"))
    assert holders(world) == {"src/a.py": "b", "src/b.py": "a"}
    assert world.state_of("b") is TaskState.RUNNING
    world.machine.check()


def test_nobody_is_handed_a_lock_while_it_waits_for_another_one() -> None:
    world = world_of(spec("a", "src/a.py", "src/b.py"), spec("b", "src/a.py", "src/b.py"))
    with pytest.raises(Refused, match=r"b also waits for a, which has src/b\.py"):
        world.deliver(intents.HandOverLock(at=world.now, task="a", pattern="src/a.py", to="b"))
    assert holders(world) == {"src/a.py": "a", "src/b.py": "a"}


@pytest.mark.parametrize(
    ("pattern", "to", "words"), [("docs/x.md", "b", "does not hold"), ("src/a.py", "a", "already")]
)
def test_a_hand_over_that_makes_no_sense_changes_nothing(pattern: str, to: str, words: str) -> None:
    world = world_of(spec("a", "src/a.py"), spec("b", "src/b.py"))
    with pytest.raises(Refused, match=words):
        world.deliver(intents.HandOverLock(at=world.now, task="a", pattern=pattern, to=to))
    assert holders(world) == {"src/a.py": "a", "src/b.py": "b"}


def test_a_lock_is_narrowed_and_lets_others_in() -> None:
    world = world_of(spec("a", "src/**"), spec("b", "src/deep/**"))
    assert world.state_of("b") is TaskState.QUEUED
    world.deliver(intents.NarrowLock(at=world.now, task="a", pattern="src/**", narrower="src/*.py"))
    assert holders(world) == {"src/*.py": "a", "src/deep/**": "b"}
    world.machine.check()


@pytest.mark.parametrize("narrower", ["docs/**", "**", "src/**/../x", "src2/a.py"])
def test_a_lock_is_never_narrowed_to_something_outside_of_it(narrower: str) -> None:
    world = world_of(spec("a", "src/**"))
    with pytest.raises(Refused):
        world.deliver(intents.NarrowLock(at=world.now, task="a", pattern="src/**", narrower=narrower))
    assert holders(world) == {"src/**": "a"}


def test_a_lock_keeps_covering_what_its_holder_has_changed() -> None:
    world = world_of(spec("a", "src/**"))
    world.deliver(ev.FilesTouched(at=world.now, task="a", attempt=1, paths=("src/deep/c.py",)))
    with pytest.raises(Refused, match=r"has changed src/deep/c\.py"):
        world.deliver(intents.NarrowLock(at=world.now, task="a", pattern="src/**", narrower="src/*.py"))


def test_a_message_ends_the_attempt_and_the_next_one_goes_on_from_its_work() -> None:
    world = world_of(spec("a", "src/a.py", retries=0))
    world.deliver(intents.MessageTask(at=world.now, task="a", text="use tabs"))
    world.run()
    record = world.machine.state.tasks["a"]
    assert (record.state, record.attempts, record.tries_left) == (TaskState.LANDED, 2, 0)
    assert any("use tabs" in line for line in world.machine.state.stories["a"])


def test_a_message_waits_for_a_task_that_has_not_started() -> None:
    world = world_of(spec("a", "src/a.py"), spec("b", "src/a.py"))
    world.deliver(intents.MessageTask(at=world.now, task="b", text="one"))
    world.deliver(intents.MessageTask(at=world.now, task="b", text="two"))
    assert world.machine.state.tasks["b"].note == "one\ntwo"
    assert world.state_of("b") is TaskState.QUEUED


def test_a_landed_task_hears_no_message() -> None:
    world = world_of(spec("a", "src/a.py"))
    world.run()
    with pytest.raises(Refused, match="its agent has ended"):
        world.deliver(intents.MessageTask(at=world.now, task="a", text="too late"))


def test_the_clock_of_an_attempt_stands_while_it_is_paused() -> None:
    world = world_of(spec("a", "src/a.py"))
    attempt = world.machine.state.tasks["a"].attempt
    began = attempt.active_at
    assert began is not None
    world.deliver(intents.PauseTask(at=began + 10, task="a"))
    assert (attempt.active, attempt.active_at) == (10, None)
    world.deliver(intents.ResumeTask(at=began + 100, task="a"))
    assert (attempt.active, attempt.active_at) == (10, began + 100)


def test_a_narrowed_lock_is_narrow_in_the_next_attempt_too() -> None:
    world = world_of(spec("a", "src/**"), spec("b", "src/deep/**"))
    world.deliver(intents.NarrowLock(at=world.now, task="a", pattern="src/**", narrower="src/*"))
    world.deliver(intents.NarrowLock(at=world.now, task="a", pattern="src/*", narrower="src/*.py"))
    assert [claim.pattern for claim in world.machine.state.tasks["a"].claims] == ["src/*.py"]


def test_whoever_edits_beside_a_lock_edits_beside_its_new_holder() -> None:
    world = world_of(spec("a", "src/a.py"), spec("b", "docs/x.md"), spec("c"))
    world.machine.state.locks.allow("b", "src/a.py", world.now)
    world.deliver(intents.HandOverLock(at=world.now, task="a", pattern="src/a.py", to="c"))
    assert {lock.holder for lock in world.machine.state.locks.held() if lock.pattern == "src/a.py"} == {"b", "c"}


def test_a_waiting_task_is_given_no_lock() -> None:
    world = world_of(spec("a", "src/a.py"), spec("b", after=("a",)))
    with pytest.raises(Refused, match="b is waiting: only a task that is at work or queued"):
        world.deliver(intents.HandOverLock(at=world.now, task="a", pattern="src/a.py", to="b"))


def test_queued_tasks_let_go_of_what_keeps_each_other_from_starting() -> None:
    """Each was given the other's lock while at work; for its next attempt each needs back what the other has."""
    specs = [spec("a", "src/a.py", retries=1), spec("b", "src/b.py", retries=1)]
    world = World(make_plan(specs), fails={("a", 1), ("b", 1)}, files=FILES)
    while not all(record.attempt.pid for record in world.machine.state.with_worker()):
        assert world.step()
    world.deliver(intents.HandOverLock(at=world.now, task="a", pattern="src/a.py", to="b"))
    world.deliver(intents.HandOverLock(at=world.now, task="b", pattern="src/b.py", to="a"))
    world.run()
    assert (world.state_of("a"), world.state_of("b")) == (TaskState.LANDED, TaskState.LANDED)
    stories = world.machine.state.stories
    assert any("let go of its locks" in line for line in (*stories["a"], *stories["b"]))


def test_the_work_is_in_the_branch_and_the_message_in_the_prompt_of_the_next_attempt() -> None:
    world = world_of(spec("a", "src/a.py"))
    world.deliver(intents.MessageTask(at=world.now, task="a", text="use tabs"))
    while "a" not in world.agents or world.agents["a"].effect.attempt < 2:
        assert world.step()
    record, prompt = world.machine.state.tasks["a"], world.agents["a"].effect.prompt
    assert record.attempt.start == record.commit == "a@1"
    assert "## Note from the developer\n\nuse tabs\n" in prompt
    assert "Your branch already holds the work of an earlier attempt" in prompt
    assert "failed" not in prompt


def test_a_second_message_while_the_agent_ends_is_refused() -> None:
    world = world_of(spec("a", "src/a.py"))
    world.deliver(intents.MessageTask(at=world.now, task="a", text="use tabs"))
    with pytest.raises(Refused, match="cannot be told anything now"):
        world.deliver(intents.MessageTask(at=world.now, task="a", text="or spaces"))


def test_a_message_before_the_agent_has_started_reaches_its_first_attempt() -> None:
    world = World(make_plan([spec("a", "src/a.py")]), files=FILES)
    world.deliver(intents.MessageTask(at=world.now, task="a", text="use tabs"))
    while "a" not in world.agents:
        assert world.step()
    assert world.agents["a"].effect.attempt == 1
    assert "use tabs" in world.agents["a"].effect.prompt


def test_a_message_to_a_failed_task_queues_it_again() -> None:
    world = World(make_plan([spec("a", "src/a.py", retries=0)]), fails={("a", 1)}, files=FILES)
    world.run()
    assert world.state_of("a") is TaskState.FAILED
    world.deliver(intents.MessageTask(at=world.now, task="a", text="try again"))
    world.run()
    assert world.state_of("a") is TaskState.LANDED


def test_work_that_could_not_be_kept_is_not_gone_on_from() -> None:
    world = world_of(spec("a", "src/a.py", retries=0))
    world.deliver(intents.MessageTask(at=world.now, task="a", text="use tabs"))
    record = world.machine.state.tasks["a"]
    while record.attempt.step is not Step.CAPTURING:
        assert world.step()
    world.deliver(ev.CaptureFailed(at=world.now, task="a", attempt=1, error="no space"))
    assert (record.state, record.note) == (TaskState.FAILED, "use tabs")
    assert record.reason == "its work could not be taken over: no space"
