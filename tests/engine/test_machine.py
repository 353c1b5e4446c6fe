"""The machine's rules, one behaviour a test, against the simulated world."""

from __future__ import annotations

from dataclasses import replace

import pytest
from world import World, make_plan

from engine import effects as ef
from engine import events as ev
from engine import intents
from engine.errors import Refused
from engine.model import TaskState, Verdict
from engine.plan import TaskSpec


def task(name: str, *files: str, **more: object) -> TaskSpec:
    return TaskSpec(id=name, prompt=f"do {name}", files=files, agent="script", **more)  # type: ignore[arg-type]


def started(world: World) -> list[str]:
    return [e.task for e in world.pending if isinstance(e, ef.PrepareWorktree)]


def test_disjoint_tasks_start_together_and_land() -> None:
    world = World(make_plan([task("a", "a/**"), task("b", "b/**")]))
    assert started(world) == ["a", "b"]
    world.run()
    assert world.state_of("a") is world.state_of("b") is TaskState.LANDED


def test_a_task_whose_file_is_held_waits_and_starts_from_the_landed_work() -> None:
    world = World(make_plan([task("a", "src/**"), task("b", "src/a.py")]))
    assert started(world) == ["a"]
    assert world.snapshot().task("b").held_by == ("a",)
    world.run()
    b_start = next(e for e in world.log if isinstance(e, ev.WorktreeReady) and e.task == "b")
    a_landed = next(e for e in world.log if isinstance(e, ev.Landed))
    assert b_start.base == a_landed.commit


def test_a_dependency_is_waited_for() -> None:
    world = World(make_plan([task("b", "b.py", after=("a",)), task("a", "a.py")]))
    assert started(world) == ["a"]
    assert world.snapshot().task("b").reason == "needs a"
    world.run()
    assert world.state_of("b") is TaskState.LANDED


def test_dependents_of_a_failed_task_stay_waiting_and_say_so() -> None:
    plan = make_plan([task("a", "a.py", retries=0), task("b", "b.py", after=("a",))])
    world = World(plan, fails={("a", 1)})
    world.run()
    snapshot = world.snapshot()
    assert snapshot.task("a").state is TaskState.FAILED
    assert snapshot.task("b").reason == "needs a (failed)"
    assert snapshot.idle
    assert snapshot.exit_code == 1


def test_a_failing_agent_gets_another_attempt_on_its_branch_with_the_output() -> None:
    world = World(make_plan([task("a", "a.py", retries=1)]), fails={("a", 1)})
    world.run()
    again = [e for e in world.log if isinstance(e, ev.WorktreeReady)][1]
    assert again.start == "a@1"
    assert world.state_of("a") is TaskState.LANDED


def test_one_red_branch_is_found_and_the_rest_lands() -> None:
    tasks = [task(name, f"{name}.py", retries=0) for name in "abcdefgh"]
    world = World(make_plan(tasks, workers=8), bad=(frozenset({("e", 1)}),))
    world.run()
    failed = [t.id for t in world.snapshot().tasks if t.state is TaskState.FAILED]
    assert failed == ["e"]
    assert all(world.state_of(t.id) is TaskState.LANDED for t in tasks if t.id != "e")


def test_a_red_pair_ejects_the_later_one_which_is_fixed_on_top_of_the_other() -> None:
    tasks = [task("a", "a.py"), task("b", "b.py")]
    world = World(make_plan(tasks), bad=(frozenset({("a", 1), ("b", 1)}),))
    world.run()
    assert world.state_of("a") is world.state_of("b") is TaskState.LANDED
    again = [e for e in world.log if isinstance(e, ev.WorktreeReady) and e.attempt == 2]
    assert len(again) == 1
    assert again[0].base == world.machine.state.landings[0].commit


def test_a_red_target_blames_nobody() -> None:
    world = World(make_plan([task("a", "a.py")]), bad=(frozenset(),))
    world.run()
    snapshot = world.snapshot()
    assert snapshot.task("a").state is TaskState.MERGING
    assert "red on main itself" in snapshot.needs_person[0]
    assert snapshot.exit_code == 3


def test_a_conflict_waits_for_a_person_and_lands_when_resolved() -> None:
    world = World(make_plan([task("a", "a.py"), task("b", "b.py")]), conflicts={("b", 1)})
    world.run()
    assert world.state_of("b") is TaskState.CONFLICT
    assert world.snapshot().exit_code == 3
    world.deliver(intents.ResolveConflict(at=world.now, task="b", how="union"))
    world.run()
    assert world.state_of("b") is TaskState.LANDED


