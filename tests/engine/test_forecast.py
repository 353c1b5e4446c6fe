"""How long the rest takes: the estimate, the bound below it, the longest chain, and what they rest on."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from world import World, make_plan

from engine import events as ev
from engine import intents
from engine.forecast import MOST_SIMULATED, Left, Source, forecast, makespan
from engine.model import ForecastView, TaskState
from engine.plan import TaskSpec
from engine.snapshot import SnapshotMaker


def left(name: str, seconds: float, *needs: str, source: Source = Source.PLAN, begun: bool = False) -> Left:
    """One task to do; its level is its own time."""
    return Left(name, seconds, source, begun, needs, seconds)


def spec(name: str, *after: str, **rest: object) -> TaskSpec:
    """One task of a plan."""
    return TaskSpec(id=name, prompt="work", agent="script", after=after, **rest)  # type: ignore[arg-type]


def test_nothing_left_takes_no_time() -> None:
    assert forecast([], 3, 2, 0.0, 0.0) == ForecastView(0.0, 0.0, "")
    assert forecast([], 3, 2, 0.0, 4.0) == ForecastView(4.0, 4.0, "the last tests")


def test_without_any_knowledge_nothing_is_promised() -> None:
    known, unknown = left("a", 5.0), left("b", 60.0, source=Source.NONE)
    assert forecast([known, unknown], 0, 2, 60.0, 0.0) == ForecastView(None, 0.0, "no estimate yet")


def test_the_words_say_what_it_rests_on() -> None:
    tasks = [left("a", 5.0), left("b", 5.0, source=Source.LAST_RUN), left("c", 5.0, source=Source.THIS_RUN)]
    assert forecast(tasks, 1, 1, 0.0, 2.0) == ForecastView(
        17.0, 2.0, "from 1 finished task, as in the last run, as the plan says"
    )


def test_the_bound_of_the_locks_is_heeded() -> None:
    assert forecast([left("a", 5.0), left("b", 5.0)], 0, 2, 10.0, 0.0).seconds == 10.0


def test_of_very_many_tasks_only_the_bound_is_told() -> None:
    many = [left(f"t{n}", 1.0) for n in range(MOST_SIMULATED + 1)]
    assert forecast(many, 0, 2, 77.0, 1.0) == ForecastView(78.0, 78.0, "at least, as the plan says")


def test_who_has_begun_goes_on_and_needs_are_waited_for() -> None:
    tasks = [left("long", 10.0), left("half", 1.0, begun=True), left("end", 2.0, "half", "gone")]
    assert makespan(tasks, 1) == 13.0
    assert makespan(tasks, 2) == 10.0


@st.composite
def graphs(draw: st.DrawFn) -> list[Left]:
    """Tasks that need earlier ones."""
    tasks: list[Left] = []
    for number in range(draw(st.integers(1, 10))):
        names = [task.task for task in tasks]
        needs = draw(st.lists(st.sampled_from(names), max_size=2, unique=True)) if names else []
        tasks.append(left(f"t{number}", float(draw(st.integers(0, 9))), *needs, begun=draw(st.booleans())))
    return tasks


@given(graphs(), st.integers(1, 4))
def test_the_schedule_lies_between_its_bounds(tasks: list[Left], workers: int) -> None:
    work = sum(task.seconds for task in tasks)
    ends: dict[str, float] = {}
    for task in tasks:
        ends[task.task] = task.seconds + max((ends[need] for need in task.needs), default=0.0)
    found = makespan(tasks, workers)
    assert max(work / workers, *ends.values()) <= found + 1e-9
    assert found <= work / workers + max(ends.values()) + 1e-9


# --- in a run -------------------------------------------------------------------------------------------------------


def test_the_longest_chain_that_is_left() -> None:
    plan = make_plan([spec("a"), spec("b", "a"), spec("c", "b"), spec("x", "a", estimate=500.0), spec("y")], workers=1)
    world = World(plan)
    assert world.snapshot().critical_path == ("a", "x")
    assert [task.level for task in world.snapshot().tasks] == [560.0, 120.0, 60.0, 500.0, 60.0]
    while world.state_of("x") is not TaskState.LANDED:
        assert world.step()
    assert world.snapshot().critical_path == ("b", "c")
    world.run()
    assert world.snapshot().critical_path == ()


def test_a_run_learns_from_its_own_tasks() -> None:
    world = World(make_plan([spec("a"), spec("b", "a"), spec("c", "b")]))
    assert world.snapshot().forecast == ForecastView(None, 0.0, "no estimate yet")
    while world.state_of("a") is not TaskState.LANDED:
        assert world.step()
    seen = world.snapshot()
    assert seen.forecast.words == "from 1 finished task"
    assert [task.estimate for task in seen.tasks] == [1.0, 1.0, 1.0]
    assert seen.forecast.seconds == seen.forecast.low == 3.0
    world.run()
    assert world.snapshot().forecast == ForecastView(0.0, 0.0, "")


def test_a_run_knows_what_the_last_one_took() -> None:
    world = World(make_plan([spec("a"), spec("b", "a")]))
    started = world.log[0]
    assert isinstance(started, ev.RunStarted)
    world.machine.handle(replace(started, durations={"a": 10.0, "b": 20.0}))
    assert world.snapshot().forecast == ForecastView(30.0, 30.0, "as in the last run")


def test_what_an_agent_has_run_already_is_not_left() -> None:
    world = World(make_plan([spec("a", estimate=100.0)]))
    while world.machine.state.tasks["a"].attempt.active_at is None:
        assert world.step()
    began = world.machine.state.tasks["a"].attempt.active_at
    assert began is not None
    world.deliver(intents.PauseTask(at=began + 30, task="a"))
    assert world.snapshot().forecast.seconds == 70.0


@pytest.mark.parametrize("count", [3, 300])
def test_a_finished_run_forecasts_nothing(count: int) -> None:
    """Also when it was published many times within one second."""
    world = World(make_plan([spec(f"t{n}", estimate=5.0) for n in range(count)], workers=64))
    maker = SnapshotMaker()
    assert maker.make(world.machine.state).forecast.seconds
    world.now = 0.0
    while world.step():
        world.now -= 0.999
    assert maker.make(world.machine.state).forecast == ForecastView(0.0, 0.0, "")
