"""What a mock of an OpenAPI document answers: examples, and what is wrong with a request that does not fit (pure)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from difflib import get_close_matches
from urllib.parse import parse_qsl

from engine.contracts.documents import Json, Node
from engine.contracts.http_server import Answer, Request
from engine.contracts.openapi_model import Api, Media, Operation, Parameter, Response
from engine.contracts.samples import NoSample, Sampler
from engine.contracts.schemas import Schemas, Way

_PREFERRED = re.compile(r"\b(code|example)=\"?([\w.-]+)")
_SPOKEN = ("error", "message", "detail", "title", "description", "reason")
_IGNORED_HEADERS = ("accept", "content-type", "authorization")


class OpenApiMock:
    """Answers the operations of a document. `Prefer: code=404` and `Prefer: example=NAME` choose an answer."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.sent = Schemas(api.top.library, Way.SENT)
        given = Schemas(api.top.library, Way.GIVEN)
        self.sampler = Sampler(Way.GIVEN, given.valid)

    def answer(self, request: Request) -> Answer:
        """What the service would answer."""
        found = self.api.find(request.path)
        if not found:
            return _problem(404, f"the contract has no path {request.path}{self._near(request.path)}")
        method = request.method
        operation, parts = next(
            ((one, parts) for one, parts in found if one.method in (method, "GET" if method == "HEAD" else method)),
            (None, {}),
        )
        if operation is None:
            allowed = sorted({one.method for one, _ in found})
            words = f"the contract has no {method} {found[0][0].path}, only {', '.join(allowed)}"
            return _problem(405, words, Allow=", ".join(allowed))
        wrong = list(self._problems(operation, parts, request))
        return self._refusal(operation, wrong) if wrong else self._good(operation, request)

    def _near(self, path: str) -> str:
        near = get_close_matches(path, [one.path for one in self.api.operations], 1, 0.6)
        return f"; did you mean {near[0]}?" if near else ""

    # --- the request ----------------------------------------------------------------------------------------------

    def _problems(self, operation: Operation, parts: dict[str, str], request: Request) -> Iterator[str]:
        given: dict[str, dict[str, list[str]]] = {"path": {name: [value] for name, value in parts.items()}}
        given["query"] = {}
        for name, value in request.query:
            given["query"].setdefault(name, []).append(value)
        given["header"] = {name.lower(): [value] for name, value in request.headers.items()}
        given["cookie"] = _cookies(request.headers.get("Cookie", ""))
        for parameter in operation.parameters:
            name = parameter.name.lower() if parameter.where == "header" else parameter.name
            if parameter.where == "header" and name in _IGNORED_HEADERS:
                continue
            values = given.get(parameter.where, {}).get(name)
            if values is None and parameter.required and not _is_object(parameter):
                yield f"the {parameter.where} parameter `{parameter.name}` is missing"
            elif values is not None and parameter.schema is not None:
                label = f"the {parameter.where} parameter `{parameter.name}`"
                yield from self.sent.problems(parameter.schema, _typed(parameter, values), label)
        yield from _unknown_query(operation, list(given["query"]))
        yield from self._body_problems(operation, request)

    def _body_problems(self, operation: Operation, request: Request) -> Iterator[str]:
        if not request.body:
            if operation.needs_body:
                yield "the body is missing"
            return
        kind = request.headers.get("Content-Type", "")
        media = operation.body.named(kind or "application/json") if operation.body.media else None
        if media is None:
            wanted = ", ".join(one.type for one in operation.body.media)
            if wanted:
                yield f"the body is {kind or 'of no type'}, should be {wanted}"
            return
        if media.schema is None or not (media.is_json or "urlencoded" in media.type):
            return
        try:
            value = json.loads(request.body) if media.is_json else _form(request.body, media.schema)
        except ValueError as error:
            yield f"the body is not {'JSON' if media.is_json else 'text'} ({error})"
            return
        yield from self.sent.problems(media.schema, value, "body")

    # --- the answer -----------------------------------------------------------------------------------------------

    def _good(self, operation: Operation, request: Request) -> Answer:
        wanted = dict(_PREFERRED.findall(request.headers.get("Prefer", "")))
        code = wanted.get("code", "")
        response = operation.response(int(code)) if code.isdecimal() else operation.success
        if response is None:
            return _problem(404, f"{operation.name} says nothing about {code or 'any status'}")
        status = int(code) if code.isdecimal() else response.code
        media = self._accepted(response, request.headers.get("Accept", ""))
        if media is None:
            return Answer(status, headers=self._headers(response))
        try:
            return _sent(status, media, media.sample(self.sampler, wanted.get("example", "")), self._headers(response))
        except NoSample as reason:
            return _problem(501, f"give {operation.name} {response.status} an example: {reason}")

    def _refusal(self, operation: Operation, wrong: list[str]) -> Answer:
        """In the shape the document gives to a refusal, with the reason in it where there is a place for it."""
        words = "; ".join(wrong)
        response = next(
            (operation.responses[code] for code in ("400", "422", "4XX") if code in operation.responses), None
        )
        status = response.code if response else 400
        media = response.content.best if response else None
        if media is None or not media.is_json:
            return _problem(status, words)
        try:
            sample = media.sample(self.sampler)
        except NoSample:
            return _problem(status, words)
        spoken = next((key for key in _SPOKEN if isinstance(sample, dict) and isinstance(sample.get(key), str)), None)
        body = {**sample, spoken: words} if spoken else sample
        return _sent(status, media, body, {"X-Mock-Problem": words})

    def _accepted(self, response: Response, accept: str) -> Media | None:
        """The content the client asks for, else the best there is."""
        kinds = [part.partition(";")[0].strip() for part in accept.split(",")]
        wanted = (response.content.named(kind) for kind in kinds if kind and "*" not in kind)
        return next((media for media in wanted if media), response.content.best)

    def _headers(self, response: Response) -> dict[str, str]:
        headers = response.node.get("headers")
        found = {}
        for name, node in headers.items() if headers else ():
            if name.lower() != "content-type":
                value = Parameter(name, "header", False, node).sample(self.sampler)
                found[name] = value if isinstance(value, str) else json.dumps(value)
        return found


