"""Ruling on a breach: the branch may change the contract, or it is sent back."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from aurora_tui.actions import Breach, Situation
from engine import intents
from engine.model import TaskState
from widgets.ask_line import AskLine
from widgets.choice import Choice, Option
from widgets.confirm import Confirm
from widgets.text import names

if TYPE_CHECKING:
    from aurora_tui.app import AuroraApp
    from aurora_tui.deeds import Deeds


class Ruling:
    """Asks before either: both throw work away, of the users of the contract or of the branch."""

    def __init__(self, app: AuroraApp, steering: Deeds) -> None:
        self._app = app
        self._steering = steering

    async def choose(self, now: Situation) -> None:
        """Amend, reject, or look first."""
        assert now.breach is not None
        contract, breach = now.breach
        options = [
            Option("look", "look", "show the change to the contract first"),
            Option("amend", "amend", f"{breach.task} may change it: version {contract.version + 1} when it lands"),
            Option("reject", "reject", f"{breach.task} goes back to its agent and must leave it as it is"),
        ]
        chosen = await self._app.push_screen_wait(
            Choice(f"{breach.task} changes the frozen contract {contract.name}", options)
        )
        if chosen == "look":
            self._app.main.look_at_contract(contract.name)
        elif chosen == "amend":
            await self.amend(now)
        elif chosen == "reject":
            await self.reject(now)

    async def amend(self, now: Situation) -> None:
        """The change becomes a new version, after asking."""
        assert now.breach is not None
        contract, breach = now.breach
        question = f"Let {breach.task} change {contract.name}?"
        if await self._app.push_screen_wait(Confirm(question, _amended(now, now.breach), "Amend it")):
            await self._steering.send(intents.AmendContract(at=time.time(), contract=contract.name, task=breach.task))

    async def reject(self, now: Situation) -> None:
        """The branch goes back to its agent, after asking; with a note, if there is something to say."""
        assert now.breach is not None
        contract, breach = now.breach
        happens = (
            f"Its agent gets it back and must leave {names(breach.paths)} as in version {contract.version}. "
            "What it wrote is kept under refs/aurora."
        )
        if not await self._app.push_screen_wait(
            Confirm(f"Send {breach.task} back because of {contract.name}?", happens, "Reject it")
        ):
            return
        note = await self._app.push_screen_wait(
            AskLine(f"A note for the agent of {breach.task}?", placeholder="enter: without a note")
        )
        if note is not None:
            await self._steering.send(
                intents.RejectBreach(at=time.time(), contract=contract.name, task=breach.task, note=note)
            )


def _amended(now: Situation, about: Breach) -> str:
    """What an amendment does, and to whom."""
    contract, breach = about
    tasks = {task.id: task for task in now.snapshot.tasks} if now.snapshot else {}
    used = (*contract.implementers, *contract.consumers)
    others = tuple(
        name for name in dict.fromkeys(used) if name != breach.task and name in tasks and not tasks[name].state.final
    )
    landed = tuple(name for name in dict.fromkeys(used) if name in tasks and tasks[name].state is TaskState.LANDED)
    told = f" These are told and checked again: {names(others, 6)}." if others else ""
    older = f"version {contract.version}: the tests say whether that still fits"
    stood = f" {names(landed, 6)} landed for {older}." if landed else ""
    return f"Its change to {names(breach.paths)} becomes version {contract.version + 1} when it lands.{told}{stood}"
