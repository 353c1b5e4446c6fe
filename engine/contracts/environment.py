"""What the commands of a contract find in their environment."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from engine.contracts.kinds import mock_module
from engine.contracts.reading import files_in
from engine.contracts.records import variable_name
from engine.plan import Contract


def contract_environment(contract: Contract, worktree: Path, port: int = 0) -> dict[str, str]:
    """The variables of one contract; with `port`, where a mock or service is to listen."""
    listen = {"AURORA_PORT": str(port), "PORT": str(port)} if port else {}
    return {
        "AURORA_CONTRACT": contract.name,
        "AURORA_CONTRACT_FILES": os.pathsep.join(map(str, files_in(worktree, contract))),
        **listen,
    }


def mock_modules(contracts: Iterable[Contract], mocks: Iterable[tuple[str, int]], scratch: str) -> dict[str, str]:
    """AURORA_MOCK_<NAME> of the contracts whose mock is not a service but a module: its path."""
    served = {name for name, port in mocks if port}
    places = {c.name: mock_module(c, Path(scratch)) for c in contracts if c.name in served}
    return {f"AURORA_MOCK_{variable_name(name)}": str(place) for name, place in places.items() if place}
