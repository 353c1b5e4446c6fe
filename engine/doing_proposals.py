"""Carries out proposals: one merge agent at a time, in a worktree of its own. Decides nothing."""

from __future__ import annotations

import asyncio
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING

from engine import effects as ef
from engine import events as ev
from engine import process
from engine.clients.starting import command_for
from engine.command import run_command
from engine.conflict_desk import Desk
from engine.conflict_model import WHOLE, Source
from engine.doing_following import spent_in
from engine.errors import AuroraError, RepoError
from engine.proposing import Given, give, merge_prompt, proposals
from engine.settling import accept_all
from engine.usage import read_usage, usage_file_of

if TYPE_CHECKING:
    from engine.runner import Runner

WORKER = "merge"
MOST_SECONDS = 1800.0
"""How long a merge agent may take; a limit of the task itself goes first."""


class ProposalJobs:
    """The jobs of merge agents."""

    def __init__(self, runner: Runner) -> None:
        self.runner = runner
        self._one = asyncio.Lock()

    async def propose(self, effect: ef.Propose) -> None:
        """Propose → ResolutionProposed, ConflictResolved? | ResolutionFailed."""
        prompt_file = self.runner.run_folder / f"{effect.task}.merge-agent.prompt"
        usage_file_of(prompt_file).unlink(missing_ok=True)
        try:
            async with self._one:
                count, commit, how = await self._propose(effect, prompt_file)
        except (AuroraError, OSError) as error:
            usd, tokens = await asyncio.to_thread(self._spent, effect, prompt_file)
            self.runner.post(
                ev.ResolutionFailed(at=time.time(), task=effect.task, reason=str(error), cost=usd, tokens=tokens)
            )
            return
        usd, tokens = await asyncio.to_thread(self._spent, effect, prompt_file)
        self.runner.post(
            ev.ResolutionProposed(at=time.time(), task=effect.task, proposed=count, cost=usd, tokens=tokens)
        )
        if commit:
            self.runner.post(
                ev.ConflictResolved(at=time.time(), task=effect.task, commit=commit, onto=effect.onto, how=how)
            )

    def _spent(self, effect: ef.Propose, prompt_file: Path) -> tuple[float, int]:
        """What the agent says it has used, in its usage file or in what it printed."""
        said = read_usage(usage_file_of(prompt_file))
        settings = self.runner.settings
        return said if any(said) else spent_in(log_of(prompt_file), settings.profile(effect.agent), settings.prices)

    async def _propose(self, effect: ef.Propose, prompt_file: Path) -> tuple[int, str, str]:
        runner = self.runner
        desk, given = await asyncio.to_thread(self._prepared, effect)
        path = await asyncio.to_thread(runner.worktrees.prepare_detached, WORKER, given.commit)
        await runner.workplaces.set_up(WORKER, path, effect.task)
        tasks = runner.machine.state.tasks
        prompt = merge_prompt(desk, given, {name: record.spec.prompt for name, record in tasks.items()})
        prompt_file.write_text(prompt, encoding="utf-8")
        await self._run(effect, path, prompt, prompt_file)
        return await asyncio.to_thread(self._taken, effect, given, path)

    def _prepared(self, effect: ef.Propose) -> tuple[Desk, Given]:
        run = self.runner.machine.state.run
        desk = Desk.open(self.runner.repo, run, effect.task, effect.branch_commit, effect.onto)
        return desk, give(desk)

    async def _run(self, effect: ef.Propose, path: Path, prompt: str, prompt_file: Path) -> None:
        """The agent from start to end; RepoError when it does not end well."""
        runner, log = self.runner, log_of(prompt_file)
        log.unlink(missing_ok=True)
        argv, extra = command_for(runner.settings.profile(effect.agent), prompt=prompt, prompt_file=prompt_file)
        about = {
            "AURORA_TASK": effect.task,
            "AURORA_RUN": runner.machine.state.run,
            "AURORA_PROMPT_FILE": str(prompt_file),
            "AURORA_USAGE_FILE": str(usage_file_of(prompt_file)),
        }
        result = await run_command(
            shlex.join(argv),
            cwd=path,
            env=runner.workplaces.environment(WORKER, f"merge agent of {effect.task}") | extra | about,
            log=log,
            marker=f"{WORKER}-{effect.task}",
            time_limit=runner.machine.state.tasks[effect.task].spec.timeout or MOST_SECONDS,
        )
        if result.timed_out:
            raise RepoError(f"it did not end within {result.seconds:.0f} s")
        if result.code != 0:
            said = process.tail(log, lines=1)
            raise RepoError(f"it ended with {result.code}{f': {said}' if said else ''}", f"its output is in {log}")

    def _taken(self, effect: ef.Propose, given: Given, path: Path) -> tuple[int, str, str]:
        """How much it proposes; that is left on the desk. When it is to be accepted at once and nothing is open
        besides, the merge commit and how it was settled."""
        repo, run = self.runner.repo, self.runner.machine.state.run
        desk = Desk.open(repo, run, effect.task, effect.branch_commit, effect.onto)
        found, why = proposals(desk, given, path)
        if not found:
            raise RepoError(why)
        desk.propose(found)
        settlement = desk.settlement
        by_person = any(one.source is Source.PERSON for one in settlement.decisions.values())
        keys = settlement.conflict.decision_keys()
        open_yet = [key for key in keys if not ({key, (key[0], WHOLE)} & found.keys() or settlement.decision(key))]
        if not effect.accept or by_person or open_yet:
            return len(found), "", ""
        desk.take_proposals()
        commit, how = accept_all(desk)
        repo.keep(f"refs/aurora/{run}/{effect.task}/resolved-{commit[:9]}", commit)
        return len(found), commit, how


def log_of(prompt_file: Path) -> Path:
    """Where the output of the agent with that prompt goes."""
    return prompt_file.with_suffix(".log")
