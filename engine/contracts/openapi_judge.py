"""Whether an answer of the service is one the document promises (pure)."""

from __future__ import annotations

import json
from collections.abc import Iterator

from engine.contracts.documents import Json
from engine.contracts.http_client import Reply
from engine.contracts.openapi_model import Media, Operation, is_json
from engine.contracts.schemas import Schemas, Way

SHOWN = 120


class Judge:
    """Judges answers by the schemas of a document."""

    def __init__(self, schemas: Schemas) -> None:
        assert schemas.way is Way.GIVEN
        self.schemas = schemas

    def findings(self, operation: Operation, reply: Reply) -> Iterator[str]:
        """What differs, sentence by sentence. A refusal (4xx) the document does not mention is no difference."""
        response = operation.response(reply.status)
        start = f"{operation.name} → {reply.status}"
        if response is None:
            if not 400 <= reply.status < 500:
                known = ", ".join(operation.responses)
                yield f"{start}: the contract names only {known}{_shown(reply)}"
            return
        if operation.method == "HEAD" or not response.content.media:
            return
        media = response.content.named(reply.type)
        if media is None:
            wanted = " or ".join(one.type for one in response.content.media)
            yield f"{start}: the body is {reply.type or 'of no type'}, should be {wanted}{_shown(reply)}"
            return
        yield from (f"{start}: {words}" for words in self._body(media, reply))

    def _body(self, media: Media, reply: Reply) -> Iterator[str]:
        if media.schema is None or not (media.is_json or is_json(reply.type)):
            return
        try:
            value = json.loads(reply.body)
        except ValueError:
            yield f"the body is not JSON{_shown(reply)}"
            return
        yield from self.schemas.problems(media.schema, value)


def decoded(reply: Reply) -> Json:
    """The JSON of an answer, None when it is none."""
    try:
        return json.loads(reply.body) if is_json(reply.type) else None
    except ValueError:
        return None


def _shown(reply: Reply) -> str:
    text = " ".join(reply.body.decode("utf-8", "replace").split())
    return f": {text[:SHOWN]}{'…' if len(text) > SHOWN else ''}" if text else ""
