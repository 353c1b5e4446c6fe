"""OpenAI Responses."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

from model_api.dialect import CACHED, INPUT, OUTPUT, Asked, Event, Failure, Reply, pieces, tool_from, words_of
from model_api.openai_chat import KINDS
from model_api.script import Turn
from model_api.tools import Tool

_NUMBERS = count(1)
_USAGE = {
    "input_tokens": INPUT,
    "input_tokens_details": {"cached_tokens": CACHED},
    "output_tokens": OUTPUT,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": INPUT + OUTPUT,
}


class OpenAiResponses:
    """POST /v1/responses."""

    def read(self, path: str, body: Mapping[str, Any]) -> Asked:
        """What is asked."""
        said = body.get("input", [])
        items = [{"role": "user", "content": said}] if isinstance(said, str) else said
        return Asked(
            turns=tuple(turn for item in items for turn in _turns(item)),
            tools={tool.name: tool for tool in _tools(body.get("tools") or ())},
            model=body.get("model", "scripted"),
            stream=bool(body.get("stream")),
        )

    def whole(self, asked: Asked, reply: Reply) -> dict[str, Any]:
        """The reply in one piece."""
        return {
            "id": f"resp_{next(_NUMBERS):05}",
            "object": "response",
            "created_at": 1_700_000_000,
            "status": "completed",
            "model": asked.model,
            "output": _items(reply),
            "usage": _USAGE,
            "error": None,
        }

    def events(self, asked: Asked, reply: Reply) -> Iterator[Event]:
        """The reply as a stream."""
        response = self.whole(asked, reply)
        numbers = count()
        begun = {**response, "status": "in_progress", "output": [], "usage": None}
        yield _event(numbers, "response.created", response=begun)
        for index, item in enumerate(response["output"]):
            for kind, data in _item_events(index, item):
                yield _event(numbers, kind, output_index=index, **data)
        yield _event(numbers, "response.completed", response=response)

    def error(self, failure: Failure) -> dict[str, Any]:
        """The body of an error."""
        kind = KINDS.get(failure.status, "server_error")
        return {"error": {"message": failure.message, "type": kind, "code": kind, "param": None}}


def _turns(item: Mapping[str, Any]) -> Iterator[Turn]:
    kind = item.get("type", "message")
    if kind == "message" and item.get("role") in ("user", "assistant"):
        yield Turn(item["role"], words_of(item.get("content")))
    elif kind.endswith("_output"):
        yield Turn("tool", words_of(item.get("output")))


def _tools(offered: Any) -> Iterator[Tool]:
    for tool in offered:
        if tool["type"] == "namespace":
            yield from _tools(tool["tools"])
        elif "name" in tool:
            yield tool_from(tool["name"], tool.get("parameters") or {}, free=tool["type"] == "custom")


def _items(reply: Reply) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    if reply.text:
        content = [{"type": "output_text", "text": reply.text, "annotations": []}]
        number = f"msg_{next(_NUMBERS):05}"
        items.append({"type": "message", "id": number, "role": "assistant", "status": "completed", "content": content})
    if reply.call:
        items.append(_call_item(reply))
    return items


def _call_item(reply: Reply) -> dict[str, Any]:
    call = reply.call
    assert call is not None
    common = {"id": f"item_{call.id}", "call_id": call.id, "name": call.name, "status": "completed"}
    if isinstance(call.arguments, str):
        return {"type": "custom_tool_call", **common, "input": call.arguments}
    return {"type": "function_call", **common, "arguments": json.dumps(call.arguments)}


def _item_events(index: int, item: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """An item begins, grows and ends; the events' names differ with what it holds."""
    field, stem = {
        "message": ("content", "response.output_text"),
        "function_call": ("arguments", "response.function_call_arguments"),
        "custom_tool_call": ("input", "response.custom_tool_call_input"),
    }[item["type"]]
    whole = item["content"][0]["text"] if field == "content" else item[field]
    empty: Any = [] if field == "content" else ""
    yield "response.output_item.added", {"item": {**item, field: empty, "status": "in_progress"}}
    where = {"item_id": item["id"], **({"content_index": 0} if field == "content" else {})}
    if field == "content":
        part = {"type": "output_text", "text": "", "annotations": []}
        yield "response.content_part.added", {**where, "part": part}
    for piece in pieces(whole):
        yield f"{stem}.delta", {**where, "delta": piece}
    yield f"{stem}.done", {**where, ("text" if field == "content" else field): whole}
    yield "response.output_item.done", {"item": item}


def _event(numbers: count[int], kind: str, **data: Any) -> Event:
    return kind, {"type": kind, "sequence_number": next(numbers), **data}
