"""Carries out the tests of merged trees, in warm worktrees of their own. Decides nothing."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from engine import effects as ef
from engine import events as ev
from engine.errors import AuroraError
from engine.model import Verdict
from engine.process import tail
from engine.test_names import Named, Plan, named_again, named_by, plan_only, run_begins

if TYPE_CHECKING:
    from engine.runner import Runner


@dataclass(slots=True)
class Run:
    """One run of the tests."""

    verdict: Verdict = Verdict.ERROR
    command: str = ""
    words: str = ""
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
            )
        )

    async def _run(self, effect: ef.TestCandidate, log: Path) -> Run:
        runner, settings = self.runner, self.runner.settings
        full = (*settings.checks, *([settings.integration_test] if settings.integration_test else []))
        worker = test_worker(effect.lane)
        async with runner.slots.slot(_owner(effect.lane), full[-1] if full else ""):
            path = await asyncio.to_thread(runner.worktrees.prepare_detached, worker, effect.commit)
            env = runner.workplaces.environment(worker, _owner(effect.lane)) | {"AURORA_SLOT": _owner(effect.lane)}
            await runner.workplaces.set_up(worker, path, has_slot=True)
            plan, scratch = Plan(full, {}), Path(env["TMPDIR"])
            if effect.only:
                test = settings.integration_test or ""
                plan = plan_only(effect.only, effect.runner, test, scratch, env, path)
            since = await asyncio.to_thread(run_begins, scratch)
            marker = f"test-{effect.candidate}"
            verdict, command = await runner.workplaces.run_all(plan.commands, path, log, env | plan.env, marker)
            if not effect.only:
                named = await asyncio.to_thread(named_by, verdict, command, settings.checks, log, path, since)
                return Run(verdict, command, "", named)
            asked = (effect.only, effect.runner, plan, log, path, since)
            named = await asyncio.to_thread(named_again, verdict, command, *asked)
        return Run(_verdict(verdict, named), command, "", named)


def _verdict(verdict: Verdict, named: Named) -> Verdict:
    """A narrowed run is red when one of its tests is: a test that is not there is not red, nor does it matter what else
    (a limit on coverage) makes the command fail."""
    if not named.told or verdict not in (Verdict.PASSED, Verdict.FAILED):
        return verdict
    return Verdict.FAILED if named.failures else Verdict.PASSED


def test_worker(lane: int) -> str:
    """The worktree tests of a lane run in."""
    return f"test-{lane + 1}" if lane else "test"


test_worker.__test__ = False  # type: ignore[attr-defined]


def _owner(lane: int) -> str:
    return f"integration test {lane + 1}" if lane else "integration test"
