"""`check` of an OpenAPI contract: what is wrong is named, with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest
from papers import FORGE, ID, answers, openapi, paths, write

NAMED = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}


def refused(capsys: pytest.CaptureFixture[str], path: Path, *words: str) -> str:
    said = openapi(capsys, "check", *(words or ("--quick",)), str(path))
    assert said.code == 1, said
    assert "Traceback" not in said.err
    return said.err


def test_a_complete_document_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    said = openapi(capsys, "check", "--quick", str(FORGE))
    assert (said.code, said.err) == (0, "")
    assert said.out == f"{FORGE}: 34 operations\n"


@pytest.mark.slow
def test_the_specification_is_kept(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert openapi(capsys, "check", str(FORGE)).code == 0
    path = write(tmp_path, paths(get_a={"responses": {"200": {"descripton": "a typing error"}}}))
    assert "'description' is a required property" in refused(capsys, path, "--seconds=1")
    assert openapi(capsys, "check", "--quick", str(path)).code == 0


def test_yaml_that_is_none_is_told_with_its_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = write(tmp_path, "openapi: 3.1.0\ninfo:\n  title: a: b\n")
    assert f"{path}:3: this is not YAML: mapping values are not allowed" in refused(capsys, path)
    path = write(tmp_path, '{"openapi": "3.1.0",\n "info": }', "api.json")
    assert f"{path}:2: this is not JSON: expecting value" in refused(capsys, path)
    path = write(tmp_path, "")
    assert f"{path}: the file is empty" in refused(capsys, path)


def test_a_document_of_another_kind_is_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert "Swagger 2 is not understood" in refused(capsys, write(tmp_path, {"swagger": "2.0", "paths": {}}))
    assert "`paths` has no operation" in refused(capsys, write(tmp_path, {"openapi": "3.1.0"}))


def test_what_is_missing_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    document = paths(get_orders_id=answers(NAMED), post_orders={"description": "nothing is answered"})
    told = refused(capsys, write(tmp_path, document))
    assert "GET /orders/{id} does not declare its path parameter `id`" in told
    assert "POST /orders has no response" in told


def test_a_reference_into_nowhere_is_named_with_its_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = write(tmp_path, paths(get_a=answers({"$ref": "#/components/schemas/Order"})))
    lines = path.read_text().splitlines()
    number = next(n for n, line in enumerate(lines, 1) if "$ref" in line)
    told = refused(capsys, path)
    assert "the reference `#/components/schemas/Order` leads nowhere" in told
    assert any(f"{path}:{near}:" in told for near in (number - 1, number))
    path = write(tmp_path, paths(get_a=answers({"$ref": "https://example.org/order.yaml"})))
    assert "leads to the network" in refused(capsys, path)
    path = write(tmp_path, paths(get_a=answers({"$ref": "order.yaml#/Order"})))
    assert "names a file that does not exist" in refused(capsys, path)


def test_an_example_must_fit_its_schema(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    operation = answers(NAMED)
    media = operation["responses"]["200"]["content"]["application/json"]  # type: ignore[index]
    media["example"] = {"nane": "tea"}
    told = refused(capsys, write(tmp_path, paths(get_a=operation)))
    assert "the example of GET /a 200 does not fit its schema: `name` is missing; there is `nane`" in told


def test_an_example_is_wanted_where_none_can_be_made(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    impossible = {"type": "string", "enum": ["a"], "minLength": 5}
    told = refused(capsys, write(tmp_path, paths(get_a_id=answers(impossible, parameters=[ID]))))
    assert "give GET /a/{id} 200 an example" in told


def test_several_files_are_one_contract(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    write(
        tmp_path,
        {"Order": {**NAMED, "properties": {"name": {"$ref": "#/Name"}}}, "Name": {"type": "integer"}},
        "parts/o.yaml",
    )
    path = write(tmp_path, paths(get_a=answers({"$ref": "parts/o.yaml#/Order"}, example=1)))
    said = openapi(capsys, "check", "--quick", str(tmp_path / "parts" / "o.yaml"), str(path))
    assert said.code == 0, said
    assert said.out == f"{path}: 1 operations\n"


def test_no_file_is_wrong_use(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AURORA_CONTRACT_FILES", raising=False)
    said = openapi(capsys, "check")
    assert said.code == 2
    assert "no file of a contract was named" in said.err


def test_files_come_from_the_environment(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AURORA_CONTRACT_FILES", str(FORGE))
    assert openapi(capsys, "check", "--quick").code == 0
