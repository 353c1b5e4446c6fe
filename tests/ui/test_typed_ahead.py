"""Keys that come faster than a dialog opens do nothing to the list behind it."""

from __future__ import annotations

from screen import play, until
from snapshots import busy_run
from still import app_of
from textual.events import Key
from textual.keys import key_to_character
from textual.pilot import Pilot

from aurora_tui.app import AuroraApp
from engine.intents import MoveTask, SetPriority
from engine.repo import Repo

Page = Pilot[object]


def typed_at_once(app: AuroraApp, *keys: str) -> None:
    """All of these arrive before the first is answered, as from a paste or a slow line."""
    for key in keys:
        app.post_message(Key(key, key_to_character(key)))


def test_a_key_that_comes_before_the_dialog_is_there_does_nothing(repo: Repo) -> None:
    app, still = app_of(busy_run(), repo)

    async def scene(pilot: Page) -> None:
        await until(pilot, lambda: app.main.moment)
        await pilot.press("1")
        typed_at_once(app, "p", "s", "x", "p", "plus")
        await until(pilot, lambda: app.screen is not app.main)
        await pilot.press("end", "backspace", "7", "enter")
        await until(pilot, lambda: app.screen is app.main)

    play(app, scene)
    assert [(type(each), each.task, each.priority) for each in still.sent] == [(SetPriority, "auth", 7)]


def test_keys_that_open_no_dialog_may_come_as_fast_as_they_like(repo: Repo) -> None:
    app, still = app_of(busy_run(), repo)

    async def scene(pilot: Page) -> None:
        await until(pilot, lambda: app.main.moment)
        typed_at_once(app, "2", "J", "J", "K")
        await until(pilot, lambda: len(still.sent) == 3)

    play(app, scene)
    assert [each.by_places for each in still.sent if isinstance(each, MoveTask)] == [1, 1, -1]
