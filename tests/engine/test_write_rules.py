"""Edits that are asked for: single cases of the rules, and no interleaving that lets two tasks edit one file."""

from __future__ import annotations

import os
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_machine_properties import PATHS, assert_everyone_has_an_end, settle, tasks
from world import World, make_plan

from engine import effects as ef
from engine import events as ev
from engine import intents
from engine.contracts.records import holder_of as holder_of_contract
from engine.errors import Refused
from engine.locks import Write
from engine.model import TaskState
from engine.plan import TaskSpec
from engine.state import Step

EXAMPLES = int(os.environ.get("AURORA_EXAMPLES", "100"))
OPTIMISTIC = ("CHANGELOG.md", "README.md")
AB = ("src/a.py", "src/b.py")


def spec(name: str, *files: str, **rest: object) -> TaskSpec:
    """One task."""
    return TaskSpec(id=name, prompt="work", files=files, agent="script", **rest)  # type: ignore[arg-type]


def at_work(*specs: TaskSpec, **more: object) -> World:
    """A world in which every agent has started and nothing else happened."""
    world = World(make_plan(list(specs), **more), files=PATHS)  # type: ignore[arg-type]
    while not all(record.attempt.step is Step.WORKING for record in world.machine.state.with_worker()):
        assert world.step()
    world.pending.clear()
    return world


def ask(world: World, task: str, *paths: str, name: str = "", **rest: tuple[str, ...]) -> ef.AnswerWrite | None:
    """Ask to edit; the answer, None while there is none."""
    world.now += 1
    name = name or f"{task}:{','.join(paths)}"
    world.deliver(ev.WriteAsked(at=world.now, task=task, attempt=1, ask=name, paths=paths, **rest))
    return answer(world, name)


def answer(world: World, name: str) -> ef.AnswerWrite | None:
    """The answer to an ask, if there was one."""
    answers = [e for e in world.pending if isinstance(e, ef.AnswerWrite) and e.ask == name]
    assert len(answers) <= 1
    return answers[0] if answers else None


def story(world: World, task: str) -> str:
    """A task's story."""
    return "\n".join(world.machine.state.stories[task])


def holder_of(world: World, pattern: str) -> list[str]:
    """Who has a lock of this very pattern."""
    return [lock.holder for lock in world.machine.state.locks.held() if lock.pattern == pattern]


def test_a_free_file_joins_the_claim_before_it_is_written() -> None:
    world = at_work(spec("a", "src/a.py"))
    said = ask(world, "a", "docs/x.md", "src/a.py")
    assert said is not None
    assert said.allowed
    assert holder_of(world, "docs/x.md") == ["a"]
    assert "took docs/x.md" in story(world, "a")
    assert not world.machine.state.tasks["a"].attempt.asks


def test_a_held_file_is_waited_for_and_shown_until_its_holder_lets_go() -> None:
    world = at_work(spec("a", "src/a.py"), spec("b", "src/b.py"))
    assert ask(world, "a", "src/b.py", name="one") is None
    assert "waits to edit src/b.py: held by b" in story(world, "a")
    view = world.snapshot()
    assert view.task("a").reason == "waits to edit src/b.py: held by b"
    assert view.task("a").held_by == ("b",)
    assert next(lock for lock in view.locks if lock.pattern == "src/b.py").waiters == ("a",)
    world.deliver(intents.ReleaseLock(at=world.now, task="b", pattern="src/b.py"))
    said = answer(world, "one")
    assert said is not None
    assert said.allowed
    assert holder_of(world, "src/b.py") == ["a"]
    assert "may edit src/b.py: b let go" in story(world, "a")


def test_at_its_deadline_a_held_file_is_denied_with_who_holds_it_and_since_when() -> None:
    world = at_work(spec("a", "src/a.py"), spec("b", "src/b.py"))
    world.now += 240
    assert ask(world, "a", "src/b.py", name="one") is None
    world.deliver(ev.WriteAskEnded(at=world.now, task="a", attempt=1, ask="one"))
    said = answer(world, "one")
    assert said is not None
    assert not said.allowed
    assert "src/b.py is held by task b (since 4 min, running)" in said.words
    assert "src/a.py" in said.words
    assert holder_of(world, "src/b.py") == ["b"]
    assert world.snapshot().task("a").held_by == ()
    assert "was denied src/b.py: held by b" in story(world, "a")


def test_nothing_of_several_files_is_taken_while_one_of_them_is_held() -> None:
    world = at_work(spec("a", "src/a.py"), spec("b", "src/b.py"))
    assert ask(world, "a", "docs/x.md", "src/b.py") is None
    assert holder_of(world, "docs/x.md") == []


def test_of_two_who_ask_for_each_others_files_the_later_is_denied_at_once() -> None:
    world = at_work(spec("a", "src/a.py"), spec("b", "src/b.py"))
    assert ask(world, "a", "src/b.py", name="one") is None
    said = ask(world, "b", "src/a.py")
    assert said is not None
    assert not said.allowed
    assert "a waits for your task" in said.words
    assert answer(world, "one") is None


