"""What the patterns of a plan alone tell of contracts: shared files, claims on what will be frozen."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from engine.config import load_plan
from engine.contracts.overlaps import frozen_claims, surely_meet, within
from engine.errors import ConfigError
from engine.plan import Plan


def plan_of(folder: Path, contracts: dict[str, list[str]], **claims: list[str]) -> Plan:
    """A plan of `spec`, which writes all contracts, and a task for each of `claims`."""
    tasks = [{"id": "spec", "prompt": "p"}, *({"id": t, "prompt": "p", "files": files} for t, files in claims.items())]
    tasks.append({"id": "user", "prompt": "p", "consumes": list(contracts), "files": claims.get("user", [])})
    entries = {name: {"files": files, "by": "spec"} for name, files in contracts.items()}
    file = folder / "aurora.yaml"
    unique = {task["id"]: task for task in tasks}
    file.write_text(yaml.safe_dump({"contracts": entries, "tasks": list(unique.values())}))
    return load_plan(file, root=folder, target="main")


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        ("api/a.yaml", "api/a.yaml", True),
        ("api/", "api/a.yaml", True),
        ("api/*.yaml", "api/a.yaml", True),
        ("*.yaml", "api/a.yaml", True),
        ("api/a.yaml", "api/b.yaml", False),
        ("api/a*", "api/*b", False),
    ],
)
def test_patterns_that_surely_meet(one: str, other: str, meet: bool) -> None:
    assert surely_meet(one, other) is meet
    assert surely_meet(other, one) is meet


def test_within_has_a_direction() -> None:
    assert within("api/a.yaml", "api/**")
    assert not within("api/**", "api/a.yaml")


def test_a_file_belongs_to_one_contract(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"contracts\.b\.files\[1\]: is a file of the contract `a` too"):
        plan_of(tmp_path, {"a": ["api/**"], "b": ["other.yaml", "api/x.yaml"]})


def test_who_builds_on_a_contract_cannot_claim_its_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"`api/a\.yaml` belongs to the contract `a`, which is frozen"):
        plan_of(tmp_path, {"a": ["api/*.yaml"]}, user=["api/a.yaml"])


def test_a_wide_claim_over_frozen_files_is_allowed_and_told(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {"a": ["api/a.yaml"]}, user=["api/**"], other=["docs/**"], later=["api/a.yaml"])
    assert set(frozen_claims(plan)) == {("later", "api/a.yaml", "a"), ("user", "api/**", "a")}
