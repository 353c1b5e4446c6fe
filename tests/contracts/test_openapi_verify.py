"""`verify` of an OpenAPI contract asks a really running service: what differs is named by path, field and status."""

from __future__ import annotations

import copy
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from papers import FORGE, ID, answers, openapi, paths, write

PROGRAM = [sys.executable, "-I", "-m", "engine.contracts.openapi"]


def order() -> dict[str, Any]:
    """The schema of an order, a new one each time."""
    number = {"type": "integer", "readOnly": True}
    fields = {"id": number, "username": {"type": "string"}, "note": {"type": "string"}}
    return {"type": "object", "required": ["id", "username"], "properties": fields}


def shop() -> dict[str, Any]:
    """A small contract."""
    body = {"required": True, "content": {"application/json": {"schema": order()}}}
    return paths(
        get_orders=answers({"type": "array", "items": order()}),
        post_orders=answers(order(), "201", requestBody=body),
        get_orders_id=answers(order(), parameters=[ID]),
        delete_orders_id={"responses": {"204": {"description": "gone"}}, "parameters": [ID]},
    )


@contextmanager
def served(path: Path) -> Iterator[str]:
    """A service that answers as another document says: its mock. Where it is."""
    command = [*PROGRAM, "mock", str(path), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()
    assert process.returncode == 0


def response(document: dict[str, Any], path: str, method: str, status: str = "200") -> dict[str, Any]:
    """The schema of an answer, to be changed."""
    schema: dict[str, Any] = document["paths"][path][method]["responses"][status]["content"]["application/json"][
        "schema"
    ]
    return schema


def renamed(document: dict[str, Any]) -> None:
    schema = response(document, "/orders/{id}", "get")
    schema["properties"]["email"] = schema["properties"].pop("username")
    schema["required"] = ["id", "email"]


def renamed_optional(document: dict[str, Any]) -> None:
    schema = response(document, "/orders", "get")["items"]
    schema["properties"]["remark"] = schema["properties"].pop("note")


def retyped(document: dict[str, Any]) -> None:
    response(document, "/orders", "post", "201")["properties"]["id"]["type"] = "string"


def another_status(document: dict[str, Any]) -> None:
    responses = document["paths"]["/orders"]["post"]["responses"]
    responses["200"] = responses.pop("201")


def not_there(document: dict[str, Any]) -> None:
    del document["paths"]["/orders/{id}"]["delete"]


def not_there_at_all(document: dict[str, Any]) -> None:
    del document["paths"]["/orders/{id}"]


BREAKS: list[tuple[Callable[[dict[str, Any]], None], str]] = [
    (renamed, "GET /orders/{id} → 200: `username` is missing; there is `email`, which the contract does not name"),
    (renamed_optional, "GET /orders → 200: the contract does not name `[0].remark` (it names `note`)"),
    (retyped, 'POST /orders → 201: `id` is a string ("string"), should be integer'),
    (another_status, "POST /orders → 200: the contract names only 201"),
    (not_there, "DELETE /orders/{id}: answered 405 to the contract's own example, should be 204; is it missing?"),
    (not_there_at_all, "GET /orders/{id}: answered 404 to the contract's own example, should be 200; is it missing?"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("change", "words"), BREAKS, ids=lambda value: getattr(value, "__name__", ""))
def test_what_a_service_does_otherwise_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: Callable[[dict[str, Any]], None], words: str
) -> None:
    promised = write(tmp_path, shop())
    other = copy.deepcopy(shop())
    change(other)
    with served(write(tmp_path, other, "other.yaml")) as url:
        said = openapi(capsys, "verify", "--quick", "--url", url, str(promised))
    assert said.code == 1, said
    assert words in said.err


@pytest.mark.slow
def test_a_mock_is_its_own_best_service_also_for_made_up_requests(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, shop())
    with served(path) as url:
        monkeypatch.setenv("AURORA_SERVICE", url)
        said = openapi(capsys, "verify", str(path))
    assert said.code == 0, said.err
    assert said.out.startswith(f"4 operations answer as {path} says, and so do ")


def test_without_a_service_verify_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    said = openapi(capsys, "verify", "--quick", "--url", "", str(FORGE))
    assert (said.code, "give the contract a `serve:`" in said.err) == (2, True)
    said = openapi(capsys, "verify", "--quick", "--url", "http://127.0.0.1:9", str(FORGE))
    assert (said.code, "no answer from http://127.0.0.1:9/api/v1" in said.err) == (1, True)


def test_an_operation_can_be_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = shop()
    for item in document["paths"].values():
        for operation in item.values():
            operation["x-aurora-skip"] = "needs a printer"
    said = openapi(capsys, "verify", "--quick", "--url", "http://127.0.0.1:9", str(write(tmp_path, document)))
    assert said.code == 0
    assert "0 operations answer" in said.out
    assert "4 skipped (x-aurora-skip)" in said.out


@pytest.mark.parametrize("library", ["openapi_spec_validator", "schemathesis"])
def test_a_missing_library_is_one_sentence_with_the_line_to_install_it(tmp_path: Path, library: str) -> None:
    act = "check" if library == "openapi_spec_validator" else "verify"
    code = f"import sys; sys.modules[{library!r}] = None\n"
    code += "from engine.contracts.openapi import ACTS, start\nstart('', ACTS)"
    document = shop()
    for item in document["paths"].values():
        for operation in item.values():
            operation["x-aurora-skip"] = "only the library is looked for"
    path = write(tmp_path, document)
    command = [sys.executable, "-c", code, act, str(path), "--url", "http://127.0.0.1:9"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2, done.stderr
    assert done.stderr.splitlines()[1:] == ["hint: pip install 'aurora-tui[contracts]'"]
    assert library.replace("_", "-") in done.stderr.splitlines()[0]


# --- the mock as a program -------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_mock_is_a_program_that_is_not_shadowed_and_ends_well(tmp_path: Path) -> None:
    path = write(tmp_path, shop())
    (tmp_path / "engine").mkdir()
    (tmp_path / "engine" / "__init__.py").write_text("raise RuntimeError('the wrong room')")
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        port = str(held.getsockname()[1])
        done = subprocess.run(
            [*PROGRAM, "mock", str(path), "--port", port], cwd=tmp_path, capture_output=True, text=True
        )
    assert (done.returncode, done.stderr) == (2, f"port {port} is taken\n")
    with served(path) as url:
        connection = HTTPConnection(url.removeprefix("http://"), timeout=10)
        connection.request("GET", "/orders/1")
        assert connection.getresponse().status == 200
        connection.close()


# --- a real service --------------------------------------------------------------------------------------------------


def free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


@contextmanager
def forge(folder: Path, old: str = "", new: str = "") -> Iterator[str]:
    """The forge as a Flask service, with one text in it replaced. Where it is."""
    service = folder / "service.py"
    shutil.copyfile(FORGE.with_name("forge_service.py"), service)
    service.write_text(service.read_text().replace(old, new) if old else service.read_text())
    port = free_port()
    quiet = subprocess.DEVNULL
    with subprocess.Popen([sys.executable, str(service), str(port)], stdout=quiet, stderr=quiet) as process:
        try:
            deadline = time.monotonic() + 30
            while not _listens(port):
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


def _listens(port: int) -> bool:
    with socket.socket() as trial:
        return trial.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.slow
def test_a_flask_service_of_34_operations_is_verified(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with forge(tmp_path) as url:
        said = openapi(capsys, "verify", "--seconds", "6", "--url", url, str(FORGE))
    assert said.code == 0, said.err
    assert said.out.startswith("34 operations answer as")


FLASK_BREAKS = {
    "renamed": (
        '{"id": next_id("user"), **data}',
        '{"id": next_id("user"), "username": data["email"]}',
        "POST /users → 201: `email` is missing",
    ),
    "missing": (
        "/<owner>/<repo>/issues/comments/",
        "/<owner>/<repo>/comments/",
        "GET /repos/{owner}/{repo}/issues/comments/{id}: answered 404",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize(("old", "new", "words"), list(FLASK_BREAKS.values()), ids=list(FLASK_BREAKS))
def test_what_the_flask_service_does_otherwise_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, words: str
) -> None:
    with forge(tmp_path, old, new) as url:
        said = openapi(capsys, "verify", "--quick", "--url", url, str(FORGE))
    assert said.code == 1
    assert words in said.err
