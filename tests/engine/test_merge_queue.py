"""The merge queue against worlds where it is known who is bad: what lands, who is named, what it costs."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from queue_lab import BASE, Game, Played, World

from engine.events import CandidateTested, ChainStep
from engine.merge_queue import Build, MergeQueue
from engine.merge_queue import Test as Asked
from engine.model import Verdict
from engine.trial import Accept, BaseRed, Stuck

NAMES = [f"t{n:02}" for n in range(16)]


def played(world: World, tasks: list[str] = NAMES, lanes: int = 1, proven: bool = True) -> Played:
    """Play, and check the promise that holds in every world: what was accepted was green as that exact tree."""
    done = Game(world, tasks, lanes=lanes, proven=proven).play()
    for accepted in done.accepted:
        assert done.tested.get(accepted) is Verdict.PASSED
    gone = [eject.task for eject in done.ejected]
    assert len(gone) == len(set(gone))
    assert not set(gone) & set(done.landed)
    return done


def test_one_run_when_all_are_good() -> None:
    for lanes, named in ((1, True), (2, False)):
        done = played(World(named=named), lanes=lanes)
        assert (done.full, set(done.landed)) == (1, set(NAMES))


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize(
    "bad", [set(one) for one in combinations((0, 7, 15), 1)] + [{0, 1, 2}, {3, 9, 15}, set(range(16))]
)
def test_the_bad_ones_and_nobody_else_are_ejected(named: bool, bad: set[int]) -> None:
    wrong = frozenset(NAMES[n] for n in bad)
    for lanes in (1, 2, 4):
        done = played(World(wrong, named=named), lanes=lanes)
        assert set(done.landed) == set(NAMES) - wrong
        assert {eject.task for eject in done.ejected} == wrong
        if named:
            assert {eject.names for eject in done.ejected} == {(f"test_{task}",) for task in wrong}
            assert all(eject.alone for eject in done.ejected)


@settings(max_examples=60, deadline=None)
@given(st.sets(st.integers(0, 11)), st.permutations(NAMES[:12]), st.booleans(), st.integers(1, 3), st.booleans())
def test_in_any_order_of_arrival(bad: set[int], order: list[str], named: bool, lanes: int, proven: bool) -> None:
    wrong = frozenset(NAMES[n] for n in bad)
    done = played(World(wrong, named=named), order, lanes, proven)
    assert set(done.landed) == set(order) - wrong


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize(("one", "two"), [(0, 1), (2, 11), (14, 15), (0, 15)])
def test_a_pair_is_found_and_named(named: bool, one: int, two: int) -> None:
    pair = frozenset({NAMES[one], NAMES[two]})
    done = played(World(pairs=frozenset({pair}), named=named))
    (eject,) = done.ejected
    assert {eject.task, eject.partner} == pair
    assert eject.alone is False
    assert set(done.landed) == set(NAMES) - {eject.task}
    if named:
        assert eject.task == NAMES[two], "the later one of the pair is ejected"


def test_a_pair_that_meets_a_landed_branch() -> None:
    pair = frozenset({"t00", "t05"})
    game = Game(World(pairs=frozenset({pair}), named=True), ["t00", "t01"])
    game.play()
    for task in ("t02", "t05", "t06"):
        game.queue.offer(task, f"{task}@1")
    done = game.play()
    assert [(eject.task, eject.partner, eject.alone) for eject in done.ejected] == [("t05", "t00", False)]
    assert set(done.landed) == {"t00", "t01", "t02", "t06"}


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("lanes", [1, 2])
def test_a_red_target_blames_nobody(named: bool, lanes: int) -> None:
    done = played(World(frozenset({"t03"}), named=named, base_red=True), lanes=lanes, proven=False)
    assert isinstance(done.stopped, BaseRed)
    assert not done.ejected
    assert not done.landed
    assert ("test_base" in done.stopped.names) == named
    assert done.runs <= 2


def test_a_test_that_is_green_when_run_again_is_flaky() -> None:
    done = played(World(named=True, flaky=frozenset({1})))
    assert (set(done.landed), done.flaky, done.ejected) == (set(NAMES), ["test_flaky"], [])
    assert done.runs == pytest.approx(2.1), "once more as a whole before it lands"


def test_tests_that_are_red_only_in_company_never_land_for_being_green_alone() -> None:
    done = played(World(named=True, flaky=frozenset(range(1, 400))), NAMES[:4])
    assert not done.landed
    assert {eject.task for eject in done.ejected} == set(NAMES[:4])


def test_without_names_a_flaky_end_is_looked_at_again() -> None:
    done = played(World(flaky=frozenset({1})), ["t00"])
    assert (set(done.landed), done.ejected, done.full) == ({"t00"}, [], 2)


def verdict(test: Asked, result: Verdict, **more: object) -> CandidateTested:
    """An answer to a test."""
    common = {"at": 0.0, "candidate": test.candidate, "commit": test.commit, "tree": test.tree, "only": test.only}
    return CandidateTested(verdict=result, seconds=1.0, tail="says why", **common, **more)  # type: ignore[arg-type]


def begun(*tasks: str, lanes: int = 1) -> tuple[MergeQueue, Asked]:
    """A queue with its first test under way."""
    queue = MergeQueue(tested=True, lanes=lanes)
    queue.proven.add(BASE)
    for task in tasks:
        queue.offer(task, f"{task}@1")
    (build,) = queue.start()
    (test,) = queue.merged(build.candidate, BASE, BASE, steps(*tasks))  # type: ignore[union-attr]
    assert isinstance(test, Asked)
    return queue, test


def steps(*tasks: str) -> list[ChainStep]:
    """A chain of these."""
    return [
        ChainStep(t, f"{t}@1", f"{BASE}+{'+'.join(tasks[: n + 1])}", f"tree-{'+'.join(tasks[: n + 1])}")
        for n, t in enumerate(tasks)
    ]


def test_a_time_out_is_tried_again_and_then_taken_apart() -> None:
    queue, test = begun("a", "b")
    for again in (1, 2):
        assert queue.judge(verdict(test, Verdict.TIMEOUT)) == [replace(test, shift=again)]
    assert queue.judge(verdict(test, Verdict.TIMEOUT)) == []
    (fewer,) = queue.start()
    assert isinstance(fewer, Build)
    assert len(fewer.branches) == 1
    assert queue.halted == ""


@pytest.mark.parametrize(
    "words",
    [
        "Error: listen EADDRINUSE: address already in use :::3000",
        "OSError: [Errno 98] Address already in use",
        "Bind for 0.0.0.0:5432 failed: port is already allocated",
        'The container name "/db" is already in use by container "4f"',
        "Port 8080 is already in use",
    ],
)
def test_somebody_elses_port_is_waited_for_and_blames_nobody(words: str) -> None:
    queue, test = begun("a", "b")
    clash = replace(verdict(test, Verdict.FAILED), tail=f"starting\n{words}\n")
    assert queue.judge(clash) == [replace(test, shift=1)]
    assert queue.judge(clash) == [replace(test, shift=2)], "with other ports every time"
    (accept,) = queue.judge(verdict(test, Verdict.PASSED))
    assert isinstance(accept, Accept)


def test_tests_that_cannot_run_stop_the_queue_and_blame_nobody() -> None:
    queue, test = begun("a", "b")
    assert queue.judge(verdict(test, Verdict.ERROR)) == [Stuck("says why")]
    assert queue.halted == "says why"
    assert [task for task, _ in queue.waiting] == ["a", "b"]
    assert queue.start() == []
    queue.resume()
    assert queue.start() != []


def test_a_branch_that_leaves_gives_the_round_up_and_late_verdicts_do_no_harm() -> None:
    queue, test = begun("a", "b", "c")
    assert queue.withdraw("b")
    assert [task for task, _ in queue.waiting] == ["a", "c"]
    assert queue.judge(verdict(test, Verdict.PASSED)) == []
    (build,) = queue.start()
    assert build.branches == (("a", "a@1"), ("c", "c@1"))  # type: ignore[union-attr]


def test_a_tree_that_is_known_is_not_tested_again() -> None:
    queue, test = begun("a", "b")
    queue.withdraw("b")
    assert queue.judge(verdict(test, Verdict.PASSED)) == []
    queue.offer("b", "b@1")
    (build,) = queue.start()
    (accept,) = queue.merged(build.candidate, BASE, BASE, steps("a", "b"))  # type: ignore[union-attr]
    assert isinstance(accept, Accept)


def test_branches_that_only_conflict_with_each_other_wait_for_one_another() -> None:
    queue = MergeQueue(tested=False)
    for task in ("a", "b", "c", "d"):
        queue.offer(task, f"{task}@1")
    (build,) = queue.start()
    (accept,) = queue.merged(build.candidate, BASE, BASE, steps("a", "c"), aside=("b",))  # type: ignore[union-attr]
    assert isinstance(accept, Accept)
    assert [task for task, _ in queue.waiting] == ["b"], "d is in conflict with the base and left the queue"


def test_under_way_is_named_again_after_a_crash() -> None:
    queue, test = begun("a", "b")
    assert queue.tests() == [test]
    assert queue.builds() == []
    queue = MergeQueue(tested=True)
    queue.offer("a", "a@1")
    assert queue.start() == queue.builds()


def test_more_lanes_only_where_they_pay() -> None:
    fast, slow = MergeQueue(tested=True, lanes=4), MergeQueue(tested=True, lanes=4)
    for queue, seconds in ((fast, 10.5), (slow, 19.0)):
        assert queue.tempo.lanes(4, searching=True) == 1
        queue.tempo.took(10.0, 1)
        assert queue.tempo.lanes(4, searching=False) == 1
        assert queue.tempo.lanes(4, searching=True) == 2
        queue.tempo.took(seconds, 2)
        queue.tempo.took(seconds, 2)
    assert fast.tempo.lanes(4, searching=True) == 4
    assert slow.tempo.lanes(4, searching=True) == 1


def test_random_worlds_with_pairs_and_bad_ones_come_to_an_end() -> None:
    for seed in range(150):
        luck = random.Random(seed)
        tasks = NAMES[: luck.randint(1, 16)]
        bad = frozenset(task for task in tasks if luck.random() < 0.15)
        pairs = frozenset(frozenset(luck.sample(tasks, 2)) for _ in range(luck.randint(0, 2)) if len(tasks) > 1)
        done = played(World(bad, pairs, named=luck.random() < 0.5), tasks, luck.randint(1, 3), luck.random() < 0.5)
        assert done.stopped is None
        assert set(done.landed) | {eject.task for eject in done.ejected} == set(tasks)
        assert bad <= {eject.task for eject in done.ejected}
        innocent = {eject.task for eject in done.ejected} - bad
        assert all(any(task in pair for pair in pairs) for task in innocent), (seed, innocent)
