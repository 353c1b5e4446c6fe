"""Values against schemas: what differs, in sentences that name the field. The library is jsonschema.

A field an object's schema does not name does not exist for a contract: it is a difference, unless the schema says
`additionalProperties`. So a field renamed on one side is found although it is optional.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from typing import Any, cast

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError, best_match
from jsonschema.validators import validator_for
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from engine.contracts.documents import PLAIN, Json, Library, Node

MOST_PROBLEMS = 8
SHOWN = 60
_OPEN = ("additionalProperties", "unevaluatedProperties", "patternProperties")


class Way(Enum):
    """Which way a value goes: what is `readOnly` need not be sent to a service, `writeOnly` does not come from it."""

    SENT = "readOnly"
    GIVEN = "writeOnly"


@dataclass(frozen=True)
class Field:
    """A field an object may have."""

    name: str
    node: Node


class Schemas:
    """Judges values by the schemas of a library that has read all its files."""

    def __init__(self, library: Library, way: Way) -> None:
        self.library, self.way = library, way
        resources = [
            (
                source.path.absolute().as_uri(),
                DRAFT202012.create_resource(_relaxed(library.open(source.path), way.value)),
            )
            for source in list(library.sources.values())
        ]
        self._registry: Registry[Any] = Registry().with_resources(resources)

    def problems(self, schema: Node, value: Json, name: str = "") -> list[str]:
        """What differs, a sentence each; `name` is what the value as a whole is called."""
        errors = sorted(self._validator(schema).iter_errors(value), key=lambda error: list(map(str, error.path)))
        found = [_words(_telling(error), name, value) for error in errors[:MOST_PROBLEMS]]
        return found or list(self._strangers(schema.followed(), value, name))[:MOST_PROBLEMS]

    def valid(self, schema: Node, value: Json) -> bool:
        """Whether a value is what the schema says, fields it does not name aside."""
        return bool(self._validator(schema).is_valid(value))

    def _validator(self, schema: Node) -> Draft202012Validator:
        checker = Draft202012Validator.FORMAT_CHECKER
        return Draft202012Validator({"$ref": schema.uri}, registry=self._registry, format_checker=checker)

    def _strangers(self, schema: Node, value: Json, name: str) -> Iterator[str]:
        if isinstance(value, list):
            for position, item in enumerate(value):
                for kind in self._items(schema, position):
                    yield from self._strangers(kind, item, f"{name}[{position}]")
        if not isinstance(value, dict):
            return
        parts = list(self._parts(schema, value))
        fields = {field.name: field.node for part in parts for field in _fields(part)}
        closed = bool(fields) and not any(part.value.get(key, False) is not False for part in parts for key in _OPEN)
        for key, item in value.items():
            inner = f"{name}.{key}" if name else key
            if key in fields:
                yield from self._strangers(fields[key], item, inner)
            elif closed:
                yield f"the contract does not name {_quoted(inner)}{_instead(key, value, list(fields))}"

    def _items(self, schema: Node, position: int) -> Iterator[Node]:
        for part in self._parts(schema, None):
            if (items := part.get("items")) is not None:
                yield items

    def _parts(self, schema: Node, value: Json) -> Iterator[Node]:
        """A schema and those it consists of; of alternatives, those that hold for the value."""
        if not isinstance(schema.value, dict):
            return
        yield schema
        for word in ("allOf", "anyOf", "oneOf"):
            group = schema.get(word)
            for part in group.elements() if group else ():
                if word == "allOf" or value is None or self.valid(part, value):
                    yield from self._parts(part, value)


def schema_problems(top: Node) -> list[str]:
    """What is wrong with a JSON Schema itself."""
    kind = validator_for(top.value, default=Draft202012Validator)
    try:
        kind.check_schema(top.value)
    except SchemaError as error:
        where = tuple(error.path)
        return [f"{top.source.place(where)}: {_words(_telling(error), '', top.value)}"]
    return []


def _fields(part: Node) -> Iterator[Field]:
    properties = part.get("properties")
    return (Field(name, node) for name, node in properties.items()) if properties else iter(())


def _relaxed(node: Node, word: str) -> Json:
    """A document in which fields marked with `word` are not required."""
    if isinstance(node.value, list):
        return [_relaxed(item, word) for number in range(len(node.value)) if (item := node.child(number))]
    if not isinstance(node.value, dict):
        return node.value
    new = {
        key: node.value[key] if key in PLAIN and node.where[-1:] != ("properties",) else _relaxed(child, word)
        for key in node.value
        if (child := node.child(key))
    }
    fields, required = node.get("properties"), node.value.get("required")
    if fields is not None and isinstance(required, list):
        marked = {name for name, field in fields.items() if field.data(word) is True}
        new["required"] = [name for name in required if name not in marked]
    return new


def _telling(error: ValidationError | SchemaError) -> Any:
    """Of alternatives that all fail, the failure that says most."""
    return best_match([cast("ValidationError", error)]) if error.context else error


def _words(error: Any, name: str, whole: Json) -> str:
    place = _place(name, error.absolute_path)
    shown = _quoted(place) if place else "it"
    match error.validator:
        case "required":
            lacking = next((key for key in error.validator_value if key not in error.instance), "")
            missing = _quoted(f"{place}.{lacking}" if place else lacking)
            return f"{missing} is missing{_found_instead(lacking, error)}"
        case "type":
            wanted = error.validator_value
            kinds = " or ".join([wanted] if isinstance(wanted, str) else wanted)
            return f"{shown} is {_kind(error.instance)} ({_short(error.instance)}), should be {kinds}"
        case "enum":
            return (
                f"{shown} is {_short(error.instance)}, should be one of {', '.join(map(_short, error.validator_value))}"
            )
        case "additionalProperties" | "unevaluatedProperties":
            return f"{shown}: {error.message}"
        case "format":
            return f"{shown} is {_short(error.instance)}, which is no {error.validator_value}"
        case None:
            return f"{shown} must not be there"
    text = error.message.replace(repr(error.instance), _short(error.instance))
    return f"{shown}: {text}" if len(text) <= 200 else f"{shown} does not fit `{error.validator}`"


def _found_instead(lacking: str, error: Any) -> str:
    known = error.schema.get("properties", {}) if isinstance(error.schema, dict) else {}
    strangers = [key for key in error.instance if key not in known] if known else []
    return f"; there is {_listed(strangers)}, which the contract does not name" if strangers else ""


def _instead(key: str, value: dict[str, Json], fields: list[str]) -> str:
    absent = [field for field in fields if field not in value]
    near = get_close_matches(key, absent, 1, 0.7)
    return f" (it names {_listed(near or absent)})" if absent else ""


def _listed(names: list[str]) -> str:
    return ", ".join(_quoted(name) for name in names[:4]) + (", …" if len(names) > 4 else "")


def _place(name: str, path: Any) -> str:
    text = name
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def _kind(value: Json) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int():
            return "an integer"
        case float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "a list"
    return "an object"


def _quoted(text: str) -> str:
    return text if " " in text else f"`{text}`"


def _short(value: Json) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
