"""Drives the real app with real keys, without a terminal, and reads what is on its screen."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from textual.app import App
from textual.pilot import Pilot

DEADLINE = 60.0
Play = Callable[[Pilot[object]], Awaitable[None]]


def play(app: App[object], scene: Play, size: tuple[int, int] = (120, 36)) -> object:
    """Run the app at a size (columns, lines) through a scene; what the app returned."""

    async def run() -> object:
        async with app.run_test(size=size, notifications=True) as pilot:
            await scene(pilot)
        return app.return_value

    return asyncio.run(run())


def text_of(app: App[object]) -> list[str]:
    """The lines on the screen, without blanks at their ends."""
    return [strip.text.rstrip() for strip in app.screen._compositor.render_strips()]


def shown(app: App[object]) -> str:
    """The screen as one text."""
    return "\n".join(text_of(app))


async def until(pilot: Pilot[object], what: Callable[[], object], deadline: float = DEADLINE) -> object:
    """Let the app go on until `what` is true (and return it); AssertionError with the screen after `deadline` s."""
    end = time.monotonic() + deadline
    while True:
        value = what()
        if value:
            return value
        assert time.monotonic() < end, f"waited {deadline} s; the screen shows\n{shown(pilot.app)}"
        await pilot.pause(0.02)


async def until_shown(pilot: Pilot[object], *texts: str) -> None:
    """Wait until all of these are on the screen."""
    await until(pilot, lambda: all(text in shown(pilot.app) for text in texts))
