"""What the four protocols have in common: a request read, a reply said, a usage that never changes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from model_api.script import Turn
from model_api.tools import Call, Tool

INPUT, CACHED, OUTPUT = 1200, 800, 34
"""Tokens of every answer: all input, the part of it that was cached, output."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: the conversation so far and the tools that may be called. `shape` is a JSON schema to answer in,
    `folder` where the client says it works."""

    turns: tuple[Turn, ...] = ()
    tools: Mapping[str, Tool] = field(default_factory=dict)
    model: str = "scripted"
    stream: bool = True
    shape: Mapping[str, object] | None = None
    folder: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the model says, and the tool it calls."""

    text: str = ""
    call: Call | None = None
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Failure:
    """An answer that is an error."""

    status: int
    retry_after: str = ""

    @property
    def message(self) -> str:
        """Words as services use them, since clients look for some."""
        known = {429: "Rate limit reached, try again later", 401: "Invalid API key", 529: "Overloaded"}
        return known.get(self.status, "Internal error of the scripted model")


Event = tuple[str, Any]
"""A server-sent event: its name (may be empty) and its data (JSON, or a bare text)."""


class Dialect(Protocol):
    """One protocol."""

    def read(self, path: str, body: Mapping[str, Any]) -> Asked:
        """What is asked."""

    def whole(self, asked: Asked, reply: Reply) -> dict[str, Any]:
        """The reply in one piece."""

    def events(self, asked: Asked, reply: Reply) -> Iterator[Event]:
        """The reply as a stream."""

    def error(self, failure: Failure) -> dict[str, Any]:
        """The body of an error."""


_FOLDER = re.compile(r"(?:working|work) (?:in the )?director(?:y|ies)[^/\n]{0,40}?(/[^\s\"'\\`<,]+)", re.IGNORECASE)


def folder_in(body: Mapping[str, Any]) -> str:
    """The folder a request's messages say the client works in; empty when they do not say."""
    found = _FOLDER.findall(json.dumps(body.get("messages"), ensure_ascii=False))
    return next((folder for folder in (one.rstrip(".") for one in found) if Path(folder).is_dir()), "")


def words_of(content: object) -> str:
    """The text in a content, whatever lists and objects it is wrapped in."""
    if isinstance(content, str):
        return content
    if isinstance(content, Mapping):
        return words_of(content.get("text") or content.get("content") or "")
    if isinstance(content, Sequence):
        return "\n".join(words_of(part) for part in content)
    return ""


def pieces(text: str) -> list[str]:
    """A text in two halves, as a stream would bring it."""
    middle = len(text) // 2
    return [part for part in (text[:middle], text[middle:]) if part]


def tool_from(name: str, schema: Mapping[str, Any], *, free: bool = False) -> Tool:
    """A tool with its arguments from a JSON schema."""
    return Tool(name, schema.get("properties", {}), tuple(schema.get("required", ())), free)
