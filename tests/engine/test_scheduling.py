"""Who starts next, and how fast the rest can be at best."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from world import World, make_plan

from engine import intents
from engine.bounds import lower_bound, one_machine
from engine.errors import ConfigError
from engine.graph import TaskGraph
from engine.locks import Claim, LockTable
from engine.model import LockMode, TaskState
from engine.plan import TaskSpec
from engine.scheduling import PASSED_OVER_LIMIT, ReadyTask, dispatch, rank, urgency, work_by_file


def ready(name: str, *files: str, **more: object) -> ReadyTask:
    fields = {"priority": 0, "level": 1.0, "queued_at": 0.0, "order": 0, "passed_over": 0, **more}
    return ReadyTask(name, tuple(Claim(f, LockMode.EXCLUSIVE) for f in files), **fields)  # type: ignore[arg-type]


def test_priority_then_critical_path_then_age_then_plan_order() -> None:
    line = [
        ready("late", queued_at=2.0),
        ready("old", queued_at=1.0),
        ready("second", queued_at=1.0, order=1),
        ready("long", level=9.0, queued_at=5.0),
        ready("wanted", priority=1, queued_at=9.0),
        ready("moved", moved=-1, queued_at=9.0),
    ]
    assert [t.id for t in sorted(line, key=rank)] == ["wanted", "moved", "long", "old", "second", "late"]


def test_a_held_task_is_passed_over_and_the_next_one_starts() -> None:
    table = LockTable()
    table.grant("holder", (Claim("a.py", LockMode.EXCLUSIVE),), 0.0)
    decision = dispatch([ready("held", "a.py"), ready("free", "b.py"), ready("none", "c.py")], 1, table, 1.0)
    assert decision.start == ("free",)
    assert decision.passed == ("held",)
    assert decision.held["held"][0].holder == "holder"
    assert [lock.pattern for lock in table.held_by("free")] == ["b.py"]


def test_a_task_passed_over_too_often_gets_its_files_reserved() -> None:
    table = LockTable()
    table.grant("holder", (Claim("a.py", LockMode.EXCLUSIVE),), 0.0)
    decision = dispatch([ready("held", "a.py", passed_over=7), ready("free", "b.py")], 2, table, 1.0)
    assert decision.reserve == ("held",)


def test_a_task_whose_file_others_wait_for_is_more_urgent() -> None:
    work = work_by_file([(5.0, ["hot"]), (3.0, ["hot", "own"]), (2.0, ["hot"]), (9.0, [])])
    assert work == {"hot": 10.0, "own": 3.0}
    assert urgency(5.0, 5.0, ["hot"], work) == 10.0
    assert urgency(7.0, 3.0, ["hot", "own"], work) == 14.0
    assert urgency(9.0, 9.0, [], work) == urgency(9.0, 9.0, ["own"], {}) == 9.0


def test_in_a_run_the_hot_file_comes_first_and_the_line_shows_that_order() -> None:
    specs = [TaskSpec(f"free{n}", "do", files=(f"{n}.txt",), estimate=50.0) for n in range(2)]
    specs += [TaskSpec(f"hot{n}", "do", files=("hot.txt",), estimate=40.0) for n in range(3)]
    world = World(make_plan(specs, workers=1))
    assert world.snapshot().task("hot0").state is TaskState.RUNNING
    assert world.snapshot().queue == ("hot1", "hot2", "free0", "free1")
    world.run()
    assert all(world.state_of(spec.id) is TaskState.LANDED for spec in specs)


@pytest.mark.slow
@settings(max_examples=12)
@given(st.data())
def test_a_task_that_needs_everything_is_not_passed_over_for_ever(data: st.DataObject) -> None:
    """Whatever the order in which things end: after so many others it is its turn."""
    workers = data.draw(st.integers(2, 4))
    small = [TaskSpec(f"s{n}", "do", files=(f"s{n}.txt",)) for n in range(30)]
    world = World(make_plan(small, workers=workers), choose=lambda n: data.draw(st.integers(0, n - 1)))
    world.deliver(intents.AddTask(at=0.0, spec=TaskSpec("broad", "do", files=("*.txt",), priority=5)))
    while world.state_of("broad") is TaskState.QUEUED:
        world.step()
    begun = [spec.id for spec in small if world.state_of(spec.id) is not TaskState.QUEUED]
    assert len(begun) <= workers + PASSED_OVER_LIMIT


def test_a_full_profile_is_skipped_without_being_passed_over() -> None:
    decision = dispatch([ready("full", "a.py"), ready("b", "b.py")], 2, LockTable(), 0.0, room=lambda t: t != "full")
    assert decision.start == ("b",)
    assert decision.passed == ()


def test_conflicting_tasks_of_one_round_do_not_start_together() -> None:
    decision = dispatch([ready("all", "src/**"), ready("one", "src/a.py")], 2, LockTable(["src/a.py"]), 0.0)
    assert decision.start == ("all",)


@pytest.mark.parametrize(
    ("needs", "drawn"),
    [({"a": ("b",), "b": ("a",)}, "->"), ({"a": ("a",)}, "a -> a"), ({"a": ("b",), "b": ("c",), "c": ("a",)}, "c")],
)
def test_a_cycle_is_drawn_and_the_link_to_break_is_named(needs: dict[str, tuple[str, ...]], drawn: str) -> None:
    with pytest.raises(ConfigError, match="circle") as cycle:
        TaskGraph(needs)
    assert drawn in cycle.value.message
    assert "break the link" in str(cycle.value.hint)


def test_a_refused_addition_leaves_the_graph_as_it_was() -> None:
    graph = TaskGraph({"a": ()})
    with pytest.raises(ConfigError):
        graph.add("b", ("b",))
    assert graph.order() == ("a",)
    graph.add("b", ("a",))
    assert graph.all_dependents("a") == {"b"}
    graph.remove("a")
    assert graph.needs("b") == ()


def test_bottom_levels_are_the_longest_chains() -> None:
    graph = TaskGraph({"a": (), "b": ("a",), "c": ("a",), "d": ("b", "c")})
    assert graph.bottom_levels({"a": 1, "b": 5, "c": 2, "d": 1}) == {"a": 7, "b": 6, "c": 3, "d": 1}


def test_the_binding_bound_is_said_in_words() -> None:
    claims = {t: (Claim("src/models.py", LockMode.EXCLUSIVE),) for t in "abc"}
    alone = dict.fromkeys("abcd", ())
    assert lower_bound(dict.fromkeys("abcd", 60.0), alone, claims, 4).sentence == (
        "src/models.py serialises 3 tasks (a, b, c): more workers cannot help"
    )
    assert lower_bound(dict.fromkeys("abcd", 60.0), alone, {}, 2).kind == "workers"
    chain = lower_bound({"a": 1.0, "b": 2.0}, {"a": (), "b": ("a",)}, {}, 4)
    assert (chain.seconds, chain.tasks) == (3.0, ("a", "b"))
    assert lower_bound({}, {}, {}, 4).kind == "none"


def test_one_machine_with_heads_and_tails() -> None:
    assert one_machine([(0, 3, 0), (0, 2, 5)]) == 7
    assert one_machine([(4, 1, 0), (0, 1, 0)]) == 5
    assert one_machine([(0, 4, 0), (1, 1, 10)]) == 12


Instance = tuple[dict[str, float], dict[str, tuple[str, ...]], dict[str, tuple[Claim, ...]], int]


@st.composite
def instances(draw: st.DrawFn) -> Instance:
    names = "abcde"[: draw(st.integers(1, 5))]
    durations = {t: float(draw(st.integers(1, 4))) for t in names}
    needs = {t: tuple(draw(st.sets(st.sampled_from(names[:n]), max_size=2))) if n else () for n, t in enumerate(names)}
    files = {t: draw(st.sets(st.sampled_from(["x", "y/z", "y/**"]), max_size=2)) for t in names}
    claims = {t: tuple(Claim(f, LockMode.EXCLUSIVE) for f in sorted(files[t])) for t in names}
    return durations, needs, claims, draw(st.integers(1, 3))


@settings(max_examples=150, deadline=None)
@given(instances())
def test_the_bound_is_never_above_the_optimum(instance: Instance) -> None:
    durations, needs, claims, workers = instance
    best = min(makespan(order, durations, needs, claims, workers) for order in itertools.permutations(durations))
    assert lower_bound(durations, needs, claims, workers).seconds <= best + 1e-9


def makespan(order, durations, needs, claims, workers) -> float:  # type: ignore[no-untyped-def]
    """Serial schedule generation: each task as early as possible in the given order (reaches an optimum)."""
    placed: dict[str, float] = {}
    for task in order:
        if any(need not in placed for need in needs[task]):
            return float("inf")
        earliest = max((placed[n] + durations[n] for n in needs[task]), default=0.0)
        moments = sorted({earliest, *(b + durations[o] for o, b in placed.items() if b + durations[o] > earliest)})
        placed[task] = next(m for m in moments if fits(task, m, placed, durations, claims, workers))
    return max(begin + durations[task] for task, begin in placed.items())


def fits(task, begin, placed, durations, claims, workers) -> bool:  # type: ignore[no-untyped-def]
    end = begin + durations[task]
    beside = [o for o, b in placed.items() if b < end and begin < b + durations[o]]
    table = LockTable()
    table.grant(task, claims[task], 0.0)
    if any(table.conflicts(o, claims[o]) for o in beside):
        return False
    moments = [begin, *(placed[o] for o in beside if placed[o] > begin)]
    return all(sum(placed[o] <= m < placed[o] + durations[o] for o in beside) < workers for m in moments)