def test_a_collision_freezes_the_writer_until_the_holder_landed() -> None:
    plan = make_plan([task("docs", "docs/**"), task("holder", "config.py")], workers=2)
    world = World(plan, writes={"docs": ["config.py"], "holder": ["config.py"]})
    while world.state_of("docs") is not TaskState.PAUSED:
        world.step()
    assert "config.py, held by holder" in world.machine.state.tasks["docs"].reason
    world.run()
    assert world.state_of("docs") is TaskState.LANDED
    updated = next(e for e in world.log if isinstance(e, ev.WorktreeUpdated))
    assert updated.onto == world.machine.state.landings[0].commit


def test_an_agent_that_ends_before_it_could_be_frozen_merges_after_the_holder() -> None:
    plan = make_plan([task("docs", "docs/**"), task("holder", "config.py")], workers=2)
    world = World(plan, choose=lambda n: n - 1, writes={"docs": ["config.py"], "holder": ["config.py"]})
    world.run()
    assert [landing.tasks for landing in world.machine.state.landings] == [("holder",), ("docs",)]


def test_two_tasks_that_want_each_others_files_do_not_deadlock() -> None:
    plan = make_plan([task("a", "a.py"), task("b", "b.py")], workers=2)
    world = World(plan, choose=lambda n: n - 1, writes={"a": ["a.py", "b.py"], "b": ["b.py", "a.py"]})
    world.run()
    assert world.state_of("a") is world.state_of("b") is TaskState.LANDED


def test_a_frozen_worker_takes_no_place_so_the_holder_can_be_fixed() -> None:
    plan = make_plan([task("holder", "config.py"), task("docs", "docs/**")], workers=1)
    world = World(plan, writes={"docs": ["config.py"]}, fails={("holder", 1)})
    world.run()
    assert world.state_of("holder") is world.state_of("docs") is TaskState.LANDED


def test_pausing_stops_and_resuming_goes_on() -> None:
    world = World(make_plan([task("a", "a.py")]))
    while not world.agents:
        world.step()
    world.deliver(intents.PauseTask(at=world.now, task="a"))
    world.run()
    assert world.state_of("a") is TaskState.PAUSED
    assert world.snapshot().needs_person == ("a: paused by you",)
    world.deliver(intents.ResumeTask(at=world.now, task="a"))
    world.run()
    assert world.state_of("a") is TaskState.LANDED


def test_growing_and_shrinking_the_pool() -> None:
    world = World(make_plan([task(c, f"{c}.py") for c in "abcdef"], workers=2))
    assert len(started(world)) == 2
    world.deliver(intents.SetWorkers(at=1.0, workers=5))
    assert len(started(world)) == 5
    world.deliver(intents.SetWorkers(at=1.0, workers=1))
    world.run()
    assert all(t.state is TaskState.LANDED for t in world.snapshot().tasks)


def test_priority_and_moving_change_who_is_next() -> None:
    world = World(make_plan([task(c, f"{c}.py") for c in "abcd"], workers=1))
    assert world.snapshot().queue == ("b", "c", "d")
    world.deliver(intents.SetPriority(at=1.0, task="d", priority=5))
    assert world.snapshot().queue == ("d", "b", "c")
    world.deliver(intents.MoveTask(at=1.0, task="c", by_places=-2))
    assert world.snapshot().queue == ("c", "d", "b")
    world.run()
    order = [e.task for e in world.log if isinstance(e, ev.AgentStarted)]
    assert order == ["a", "c", "d", "b"]


@pytest.mark.parametrize("when", ["queued", "running", "conflict", "waiting"])
def test_dropping_releases_the_locks(when: str) -> None:
    after = ("x",) if when == "waiting" else ()
    tasks = [task("x", "x.py"), task("a", "a.py", after=after), task("b", "a.py", after=("x",))]
    world = World(make_plan(tasks, workers=1 if when == "queued" else 3), conflicts={("a", 1)})
    wanted = {"queued": TaskState.QUEUED, "running": TaskState.RUNNING}.get(when)
    while when != "waiting" and world.state_of("a") is not (wanted or TaskState.CONFLICT):
        world.step()
    world.deliver(intents.DropTask(at=world.now, task="a"))
    world.run()
    assert world.state_of("a") is TaskState.DROPPED
    assert world.state_of("b") is TaskState.LANDED


def test_the_target_moving_is_noticed_and_everything_is_tested_again() -> None:
    world = World(make_plan([task("a", "a.py")]))
    world.target = "other"
    world.trees["other"] = frozenset({("someone", 0)})
    world.run()
    assert world.trees[world.target] == {("someone", 0), ("a", 1)}


