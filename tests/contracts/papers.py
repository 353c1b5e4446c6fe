"""Writes small contracts for tests and runs the programs of the kinds on them, in this process."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
import yaml

from engine.contracts.documents import Library
from engine.contracts.http_server import Answer, Request
from engine.contracts.openapi import ACTS
from engine.contracts.openapi_mock import OpenApiMock
from engine.contracts.openapi_model import Api
from engine.contracts.program import main

FORGE = Path(__file__).with_name("forge.yaml")


@dataclass(frozen=True)
class Said:
    """What a program said, and how it ended."""

    code: int
    out: str
    err: str


def openapi(capsys: pytest.CaptureFixture[str], *words: str) -> Said:
    """Run the program of the kind openapi."""
    code = main("test", ACTS, words)
    said = capsys.readouterr()
    return Said(code, said.out, said.err)


def paths(**operations: object) -> dict[str, object]:
    """A document with these operations: `get_orders_id` is `GET /orders/{id}`."""
    found: dict[str, dict[str, object]] = {}
    for name, operation in operations.items():
        method, *steps = name.split("_")
        path = "/" + "/".join(f"{{{step}}}" if step == "id" else step for step in steps)
        found.setdefault(path, {})[method] = operation
    return {"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": found}


def answers(schema: object, status: str = "200", **more: object) -> dict[str, object]:
    """An operation that answers JSON of a schema."""
    content = {"application/json": {"schema": schema}}
    return {"responses": {status: {"description": "d", "content": content}}, **more}


ID = {"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}


def write(folder: Path, document: object, name: str = "api.yaml") -> Path:
    """Write a document."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(document) if name.endswith(".json") else yaml.safe_dump(document, sort_keys=False)
    path.write_text(document if isinstance(document, str) else text, encoding="utf-8")
    return path


class Mock:
    """A mock without a socket."""

    def __init__(self, path: Path) -> None:
        self.mock = OpenApiMock(Api.of(Library().open_all(path)))

    def ask(self, method: str, target: str, body: object = None, headers: Mapping[str, str] | None = None) -> Answer:
        """Ask it; a body that is not bytes is sent as JSON."""
        sent = Message()
        for name, value in (headers or {}).items():
            sent[name] = value
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        if body is not None and "Content-Type" not in sent:
            sent["Content-Type"] = "application/json"
        path, _, query = target.partition("?")
        return self.mock.answer(Request(method, path, tuple(parse_qsl(query)), sent, raw))

    def json(self, method: str, target: str, body: object = None, **headers: str) -> Any:
        """What it answers when all goes well."""
        answer = self.ask(method, target, body, headers)
        assert 200 <= answer.status < 300, answer
        return json.loads(answer.body)
