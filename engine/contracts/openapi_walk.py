"""One walk over all operations of a service, with the contract's own examples: what was made is then looked up.

Things are created first and deleted last, and an id that came with an answer is used in the paths below it. Every
operation must once answer as it does when all goes well, so that one that is not there is found.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

from engine.contracts.documents import Json
from engine.contracts.http_client import Reply, Service
from engine.contracts.openapi_judge import Judge, decoded
from engine.contracts.openapi_model import Api, Media, Operation, Parameter
from engine.contracts.samples import NoSample, Sampler
from engine.contracts.schemas import Schemas, Way

_ORDER = ("POST", "GET", "HEAD", "OPTIONS", "PUT", "PATCH", "TRACE", "DELETE")
MOST_IDS = 3


@dataclass
class Seen:
    """Ids that came with answers, by the path of the collection they belong to and what each was for."""

    ids: dict[str, list[dict[str, Json]]] = field(default_factory=dict)
    worked: dict[str, Json] = field(default_factory=dict)

    def note(self, operation: Operation, made: Json) -> None:
        """Keep the things of an answer: the one that was made, or those of a list."""
        things = made if isinstance(made, list) else [made]
        if isinstance(made, dict) and operation.method == "GET":
            lists = [value for value in made.values() if isinstance(value, list)]
            things = lists[0] if len(lists) == 1 else things
        kept = self.ids.setdefault(operation.path.rstrip("/"), [])
        kept += [thing for thing in things[:MOST_IDS] if isinstance(thing, dict)]

    def keep(self, path: str, used: Mapping[str, Json]) -> None:
        """Remember values of path parameters that were answered well."""
        self.worked |= {_up_to(path, name): value for name, value in used.items()}

    def values(self, path: str, name: str) -> list[Json]:
        """What is known of a path parameter: what was answered well, else what the collection in front of it told."""
        if (known := _up_to(path, name)) in self.worked:
            return [self.worked[known]]
        collection = _collection(path.partition(f"{{{name}}}")[0])
        last = collection.rpartition("/")[2]
        others = [things for other, things in self.ids.items() if other.rpartition("/")[2] == last]
        things = self.ids.get(collection) or (others[0] if others else [])
        return [value for thing in things[:MOST_IDS] for value in _ids_in(thing, name)]


def _up_to(path: str, name: str) -> str:
    return path.partition(f"{{{name}}}")[0] + f"{{{name}}}"


def _collection(path: str) -> str:
    """A path without the parameters at its end."""
    steps = path.rstrip("/").split("/")
    while steps and steps[-1].startswith("{"):
        steps.pop()
    return "/".join(steps)


def _ids_in(thing: dict[str, Json], name: str) -> list[Json]:
    """The fields a path parameter may be about: named like it, like its end (`orderId`: `id`), or as usual."""
    plain = {key.lower().replace("_", "").replace("-", ""): value for key, value in thing.items()}
    short = name.lower().replace("_", "").replace("-", "")
    ends = [key for key in plain if len(key) > 1 and short.endswith(key)]
    usual = [key for key in ("id", "name", "slug", "key", "code", "number", "uuid") if key in plain]
    wanted = [short] if short in plain else ends or usual
    return [plain[key] for key in wanted if isinstance(plain[key], str | int)]


def _depth(one: Operation) -> tuple[int, bool, int, str, int]:
    return one.path.count("/"), one.path.endswith("}"), len(one.path_names), one.path, _ORDER.index(one.method)


def in_order(api: Api) -> tuple[list[Operation], list[Operation]]:
    """The operations to ask, collections before what is in them; and those that delete, the other way round."""
    wanted = [one for one in api.operations if not one.skipped]
    first = [one for one in wanted if one.method != "DELETE"]
    last = [one for one in wanted if one.method == "DELETE"]
    return sorted(first, key=_depth), sorted(last, key=lambda one: (-one.path.count("/"), one.path))


class Walk:
    """Asks every operation of a service."""

    def __init__(self, api: Api, service: Service) -> None:
        self.api, self.service, self.seen = api, service, Seen()
        sent, given = (Schemas(api.top.library, way) for way in (Way.SENT, Way.GIVEN))
        self.judge = Judge(given)
        self.sampler = Sampler(Way.SENT, sent.valid)

    def findings(self, operations: list[Operation]) -> list[str]:
        """Everything that differs when they are asked in this order. Differs when nothing answers at all."""
        return [words for operation in operations for words in self._ask(operation)]

    def _ask(self, operation: Operation) -> Iterator[str]:
        """Ask with one set of values after the other, until one is answered as it should be when all goes well."""
        reply = None
        for used, target in self._targets(operation):
            media = operation.body.best
            try:
                body = encoded(media, media.sample(self.sampler)) if media else None
                headers = self._headers(operation, media)
            except NoSample as reason:
                yield f"{operation.name}: give its request an example: {reason}"
                return
            reply = self.service.ask(operation.method, target, body, headers)
            wrong = list(self.judge.findings(operation, reply))
            if _is_success(operation, reply):
                self.seen.note(operation, decoded(reply))
                self.seen.keep(operation.path, used)
            if wrong or _is_success(operation, reply):
                yield from wrong
                return
        yield _unanswered(operation, reply)

    def _targets(self, operation: Operation) -> Iterator[tuple[dict[str, Json], str]]:
        """Values of the path's parameters and the concrete path, those made of ids that were seen first."""
        by_name = {one.name: one for one in operation.parameters if one.where == "path"}
        choices = [self._choices(operation, name, by_name.get(name)) for name in operation.path_names]
        rounds = max((len(options) for options in choices), default=1)
        for number in range(max(1, rounds)):
            pairs = zip(operation.path_names, choices, strict=True)
            used = {name: options[min(number, len(options) - 1)] if options else "1" for name, options in pairs}
            path = operation.path
            for name, value in used.items():
                path = path.replace(f"{{{name}}}", quote(str(value), safe=""))
            query = self._query(operation)
            yield used, f"{path}?{query}" if query else path

    def _choices(self, operation: Operation, name: str, parameter: Parameter | None) -> list[Json]:
        schema = parameter.schema if parameter else None
        seen = self.seen.values(operation.path, name)
        found = [value for value in seen if schema is None or self.sampler.valid(schema, value)]
        with suppress(NoSample):
            found = [*found, parameter.sample(self.sampler)] if parameter else found
        return list(dict.fromkeys(found))

    def _headers(self, operation: Operation, media: Media | None) -> dict[str, str]:
        wanted = (one for one in operation.parameters if one.where == "header" and one.required)
        return {one.name: _text(one.sample(self.sampler)) for one in wanted} | (
            {"Content-Type": media.type} if media else {}
        )

    def _query(self, operation: Operation) -> str:
        pairs: list[tuple[str, str]] = []
        for one in operation.parameters:
            if one.where == "query" and one.required:
                value = one.sample(self.sampler)
                pairs += [(one.name, _text(item)) for item in (value if isinstance(value, list) else [value])]
        return urlencode(pairs)


