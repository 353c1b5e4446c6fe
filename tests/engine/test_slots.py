"""The semaphore of heavy commands as a pure value: order, pauses, limits."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.slots import SlotLine


def asked_by(*owners: str, limit: int) -> SlotLine:
    """A line in which each owner asked once, in this order: slots `s0`, `s1`, … with the command `make`."""
    line = SlotLine(limit)
    for number, owner in enumerate(owners):
        line.request(f"s{number}", owner, "make", 100 + number, float(number))
    return line


def ids(asked: Sequence[object]) -> list[str]:
    return [one.slot for one in asked]  # type: ignore[attr-defined]


def test_slots_are_granted_first_come_first_served() -> None:
    line = asked_by("a", "b", "c", limit=2)
    assert line.grants() == ("s0", "s1")
    assert line.grants() == ()
    assert (ids(line.held()), ids(line.line())) == (["s0", "s1"], ["s2"])
    line.free("s0")
    assert line.grants() == ("s2",)


def test_who_waits_knows_its_place_and_what_is_ahead() -> None:
    line = asked_by("auth", "ui", "docs", limit=1)
    line.grants()
    assert [line.place(slot) for slot in ("s0", "s1", "s2", "unknown")] == [0, 1, 2, 0]
    assert line.behind("s2") == ("make (auth)", "make (ui)")
    assert line.behind("s0") == ()


def test_leaving_the_line_and_unknown_ids() -> None:
    line = asked_by("a", "b", "c", limit=1)
    line.grants()
    line.free("s1")
    line.free("never heard of")
    assert ids(line.line()) == ["s2"]


def test_asking_twice_changes_nothing() -> None:
    line = asked_by("a", "b", "c", limit=1)
    line.grants()
    for slot in ("s0", "s1"):
        line.request(slot, "other", "other", 1, 99.0)
    assert [(one.slot, one.owner) for one in (*line.held(), *line.line())] == [("s0", "a"), ("s1", "b"), ("s2", "c")]


def test_the_slots_of_a_paused_owner_do_not_count_and_come_back_before_the_line() -> None:
    line = asked_by("a", "b", "c", limit=1)
    assert line.grants() == ("s0",)
    line.suspend("a")
    assert line.grants() == ("s1",)
    assert line.behind("s2") == ("make (b)",)
    assert line.resume("a") is False
    assert line.behind("s2") == ("make (a)", "make (b)")
    line.free("s1")
    assert line.grants() == ()
    assert line.resume("a") is True
    assert line.grants() == ()
    line.free("s0")
    assert line.grants() == ("s2",)


def test_a_paused_owner_in_line_is_passed_over_and_keeps_its_place() -> None:
    line = asked_by("a", "b", "c", limit=1)
    line.grants()
    line.suspend("b")
    line.free("s0")
    assert line.grants() == ("s2",)
    line.resume("b")
    line.free("s2")
    assert line.grants() == ("s1",)


def test_owners_come_back_in_the_order_they_asked() -> None:
    line = asked_by("a", "a", "b", "c", "d", limit=3)
    line.grants()
    line.suspend("a")
    line.suspend("b")
    assert line.grants() == ("s3", "s4")
    assert line.resume("a") is False
    assert line.resume("b") is False, "one place is free, but `a` asked first and needs two"
    line.free("s3")
    assert line.resume("a") is True
    assert line.resume("b") is False
    line.free("s4")
    assert line.resume("b") is True


def test_an_owner_that_ends_while_it_waits_to_go_on_frees_the_line_and_itself() -> None:
    line = asked_by("a", "b", "c", limit=1)
    line.grants()
    line.suspend("a")
    line.grants()
    assert line.resume("a") is False
    line.free("s0")
    line.free("s1")
    assert line.grants() == ("s2",)
    line.free("s2")
    line.request("again", "a", "make", 1, 9.0)
    assert line.grants() == ("again",), "its next command is not taken for one of a paused owner"


def test_a_pause_during_the_way_back_lets_the_line_go_on() -> None:
    line = asked_by("a", "b", "c", limit=1)
    line.grants()
    line.suspend("a")
    line.grants()
    line.resume("a")
    line.suspend("a")
    line.free("s1")
    assert line.grants() == ("s2",)


def test_fewer_slots_than_an_owner_holds_do_not_stop_it_for_ever() -> None:
    line = asked_by("a", "a", "b", limit=2)
    line.grants()
    line.suspend("a")
    line.grants()
    line.set_limit(1)
    assert line.resume("a") is False
    line.free("s2")
    assert line.resume("a") is True


def test_the_limit_can_change() -> None:
    line = asked_by("a", "b", "c", "d", limit=2)
    line.grants()
    line.set_limit(1)
    line.free("s0")
    assert line.grants() == ()
    line.set_limit(3)
    assert line.grants() == ("s2", "s3")


OWNERS = st.sampled_from("abcd")
STEPS = st.one_of(
    st.tuples(st.just("request"), OWNERS),
    st.tuples(st.just("free"), st.integers(0, 30)),
    st.tuples(st.just("suspend"), OWNERS),
    st.tuples(st.just("resume"), OWNERS),
    st.tuples(st.just("limit"), st.integers(1, 4)),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(STEPS, max_size=60))
def test_never_too_many_never_out_of_turn_never_stuck(steps: list[tuple[str, object]]) -> None:
    line, granted = SlotLine(2), list[str]()
    paused, returning = set[str](), set[str]()
    for number, (what, value) in enumerate(steps):
        if what == "request":
            line.request(f"s{number}", str(value), "make", number, float(number))
        elif what == "free":
            free_one(line, int(str(value)))
        elif what == "suspend":
            line.suspend(str(value))
            paused.add(str(value))
            returning.discard(str(value))
        elif what == "resume":
            returning.add(str(value))
            if line.resume(str(value)):
                paused.discard(str(value))
        elif what == "limit":
            line.set_limit(int(str(value)))
        paused -= returning - {one.owner for one in line.held()}
        returning &= paused
        waiting = [one for one in line.line() if one.owner not in paused]
        now = line.grants()
        line.check()
        assert list(now) == ids(waiting)[: len(now)], "granted out of turn"
        counted = sum(one.owner not in paused for one in line.held())
        assert not now or (counted <= line.limit and not returning)
        granted += now
    assert len(set(granted)) == len(granted)
    finish(line, paused)


def free_one(line: SlotLine, number: int) -> None:
    known = [*line.held(), *line.line()]
    if known:
        line.free(known[number % len(known)].slot)


def finish(line: SlotLine, paused: set[str]) -> None:
    """From any state: when holders end and the paused go on, everybody gets a slot."""
    for _ in range(200):
        paused -= {owner for owner in sorted(paused) if line.resume(owner)}
        line.grants()
        line.check()
        running = [one for one in line.held() if one.owner not in paused]
        if running:
            line.free(running[0].slot)
        elif not line.line() and not line.held():
            return
    pytest.fail(f"stuck: {line}")
