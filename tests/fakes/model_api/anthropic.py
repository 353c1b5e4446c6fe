"""Anthropic Messages."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

from model_api.dialect import CACHED, INPUT, OUTPUT, Asked, Event, Failure, Reply, pieces, tool_from, words_of
from model_api.script import Turn

_NUMBERS = count(1)
_KINDS = {401: "authentication_error", 429: "rate_limit_error", 529: "overloaded_error", 400: "invalid_request_error"}


class Anthropic:
    """POST /v1/messages."""

    def read(self, path: str, body: Mapping[str, Any]) -> Asked:
        """What is asked."""
        tools = [tool_from(tool["name"], tool.get("input_schema", {})) for tool in body.get("tools") or ()]
        return Asked(
            turns=tuple(turn for message in body.get("messages", ()) for turn in _turns(message)),
            tools={tool.name: tool for tool in tools},
            model=body.get("model", "scripted"),
            stream=bool(body.get("stream")),
        )

    def whole(self, asked: Asked, reply: Reply) -> dict[str, Any]:
        """The reply in one piece."""
        return {**_head(asked), "content": _blocks(reply), "stop_reason": _why(reply), "usage": _usage(OUTPUT)}

    def events(self, asked: Asked, reply: Reply) -> Iterator[Event]:
        """The reply as a stream."""
        yield _event("message_start", message={**_head(asked), "content": [], "usage": _usage(1)})
        for index, block in enumerate(_blocks(reply)):
            yield from _block_events(index, block)
        ended = {"stop_reason": _why(reply), "stop_sequence": None}
        yield _event("message_delta", delta=ended, usage={"output_tokens": OUTPUT})
        yield _event("message_stop")

    def error(self, failure: Failure) -> dict[str, Any]:
        """The body of an error."""
        kind = _KINDS.get(failure.status, "api_error")
        return {"type": "error", "error": {"type": kind, "message": failure.message}}


def _turns(message: Mapping[str, Any]) -> Iterator[Turn]:
    content = message["content"]
    for part in [{"type": "text", "text": content}] if isinstance(content, str) else content:
        if part["type"] == "tool_result":
            yield Turn("tool", words_of(part.get("content")))
        elif part["type"] == "text":
            yield Turn("assistant" if message["role"] == "assistant" else "user", part["text"])


def _head(asked: Asked) -> dict[str, Any]:
    number = f"msg_{next(_NUMBERS):05}"
    return {
        "id": number,
        "type": "message",
        "role": "assistant",
        "model": asked.model,
        "stop_reason": None,
        "stop_sequence": None,
    }


def _usage(output: int) -> dict[str, int]:
    return {
        "input_tokens": INPUT - CACHED,
        "cache_read_input_tokens": CACHED,
        "cache_creation_input_tokens": 0,
        "output_tokens": output,
    }


def _why(reply: Reply) -> str:
    if reply.refused:
        return "refusal"
    return "tool_use" if reply.call else "end_turn"


def _blocks(reply: Reply) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = [{"type": "text", "text": reply.text}] if reply.text else []
    if reply.call:
        call = reply.call
        blocks.append({"type": "tool_use", "id": f"toolu_{call.id}", "name": call.name, "input": call.arguments})
    return blocks


def _block_events(index: int, block: dict[str, Any]) -> Iterator[Event]:
    empty = {"text": ""} if block["type"] == "text" else {"input": {}}
    yield _event("content_block_start", index=index, content_block={**block, **empty})
    if block["type"] == "text":
        deltas = [{"type": "text_delta", "text": part} for part in pieces(block["text"])]
    else:
        whole = json.dumps(block["input"])
        deltas = [{"type": "input_json_delta", "partial_json": part} for part in pieces(whole)]
    for delta in deltas:
        yield _event("content_block_delta", index=index, delta=delta)
    yield _event("content_block_stop", index=index)


def _event(kind: str, **data: Any) -> Event:
    return kind, {"type": kind, **data}
