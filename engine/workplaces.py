"""What a worker's worktree gets around it: the `setup` commands, an environment of its own, and commands run there."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from engine import process
from engine.command import CommandResult, run_command
from engine.errors import AuroraError
from engine.model import Verdict
from engine.setup import SetupState

if TYPE_CHECKING:
    from engine.runner import Runner

FIRST_PORT = 21000
PORTS_PER_WORKER = 20
MOST_WORKERS = 512
SHIFTED_WORKERS = 100
"""Workers whose ports get others by a shift: as many as ever run at the same time."""
MOST_TEST_LANES = 15
NOT_RUN = (126, 127)


class Workplaces:
    """The surroundings of all worktrees, those of workers and those tests run in."""

    def __init__(self, runner: Runner) -> None:
        self.runner = runner

    async def set_up(self, worker: str, path: Path, task: str = "", *, has_slot: bool = False) -> None:
        """Run the `setup` commands where they have not run yet for the lock files as they are. AuroraError if red."""
        commands = self.runner.settings.setup
        if not commands:
            return
        state = SetupState(self.runner.repo.aurora_dir / "setup" / f"{worker}.json", path, commands)
        if await asyncio.to_thread(state.done):
            return
        async with AsyncExitStack() as stack:
            if not has_slot:
                await stack.enter_async_context(self.runner.slots.slot(f"setup {worker}", commands[0]))
            await self._run_setup(worker, path, task)
        await asyncio.to_thread(state.mark)

    async def _run_setup(self, worker: str, path: Path, task: str) -> None:
        log = self.runner.run_folder / f"setup.{worker}.log"
        env = self.environment(worker, task) | {"AURORA_SLOT": f"setup {worker}"}
        for command in self.runner.settings.setup:
            result = await self._command(command, path, log, env, f"setup-{worker}")
            if result.code != 0:
                tail = process.tail(log, lines=8)
                raise AuroraError(f"setup command `{command}` failed with {result.code}: {tail}")

    async def _command(
        self, command: str, cwd: Path, log: Path, env: dict[str, str], marker: str, time_limit: float | None = None
    ) -> CommandResult:
        return await run_command(command, cwd=cwd, env=env, log=log, marker=marker, time_limit=time_limit)

    def environment(self, worker: str, owner: str, shift: int = 0) -> dict[str, str]:
        """What every command of a worker gets: shims first on PATH, its own ports, temporary folder, project name;
        other ports and another name with every `shift`."""
        port = first_port(worker, shift)
        project = f"{self.runner.repo.root.name}-{worker}" + (f"-{shift}" if shift else "")
        scratch = self.runner.worktrees.root / ".tmp" / worker
        scratch.mkdir(parents=True, exist_ok=True)
        slots = self.runner.slots
        return {
            **os.environ,
            **slots.server.environment(owner),
            "PATH": f"{slots.shims}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "AURORA_PORT": str(port),
            "PORT": str(port),
            "TMPDIR": str(scratch),
            "COMPOSE_PROJECT_NAME": project.lower(),
        }

    async def run_all(
        self, commands: Iterable[str], cwd: Path, log: Path, env: dict[str, str], marker: str
    ) -> tuple[Verdict, str]:
        """Run commands until one is not green; the verdict and the command that decided it."""
        verdict, command = Verdict.PASSED, ""
        for command in commands:
            result = await self._command(command, cwd, log, env, marker, self.runner.settings.test_timeout)
            if result.timed_out:
                return Verdict.TIMEOUT, command
            if result.code in NOT_RUN:
                return Verdict.ERROR, command
            if result.code != 0:
                return Verdict.FAILED, command
        return verdict, command


def first_port(worker: str, shift: int = 0) -> int:
    """The first of a worker's own ports; those of merge agents and of tests come after all workers. All lie below the
    ports the system gives to outgoing connections."""
    name, _, lane = worker.partition("-")
    if name == "test":
        number = MOST_WORKERS + int(lane or 1) + shift * MOST_TEST_LANES
    elif worker == "merge":
        number = MOST_WORKERS
    else:
        number = ((int(worker[1:]) if worker[1:].isdigit() else 0) + shift * SHIFTED_WORKERS) % MOST_WORKERS
    return FIRST_PORT + number * PORTS_PER_WORKER
