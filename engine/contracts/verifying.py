"""Reads contracts, and runs their `check` and `verify` in a worktree, against the started service if there is one."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engine import effects as ef
from engine import events as ev
from engine import process
from engine.contracts.environment import contract_environment
from engine.contracts.reading import read_contracts
from engine.contracts.service import Served, end, free_port, until_healthy
from engine.model import Verdict
from engine.plan import Contract
from engine.workplaces import first_port

if TYPE_CHECKING:
    from engine.runner import Runner

FIRST_OF_SERVICES = 10
SHOWN_OF_SERVICE = 40
Outcome = tuple[Verdict, str]
"""A verdict, and the command that decided it."""
PASSED: Outcome = (Verdict.PASSED, "")


@dataclass(frozen=True, slots=True)
class Place:
    """Where commands run: whose worktree, its environment, the log they write to, the marker of their processes."""

    worker: str
    path: Path
    env: dict[str, str]
    log: Path
    marker: str


class ContractJobs:
    """What is read and run of contracts, apart from their mocks."""

    def __init__(self, runner: Runner) -> None:
        self.runner = runner

    async def read(self, effect: ef.ReadContracts) -> None:
        """ReadContracts → ContractsRead."""
        contracts = self.runner.machine.state.plan.contracts
        found = await asyncio.to_thread(read_contracts, self.runner.repo, contracts, effect.commit, effect.before)
        self.runner.post(ev.ContractsRead(at=time.time(), commit=effect.commit, contracts=found))

    async def test_attempt(self, effect: ef.TestAttempt, place: Place) -> Outcome:
        """The checks of contracts, the task's own test, the verification of contracts, until one is not green."""
        outcome = await self.check(effect.checks, place)
        if outcome[0] is Verdict.PASSED:
            outcome = await self.runner.workplaces.run_all(
                effect.commands, place.path, place.log, place.env, place.marker
            )
        if outcome[0] is Verdict.PASSED:
            outcome = await self.verify(effect.verifies, place)
        return outcome

    async def check(self, names: Iterable[str], place: Place) -> Outcome:
        """Run the `check` of some contracts until one is not green."""
        for name in names:
            contract = self._contract(name)
            outcome = await self._command(contract, contract.check or "", place, {})
            if outcome[0] is not Verdict.PASSED:
                return outcome
        return PASSED

    async def verify(self, names: Iterable[str], place: Place) -> Outcome:
        """Run the `verify` of some contracts until one is not green, each against a service of its own."""
        for name in names:
            contract = self._contract(name)
            if contract.serve:
                outcome = await self._against_service(contract, contract.serve, place)
            else:
                outcome = await self._command(contract, contract.verify or "", place, {})
            if outcome[0] is not Verdict.PASSED:
                return outcome
        return PASSED

    def _contract(self, name: str) -> Contract:
        return next(c for c in self.runner.machine.state.plan.contracts if c.name == name)

    async def _command(self, contract: Contract, command: str, place: Place, more: dict[str, str]) -> Outcome:
        env = place.env | await asyncio.to_thread(contract_environment, contract, place.path) | more
        return await self.runner.workplaces.run_all((command,), place.path, place.log, env, place.marker)

    async def _against_service(self, contract: Contract, serve: str, place: Place) -> Outcome:
        served = await asyncio.to_thread(self._launch, contract, serve, place)
        try:
            wrong = await until_healthy(served)
            if wrong:
                _append(place.log, f"the service of {contract.name} (`{serve}`) {wrong}; it said:\n", served.log)
                return Verdict.FAILED, serve
            service = {"AURORA_SERVICE": f"http://127.0.0.1:{served.port}"}
            outcome = await self._command(contract, contract.verify or "", place, service)
            if outcome[0] is Verdict.FAILED:
                _append(place.log, f"\nthe service of {contract.name} said:\n", served.log)
            return outcome
        finally:
            await end(served)
            served.log.unlink(missing_ok=True)

    def _launch(self, contract: Contract, serve: str, place: Place) -> Served:
        """Start the implemented service; it does not outlive this process. Blocking."""
        unique = uuid.uuid4().hex[:8]
        record = place.log.with_name(f".{place.log.name}.serve-{contract.name}.{unique}")
        marker = f"{place.marker}.serve.{unique}"
        port = free_port(first_port(place.worker) + FIRST_OF_SERVICES)
        spec = process.LaunchSpec(
            record=record,
            command=("/bin/sh", "-c", serve),
            cwd=place.path,
            env=place.env | contract_environment(contract, place.path, port),
            marker=marker,
            lifeline=True,
        )
        return Served(process.launch(spec), record, marker, port, contract.health, process.log_of(spec))


def _append(log: Path, words: str, other: Path) -> None:
    """Put the end of a service's output into a test's log."""
    said = process.tail(other, lines=SHOWN_OF_SERVICE)
    with log.open("a", encoding="utf-8") as file:
        file.write(f"{words}{said}\n")
