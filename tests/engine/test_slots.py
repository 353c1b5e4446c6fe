"""The heavy semaphore: never more than its limit, first come first served, pauses give slots back."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.slots import SlotLine


def line(limit: int, *slots: str) -> SlotLine:
    made = SlotLine(limit)
    for slot in slots:
        made.request(slot, owner=slot, command=f"build {slot}", pid=1, at=0.0)
    return made


def test_first_come_first_served() -> None:
    slots = line(2, "a", "b", "c", "d")
    assert slots.grants() == ("a", "b")
    assert slots.place("d") == 2
    assert slots.behind("d") == ("build a (a)", "build b (b)", "build c (c)")
    slots.free("a")
    assert slots.grants() == ("c",)
    slots.free("d")
    slots.free("unknown")
    assert [asked.slot for asked in slots.held()] == ["b", "c"]


def test_a_paused_owner_gives_its_slot_back_and_comes_before_the_line() -> None:
    slots = line(1, "a", "b", "c")
    slots.grants()
    slots.suspend("a")
    assert slots.grants() == ("b",)
    assert not slots.resume("a")
    slots.free("b")
    assert slots.grants() == ()
    assert slots.resume("a")
    assert slots.grants() == ()
    slots.free("a")
    assert slots.grants() == ("c",)


def test_an_owner_that_ends_while_it_wants_to_return_blocks_nobody() -> None:
    slots = line(1, "a", "b", "c")
    slots.grants()
    slots.suspend("a")
    slots.grants()
    assert not slots.resume("a")
    slots.forget("a")
    slots.free("a")
    slots.free("b")
    assert slots.grants() == ("c",)


def test_a_lower_limit_lets_holders_finish() -> None:
    slots = line(3, "a", "b", "c", "d")
    slots.grants()
    slots.set_limit(1)
    slots.free("a")
    slots.free("b")
    assert slots.grants() == ()
    slots.free("c")
    assert slots.grants() == ("d",)


STEPS = st.lists(
    st.tuples(st.sampled_from(["request", "free", "suspend", "resume", "forget", "grants"]), st.sampled_from("abcdef")),
    max_size=40,
)


@settings(max_examples=300)
@given(st.integers(1, 3), STEPS)
def test_granting_never_exceeds_the_limit_and_everybody_gets_a_turn(limit: int, steps: list[tuple[str, str]]) -> None:
    slots = SlotLine(limit)
    for step, slot in steps:
        if step == "request":
            slots.request(slot, slot, "build", 1, 0.0)
        elif step == "grants":
            paused = slots._suspended
            before = {asked.slot for asked in slots.held() if asked.owner not in paused}
            granted = slots.grants()
            assert not granted or len(before) + len(granted) <= limit
        else:
            getattr(slots, step)(slot)
        slots.check()
    for slot in "abcdef":
        slots.forget(slot)
    while slots.line() or slots.held():
        slots.grants()
        assert slots.held()
        slots.free(slots.held()[0].slot)
