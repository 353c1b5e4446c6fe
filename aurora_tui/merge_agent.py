"""The merge agent as the conflict screen sees it: asked by an intent, followed in the snapshots."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from engine.intents import AskMergeAgent, Intent
from engine.model import TaskState

if TYPE_CHECKING:
    from aurora_tui.app import AuroraApp
    from engine.model import Snapshot, TaskView

AT_WORK = "merge agent"


class AgentOfTask:
    """Whom to ask about one task's conflict."""

    def __init__(self, app: AuroraApp, task: str, send: Callable[[Intent], Awaitable[object]]) -> None:
        self._app = app
        self._task = task
        self._send = send

    @property
    def _snapshot(self) -> Snapshot | None:
        return self._app.main.moment.snapshot if self._app.main.moment is not None else None

    def _view(self) -> TaskView | None:
        return self._app.main.moment.tasks.get(self._task) if self._app.main.moment is not None else None

    def why_not(self) -> str:
        """Why it cannot be asked now."""
        snapshot, task = self._snapshot, self._view()
        if snapshot is None or not snapshot.merge_agent:
            return "no merge agent is configured: `merge_agent: NAME` in aurora.yaml names an agent profile"
        if not self._app.live:
            return "no engine is running"
        if task is None or task.state is not TaskState.CONFLICT:
            return f"{self._task} is no longer in conflict"
        return f"{snapshot.merge_agent} works on it already" if task.resolving else ""

    def at_work(self) -> str:
        """Its name while it works on this conflict."""
        snapshot, task = self._snapshot, self._view()
        return snapshot.merge_agent if snapshot and task and task.resolving == AT_WORK else ""

    def last_words(self) -> str:
        """Why the task is where it is."""
        task = self._view()
        return task.reason if task is not None else ""

    async def ask(self) -> None:
        """Send the intent."""
        await self._send(AskMergeAgent(at=time.time(), task=self._task))
