"""OpenAI chat completions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

from model_api.dialect import (
    CACHED,
    INPUT,
    OUTPUT,
    Asked,
    Event,
    Failure,
    Reply,
    folder_in,
    pieces,
    tool_from,
    words_of,
)
from model_api.script import Turn

_NUMBERS = count(1)
KINDS = {401: "invalid_api_key", 429: "rate_limit_exceeded"}
_USAGE = {
    "prompt_tokens": INPUT,
    "completion_tokens": OUTPUT,
    "total_tokens": INPUT + OUTPUT,
    "prompt_tokens_details": {"cached_tokens": CACHED},
}


class OpenAiChat:
    """POST /v1/chat/completions."""

    def read(self, path: str, body: Mapping[str, Any]) -> Asked:
        """What is asked."""
        functions = [tool["function"] for tool in body.get("tools") or () if "function" in tool]
        tools = [tool_from(function["name"], function.get("parameters", {})) for function in functions]
        roles = {"user": "user", "assistant": "assistant", "tool": "tool"}
        spoken = [message for message in body.get("messages", ()) if message["role"] in roles]
        return Asked(
            turns=tuple(Turn(roles[message["role"]], words_of(message.get("content"))) for message in spoken),  # type: ignore[arg-type]
            tools={tool.name: tool for tool in tools},
            model=body.get("model", "scripted"),
            stream=bool(body.get("stream")),
            folder=folder_in(body),
        )

    def whole(self, asked: Asked, reply: Reply) -> dict[str, Any]:
        """The reply in one piece."""
        message = {"role": "assistant", "content": reply.text, **_calls(reply)}
        choice = {"index": 0, "message": message, "finish_reason": _why(reply), "logprobs": None}
        return {**_head(asked, "chat.completion"), "choices": [choice], "usage": _USAGE}

    def events(self, asked: Asked, reply: Reply) -> Iterator[Event]:
        """The reply as a stream."""
        head = _head(asked, "chat.completion.chunk")

        def chunk(delta: dict[str, Any], why: str | None = None) -> Event:
            return "", {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": why, "logprobs": None}]}

        yield chunk({"role": "assistant", "content": ""})
        for part in pieces(reply.text):
            yield chunk({"content": part})
        if reply.call:
            yield chunk(_calls(reply))
        yield chunk({}, _why(reply))
        yield "", {**head, "choices": [], "usage": _USAGE}
        yield "", "[DONE]"

    def error(self, failure: Failure) -> dict[str, Any]:
        """The body of an error."""
        kind = KINDS.get(failure.status, "server_error")
        return {"error": {"message": failure.message, "type": kind, "code": kind, "param": None}}


def _head(asked: Asked, kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{next(_NUMBERS):05}", "object": kind, "created": 1_700_000_000, "model": asked.model}


def _why(reply: Reply) -> str:
    if reply.refused:
        return "content_filter"
    return "tool_calls" if reply.call else "stop"


def _calls(reply: Reply) -> dict[str, Any]:
    if reply.call is None:
        return {}
    call = reply.call
    function = {"name": call.name, "arguments": json.dumps(call.arguments)}
    return {"tool_calls": [{"index": 0, "id": call.id, "type": "function", "function": function}]}
