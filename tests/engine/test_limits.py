"""The back-off of one profile: halving once per episode, additive recovery, waits that double."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.limits import EPISODE, FIRST_WAIT, LONGEST_WAIT, PLACE_EVERY, ProfileLimit


def test_a_rate_limit_halves_the_places_and_makes_everybody_wait() -> None:
    limit = ProfileLimit()
    assert limit.room(0.0, 8) == 8
    assert limit.hit(100.0, running=8, words="429")
    assert limit.places == 4
    assert limit.until == 100.0 + FIRST_WAIT
    assert not limit.open(100.0)
    assert limit.open(100.0 + FIRST_WAIT)
    assert limit.room(100.0 + FIRST_WAIT, 8) == 4


def test_many_agents_that_meet_one_limit_halve_it_once() -> None:
    limit = ProfileLimit()
    assert [limit.hit(100.0 + n, running=8, words="429") for n in range(5)] == [True, False, False, False, False]
    assert limit.places == 4


def test_the_next_episode_waits_twice_as_long_and_after_a_calm_time_it_is_the_first_again() -> None:
    limit = ProfileLimit()
    limit.hit(0.0, running=8, words="429")
    limit.hit(limit.until, running=4, words="429")
    assert limit.until == FIRST_WAIT + 2 * FIRST_WAIT
    assert limit.places == 2
    limit.hit(limit.until + 10_000, running=2, words="429")
    assert limit.until == 3 * FIRST_WAIT + 10_000 + FIRST_WAIT


def test_the_provider_says_how_long() -> None:
    limit = ProfileLimit()
    limit.hit(100.0, running=2, words="usage limit", until=100.0 + 7200)
    assert limit.until == 7300.0
    limit = ProfileLimit()
    limit.hit(100.0, running=2, words="429", seconds=40)
    assert limit.until == 140.0
    assert not limit.hit(101.0, running=2, words="429", seconds=90)
    assert limit.until == 191.0


def test_places_come_back_with_every_attempt_that_ends_well_and_with_every_minute() -> None:
    limit = ProfileLimit()
    limit.hit(0.0, running=8, words="429")
    limit.went_well(limit.until)
    assert limit.room(limit.until, 8) == 5
    assert limit.room(limit.until + PLACE_EVERY, 8) == 6
    assert limit.next_change(limit.until) == limit.until + PLACE_EVERY
    limit.forget(limit.until + 3 * PLACE_EVERY, 8)
    assert limit.places is None
    assert limit.next_change(1e6) is None


def test_a_good_end_while_the_limit_stands_brings_nothing() -> None:
    limit = ProfileLimit()
    limit.hit(0.0, running=8, words="429")
    limit.went_well(1.0)
    assert limit.places == 4


@given(
    st.lists(
        st.tuples(st.floats(0, 200), st.integers(0, 9), st.sampled_from(["hit", "well", "hit with a wait"])),
        max_size=40,
    )
)
def test_there_is_always_a_place_at_last_and_no_wait_is_longer_than_it_must(
    story: list[tuple[float, int, str]],
) -> None:
    limit, at, most = ProfileLimit(), 0.0, 9
    for pause, running, what in story:
        at += pause
        if what == "well":
            limit.went_well(at)
        else:
            asked = 500.0 if what == "wait" else None
            limit.hit(at, running, "429", seconds=asked)
            assert limit.places is not None
            assert limit.until - at <= max(LONGEST_WAIT, asked or 0.0) + EPISODE
        assert 1 <= limit.room(at, most) <= most
        change = limit.next_change(at)
        assert change is None or change > at
    moment, steps = at, 0
    while (change := limit.next_change(moment)) is not None:
        moment, steps = change, steps + 1
        limit.forget(moment, most)
        assert steps < 50
    assert limit.open(moment)
    assert limit.room(moment, most) == most