def encoded(media: Media, value: Json) -> bytes:
    """A body as it is sent."""
    if "urlencoded" in media.type and isinstance(value, dict):
        return urlencode({key: _text(item) for key, item in value.items()}).encode()
    return value.encode() if isinstance(value, str) and not media.is_json else json.dumps(value).encode()


def _text(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _is_success(operation: Operation, reply: Reply) -> bool:
    """A 2xx, or whatever the document names where it names no 2xx."""
    good = operation.success
    return 200 <= reply.status < 300 or (good is not None and good.status == str(reply.status))


def _unanswered(operation: Operation, reply: Reply | None) -> str:
    good = operation.success
    status = reply.status if reply else "nothing"
    start = (
        f"{operation.name}: answered {status} to the contract's own example, should be {good.status if good else '2XX'}"
    )
    match status:
        case 404 | 405:
            return f"{start}; is it missing? (else give its parameters an example that exists)"
        case 401 | 403:
            return f"{start}; `verify --header 'Authorization: …'` sends credentials"
        case 400 | 415 | 422:
            return f"{start}{_why(reply)}"
    return start


def _why(reply: Reply | None) -> str:
    text = " ".join(reply.body.decode("utf-8", "replace").split()) if reply else ""
    return f": {text[:160]}" if text else ""