def test_a_blocked_landing_is_shown_and_later_work_joins_it() -> None:
    world = World(make_plan([task("a", "a.py"), task("b", "b.py", estimate=1.0)], workers=1))
    while not any(isinstance(e, ef.Land) for e in world.pending):
        world.step()
    land = next(e for e in world.pending if isinstance(e, ef.Land))
    world.pending.remove(land)
    world.deliver(ev.LandingBlocked(at=world.now, candidate=land.candidate, reason="a.py has local changes"))
    while not any(isinstance(e, ef.Land) for e in world.pending):
        assert world.step()
    assert "local changes" in world.snapshot().needs_person[0]
    world.run()
    assert world.machine.state.landings[0].tasks == ("a", "b")


def test_undo_gives_the_tasks_back() -> None:
    world = World(make_plan([task("a", "a.py")]))
    world.run()
    world.deliver(intents.UndoLanding(at=world.now))
    landing = world.machine.state.landings[0]
    world.target = "base"
    world.deliver(ev.Undone(at=world.now, landing=landing.commit, commit="base", reverted=False))
    assert world.state_of("a") is TaskState.FAILED
    with pytest.raises(Refused):
        world.deliver(intents.UndoLanding(at=world.now))
    world.deliver(intents.RetryTask(at=world.now, task="a"))
    world.run()
    assert world.state_of("a") is TaskState.LANDED


def test_refused_intents_change_nothing() -> None:
    world = World(make_plan([task("alpha", "a.py")]))
    before = world.machine.state.version
    for intent in (
        intents.PauseTask(at=1.0, task="alhpa"),
        intents.ResumeTask(at=1.0, task="alpha"),
        intents.ResolveConflict(at=1.0, task="alpha", how="union"),
        intents.SetWorkers(at=1.0, workers=-1),
        intents.AddTask(at=1.0, spec=task("alpha")),
        intents.AddTask(at=1.0, spec=task("beta", after=("nobody",))),
    ):
        with pytest.raises(Refused):
            world.machine.handle(intent)
    assert world.machine.state.version == before
    with pytest.raises(Refused, match="no task 'alhpa'") as refused:
        world.machine.handle(intents.DropTask(at=1.0, task="alhpa"))
    assert refused.value.hint == "did you mean alpha?"


def test_stopping_the_engine_ends_every_agent_and_a_new_engine_goes_on() -> None:
    plan = make_plan([task("a", "a.py"), task("b", "b.py"), task("c", "a.py")])
    world = World(plan)
    while len(world.agents) < 2:
        world.step()
    world.deliver(intents.Shutdown(at=world.now, mode="stop"))
    world.run()
    assert world.machine.state.ended
    assert not world.machine.state.busy
    world.deliver(ev.RunContinued(at=world.now, plan=plan, tip=world.target))
    world.run()
    assert all(t.state is TaskState.LANDED for t in world.snapshot().tasks)


@pytest.mark.parametrize("handed_over", [True, False])
def test_a_run_handed_over_goes_on_as_it_was_left(handed_over: bool) -> None:
    plan = make_plan([task("a", "a.py"), task("b", "b.py", after=("a",))])
    world = World(plan)
    while not world.agents:
        world.step()
    world.deliver(intents.StopTask(at=world.now, task="a"))
    world.run()
    assert world.state_of("a") is TaskState.FAILED
    world.deliver(intents.PauseAll(at=world.now))
    world.deliver(intents.Shutdown(at=world.now, mode="detach"))
    world.run()
    world.deliver(ev.RunContinued(at=world.now, plan=plan, tip=world.target, handed_over=handed_over))
    world.run()
    assert world.machine.state.paused_all is handed_over
    assert world.state_of("a") is (TaskState.FAILED if handed_over else TaskState.LANDED)


def test_a_timeout_is_tried_again_and_blames_nobody() -> None:
    world = World(make_plan([task("a", "a.py")]))
    while not any(isinstance(e, ef.TestCandidate) for e in world.pending):
        world.step()
    test = next(e for e in world.pending if isinstance(e, ef.TestCandidate))
    world.pending.remove(test)
    world.deliver(
        ev.CandidateTested(
            at=world.now,
            candidate=test.candidate,
            commit=test.commit,
            tree=test.tree,
            verdict=Verdict.TIMEOUT,
            seconds=9,
        )
    )
    assert replace(test, shift=1) in world.pending
    world.run()
    assert world.state_of("a") is TaskState.LANDED