def _sent(status: int, media: Media, value: Json, headers: dict[str, str]) -> Answer:
    kind = media.type if "*" not in media.type else "application/octet-stream"
    text = json.dumps(value, ensure_ascii=False) if media.is_json or not isinstance(value, str) else value
    return Answer(status, text.encode(), kind, headers)


def _problem(status: int, words: str, **headers: str) -> Answer:
    body = json.dumps({"error": words}, ensure_ascii=False).encode()
    return Answer(status, body, headers={"X-Mock-Problem": words, **headers})


def _cookies(text: str) -> dict[str, list[str]]:
    pairs = (part.strip().partition("=") for part in text.split(";") if "=" in part)
    return {name: [value] for name, _, value in pairs}


def _unknown_query(operation: Operation, names: list[str]) -> Iterator[str]:
    queries = [one for one in operation.parameters if one.where == "query"]
    if any(_is_object(one) for one in queries):
        return
    known = [one.name for one in queries]
    for name in names:
        if name not in known and name.removesuffix("[]") not in known:
            near = get_close_matches(name, known, 1, 0.6)
            yield f"the contract names no query parameter `{name}`{f'; did you mean `{near[0]}`?' if near else ''}"


def _is_object(parameter: Parameter) -> bool:
    return parameter.schema is not None and "object" in _types(parameter.schema)


def _types(schema: Node) -> list[str]:
    """The types a schema allows, its alternatives looked through."""
    kind = schema.data("type")
    kinds = [kind] if isinstance(kind, str) else list(kind or [])
    for word in ("anyOf", "oneOf", "allOf"):
        group = schema.get(word)
        kinds += [one for part in (group.elements() if group else ()) for one in _types(part)]
    return kinds


def _typed(parameter: Parameter, values: list[str]) -> Json:
    """The text of a parameter as the value it stands for."""
    schema = parameter.schema
    assert schema is not None
    if "array" in _types(schema):
        comma = parameter.where in ("path", "header") or parameter.node.data("explode") is False
        items = [item for value in values for item in (value.split(",") if comma else [value])]
        inner = schema.get("items")
        return [_scalar(item, _types(inner) if inner else []) for item in items]
    return _scalar(values[-1], _types(schema))


def _scalar(text: str, kinds: list[str]) -> Json:
    if "integer" in kinds and re.fullmatch(r"[+-]?\d+", text):
        return int(text)
    if "number" in kinds and re.fullmatch(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?", text):
        return float(text)
    if "boolean" in kinds and text in ("true", "false"):
        return text == "true"
    return None if "null" in kinds and text in ("", "null") else text


def _form(body: bytes, schema: Node) -> Json:
    fields = schema.get("properties")
    made: dict[str, Json] = {}
    for name, value in parse_qsl(body.decode(), keep_blank_values=True):
        node = fields.get(name) if fields else None
        made[name] = _scalar(value, _types(node)) if node else value
    return made
