"""Gemini generateContent."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

from model_api.dialect import CACHED, INPUT, OUTPUT, Asked, Event, Failure, Reply, tool_from
from model_api.script import Turn

_NUMBERS = count(1)
_STATUS = {401: "UNAUTHENTICATED", 429: "RESOURCE_EXHAUSTED", 500: "INTERNAL"}
_USAGE = {
    "promptTokenCount": INPUT,
    "cachedContentTokenCount": CACHED,
    "candidatesTokenCount": OUTPUT,
    "totalTokenCount": INPUT + OUTPUT,
}


class Gemini:
    """POST …/models/MODEL:generateContent, or :streamGenerateContent."""

    def read(self, path: str, body: Mapping[str, Any]) -> Asked:
        """What is asked."""
        declared = [one for group in body.get("tools") or () for one in group.get("functionDeclarations", ())]
        tools = [
            tool_from(one["name"], one.get("parametersJsonSchema") or one.get("parameters") or {}) for one in declared
        ]
        shaped = body.get("generationConfig") or {}
        return Asked(
            turns=tuple(turn for content in body.get("contents", ()) for turn in _turns(content)),
            tools={tool.name: tool for tool in tools},
            stream="streamGenerateContent" in path,
            shape=shaped.get("responseJsonSchema") or shaped.get("responseSchema"),
        )

    def whole(self, asked: Asked, reply: Reply) -> dict[str, Any]:
        """The reply in one piece."""
        return _answer(_parts(reply), reply)

    def events(self, asked: Asked, reply: Reply) -> Iterator[Event]:
        """The reply as a stream."""
        parts = _parts(reply)
        for part in parts[:-1]:
            yield "", _answer([part], None)
        yield "", _answer(parts[-1:], reply)

    def error(self, failure: Failure) -> dict[str, Any]:
        """The body of an error; how long to wait is said in it, too."""
        wait = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{failure.retry_after}s"}
        return {
            "error": {
                "code": failure.status,
                "message": failure.message,
                "status": _STATUS.get(failure.status, "UNAVAILABLE"),
                **({"details": [wait]} if failure.retry_after else {}),
            }
        }


def _turns(content: Mapping[str, Any]) -> Iterator[Turn]:
    for part in content.get("parts", ()):
        if "functionResponse" in part:
            yield Turn("tool", json.dumps(part["functionResponse"].get("response"), ensure_ascii=False))
        elif "text" in part:
            yield Turn("assistant" if content.get("role") == "model" else "user", part["text"])


def _parts(reply: Reply) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = [{"text": reply.text}] if reply.text else []
    if reply.call:
        call = {"name": reply.call.name, "args": reply.call.arguments, "id": reply.call.id}
        parts.append({"functionCall": call, "thoughtSignature": "c2NyaXB0ZWQ="})
    return parts


def _answer(parts: list[dict[str, Any]], ended: Reply | None) -> dict[str, Any]:
    why = {} if ended is None else {"finishReason": "SAFETY" if ended.refused else "STOP"}
    return {
        "candidates": [{"index": 0, "content": {"role": "model", "parts": parts}, **why}],
        "usageMetadata": _USAGE,
        "modelVersion": "scripted",
        "responseId": f"r{next(_NUMBERS)}",
    }