def test_an_ask_gives_way_to_a_holder_that_is_frozen_because_of_the_asker() -> None:
    world = at_work(spec("a", "src/a.py"), spec("b", "src/b.py"))
    assert ask(world, "a", "src/b.py", name="one") is None
    world.deliver(ev.FilesTouched(at=world.now, task="b", attempt=1, paths=("src/a.py",)))
    assert world.state_of("b") is TaskState.PAUSED
    said = answer(world, "one")
    assert said is not None
    assert not said.allowed


def test_the_ask_of_a_paused_task_waits_with_it() -> None:
    world = at_work(spec("a", "src/a.py"), spec("b", "src/b.py"))
    assert ask(world, "a", "src/b.py", name="one") is None
    world.deliver(intents.PauseTask(at=world.now, task="a"))
    world.deliver(intents.ReleaseLock(at=world.now, task="b", pattern="src/b.py"))
    assert answer(world, "one") is None
    assert holder_of(world, "src/b.py") == []
    world.deliver(intents.ResumeTask(at=world.now, task="a"))
    said = answer(world, "one")
    assert said is not None
    assert said.allowed


def test_after_the_holder_landed_the_worktree_is_brought_up_to_date_before_the_edit() -> None:
    world = World(make_plan([spec("a", "src/a.py"), spec("b", "src/b.py")]), writes={"b": ["src/b.py"]}, files=PATHS)
    while len(world.agents) < 2:
        assert world.step()
    a = world.agents.pop("a")
    assert ask(world, "a", "src/b.py", name="one") is None
    while answer(world, "one") is None:
        updates = [e for e in world.pending if isinstance(e, ef.UpdateWorktree)]
        assert not updates or world.state_of("a") is TaskState.PAUSED
        world.agents = {"a": a} if updates else {name: one for name, one in world.agents.items() if name != "a"}
        assert world.step()
    said = answer(world, "one")
    assert said is not None
    assert said.allowed
    assert world.state_of("b") is TaskState.LANDED
    assert world.machine.state.tasks["a"].attempt.base == world.machine.state.tip
    assert world.state_of("a") is TaskState.RUNNING


def test_where_collisions_are_allowed_both_edit_and_the_merges_are_ordered() -> None:
    world = at_work(spec("a", "src/a.py"), spec("b", "src/b.py"), on_collision="allow")
    said = ask(world, "a", "src/b.py")
    assert said is not None
    assert said.allowed
    assert world.machine.state.tasks["a"].merge_after == {"b"}
    assert "edits src/b.py beside b" in story(world, "a")


def test_what_a_contract_has_frozen_is_denied_at_once_also_where_collisions_are_allowed() -> None:
    world = at_work(spec("a", "src/a.py"), on_collision="allow")
    world.machine.state.locks.freeze(holder_of_contract("orders"), ("docs/x.md",), 0.0)
    said = ask(world, "a", "docs/x.md")
    assert said is not None
    assert not said.allowed
    assert "docs/x.md belongs to the contract orders, which is frozen" in said.words


def test_what_lies_outside_of_the_worktree_is_denied_at_once() -> None:
    world = at_work(spec("a", "src/a.py"))
    said = ask(world, "a", "docs/x.md", outside=("/home/dev/shop/models.py",))
    assert said is not None
    assert not said.allowed
    assert "/home/dev/shop/models.py is no part of your worktree" in said.words
    assert holder_of(world, "docs/x.md") == []


def test_what_git_ignores_is_nobodys() -> None:
    world = at_work(spec("a", "src/a.py"))
    said = ask(world, "a", "build/out.txt", ignored=("build/out.txt",))
    assert said is not None
    assert said.allowed
    assert holder_of(world, "build/out.txt") == []


def test_an_attempt_that_is_over_is_denied() -> None:
    world = at_work(spec("a", "src/a.py"))
    world.deliver(ev.WriteAsked(at=world.now, task="a", attempt=7, ask="late", paths=("src/a.py",)))
    said = answer(world, "late")
    assert said is not None
    assert not said.allowed
    assert "over" in said.words


def test_an_ask_nobody_waits_for_takes_nothing() -> None:
    world = at_work(spec("a", "src/a.py"), spec("b", "src/b.py"))
    assert ask(world, "a", "src/b.py", name="one") is None
    world.deliver(ev.WriteAskEnded(at=world.now, task="a", attempt=1, ask="one", gone=True))
    world.deliver(intents.ReleaseLock(at=world.now, task="b", pattern="src/b.py"))
    assert answer(world, "one") is None
    assert holder_of(world, "src/b.py") == []


def test_a_look_at_the_table_changes_nothing_and_says_what_a_write_would() -> None:
    world = at_work(spec("a", "src/a.py"), spec("b", "src/b.py"), spec("c", shared=("docs/x.md",)))
    table = world.machine.state.locks
    before = table.held()
    for task in ("a", "b", "c"):
        for path in PATHS:
            look = table.look(task, path)
            assert table.held() == before
            if look.outcome is Write.COLLISION:
                assert table.write(task, path, 1.0) == look
    assert table.look("a", "README.md").outcome is table.write("a", "README.md", 1.0).outcome is Write.GROWN


