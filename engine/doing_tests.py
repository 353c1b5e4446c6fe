"""Carries out the tests of merged trees, in warm worktrees of their own. Decides nothing."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from engine import effects as ef
from engine import events as ev
from engine.contracts.verifying import Place
from engine.errors import AuroraError
from engine.model import Verdict
from engine.process import tail
from engine.surroundings import digest
from engine.test_names import Named, named_again, named_by, plan_only, run_begins

if TYPE_CHECKING:
    from engine.runner import Runner


@dataclass(slots=True)
class Run:
    """One run of the tests."""

    verdict: Verdict = Verdict.ERROR
    command: str = ""
    words: str = ""
    surroundings: str = ""
    named: Named = field(default_factory=Named)


class TestJobs:
    """The jobs that get verdicts. `logs` are the files, below Aurora's folder, that tests under way write to."""

    __test__ = False

    def __init__(self, runner: Runner) -> None:
        self.runner = runner
        self.logs: list[str] = []

    async def test(self, effect: ef.TestCandidate) -> None:
        """TestCandidate → CandidateTested."""
        started = time.monotonic()
        log = self.runner.run_folder / f"{effect.candidate}.{effect.commit[:9]}.test.log"
        log.unlink(missing_ok=True)
        shown = str(log.relative_to(self.runner.repo.aurora_dir))
        self.logs.append(shown)
        run = Run()
        try:
            run = await self._run(effect, log)
        except (AuroraError, OSError) as error:
            run.words = str(error)
        finally:
            self.logs.remove(shown)
        output = await asyncio.to_thread(tail, log)
        self.runner.post(
            ev.CandidateTested(
                at=time.time(),
                candidate=effect.candidate,
                commit=effect.commit,
                tree=effect.tree,
                verdict=run.verdict,
                seconds=round(time.monotonic() - started, 3),
                command=run.command,
                tail=run.words or output,
                failures=run.named.failures,
                narrowable=run.named.narrowable,
                runner=run.named.runner,
                only=effect.only,
                missing=run.named.missing,
                surroundings=run.surroundings,
            )
        )

    async def _run(self, effect: ef.TestCandidate, log: Path) -> Run:
        runner, settings = self.runner, self.runner.settings
        test = settings.integration_test or ""
        worker = test_worker(effect.lane)
        async with runner.slots.slot(_owner(effect.lane), test or "".join(settings.checks[-1:])):
            path = await asyncio.to_thread(runner.worktrees.prepare_detached, worker, effect.commit)
            owner = _owner(effect.lane)
            env = runner.workplaces.environment(worker, owner, effect.shift) | {"AURORA_SLOT": owner}
            await runner.workplaces.set_up(worker, path, has_slot=True)
            scratch = Path(env["TMPDIR"])
            since = await asyncio.to_thread(run_begins, scratch)
            marker = f"test-{effect.candidate}"
            if not effect.only:
                return await self._full_in_known(effect, Place(worker, path, env, log, marker), since)
            plan = plan_only(effect.only, effect.runner, test, scratch, env, path)
            verdict, command = await runner.workplaces.run_all(plan.commands, path, log, env | plan.env, marker)
            asked = (effect.only, effect.runner, plan, log, path, since)
            named = await asyncio.to_thread(named_again, verdict, command, *asked)
        return Run(_verdict(verdict, named), command, named=named)

    async def _full_in_known(self, effect: ef.TestCandidate, place: Place, since: int) -> Run:
        """A full run, and the surroundings it was made in, if they did not change meanwhile."""
        before = await asyncio.to_thread(digest, self.runner.machine.state.plan)
        run = await self._full(effect, place, since)
        after = await asyncio.to_thread(digest, self.runner.machine.state.plan)
        return replace(run, surroundings=before if before == after else "")

    async def _full(self, effect: ef.TestCandidate, place: Place, since: int) -> Run:
        """The checks, those of contracts, the verification of contracts, the integration test, until one is red."""
        contracts, settings = self.runner.contracts, self.runner.settings
        verdict, command = await self._commands(settings.checks, place)
        if verdict is Verdict.PASSED:
            verdict, command = await contracts.check(effect.contract_checks, place)
            if verdict is Verdict.PASSED:
                verdict, command = await contracts.verify(effect.verifies, place)
            if verdict is not Verdict.PASSED:
                return Run(verdict, command)
            verdict, command = await self._commands((settings.integration_test or "",), place)
        named = await asyncio.to_thread(named_by, verdict, command, settings.checks, place.log, place.path, since)
        return Run(verdict, command, named=named)

    async def _commands(self, commands: tuple[str, ...], place: Place) -> tuple[Verdict, str]:
        given = tuple(command for command in commands if command)
        return await self.runner.workplaces.run_all(given, place.path, place.log, place.env, place.marker)


def _verdict(verdict: Verdict, named: Named) -> Verdict:
    """A narrowed run is red when one of its tests is: a test that is not there is not red, nor does it matter what else
    (a limit on coverage) makes the command fail. A green one in which they were not seen is no verdict at all."""
    if not named.told and verdict is Verdict.PASSED:
        return Verdict.ERROR
    if not named.told or verdict not in (Verdict.PASSED, Verdict.FAILED):
        return verdict
    return Verdict.FAILED if named.failures else Verdict.PASSED


def test_worker(lane: int) -> str:
    """The worktree tests of a lane run in."""
    return f"test-{lane + 1}" if lane else "test"


test_worker.__test__ = False  # type: ignore[attr-defined]


def _owner(lane: int) -> str:
    return f"integration test {lane + 1}" if lane else "integration test"
