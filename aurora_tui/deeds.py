"""Carries out the actions of the table: intents to the engine here, what only concerns the screen in `viewing`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Literal

from aurora_tui.actions import Action, Situation
from aurora_tui.leaving import Leaving
from aurora_tui.ruling import Ruling
from aurora_tui.viewing import Viewing
from engine import intents
from engine.errors import AuroraError, EngineError, RepoError
from engine.model import TaskState, TaskView
from widgets.ask_line import AskLine
from widgets.choice import Choice, Option
from widgets.confirm import Confirm
from widgets.text import flat, names

if TYPE_CHECKING:
    from aurora_tui.app import AuroraApp
    from aurora_tui.opening import Opened
    from engine.model import Snapshot

ANSWER_SECONDS = 60.0
RULINGS: dict[str, Literal["wait", "allow", "take", "stop"]] = {
    "wait": "wait", "allow": "allow", "take": "take", "stop": "stop",
}  # fmt: skip
WAYS: dict[str, Literal["landed", "branch", "union"]] = {"landed": "landed", "branch": "branch", "union": "union"}
Deed = Callable[[Situation], Awaitable[None]]


class Deeds:
    """One method for each steering action. They run in workers of the app, so they may wait for dialogs."""

    def __init__(self, app: AuroraApp, opened: Opened) -> None:
        self.app = app
        self.opened = opened
        self.viewing = Viewing(app, opened, self)
        self.leaving = Leaving(app, opened, self)
        self.ruling = Ruling(app, self)
        self._deeds: dict[str, Deed] = {
            "pause": self.pause,
            "message": self.message,
            "stop": self.stop,
            "retry": self.retry,
            "drop": self.drop,
            "settle": self.settle,
            "up": lambda now: self._move_selected(now, -1),
            "down": lambda now: self._move_selected(now, 1),
            "priority": self.priority,
            "release": self.release,
            "hand-over": self.hand_over,
            "narrow": self.narrow,
            "add": self.add,
            "pause-all": self.pause_all,
            "more": lambda now: self._resize(now, 1),
            "fewer": lambda now: self._resize(now, -1),
            "undo": self.undo,
            "amend": self.ruling.amend,
            "reject": self.ruling.reject,
            "detach": self.leaving.detach,
            "quit": self.leaving.quit,
            **self.viewing.deeds(),
        }

    async def do(self, action: Action, now: Situation) -> None:
        """Carry out an action."""
        try:
            await self._deeds[action.id](now)
        except AuroraError as error:
            self.app.say_error(error)

    async def send(self, intent: intents.Intent, *, quietly: bool = False) -> bool:
        """Hand an intent to the engine and tell what it answers; False when it refused."""
        try:
            answer = asyncio.wrap_future(self.opened.handle.send(intent))
            words = await asyncio.wait_for(answer, ANSWER_SECONDS)
        except AuroraError as error:
            self.app.say_error(error)
            return False
        except TimeoutError:
            self.app.say_error(EngineError("the engine does not answer", "the screen shows what was known last"))
            return False
        if not quietly:
            self.app.say(words)
        return True

    def look_at(self, snapshot: Snapshot) -> None:
        """A new snapshot: something may have waited for it."""
        self.leaving.look_at(snapshot)

    def engine_ended(self) -> None:
        """The engine is gone."""
        self.leaving.engine_ended()

    # --- one task ---

    async def pause(self, now: Situation) -> None:
        """Pause or resume."""
        assert now.task is not None
        if now.task.state is TaskState.PAUSED and now.frozen:
            await self.settle(now)
        elif now.task.state is TaskState.PAUSED:
            await self.send(intents.ResumeTask(at=time.time(), task=now.task.id))
        else:
            await self.send(intents.PauseTask(at=time.time(), task=now.task.id))

    async def message(self, now: Situation) -> None:
        """Tell the agent something; what it asked is answered so."""
        assert now.task is not None
        if now.task.asks:
            await self._answer(now.task)
            return
        working = now.task.state in (TaskState.RUNNING, TaskState.PAUSED)
        what = "its agent is ended and goes on from its work" if working else "its next attempt reads it"
        text = await self.app.push_screen_wait(AskLine(f"Message to {now.task.id} ({what})"))
        if text:
            await self.send(intents.MessageTask(at=time.time(), task=now.task.id, text=text))

    async def _answer(self, task: TaskView) -> None:
        text = await self.app.push_screen_wait(AskLine(f"{task.id} asks: {flat(task.asks)}", placeholder="your answer"))
        if text:
            await self.send(intents.MessageTask(at=time.time(), task=task.id, text=text))

    async def stop(self, now: Situation) -> None:
        """End the agent."""
        assert now.task is not None
        await self.send(intents.StopTask(at=time.time(), task=now.task.id))

    async def retry(self, now: Situation) -> None:
        """Queue it again, with a note if there is something to say."""
        red = now.snapshot is not None and bool(now.snapshot.merge.target_red)
        task = now.task.id if now.task is not None else ""
        if not red and now.task is not None:
            note = await self.app.push_screen_wait(
                AskLine(f"Retry {task}: a note for the agent?", placeholder="enter: without a note")
            )
            if note is None:
                return
            await self.send(intents.RetryTask(at=time.time(), task=task, note=note))
        elif now.snapshot is not None:
            waiting = now.snapshot.merge.waiting or now.snapshot.merge.chain
            await self.send(intents.RetryTask(at=time.time(), task=task or (waiting[0] if waiting else "")))

    async def drop(self, now: Situation) -> None:
        """Take it out of the run, after asking."""
        assert now.task is not None
        assert now.snapshot is not None
        task = now.task
        after = [each.id for each in now.snapshot.tasks if task.id in each.after and not each.state.final]
        held = f" These wait for it and cannot start then: {names(tuple(after))}." if after else ""
        loses = f"Its work is kept under refs/aurora; its locks are released.{held}"
        if await self.app.push_screen_wait(Confirm(f"Drop {task.id}?", loses, "Drop it")):
            await self.send(intents.DropTask(at=time.time(), task=task.id))

    async def settle(self, now: Situation) -> None:
        """Rule on a breach or a collision, or settle a conflict."""
        if now.breach is not None:
            await self.ruling.choose(now)
            return
        if now.frozen:
            await self._rule(now)
        else:
            await self._resolve(now)

    async def _rule(self, now: Situation) -> None:
        assert now.task is not None
        holders = names(now.task.held_by)
        options = [
            Option("wait", "wait", f"stay frozen until {holders} lands; it then goes on by itself"),
            Option("allow", "let both edit", "both go on; a merge conflict is likely, merges are ordered"),
            Option("take", "take the lock", f"{now.task.id} gets the file and goes on; {holders} loses it"),
            Option("stop", "stop", f"end {now.task.id}; its work is kept"),
        ]
        ruling = await self.app.push_screen_wait(Choice(f"{now.task.id} is {flat(now.task.reason)}", options))
        if ruling is not None:
            await self.send(intents.SettleCollision(at=time.time(), task=now.task.id, ruling=RULINGS[ruling]))

    async def _resolve(self, now: Situation) -> None:
        """By hand, hunk by hunk; what cannot be shown so is decided by one rule for all."""
        assert now.conflict is not None
        assert now.snapshot is not None
        task, snapshot = now.conflict, now.snapshot
        from aurora_tui.merge_agent import AgentOfTask
        from aurora_tui.screens.conflict import ConflictScreen
        from engine.conflict_desk import Desk

        repo = self.opened.repo
        try:
            desk = await asyncio.to_thread(Desk.open, repo, snapshot.run, task.id, task.commit, snapshot.target_commit)
        except RepoError as error:
            self.app.say_error(error)
            await self._resolve_by_rule(task)
            return
        commit = await self.app.push_screen_wait(
            ConflictScreen(desk, task.failure, AgentOfTask(self.app, task.id, self.send))
        )
        if commit:
            await self.send(intents.ResolveConflict(at=time.time(), task=task.id, how="edit", commit=commit))

    async def _resolve_by_rule(self, task: TaskView) -> None:
        options = [
            Option("landed", "keep what landed", "in every conflicting hunk the landed side stays"),
            Option("branch", f"keep what {task.id} wrote", f"in every conflicting hunk the side of {task.id} stays"),
            Option("union", "keep both", "the lines of both sides, the landed ones first"),
        ]
        note = "The result is tested like any other merge before it lands."
        how = await self.app.push_screen_wait(
            Choice(f"{task.id}: conflict in {names(task.conflicts)}", options, note=note)
        )
        if how is not None:
            await self.send(intents.ResolveConflict(at=time.time(), task=task.id, how=WAYS[how]))

    # --- the queue ---

    async def move(self, task: str, places: int) -> None:
        """Move a task in the queue."""
        await self.send(intents.MoveTask(at=time.time(), task=task, by_places=places), quietly=True)

    async def _move_selected(self, now: Situation, places: int) -> None:
        assert now.task is not None
        await self.move(now.task.id, places)

    async def priority(self, now: Situation) -> None:
        """Ask for a number."""
        assert now.task is not None
        ask = AskLine(f"Priority of {now.task.id} (higher runs first)", str(now.task.priority), check=_number)
        answer = await self.app.push_screen_wait(ask)
        if answer:
            await self.send(intents.SetPriority(at=time.time(), task=now.task.id, priority=int(answer)))

    async def add(self, now: Situation) -> None:
        """One more task, by a form."""
        spec = await self.viewing.ask_task(now)
        if spec is not None:
            await self.send(intents.AddTask(at=time.time(), spec=spec), quietly=True)

    # --- locks ---

    async def release(self, now: Situation) -> None:
        """Take a lock away, after asking."""
        assert now.lock is not None
        lock = now.lock
        loses = f"{lock.holder} may still be editing it: two tasks can then change the same lines, and conflict."
        question = f"Take {lock.pattern} away from {lock.holder}?"
        if await self.app.push_screen_wait(Confirm(question, loses, "Release it")):
            await self.send(intents.ReleaseLock(at=time.time(), task=lock.holder, pattern=lock.pattern))

    async def hand_over(self, now: Situation) -> None:
        """Give a lock to another task; who waits for it comes first."""
        assert now.lock is not None
        assert now.snapshot is not None
        lock = now.lock
        rest = [t.id for t in now.snapshot.tasks if t.id != lock.holder and not t.state.final]
        order = [*lock.waiters, *(task for task in rest if task not in lock.waiters)]
        states = {task.id: task for task in now.snapshot.tasks}
        options = [
            Option(task, task, "waits for it" if task in lock.waiters else "", _cannot_hold(states[task]))
            for task in order
        ]
        to = await self.app.push_screen_wait(Choice(f"Hand {lock.pattern} over to", options))
        if to:
            await self.send(intents.HandOverLock(at=time.time(), task=lock.holder, pattern=lock.pattern, to=to))

    async def narrow(self, now: Situation) -> None:
        """Replace a lock by a narrower pattern."""
        assert now.lock is not None
        lock = now.lock
        answer = await self.app.push_screen_wait(AskLine(f"Narrow {lock.pattern} of {lock.holder} to", lock.pattern))
        if answer and answer != lock.pattern:
            await self.send(intents.NarrowLock(at=time.time(), task=lock.holder, pattern=lock.pattern, narrower=answer))

    # --- the run ---

    async def pause_all(self, now: Situation) -> None:
        """Pause everything, or let everything go on."""
        paused = now.snapshot is not None and now.snapshot.paused_all
        await self.send(intents.ResumeAll(at=time.time()) if paused else intents.PauseAll(at=time.time()))

    async def _resize(self, now: Situation, by: int) -> None:
        assert now.snapshot is not None
        await self.resize(max(0, now.snapshot.workers_limit + by))

    async def resize(self, workers: int) -> None:
        """Change the size of the pool."""
        await self.send(intents.SetWorkers(at=time.time(), workers=workers))

    async def undo(self, now: Situation) -> None:
        """Take the last landing back, after asking."""
        assert now.snapshot is not None
        last = next(landing for landing in reversed(now.snapshot.merge.landings) if not landing.undone)
        loses = (
            f"{now.snapshot.target} goes back to {last.previous[:9]}, or gets a revert commit when it was pushed or"
            f" moved on. The work of {names(last.tasks)} is kept on its branch."
        )
        if await self.app.push_screen_wait(Confirm(f"Undo the landing of {names(last.tasks)}?", loses, "Undo it")):
            await self.send(intents.UndoLanding(at=time.time(), commit=last.commit))


def _cannot_hold(task: TaskView) -> str:
    """Why a task cannot be handed a lock."""
    able = (TaskState.RUNNING, TaskState.PAUSED, TaskState.QUEUED)
    return "" if task.state in able else f"it is {task.state}"


def _number(text: str) -> str:
    """Why a text is no priority."""
    try:
        int(text)
    except ValueError:
        return "a whole number, please: 5, 0, -3"
    return ""
