"""Whether an OpenAPI document is complete: it is valid, every operation answers, every example fits its schema."""

from __future__ import annotations

from collections.abc import Iterator

from engine.contracts.documents import Json, Node
from engine.contracts.openapi_model import Api, Media, Operation
from engine.contracts.samples import NoSample, Sampler
from engine.contracts.schemas import Schemas, Way


def findings(api: Api) -> Iterator[str]:
    """What is wrong, sentence by sentence, with file and line."""
    sent, given = (Schemas(api.top.library, way) for way in (Way.SENT, Way.GIVEN))
    for operation in api.operations:
        yield from _of_operation(operation)
        for media in operation.body.media:
            yield from _of_media(f"the request of {operation.name}", media, sent, Way.SENT)
        for response in operation.responses.values():
            for media in response.content.media:
                yield from _of_media(f"{operation.name} {response.status}", media, given, Way.GIVEN)


def _of_operation(operation: Operation) -> Iterator[str]:
    if not operation.responses:
        yield f"{operation.node.place}: {operation.name} has no response"
    declared = {one.name for one in operation.parameters if one.where == "path"}
    for name in operation.path_names:
        if name not in declared:
            yield f"{operation.node.place}: {operation.name} does not declare its path parameter `{name}`"
    for name in sorted(declared - set(operation.path_names)):
        yield f"{operation.node.place}: {operation.name} declares a path parameter `{name}` its path does not have"
    for parameter in operation.parameters:
        if parameter.schema is None:
            yield f"{parameter.node.place}: the parameter `{parameter.name}` of {operation.name} has no schema"


def _of_media(where: str, media: Media, schemas: Schemas, way: Way) -> Iterator[str]:
    if media.schema is None or not media.is_json:
        return
    explicit = False
    for name, value, node in media.examples():
        explicit = True
        label = f"the example{f' `{name}`' if name else ''}"
        yield from _differences(where, label, node, schemas.problems(media.schema, value))
    if explicit:
        return
    try:
        made: Json = media.sample(Sampler(way, schemas.valid))
    except NoSample as reason:
        yield f"{media.node.place}: give {where} an example: {reason}"
        return
    for problem in schemas.problems(media.schema, made):
        yield f"{media.node.place}: give {where} an example: what is made up does not fit ({problem})"


def _differences(where: str, label: str, node: Node, problems: list[str]) -> Iterator[str]:
    for problem in problems:
        yield f"{node.place}: {label} of {where} does not fit its schema: {problem}"
