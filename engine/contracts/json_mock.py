"""What a mock of JSON schemas answers: their examples, or a value made of the schema (pure)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from engine.contracts.documents import Json, Library, Node
from engine.contracts.http_server import Answer, Request
from engine.contracts.samples import NoSample, Sampler
from engine.contracts.schemas import Schemas, Way


class ExampleMock:
    """Answers by name of a schema, or of an example's file. `files` are the names of all."""

    def __init__(self, papers: Sequence[tuple[str, Node, Sequence[Path]]]) -> None:
        self.made: dict[str, Json] = {}
        self.files: dict[str, Path] = {}
        for name, schema, examples in papers:
            good = [path for path in examples if ".invalid." not in path.name]
            self.files |= {path.name: path for path in examples}
            self.made[name] = Library().open(good[0]).value if good else _made(schema)

    def answer(self, request: Request) -> Answer:
        """The example of that name."""
        name = request.path.strip("/")
        if request.method not in ("GET", "HEAD"):
            return _sent({"error": "examples can only be read"}, 405)
        if not name:
            return _sent({"schemas": list(self.made), "examples": list(self.files)})
        if name in self.made:
            return _sent(self.made[name])
        if name in self.files:
            return _sent(Library().open(self.files[name]).value)
        return _sent({"error": f"there is no example {name}, only {', '.join([*self.made, *self.files])}"}, 404)


def _made(schema: Node) -> Json:
    schemas = Schemas(schema.library, Way.GIVEN)
    try:
        return Sampler(Way.GIVEN, schemas.valid).of(schema)
    except NoSample as reason:
        return {"error": f"the contract has no example, and none can be made up: {reason}"}


def _sent(value: Json, status: int = 200) -> Answer:
    return Answer(status, json.dumps(value, ensure_ascii=False, indent=2).encode())
