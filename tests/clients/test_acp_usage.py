"""What agents behind ACP say they used, as real ones were seen to say it."""

from __future__ import annotations

from engine.clients.acp_usage import TurnUsage
from engine.clients.reports import Usage


def used(agent: str, *turns: tuple[int, int, int, int]) -> Usage:
    counted = TurnUsage()
    counted.agent = agent
    for turn in turns:
        counted.turn(*turn)
    return counted.sum


def test_a_sum_of_all_turns_is_not_added_up_and_its_cached_part_is_counted_once() -> None:
    assert used("Copilot", (3600, 2400, 102, 3702), (4800, 3200, 136, 4936)) == Usage(1600, 3200, 136)


def test_numbers_of_single_turns_are_added_up() -> None:
    assert used("@zed-industries/claude-agent-acp", (1200, 2400, 102, 3702), (400, 800, 34, 1234)) == Usage(
        1600, 3200, 136
    )
    assert used("OpenCode", (400, 800, 34, 1234), (400, 800, 34, 1234)) == Usage(800, 1600, 68)


def test_a_sum_that_begins_anew_is_added() -> None:
    assert used("", (500, 0, 50, 550), (100, 0, 10, 110), (150, 0, 20, 170)) == Usage(650, 0, 70)


def test_requests_are_added_and_dollars_of_an_earlier_process_are_not_spent_again() -> None:
    counted = TurnUsage()
    counted.more(1200, 800, 34)
    counted.more(1200, 800, 34)
    assert counted.sum == Usage(800, 1600, 68)
    counted.dollars(0.5, repeated=True)
    counted.dollars(0.75, repeated=False)
    assert counted.sum.usd == 0.25
    counted.dollars(0.125, repeated=False)
    assert counted.sum.usd == 0.125, "this one told only what its own process spent"
