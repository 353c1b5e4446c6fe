"""Contract documents: YAML or JSON files that may refer to each other by `$ref`, as nodes that know their place.

Nothing is fetched from a network. Documents of OpenAPI 3.0 are read as if their schemas were JSON Schema 2020-12.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from engine.config_lines import Document, Where, read_document, read_text_file
from engine.contracts.program import Differs
from engine.errors import ConfigError

PLAIN = ("example", "examples", "default", "enum", "const")
"""Keywords whose values are data: no reference is followed and nothing is changed in them."""
Json = Any


@dataclass(frozen=True, eq=False)
class Source:
    """One file as plain data, with the lines its values stand on where that is known."""

    path: Path
    raw: Json
    document: Document | None

    @cached_property
    def value(self) -> Json:
        """The data as JSON Schema 2020-12."""
        return _modern(self.raw) if str(_get(self.raw, "openapi", "3.1")).startswith("3.0") else self.raw

    def place(self, where: Where) -> str:
        """`file:line` of a value, or `file` alone."""
        known = self.document is not None and where
        return f"{self.path}:{self.document.position_of(where)[0]}" if known and self.document else str(self.path)


@dataclass(frozen=True, eq=False)
class Library:
    """Files by their path, each read once."""

    sources: dict[Path, Source] = field(default_factory=dict)

    def open(self, path: Path) -> Node:
        """The top of a file. Differs with file and line when it cannot be read."""
        if path not in self.sources:
            self.sources[path] = _read(path)
        return Node(self, self.sources[path], (), self.sources[path].value)

    def open_all(self, path: Path) -> Node:
        """The top of a file, after it and all it refers to was read. Differs naming every reference into nowhere."""
        top = self.open(path)
        seen: set[Path] = set()
        waiting = [path]
        lost: list[str] = []
        while waiting:
            here = waiting.pop()
            seen.add(here)
            for node in references(self.open(here)):
                try:
                    target = node.target().source.path
                except Differs as differs:
                    lost += differs.findings
                else:
                    waiting += [target] if target not in seen and target not in waiting else []
        if lost:
            raise Differs(lost)
        return top


@dataclass(frozen=True, eq=False)
class Node:
    """A value in a document, and where it stands."""

    library: Library
    source: Source
    where: Where
    value: Json

    @property
    def place(self) -> str:
        """`file:line`."""
        return self.source.place(self.where)

    @property
    def uri(self) -> str:
        """An address of this value that stays the same."""
        steps = (quote(str(step).replace("~", "~0").replace("/", "~1"), safe="") for step in self.where)
        return f"{self.source.path.absolute().as_uri()}#{''.join(f'/{step}' for step in steps)}"

    def get(self, key: str | int) -> Node | None:
        """What stands under a key (or at a position), references followed; None when there is nothing."""
        found = self.child(key)
        return found.followed() if found is not None else None

    def child(self, key: str | int) -> Node | None:
        """The same, but a reference is given as it stands."""
        if isinstance(self.value, dict) and key in self.value:
            return Node(self.library, self.source, (*self.where, key), self.value[key])
        if isinstance(self.value, list) and isinstance(key, int) and 0 <= key < len(self.value):
            return Node(self.library, self.source, (*self.where, key), self.value[key])
        return None

    def items(self) -> Iterator[tuple[str, Node]]:
        """The keys of a mapping and their values, references followed."""
        for key in self.value if isinstance(self.value, dict) else ():
            found = self.get(key)
            if found is not None:
                yield key, found

    def elements(self) -> Iterator[Node]:
        """The elements of a list, references followed."""
        for position in range(len(self.value) if isinstance(self.value, list) else 0):
            found = self.get(position)
            if found is not None:
                yield found

    def data(self, key: str, default: Json = None) -> Json:
        """The plain value under a key."""
        return _get(self.value, key, default)

    def followed(self) -> Node:
        """This node, or what it refers to in the end. Differs when that is nowhere or goes round in circles."""
        node, seen = self, set()
        while (reference := _reference(node.value)) is not None:
            if node.uri in seen:
                raise Differs([f"{self.place}: the reference `{reference}` leads back to itself"])
            seen.add(node.uri)
            node = node.target()
        return node

    def target(self) -> Node:
        """What the reference in this node names."""
        reference = _reference(self.value) or ""
        name, _, fragment = reference.partition("#")
        if "://" in name:
            words = "leads to the network, which is not followed: keep a copy beside the contract"
            raise Differs([f"{self.place}: the reference `{reference}` {words}"])
        node: Node | None = self.library.open(_beside(self, name)) if name else _top(self)
        for step in fragment.split("/")[1:] if node else ():
            key = unquote(step).replace("~1", "/").replace("~0", "~")
            inside = node.value if node else None
            node = node.child(int(key) if isinstance(inside, list) and key.isdecimal() else key) if node else None
        if node is None:
            raise Differs([f"{self.place}: the reference `{reference}` leads nowhere"])
        return node


def references(node: Node) -> Iterator[Node]:
    """Every node of a file that refers to another."""
    if _reference(node.value) is not None:
        yield node
    keys = node.value if isinstance(node.value, dict) else range(len(node.value)) if _is_list(node.value) else ()
    for key in keys:
        child = node.child(key)
        if child is not None and not (key in PLAIN and node.where[-1:] != ("properties",)):
            yield from references(child)


def _top(node: Node) -> Node:
    return Node(node.library, node.source, (), node.source.value)


def _beside(node: Node, name: str) -> Path:
    path = node.source.path.parent / unquote(name)
    if not path.is_file():
        raise Differs([f"{node.place}: the reference `{name}` names a file that does not exist"])
    return path


def _read(path: Path) -> Source:
    try:
        if path.suffix == ".json":
            return Source(path, json.loads(read_text_file(path)), None)
        document = read_document(path, str(path))
    except ConfigError as error:
        raise Differs(
            [f"{error.message} ({error.hint})" if error.hint and "init" not in error.hint else error.message]
        ) from None
    except ValueError as error:
        raise Differs([_json_words(path, error)]) from None
    if document.findings:
        findings = document.findings
        raise Differs(
            [f"{path}:{document.position_of(one.where)[0]}: {one.where[-1]}: {one.words}" for one in findings]
        )
    return Source(path, _with_text_keys(document.data), document)


def _json_words(path: Path, error: ValueError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{path}:{error.lineno}: this is not JSON: {error.msg[:1].lower()}{error.msg[1:]}"
    return f"{path}: the file {error}"


def _with_text_keys(value: Json) -> Json:
    """JSON has only text as keys, and `200:` in YAML is a number."""
    if isinstance(value, dict):
        return {key if isinstance(key, str) else _key(key): _with_text_keys(item) for key, item in value.items()}
    return [_with_text_keys(item) for item in value] if isinstance(value, list) else value


def _key(key: object) -> str:
    return str(key).lower() if isinstance(key, bool) or key is None else str(key)


def _modern(value: Json, inside: str = "") -> Json:
    """A part of an OpenAPI 3.0 document in the words of JSON Schema 2020-12."""
    if isinstance(value, list):
        return [_modern(item) for item in value]
    if not isinstance(value, dict):
        return value
    if inside != "properties" and isinstance(value.get("$ref"), str):
        return {"$ref": value["$ref"]}
    new = {key: item if key in PLAIN and inside != "properties" else _modern(item, key) for key, item in value.items()}
    return new if inside == "properties" else _modern_schema(new)


def _modern_schema(schema: dict[str, Json]) -> Json:
    for word, limit in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(schema.get(word), bool) and schema.pop(word) and limit in schema:
            schema[word] = schema.pop(limit)
    if schema.pop("nullable", None) is not True:
        return schema
    if isinstance(schema.get("type"), str):
        schema["type"] = [schema["type"], "null"]
        if "enum" in schema and None not in schema["enum"]:
            schema["enum"] = [*schema["enum"], None]
        return schema
    return {"anyOf": [schema, {"type": "null"}]} if schema else schema


def _reference(value: Json) -> str | None:
    found = value.get("$ref") if isinstance(value, dict) else None
    return found if isinstance(found, str) else None


def _get(value: Json, key: str, default: Json = None) -> Json:
    return value.get(key, default) if isinstance(value, dict) else default


def _is_list(value: Json) -> bool:
    return isinstance(value, list)
