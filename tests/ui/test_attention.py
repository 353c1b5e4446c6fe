"""Agents that ask, limited profiles, a busy machine, guessed costs: each is said where it matters."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from screen import play, shown, until, until_shown
from snapshots import NOW, lock, snapshot, task
from still import app_of
from textual.pilot import Pilot

from aurora_tui.news import news
from aurora_tui.render.closing import closing
from aurora_tui.render.look import Look
from engine.intents import MessageTask
from engine.model import PressureView, ProfileView, TaskState
from engine.repo import Repo
from widgets.text import money

Page = Pilot[object]
S = TaskState
ASKING = task("auth", S.FAILED, "the agent asks", attempt=1, asks="Which of the two\nlogin pages is meant?")


def test_who_asks_is_seen_and_m_answers(repo: Repo) -> None:
    app, still = app_of(snapshot(ASKING, task("ui", S.QUEUED, queue_place=1)), repo)

    async def scene(pilot: Page) -> None:
        await until(pilot, lambda: app.main.moment)
        await pilot.press("2", "G")
        await until_shown(pilot, "? auth", "m answer", "auth asks: Which of the two login pages")
        await pilot.press("m")
        await until_shown(pilot, "Which of the two login pages is meant?")
        await pilot.press(*"first", "enter")
        await until(pilot, lambda: still.sent)
        await pilot.press("g")
        await until(pilot, lambda: "m answer" not in shown(app))

    play(app, scene)
    assert [replace(each, at=0.0) for each in still.sent] == [MessageTask(at=0.0, task="auth", text="first")]


def test_somebody_who_asks_calls_the_developer_once() -> None:
    before, now = snapshot(task("auth", S.RUNNING)), snapshot(ASKING)
    assert [(item.text, item.calls) for item in news(before, now)] == [
        ("? auth asks: Which of the two login pages is meant? (m answers)", True)
    ]
    assert news(now, now) == []


def limited(until_when: float | None) -> ProfileView:
    """The profile claude, limited or not."""
    return ProfileView("claude", 2, 2, until_when, "429 too many requests")


def test_a_limited_profile_is_in_the_header_until_its_time_is_over(repo: Repo) -> None:
    for until_when, said in ((NOW + 192, True), (NOW - 1, False), (None, False)):
        app, _ = app_of(snapshot(task("a", S.QUEUED), profiles=(limited(until_when),)), repo)

        async def scene(pilot: Page, app: object = app, said: bool = said) -> None:
            await until_shown(pilot, "heavy 0/4")
            assert ("claude limited 3m 12s" in shown(pilot.app)) is said

        play(app, scene)
    heard = news(snapshot(profiles=(limited(None),)), snapshot(profiles=(limited(NOW + 192),)))
    assert [item.text for item in heard] == ["◔ claude has met a rate limit: 429 too many requests"]


def test_what_the_load_holds_back_is_in_the_header(repo: Repo) -> None:
    for holds in ("", "no new task: memory"):
        app, _ = app_of(snapshot(task("a", S.QUEUED), pressure=PressureView(10.0, 80.0, 1.0, holds)), repo)

        async def scene(pilot: Page, holds: str = holds) -> None:
            await until_shown(pilot, "heavy 0/4")
            assert ("no new task: memory" in shown(pilot.app)) is bool(holds)
            assert ("machine busy" in shown(pilot.app)) is bool(holds)

        play(app, scene)


def test_a_guessed_cost_has_a_tilde_in_the_tables_of_the_command_line() -> None:
    for guess in (False, True):
        run = snapshot(task("a", S.LANDED, cost=0.62, estimated=guess), cost=0.62, budget_usd=5.0)
        told = "\n".join(closing(run, Look(width=100, now=NOW)))
        assert told.count("~$0.62") == (2 if guess else 0)
        assert told.count("$0.62") == 2


def test_a_guessed_cost_has_a_tilde(repo: Repo) -> None:
    for guess in (False, True):
        made = task("a", S.RUNNING, worker="w1", cost=0.62, estimated=guess)
        app, _ = app_of(snapshot(made, cost=0.62), repo)

        async def scene(pilot: Page, guess: bool = guess) -> None:
            await until_shown(pilot, "$0.62", "w1 ► running")
            assert shown(pilot.app).count("~$0.62") == (2 if guess else 0)

        play(app, scene)


@pytest.mark.parametrize(("usd", "words"), [(0.0, ""), (0.004, "<$0.01"), (0.005, "$0.01"), (1.234, "$1.23")])
def test_a_cost_below_a_cent_is_not_called_nothing(usd: float, words: str) -> None:
    assert money(usd) == words


def test_money_is_told_of_once_at_80_percent_and_once_when_it_is_spent() -> None:
    costs = [7.9, 8.1, 9.0, 10.0, 11.0]
    shots = [snapshot(task("a"), cost=cost, budget_usd=10.0) for cost in costs]
    heard = [[(item.text, item.calls) for item in news(*pair)] for pair in pairwise(shots)]
    assert heard == [
        [("$ 81% of the budget is spent ($8.10)", False)],
        [],
        [("$ the budget is spent ($10.00): nothing new starts", True)],
        [],
    ]


def test_a_profile_that_is_not_let_in_calls_the_developer() -> None:
    words = "agent claude is not let in (401): log in, then `aurora retry a`"
    stopped = ProfileView("claude", 0, 0, None, words)
    before, now = snapshot(profiles=(ProfileView("claude", 1, None),)), snapshot(profiles=(stopped,))
    assert [(item.text, item.calls) for item in news(before, now)] == [(f"✗ {words}", True)]
    assert news(now, now) == []


def test_an_agent_that_stands_at_a_file_is_named_by_its_row_and_by_the_lock(repo: Repo) -> None:
    waits = "waits to edit models/b.py: held by owner"
    guest = replace(task("guest", S.RUNNING, waits, worker="w1", held_by=("owner",), attempt=1), waits=waits)
    stands = lock("models/**", "owner", "guest", "schema", asking=(("guest", "models/b.py"),))
    run = snapshot(guest, task("owner", S.RUNNING, worker="w2"), task("schema", S.QUEUED), locks=(stands,))
    app, _ = app_of(run, repo)

    async def scene(pilot: Page) -> None:
        await until(pilot, lambda: app.main.moment)
        await until_shown(pilot, f"◔ {waits}", "→ 2: ◔ guest at", "2 tasks waiting, 1 at a file")
        await pilot.press("3", "z")
        await until_shown(pilot, "→ 2: ◔ guest at models/b.py, schema")

    play(app, scene)


def test_an_agent_whose_provider_fails_says_so_and_for_how_long(repo: Repo) -> None:
    words = "the provider answers 500, try 3/10"
    broken = replace(task("a", S.RUNNING, words, worker="w1", attempt=1), waits=words, until=NOW + 1000)
    run = snapshot(broken, replace(task("b", S.QUEUED, "agent x has to wait", queue_place=1), until=NOW + 1000))
    app, _ = app_of(run, repo)

    async def scene(pilot: Page) -> None:
        await until(pilot, lambda: app.main.moment)
        await pilot.press("2", "z")
        await until_shown(pilot, "agent x has to wait, 16m")
        await pilot.press("z", "1", "z")
        await until_shown(pilot, f"◔ {words}, 16m")

    play(app, scene)
