"""Leaving: what happens to running agents is asked, never assumed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from aurora_tui.actions import Situation
from aurora_tui.app import Ended
from engine import intents
from engine.model import Snapshot, TaskState
from widgets.choice import Choice, Option
from widgets.text import many, names

if TYPE_CHECKING:
    from aurora_tui.app import AuroraApp
    from aurora_tui.deeds import Deeds
    from aurora_tui.opening import Opened

INTERRUPTED = 130
WITH_WORKER = (TaskState.RUNNING, TaskState.PAUSED)


class Leaving:
    """`_when_ended` is how the app ends once the engine has; `_draining` waits for the running agents first."""

    def __init__(self, app: AuroraApp, opened: Opened, steering: Deeds) -> None:
        self._app = app
        self._opened = opened
        self._steering = steering
        self._when_ended: Ended | None = None
        self._draining = False

    async def quit(self, now: Situation) -> None:
        """Leave; when agents run, ask what is to become of them."""
        snapshot = now.snapshot
        if self._opened.own is None or not self._app.live or snapshot is None:
            self._app.leave(Ended(snapshot.exit_code if snapshot and not self._app.live else 0, opened=self._opened))
        elif self._when_ended is not None:
            self._app.say("the engine is stopping; this ends as soon as it has")
        elif not unfinished(snapshot):
            await self._end("detach", Ended(snapshot.exit_code, opened=self._opened))
        else:
            await self._ask(snapshot)

    async def _ask(self, snapshot: Snapshot) -> None:
        running = tuple(task.id for task in snapshot.tasks if task.state in WITH_WORKER)
        waiting = len(snapshot.queue)
        options = [
            Option("background", "go on in the background", "the run goes on; `aurora attach` brings this screen back"),
            Option("wait", "wait for them", "start nothing new, land what gets finished, then leave"),
            Option("stop", "stop them", "end the agents now; their work is kept, `aurora` starts them again"),
            Option("stay", "stay", "do not leave"),
        ]  # fmt: skip
        what = f"{many(len(running), 'agent')} at work ({names(running)})" if running else "No agent is at work"
        later = f", {many(waiting, 'task')} in the queue" if waiting else ""
        chosen = await self._app.push_screen_wait(Choice("Leave Aurora?", options, note=f"{what}{later}."))
        if chosen == "background":
            await self._end("detach", Ended(0, background=True, opened=self._opened))
        elif chosen == "wait":
            await self._wait(snapshot)
        elif chosen == "stop":
            await self._end("stop", Ended(INTERRUPTED, opened=self._opened))

    async def detach(self, now: Situation) -> None:
        """Leave at once; the run goes on in the background."""
        if self._opened.own is None or not self._app.live or now.snapshot is None or not unfinished(now.snapshot):
            await self.quit(now)
        elif self._when_ended is None:
            await self._end("detach", Ended(0, background=True, opened=self._opened))

    async def _wait(self, snapshot: Snapshot) -> None:
        if await self._steering.send(intents.SetWorkers(at=time.time(), workers=0), quietly=True):
            self._draining = True
            self._app.say("leaves when the running agents are done; q again asks anew")
            self.look_at(snapshot)

    async def _end(self, mode: str, ended: Ended) -> None:
        self._when_ended = ended
        self._draining = False
        intent = intents.Shutdown(at=time.time(), by="you", mode="stop" if mode == "stop" else "detach")
        if not await self._steering.send(intent, quietly=mode == "detach") and self._app.live:
            self._when_ended = None

    def look_at(self, snapshot: Snapshot) -> None:
        """When the last agent is done and merged, leave."""
        busy = any(worker.task for worker in snapshot.workers)
        if self._draining and not busy and snapshot.idle and self._when_ended is None:
            self._draining = False
            ended = Ended(snapshot.exit_code, opened=self._opened)
            self._app.run_worker(self._end("detach", ended), group="deeds", exit_on_error=False)

    def engine_ended(self) -> None:
        """The engine is gone: leave if that was asked for, otherwise say so."""
        if self._when_ended is not None:
            self._app.leave(self._when_ended)
        else:
            self._app.notify("the engine has ended; q leaves", severity="warning", timeout=10)


def unfinished(snapshot: Snapshot) -> bool:
    """True when something runs, or could still run by itself."""
    if any(task.state in WITH_WORKER for task in snapshot.tasks):
        return True
    return not snapshot.idle
