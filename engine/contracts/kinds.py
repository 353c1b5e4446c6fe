"""The built-in kinds of contracts: the commands that check, mock and verify one that names none of its own (pure).

A kind is a function from a contract to shell commands; it imports nothing heavy. Every command of a contract, built in
or the user's own, runs in the root of a worktree and finds in its environment

    AURORA_CONTRACT         the contract's name
    AURORA_CONTRACT_FILES   its files that exist, absolute, joined by `os.pathsep`
    AURORA_PORT (and PORT)  for `mock` and `serve`: where to listen, on 127.0.0.1
    AURORA_SERVICE          for `verify`, when the contract has a `serve`: http://127.0.0.1:PORT of the started service

`check` and `verify` exit with 0 when all is well and say on their output what is not; `mock` and `serve` serve until
they are ended by SIGTERM.
"""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from engine.plan import Contract


@dataclass(frozen=True, slots=True)
class Commands:
    """Shell commands of a contract; an empty one means there is none."""

    check: str = ""
    mock: str = ""
    verify: str = ""


def _program(module: str) -> Callable[[Contract], Commands]:
    """The commands of a kind that is a program of ours: run isolated, so that a repository's own `engine` is not it."""

    def commands(contract: Contract) -> Commands:
        start = f"{shlex.quote(sys.executable)} -I -m engine.contracts.{module}"
        files = [pattern.lstrip("/") for pattern in contract.files]
        named = "" if any(set(path) & set("*?[") for path in files) else f" {shlex.join(files)}"
        return Commands(*(f"{start} {act}{named}" for act in ("check", "mock", "verify")))

    return commands


KINDS: Mapping[str, Callable[[Contract], Commands]] = {
    "openapi": _program("openapi"),
    "json-schema": _program("json_schema"),
    "python": _program("python"),
}
"""The kinds a contract may name, each with what makes its commands."""


def mock_module(contract: Contract, scratch: Path) -> Path | None:
    """Where the mock of a contract lies when it is a Python module, below a worker's folder of temporary files."""
    if contract.kind != "python" or contract.mock != commands_for("python", contract).mock:
        return None
    return scratch / "aurora-mocks" / f"{re.sub(r'[^a-z0-9]+', '_', contract.name.lower())}_mock.py"


def commands_for(kind: str, contract: Contract) -> Commands:
    """What a kind does with a contract; nothing for a contract without a kind. KeyError when there is no such kind."""
    return KINDS[kind](contract) if kind else Commands()


def with_commands(contract: Contract) -> Contract:
    """The contract with the commands of its kind where it has none of its own."""
    usual = commands_for(contract.kind, contract)
    return replace(
        contract,
        check=contract.check or usual.check or None,
        mock=contract.mock or usual.mock or None,
        verify=contract.verify or usual.verify or None,
    )
