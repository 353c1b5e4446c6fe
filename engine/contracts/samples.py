"""Makes a plausible value for a schema: the example it gives, else one made of its keywords (pure, always the same)."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

from engine.contracts.documents import Json, Node
from engine.contracts.schemas import Way

MOST_DEPTH = 12
_FORMATS: dict[str, Json] = {
    "date-time": "2026-01-15T09:30:00Z",
    "date": "2026-01-15",
    "time": "09:30:00Z",
    "duration": "PT1H30M",
    "email": "ada@example.org",
    "idn-email": "ada@example.org",
    "uuid": "3f2b8c1e-5d4a-4e6f-9b7a-0c1d2e3f4a5b",
    "uri": "https://example.org/things/1",
    "url": "https://example.org/things/1",
    "iri": "https://example.org/things/1",
    "uri-reference": "/things/1",
    "hostname": "example.org",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "byte": "YXVyb3Jh",
    "binary": "aurora",
    "password": "correct horse",
    "regex": "^a+$",
    "json-pointer": "/things/1",
}
_NAMES: dict[str, str] = {
    "name": "Ada Lovelace",
    "username": "ada",
    "email": "ada@example.org",
    "phone": "+44 20 7946 0000",
    "url": "https://example.org/things/1",
    "currency": "EUR",
    "country": "SE",
    "city": "Kiruna",
    "title": "A title",
    "description": "A few words.",
}
_TRIALS = (
    "string",
    "a",
    "A",
    "abc",
    "ABC",
    "1",
    "12",
    "123",
    "2026-01-15",
    "a1",
    "A1",
    "AB12",
    "abc-123",
    "1.0.0",
    "#aabbcc",
)


class NoSample(Exception):
    """No value can be made; the text says why."""


@dataclass(frozen=True)
class Sampler:
    """Makes samples of values that go one way. `valid` says whether a value is what a schema wants."""

    way: Way
    valid: Callable[[Node, Json], bool] = field(default=lambda schema, value: True)

    def of(self, schema: Node) -> Json:
        """A value for a schema. NoSample when there is none without an example."""
        return self._of(schema.followed(), "", ())

    def _of(self, schema: Node, name: str, within: tuple[str, ...]) -> Json:
        if schema.value is True or schema.value == {}:
            return "anything"
        if not isinstance(schema.value, dict):
            raise NoSample("nothing is allowed here")
        if within.count(schema.uri) or len(within) > MOST_DEPTH:
            raise NoSample(f"{schema.place} contains itself")
        for given in _given(schema):
            if self.valid(schema, given):
                return given
        return self._made(schema, name, (*within, schema.uri))

    def _made(self, schema: Node, name: str, within: tuple[str, ...]) -> Json:
        for word in ("oneOf", "anyOf"):
            if (group := schema.get(word)) is not None:
                return self._one_of(schema, group, name, within)
        parts = [schema, *_all_of(schema)]
        if len(parts) > 1 and not _is_object(parts):
            return self._first(iter(parts[1:] + ([schema] if "type" in schema.value else [])), schema, name, within)
        return self._by_type(_type_of(parts), parts, name, within)

    def _one_of(self, schema: Node, group: Node, name: str, within: tuple[str, ...]) -> Json:
        """The first alternative that can be made, together with what stands beside the alternatives."""
        alternatives = sorted(group.elements(), key=lambda part: part.data("type") == "null")
        beside = self._object([schema, *_all_of(schema)], within) if _is_object([schema, *_all_of(schema)]) else None
        for value in self._each(iter(alternatives), name, within):
            whole = {**beside, **value} if beside is not None and isinstance(value, dict) else value
            if self.valid(schema, whole):
                return whole
        raise NoSample(f"{schema.place}: no alternative can be made up")

    def _first(self, parts: Iterator[Node], schema: Node, name: str, within: tuple[str, ...]) -> Json:
        for value in self._each(parts, name, within):
            if self.valid(schema, value):
                return value
        raise NoSample(f"{schema.place}: no value fits all its parts")

    def _each(self, parts: Iterator[Node], name: str, within: tuple[str, ...]) -> Iterator[Json]:
        for part in parts:
            try:
                yield (
                    self._of(part, name, within)
                    if part.uri not in within
                    else self._by_type(_type_of([part]), [part], name, within)
                )
            except NoSample:
                continue

    def _by_type(self, kind: str, parts: list[Node], name: str, within: tuple[str, ...]) -> Json:
        schema = parts[0]
        match kind:
            case "object":
                return self._object(parts, within)
            case "array":
                return self._array(schema, name, within)
            case "string":
                return _string(schema, name)
            case "integer" | "number":
                return _number(schema, kind)
            case "boolean":
                return True
            case "null":
                return None
        return "anything"

    def _object(self, parts: list[Node], within: tuple[str, ...]) -> dict[str, Json]:
        required = {name for part in parts for name in part.data("required", [])}
        made: dict[str, Json] = {}
        for part in parts:
            for name, node in (part.get("properties") or _Nothing).items():
                if node.data(self.way.value) is True:
                    required.discard(name)
                    continue
                try:
                    made[name] = self._of(node, name, within)
                except NoSample:
                    if name in required:
                        raise
        return made | self._more(parts, required - made.keys(), len(made), within)

    def _more(self, parts: list[Node], lacking: set[str], there: int, within: tuple[str, ...]) -> dict[str, Json]:
        """Fields that are required but described only as additional ones, and one of these where there is no other."""
        extra = next((found for part in parts if (found := part.get("additionalProperties"))), None)
        described = extra is not None and isinstance(extra.value, dict)
        least = max((part.data("minProperties", 0) for part in parts), default=0)
        count = max(least - there - len(lacking), 1 if described and not there and not lacking else 0)
        names = [*sorted(lacking), *(f"key{number + 1}" for number in range(count))]
        try:
            return {name: self._of(extra, name, within) if extra and described else "anything" for name in names}
        except NoSample:
            if lacking or least:
                raise
            return {}

    def _array(self, schema: Node, name: str, within: tuple[str, ...]) -> list[Json]:
        least = schema.data("minItems", 0)
        first = [self._of(node, name, within) for node in (schema.get("prefixItems") or _Nothing).elements()]
        items = schema.get("items")
        wanted = max(least, len(first), 0 if schema.data("maxItems") == 0 or (first and not least) else 1)
        if items is None or items.value is False:
            return first + ["anything"] * (least - len(first))
        try:
            rest = [self._of(items, name, within) for _ in range(wanted - len(first))]
        except NoSample:
            if least > len(first):
                raise
            return first
        return first + (_distinct(rest, items) if schema.data("uniqueItems") else rest)


class _Nothing:
    """A mapping and a list without anything in it."""

    @staticmethod
    def items() -> Iterator[tuple[str, Node]]:
        return iter(())

    @staticmethod
    def elements() -> Iterator[Node]:
        return iter(())


def _given(schema: Node) -> Iterator[Json]:
    """What the schema itself gives as an example."""
    value = schema.value
    examples = value.get("examples")
    for word in ("const", "example"):
        if word in value:
            yield value[word]
    yield from examples[:1] if isinstance(examples, list) else ()
    if "default" in value and value["default"] is not None:
        yield value["default"]
    yield from value["enum"] if isinstance(value.get("enum"), list) else ()


def _all_of(schema: Node) -> list[Node]:
    """The parts of a schema, and theirs."""
    group = schema.get("allOf")
    return [inner for part in (group.elements() if group else ()) for inner in (part, *_all_of(part))]


def _is_object(parts: list[Node]) -> bool:
    return any("properties" in part.value or part.data("type") == "object" for part in parts if part.value is not True)


def _type_of(parts: list[Node]) -> str:
    for part in parts:
        kind = part.data("type")
        if isinstance(kind, list):
            kind = next((one for one in kind if one != "null"), "null")
        if isinstance(kind, str):
            return kind
    words = {word for part in parts for word in part.value}
    signs = (
        ("object", {"properties", "additionalProperties", "required"}),
        ("array", {"items", "prefixItems", "minItems"}),
        ("string", {"pattern", "minLength", "maxLength", "format"}),
        ("number", {"minimum", "maximum", "multipleOf", "exclusiveMinimum"}),
    )
    return next((kind for kind, of_it in signs if words & of_it), "")


def _number(schema: Node, kind: str) -> Json:
    """1 or 1.5, moved to the nearest number that keeps the limits."""
    whole = kind == "integer"
    step = schema.data("multipleOf", 1 if whole else 0.5)
    low, high = _limits(schema, step)
    value = min(max(1 if whole else 1.5, low), high)
    if value % step:
        up, down = math.ceil(value / step) * step, math.floor(value / step) * step
        value = up if up <= high else down if down >= low else value
    return int(value) if whole else value


def _limits(schema: Node, step: float) -> tuple[float, float]:
    """The lowest and the highest number allowed."""
    low, high = schema.data("minimum", -math.inf), schema.data("maximum", math.inf)
    above, below = schema.data("exclusiveMinimum"), schema.data("exclusiveMaximum")
    low = low if above is None else max(low, above + step)
    return low, high if below is None else min(high, below - step)


def _string(schema: Node, name: str) -> str:
    pattern, kind = schema.data("pattern"), schema.data("format")
    if pattern:
        return _matching(schema, pattern)
    if kind in _FORMATS:
        return str(_FORMATS[kind])
    usual = _NAMES.get(name.lower(), "string")
    text = usual if _fits(schema, usual) else "string"
    return str((text + "x" * (schema.data("minLength", 0) - len(text)))[: schema.data("maxLength")])


def _fits(schema: Node, text: str) -> bool:
    return bool(schema.data("minLength", 0) <= len(text) <= schema.data("maxLength", math.inf))


def _matching(schema: Node, pattern: str) -> str:
    from engine.contracts.patterned import matching

    try:
        wanted = re.compile(pattern)
    except re.error as error:
        raise NoSample(f"{schema.place}: `{pattern}` is not understood ({error})") from None
    simple = next((text for text in _TRIALS if wanted.search(text) and _fits(schema, text)), None)
    found: str | None = simple or matching(pattern, partial(_fits, schema))
    if found is None:
        raise NoSample(f"{schema.place}: nothing was found that matches `{pattern}`")
    return found


def _distinct(values: list[Json], items: Node) -> list[Json]:
    """As many different values as were wanted, as far as that is simple."""
    enum = items.data("enum")
    if isinstance(enum, list):
        return list(enum[: len(values)])
    return [_nth(value, number) for number, value in enumerate(values)]


def _nth(value: Json, number: int) -> Json:
    if not number or isinstance(value, bool | None):
        return value
    if isinstance(value, int | float):
        return value + number
    if isinstance(value, str):
        return f"{value}{number + 1}"
    if isinstance(value, dict):
        key = next(
            (key for key, item in value.items() if isinstance(item, int | str) and not isinstance(item, bool)), None
        )
        return value if key is None else {**value, key: _nth(value[key], number)}
    return value