# --- any order ------------------------------------------------------------------------------------------------------


@st.composite
def asking_worlds(draw: st.DrawFn) -> World:
    """A world whose agents all ask before they write."""
    specs = draw(tasks())
    attempts = st.tuples(st.sampled_from([one.id for one in specs]), st.integers(1, 2))
    writes = {one.id: draw(st.lists(st.sampled_from(PATHS), min_size=1, max_size=4, unique=True)) for one in specs}
    return World(
        make_plan(specs, workers=draw(st.integers(2, 4)), on_collision=draw(st.sampled_from(("freeze", "stop")))),
        choose=Random(draw(st.integers(0, 10**9))).randrange,
        writes=writes,
        fails=draw(st.sets(attempts, max_size=2)),
        bad=tuple(draw(st.lists(st.frozensets(attempts, min_size=1, max_size=2), max_size=1))),
        conflicts=draw(st.sets(attempts, max_size=1)),
        files=PATHS,
        hooked=True,
    )


class Writers:
    """Who may write which file: from the permission until the task gives its locks back, or a person takes them."""

    def __init__(self) -> None:
        self.of: dict[str, set[str]] = {}

    def note(self, world: World) -> None:
        """Look at the world after a step."""
        locks = world.machine.state.locks
        for name, agent in world.agents.items():
            record = world.machine.state.tasks[name]
            if record.attempt.number == agent.effect.attempt:
                for path in {*agent.touched, *([agent.may] if agent.may else [])} - {*OPTIMISTIC}:
                    self.of.setdefault(path, set()).add(name)
        for writers in self.of.values():
            writers.intersection_update({task for task in writers if locks.held_by(task)})

    def check(self, world: World) -> None:
        """No file has two writers, and who may write holds a lock that says so."""
        for path, writers in self.of.items():
            assert len(writers) <= 1, (path, writers, "\n".join(world.lines()))
            for task in writers:
                outcome = world.machine.state.locks.look(task, path).outcome
                assert outcome is Write.OWN, (path, task, outcome, "\n".join(world.lines()))


def deed(random: Random, task: str, now: float) -> intents.Intent:
    """Something a person does that moves no single lock."""
    kinds = (intents.PauseTask, intents.ResumeTask, intents.StopTask, intents.RetryTask, intents.DropTask)
    of_a_task: list[intents.Intent] = [kind(at=now, task=task) for kind in kinds]
    return random.choice([*of_a_task, intents.PauseAll(at=now), intents.ResumeAll(at=now)])


@pytest.mark.timeout(900)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(asking_worlds(), st.integers(0, 10**9))
def test_no_order_of_asks_writes_pauses_crashes_and_landings_gives_two_tasks_one_file(world: World, seed: int) -> None:
    random, writers = Random(seed), Writers()
    for _ in range(400):
        moved = world.step()
        writers.note(world)
        chance = random.random()
        if chance < 0.05:
            world.crash()
        elif chance < 0.2:
            intent = deed(random, random.choice(list(world.machine.state.tasks)), world.now)
            try:
                world.deliver(intent)
            except Refused:
                world.log.pop()
        elif not moved:
            break
        writers.note(world)
        writers.check(world)
    try:
        world.deliver(intents.ResumeAll(at=world.now))
    except Refused:
        world.log.pop()
    settle(world)
    assert_everyone_has_an_end(world)


@pytest.mark.timeout(900)
@settings(max_examples=EXAMPLES // 2, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(asking_worlds(), st.integers(0, 10**9))
def test_locks_moved_by_hand_never_leave_a_file_with_two_who_were_let_in(world: World, seed: int) -> None:
    random = Random(seed)
    for _ in range(200):
        if not world.step():
            break
        held = world.machine.state.locks.held()
        if held and random.random() < 0.15:
            lock, to = random.choice(held), random.choice(list(world.machine.state.tasks))
            move: intents.Intent = intents.ReleaseLock(at=world.now, task=lock.holder, pattern=lock.pattern)
            if random.random() < 0.5:
                move = intents.HandOverLock(at=world.now, task=lock.holder, pattern=lock.pattern, to=to)
            try:
                world.deliver(move)
            except Refused:
                world.log.pop()
        holders: dict[str, set[str]] = {}
        for task in world.machine.state.tasks:
            for path in PATHS:
                if path not in OPTIMISTIC and world.machine.state.locks.look(task, path).outcome is Write.OWN:
                    holders.setdefault(path, set()).add(task)
        may = {(agent.effect.task, agent.may) for agent in world.agents.values() if agent.may}
        for path in PATHS:
            sure = [task for task in holders.get(path, ()) if (task, path) in may]
            assert len(sure) <= 1, (path, sure, "\n".join(world.lines()))
    settle(world)
    assert_everyone_has_an_end(world)
