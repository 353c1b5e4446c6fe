"""Carries out answers to agents that ask before they edit, and brings their questions in. Decides nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from engine import effects as ef
from engine import events as ev
from engine.clients.hooking import HookPlace
from engine.errors import AuroraError
from engine.write_door import WriteDoor, WriteQuestion

if TYPE_CHECKING:
    from engine.doing_agents import LiveAttempt
    from engine.runner import Runner


class WriteJobs:
    """The door agents ask at."""

    def __init__(self, runner: Runner) -> None:
        self.runner = runner
        self.door = WriteDoor(runner.repo.aurora_dir / "hooks", self._asked, self._ended)

    async def open(self) -> None:
        """Listen."""
        await self.door.open()

    def close(self) -> None:
        """Hang up; agents that wait ask the next engine."""
        self.door.close()

    def answer(self, effect: ef.AnswerWrite) -> None:
        """AnswerWrite."""
        self.door.answer(effect.ask, effect.allowed, effect.words)

    def environment(self, worktree: Path) -> dict[str, str]:
        """What a hook needs to find us, besides the task and the attempt."""
        wait = f"{self.runner.settings.write_wait:g}"
        return {"AURORA_HOOKS": str(self.door.folder), "AURORA_WORKTREE": str(worktree), "AURORA_WRITE_WAIT": wait}

    def place(self, live: LiveAttempt, env: Mapping[str, str]) -> HookPlace:
        """Where and for whom an attempt's hook is installed; `env` is what its agent gets."""
        return HookPlace(
            door=self.door.folder,
            task=live.effect.task,
            attempt=live.effect.attempt,
            worktree=live.worktree,
            wait=self.runner.settings.write_wait,
            stem=live.record,
            scratch=Path(env["TMPDIR"]),
        )

    def _asked(self, question: WriteQuestion) -> None:
        known = self.runner.machine.state.locks.files
        new = [path for path in question.paths if path not in known]
        live = self.runner.agents.live.get(question.task)
        if not new or live is None:
            self._post(question, ())
        else:
            self.runner.pool.start(self._ask_git(question, live.worktree, new))

    async def _ask_git(self, question: WriteQuestion, worktree: Path, paths: list[str]) -> None:
        """What git ignores is nobody's: every worktree has its own."""
        try:
            ignored = await asyncio.to_thread(self.runner.worktrees.ignored, worktree, paths)
        except AuroraError:
            ignored = ()
        self._post(question, ignored)

    def _post(self, question: WriteQuestion, ignored: tuple[str, ...]) -> None:
        self.runner.post(
            ev.WriteAsked(
                at=time.time(),
                task=question.task,
                attempt=question.attempt,
                ask=question.ask,
                paths=question.paths,
                outside=question.outside,
                ignored=ignored,
            )
        )

    def _ended(self, question: WriteQuestion, gone: bool) -> None:
        self.runner.post(
            ev.WriteAskEnded(at=time.time(), task=question.task, attempt=question.attempt, ask=question.ask, gone=gone)
        )
