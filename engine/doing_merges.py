"""Carries out merging, testing of candidates, landing, resolving and undoing. Decides nothing."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from engine import effects as ef
from engine import events as ev
from engine.conflict_desk import half_done_file
from engine.contracts.reading import changed_contracts
from engine.contracts.records import ContractFiles
from engine.errors import AuroraError, RepoError
from engine.landing import LandingBlocked, TargetChanged, land, undo
from engine.merging import build_chain
from engine.resolving import resolve
from engine.settling import settle_by_rules

if TYPE_CHECKING:
    from engine.runner import Runner

TRY_LANDING_EVERY = 1.0


class MergeJobs:
    """The jobs of the merge queue."""

    def __init__(self, runner: Runner) -> None:
        self.runner = runner
        self._wanted: ef.Land | None = None
        self._landing = False

    async def build(self, effect: ef.BuildChain) -> None:
        """BuildChain → ChainBuilt | ChainFailed | TargetMoved."""
        try:
            event = await asyncio.to_thread(self._build, effect)
        except (AuroraError, OSError) as error:
            event = ev.ChainFailed(at=time.time(), candidate=effect.candidate, error=str(error))
        self.runner.post(event)

    def _build(self, effect: ef.BuildChain) -> ev.Event:
        repo = self.runner.repo
        now = repo.resolve(f"refs/heads/{self.runner.settings.target}")
        if now != effect.target:
            return ev.TargetMoved(at=time.time(), commit=now)
        steps, conflicts, aside = build_chain(repo, effect.base, effect.branches, self._message)
        return ev.ChainBuilt(
            at=time.time(),
            candidate=effect.candidate,
            base=effect.base,
            base_tree=repo.tree_of(effect.base),
            steps=tuple(steps),
            conflicts=dict(conflicts),
            aside=aside,
            changes=self._changes(effect.base, steps),
        )

    def _changes(self, base: str, steps: Sequence[ev.ChainStep]) -> dict[str, tuple[ContractFiles, ...]]:
        """What each step changes of the files of contracts."""
        contracts = self.runner.machine.state.plan.contracts
        before = (base, *(step.commit for step in steps))
        found = {
            step.task: changed_contracts(self.runner.repo, contracts, old, step.commit)
            for old, step in zip(before, steps, strict=False)
        }
        return {task: changes for task, changes in found.items() if changes}

    def _message(self, task: str) -> str:
        record = self.runner.machine.state.tasks[task]
        title = record.spec.prompt.strip().split("\n", 1)[0][:60]
        return f"Merge {record.branch}: {title}\n\nAurora-Task: {task}\nAurora-Run: {self.runner.machine.state.run}\n"

    # --- landing ---

    async def land(self, effect: ef.Land) -> None:
        """Land → LandingBlocked*, Landed | TargetMoved. One landing at a time; a newer one replaces a waiting one."""
        self._wanted = effect
        if self._landing:
            return
        self._landing = True
        try:
            await self._land_until_done()
        finally:
            self._landing = False

    async def _land_until_done(self) -> None:
        said = ""
        while (wanted := self._wanted) is not None:
            event = await asyncio.to_thread(self._try_landing, wanted)
            if not isinstance(event, ev.LandingBlocked):
                self._wanted = None
                if isinstance(event, ev.Landed):
                    await asyncio.to_thread(self._forget_half_done, tuple(self.runner.machine.state.landing))
                self.runner.post(event)
                return
            if event.reason != said:
                said = event.reason
                self.runner.post(event)
            await asyncio.sleep(TRY_LANDING_EVERY)

    def _forget_half_done(self, tasks: tuple[str, ...]) -> None:
        """What was decided of conflicts that have landed is in the history, and among what is remembered."""
        for task in tasks:
            file = half_done_file(self.runner.repo, task)
            file.unlink(missing_ok=True)
            shutil.rmtree(file.with_suffix(""), ignore_errors=True)

    def _try_landing(self, wanted: ef.Land) -> ev.Event:
        target = self.runner.settings.target
        try:
            land(self.runner.repo, target, wanted.commit, wanted.previous)
        except LandingBlocked as blocked:
            return ev.LandingBlocked(at=time.time(), candidate=wanted.candidate, reason=blocked.message)
        except TargetChanged as changed:
            return ev.TargetMoved(at=time.time(), commit=changed.commit)
        except AuroraError as error:
            return ev.LandingBlocked(at=time.time(), candidate=wanted.candidate, reason=str(error))
        return ev.Landed(at=time.time(), candidate=wanted.candidate, commit=wanted.commit, previous=wanted.previous)

    async def cancel_landing(self, effect: ef.CancelLanding) -> None:
        """CancelLanding."""
        self._wanted = None

    # --- by a person ---

    async def resolve(self, effect: ef.Resolve) -> None:
        """Resolve → ConflictResolved | ResolutionFailed."""
        try:
            commit, how = await asyncio.to_thread(self._resolve, effect)
        except (AuroraError, OSError) as error:
            self.runner.post(ev.ResolutionFailed(at=time.time(), task=effect.task, reason=str(error)))
            return
        self.runner.post(
            ev.ConflictResolved(at=time.time(), task=effect.task, commit=commit, onto=effect.onto, how=how)
        )

    def _resolve(self, effect: ef.Resolve) -> tuple[str, str]:
        repo, run = self.runner.repo, self.runner.machine.state.run
        commit, how = effect.commit, str(effect.how)
        if effect.how == "rules":
            settled = settle_by_rules(repo, run, effect.task, effect.branch_commit, effect.onto)
            if settled is None:
                raise RepoError("something is left for a person")
            commit, how = settled
        elif not commit:
            commit = resolve(repo, effect.branch_commit, effect.onto, effect.how)
        repo.keep(f"refs/aurora/{run}/{effect.task}/resolved-{commit[:9]}", commit)
        return commit, how

    async def take_back(self, effect: ef.TakeBack) -> None:
        """TakeBack → Undone | UndoFailed."""
        target = self.runner.settings.target
        try:
            commit, reverted = await asyncio.to_thread(undo, self.runner.repo, target, effect.landing, effect.previous)
        except AuroraError as error:
            self.runner.post(ev.UndoFailed(at=time.time(), reason=str(error)))
            return
        self.runner.post(ev.Undone(at=time.time(), landing=effect.landing, commit=commit, reverted=reverted))
