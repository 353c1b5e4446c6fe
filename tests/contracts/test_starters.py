"""`aurora contract new`: what it writes passes the check of its kind, and its entry is valid."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import yaml

from engine.config import load_plan
from engine.contracts import json_schema, openapi, python
from engine.contracts.program import main
from engine.contracts.starters import starter
from engine.errors import ConfigError

CHECKS = {"openapi": openapi.ACTS, "json-schema": json_schema.ACTS, "python": python.ACTS}


@pytest.mark.parametrize("kind", list(CHECKS))
def test_a_starter_passes_its_own_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    monkeypatch.chdir(tmp_path)
    made = starter("tea-orders", kind)
    Path(made.path).parent.mkdir()
    Path(made.path).write_text(made.text)
    assert main("test", CHECKS[kind], ["check", "--quick", made.path]) == 0, capsys.readouterr()
    assert "NAME" not in made.text.replace("NAME.CASE", "")


@pytest.mark.parametrize("kind", list(CHECKS))
def test_the_entry_is_valid_and_brings_the_commands_of_its_kind(tmp_path: Path, kind: str) -> None:
    made = starter("tea-orders", kind, "spec")
    entry = yaml.safe_load(made.entry.replace("…", "x"))
    entry["tasks"] = [{"id": "spec", "prompt": "p"}, {**entry["tasks"][0], "id": "a"}, {**entry["tasks"][1], "id": "b"}]
    path = tmp_path / "aurora.yaml"
    path.write_text(yaml.safe_dump(entry))
    (contract,) = load_plan(path, root=tmp_path, target="main").contracts
    assert (contract.kind, contract.by, contract.files) == (kind, "spec", (made.path,))
    for act in ("check", "mock", "verify"):
        command = str(getattr(contract, act))
        assert command.startswith(f"{sys.executable} -I -m engine.contracts.")
        assert command.endswith(f" {act} {made.path}")


def test_a_name_must_be_one() -> None:
    with pytest.raises(ConfigError, match="cannot be the name of a contract"):
        starter("../x", "openapi")
    with pytest.raises(ConfigError, match="cannot be the name of a Python module"):
        starter("1st", "python")
