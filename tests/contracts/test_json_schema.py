"""The kind json-schema: example files keep the schema, on both sides."""

from __future__ import annotations

import json
import subprocess
from email.message import Message
from pathlib import Path

import pytest
from papers import Said, write

from engine.contracts.documents import Library
from engine.contracts.http_server import Request
from engine.contracts.json_mock import ExampleMock
from engine.contracts.json_schema import ACTS
from engine.contracts.program import main

ORDER = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "required": ["id", "email"],
    "properties": {"id": {"type": "integer"}, "email": {"type": "string", "format": "email"}},
}
GOOD = {"id": 1, "email": "ada@example.org"}


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a schema and an example of its own."""
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    monkeypatch.chdir(tmp_path)
    write(tmp_path, ORDER, "contracts/order.schema.json")
    write(tmp_path, GOOD, "contracts/order.paid.json")
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], act: str, *files: str) -> Said:
    code = main("test", ACTS, [act, *(files or ("contracts/order.schema.json", "contracts/order.paid.json"))])
    said = capsys.readouterr()
    return Said(code, said.out, said.err)


def test_the_contracts_own_examples_are_checked(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "check") == Said(0, "contracts/order.schema.json: 1 examples\n", "")
    write(repository, {"id": 1, "mail": "ada@example.org"}, "contracts/order.paid.json")
    said = run(capsys, "check")
    assert said.code == 1
    assert said.err == (
        "contracts/order.paid.json: `email` is missing; there is `mail`, which the contract does not name\n"
    )


def test_a_schema_that_is_none_is_told(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(repository, {**ORDER, "type": "objekt"}, "contracts/order.schema.json")
    said = run(capsys, "check")
    assert said.code == 1
    assert "contracts/order.schema.json" in said.err
    assert "objekt" in said.err


def test_both_sides_are_verified_wherever_their_examples_lie(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = run(capsys, "verify")
    assert (said.code, "call it order.CASE.json" in said.err) == (1, True)
    write(repository, GOOD, "backend/tests/order.sent.json")
    assert run(capsys, "verify").code == 0
    write(repository, "id: one\nemail: ada@example.org\n", "frontend/data/order.received.yaml")
    said = run(capsys, "verify")
    assert said.code == 1
    assert said.err == 'frontend/data/order.received.yaml: `id` is a string ("one"), should be integer\n'
    write(repository, "frontend/data\n", ".gitignore")
    assert run(capsys, "verify").code == 0


def test_an_invalid_example_must_be_invalid(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(repository, {"id": "x"}, "tests/order.wrong.invalid.json")
    assert run(capsys, "verify").code == 0
    write(repository, GOOD, "tests/order.wrong.invalid.json")
    assert "though it should be invalid" in run(capsys, "verify").err


def test_a_contract_without_a_schema_is_told(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(repository, GOOD, "contracts/a.json")
    said = run(capsys, "check", "contracts/a.json", "contracts/order.paid.json")
    assert (said.code, "a file called NAME.schema.json" in said.err) == (1, True)


def test_the_mock_serves_examples(repository: Path) -> None:
    schema = Library().open_all(Path("contracts/order.schema.json"))
    mock = ExampleMock([("order", schema, [Path("contracts/order.paid.json")]), ("made", schema, [])])

    def ask(path: str) -> tuple[int, object]:
        answer = mock.answer(Request("GET", path, (), Message(), b""))
        return answer.status, json.loads(answer.body)

    assert ask("/order") == ask("/order.paid.json") == (200, GOOD)
    assert ask("/made") == (200, {"id": 1, "email": "ada@example.org"})
    assert ask("/") == (200, {"schemas": ["order", "made"], "examples": ["order.paid.json"]})
    assert ask("/nothing")[0] == 404
