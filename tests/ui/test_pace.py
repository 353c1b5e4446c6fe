"""Pictures of the run wait for keys, but not for ever; garbage is collected when nobody types."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from aurora_tui.pace import AFTER_INPUT, BETWEEN, LONGEST, MOST_DELAY, QUIET, Pace


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def as_it_was() -> Iterator[None]:
    thresholds, on = gc.get_threshold(), gc.isenabled()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)
    (gc.enable if on else gc.disable)()


def test_a_picture_without_keys_comes_at_once(clock: Clock) -> None:
    assert Pace(clock).wait() == 0.0


def test_a_picture_waits_for_the_key_that_came_just_before(clock: Clock) -> None:
    pace = Pace(clock)
    pace.input_came()
    clock.now += 0.01
    assert pace.wait() == pytest.approx(AFTER_INPUT - 0.01)
    clock.now += AFTER_INPUT
    assert pace.wait() == 0.0


def test_a_key_that_is_held_down_does_not_keep_the_run_from_view(clock: Clock) -> None:
    pace, began, waits = Pace(clock), clock.now, 0
    pace.input_came()
    while wait := pace.wait():
        waits += 1
        clock.now += min(wait, AFTER_INPUT / 2)
        pace.input_came()
    assert waits > 5
    assert clock.now - began == pytest.approx(MOST_DELAY, abs=AFTER_INPUT)
    assert pace.wait() > 0, "the next picture waits again"


def test_garbage_waits_until_nobody_types(clock: Clock, as_it_was: None) -> None:
    pace = Pace(clock)
    pace.take_over_garbage()
    assert gc.get_threshold()[1] > 1_000, "the interpreter starts no long collection by itself for minutes"
    assert not pace.collect_when_quiet(), "it was done just now"
    clock.now += BETWEEN + 1
    pace.input_came()
    clock.now += QUIET / 2
    assert not pace.collect_when_quiet()
    clock.now += QUIET
    assert pace.collect_when_quiet()
    assert not pace.collect_when_quiet()


def test_of_one_who_never_stops_typing_garbage_is_collected_all_the_same(clock: Clock, as_it_was: None) -> None:
    pace = Pace(clock)
    pace.take_over_garbage()
    for _ in range(int(LONGEST / 0.1) - 1):
        clock.now += 0.1
        pace.input_came()
        assert not pace.collect_when_quiet()
    clock.now += 0.2
    pace.input_came()
    assert pace.collect_when_quiet()


def test_circles_made_after_the_start_are_collected(clock: Clock, as_it_was: None) -> None:
    class Node:
        count = 0

        def __init__(self) -> None:
            self.itself = self

        def __del__(self) -> None:
            Node.count += 1

    pace = Pace(clock)
    pace.take_over_garbage()
    Node()
    clock.now += BETWEEN + QUIET
    assert pace.collect_when_quiet()
    assert Node.count == 1
