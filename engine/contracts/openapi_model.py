"""An OpenAPI document as operations: what may be asked, and what is answered (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import unquote, urlsplit

from engine.contracts.documents import Json, Node
from engine.contracts.program import Differs
from engine.contracts.samples import NoSample, Sampler

METHODS = ("get", "post", "put", "patch", "delete", "head", "options", "trace")
_SEGMENT = re.compile(r"\{([^{}]+)\}")


@dataclass(frozen=True, eq=False)
class Media:
    """One content type of a body."""

    type: str
    node: Node

    @property
    def schema(self) -> Node | None:
        """Its schema, if it has one."""
        return self.node.get("schema")

    @property
    def is_json(self) -> bool:
        """Whether the body is JSON."""
        return is_json(self.type)

    def examples(self) -> Iterator[tuple[str, Json, Node]]:
        """The examples the document gives here: name, value, and where it stands."""
        if "example" in self.node.value:
            yield "", self.node.value["example"], self.node.child("example") or self.node
        examples = self.node.get("examples")
        for name, example in examples.items() if examples else ():
            if "value" in example.value:
                yield name, example.value["value"], example

    def sample(self, sampler: Sampler, name: str = "") -> Json:
        """The example of that name, else the first, else a value made of the schema. NoSample when there is none."""
        given = {key: value for key, value, _ in reversed(list(self.examples()))}
        if name and name in given:
            return given[name]
        if given:
            return given[next(reversed(given))]
        if self.schema is None:
            return {} if self.is_json else ""
        return sampler.of(self.schema)


def is_json(kind: str) -> bool:
    """Whether a content type stands for JSON."""
    plain = kind.partition(";")[0].strip().lower()
    return plain == "application/json" or plain.endswith("+json")


@dataclass(frozen=True, eq=False)
class Content:
    """The body of a request or a response, by content type."""

    media: tuple[Media, ...]

    @classmethod
    def of(cls, node: Node | None) -> Content:
        """From the `content` of a node."""
        content = node.get("content") if node else None
        return cls(tuple(Media(kind, one) for kind, one in content.items()) if content else ())

    @property
    def best(self) -> Media | None:
        """JSON where there is a choice."""
        return next((one for one in self.media if one.is_json), self.media[0] if self.media else None)

    def named(self, kind: str) -> Media | None:
        """The entry for a content type, with its wildcards."""
        plain = kind.partition(";")[0].strip().lower()
        wanted = (plain, f"{plain.partition('/')[0]}/*", "*/*")
        by_type = {one.type.partition(";")[0].strip().lower(): one for one in self.media}
        return next((by_type[one] for one in wanted if one in by_type), None)


@dataclass(frozen=True, eq=False)
class Parameter:
    """A part of the path, the query, the headers or the cookies."""

    name: str
    where: str
    required: bool
    node: Node

    @property
    def schema(self) -> Node | None:
        """What its value must be."""
        media = Content.of(self.node).best
        return media.schema if media else self.node.get("schema")

    def sample(self, sampler: Sampler) -> Json:
        """The example it gives, else one made of its schema."""
        if "example" in self.node.value:
            return self.node.value["example"]
        examples = self.node.get("examples")
        for _, example in examples.items() if examples else ():
            return example.data("value")
        return sampler.of(self.schema) if self.schema else "anything"


@dataclass(frozen=True, eq=False)
class Response:
    """What is answered with a status: `status` is a number, `2XX` or `default`."""

    status: str
    node: Node

    @property
    def content(self) -> Content:
        """Its body."""
        return Content.of(self.node)

    @property
    def code(self) -> int:
        """A number of that status."""
        return (
            int(self.status)
            if self.status.isdecimal()
            else int(self.status[0]) * 100
            if self.status[0].isdecimal()
            else 200
        )


@dataclass(frozen=True, eq=False)
class Operation:
    """One thing the API can do."""

    method: str
    path: str
    node: Node
    item: Node

    @property
    def name(self) -> str:
        """`GET /orders/{id}`."""
        return f"{self.method} {self.path}"

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """Its own, and those of its path."""
        found: dict[tuple[str, str], Parameter] = {}
        for holder in (self.item, self.node):
            listed = holder.get("parameters")
            for one in listed.elements() if listed else ():
                name, where = str(one.data("name", "")), str(one.data("in", ""))
                found[name, where] = Parameter(name, where, one.data("required") is True or where == "path", one)
        return tuple(found.values())

    @cached_property
    def body(self) -> Content:
        """What it takes."""
        return Content.of(self.node.get("requestBody"))

    @property
    def needs_body(self) -> bool:
        """Whether a request without a body is wrong."""
        body = self.node.get("requestBody")
        return body is not None and body.data("required") is True

    @cached_property
    def responses(self) -> dict[str, Response]:
        """By status."""
        node = self.node.get("responses")
        found = {key.upper() if key != "default" else key: one for key, one in node.items()} if node else {}
        return {key: Response(key, one) for key, one in found.items() if not key.startswith("X-")}

    @property
    def success(self) -> Response | None:
        """What is answered when all goes well: the lowest 2xx, else `default`, else the lowest of all."""
        good = [one for one in self.responses.values() if one.status.startswith("2")]
        rest = [one for one in self.responses.values() if one.status == "default"] or list(self.responses.values())
        return min(good or rest, key=lambda one: one.code, default=None)

    def response(self, status: int) -> Response | None:
        """What the document says about a status; None when it says nothing."""
        return next(
            (self.responses[key] for key in (str(status), f"{status // 100}XX", "default") if key in self.responses),
            None,
        )

    @property
    def skipped(self) -> str:
        """Why it is not to be verified, from `x-aurora-skip`; empty when it is."""
        return str(self.node.data("x-aurora-skip") or "")

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """What concrete paths look like."""
        pieces = _SEGMENT.split(self.path)
        return re.compile(
            "".join(re.escape(text) if number % 2 == 0 else "([^/]+)" for number, text in enumerate(pieces))
        )

    @cached_property
    def path_names(self) -> tuple[str, ...]:
        """The parameters of the path, in order."""
        return tuple(_SEGMENT.findall(self.path))

    def parts(self, path: str) -> dict[str, str] | None:
        """What the parameters of the path are in a concrete path; None when it is not this one."""
        found = self.pattern.fullmatch(path)
        return dict(zip(self.path_names, map(unquote, found.groups()), strict=True)) if found else None


@dataclass(frozen=True, eq=False)
class Api:
    """A document: its operations, the most literal paths first, and below which path they lie."""

    top: Node
    operations: tuple[Operation, ...]
    base: str

    @classmethod
    def of(cls, top: Node) -> Api:
        """Read a document. Differs when it is no OpenAPI 3 or promises nothing."""
        version = top.data("openapi")
        if not isinstance(version, str) or not version.startswith("3."):
            old = " (Swagger 2 is not understood: convert it)" if top.data("swagger") else ""
            raise Differs([f"{top.source.path}: `openapi: 3.0.x` or `3.1.x` is missing{old}"])
        paths = top.get("paths")
        found = [
            Operation(method.upper(), path, node, item)
            for path, item in (paths.items() if paths else ())
            for method, node in item.items()
            if method in METHODS and isinstance(node.value, dict)
        ]
        if not found:
            raise Differs([f"{top.source.path}: `paths` has no operation"])
        found.sort(key=lambda one: (len(one.path_names), one.path.count("/"), one.path))
        return cls(top, tuple(found), _base(top))

    def find(self, path: str) -> list[tuple[Operation, dict[str, str]]]:
        """The operations of the most literal path that a concrete path is, with the values of its parameters."""
        for candidate in dict.fromkeys((path, path.removeprefix(self.base) or "/")):
            fitting = [(one, parts) for one in self.operations if (parts := one.parts(candidate)) is not None]
            if fitting:
                return [pair for pair in fitting if pair[0].path == fitting[0][0].path]
        return []


def _base(top: Node) -> str:
    """The path of the first server, without a slash at its end."""
    servers = top.get("servers")
    first = next(servers.elements(), None) if servers else None
    if first is None:
        return ""
    url = str(first.data("url", ""))
    variables = first.get("variables")
    for name, variable in variables.items() if variables else ():
        url = url.replace(f"{{{name}}}", str(variable.data("default", "")))
    return urlsplit(url).path.rstrip("/")


def sampled(media: Media, sampler: Sampler) -> Json:
    """A sample, or the reason why there is none as a Differs."""
    try:
        return media.sample(sampler)
    except NoSample as reason:
        raise Differs([f"{media.node.place}: give an example: {reason}"]) from None
