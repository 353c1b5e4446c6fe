"""What the commands of a contract find in their environment."""

from __future__ import annotations

import os
from pathlib import Path

from engine.contracts.reading import files_in
from engine.plan import Contract


def contract_environment(contract: Contract, worktree: Path, port: int = 0) -> dict[str, str]:
    """The variables of one contract; with `port`, where a mock or service is to listen."""
    listen = {"AURORA_PORT": str(port), "PORT": str(port)} if port else {}
    return {
        "AURORA_CONTRACT": contract.name,
        "AURORA_CONTRACT_FILES": os.pathsep.join(map(str, files_in(worktree, contract))),
        **listen,
    }
