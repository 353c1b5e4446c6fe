"""The stream of Codex (`codex exec --json`) (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.clients.json_path import Object, number_at, object_at, objects_at, text_at
from engine.clients.reports import (
    NO_USAGE,
    Edited,
    Ended,
    Failed,
    Noted,
    Ran,
    RateLimited,
    Report,
    Retrying,
    Said,
    Session,
    Trouble,
    Usage,
    Used,
)
from engine.clients.troubles import reset_in, retry_words, trouble_of, try_words, wait_in

_RECONNECTING = re.compile(r"Reconnecting\.\.\. (?P<attempt>\d+)/(?P<most>\d+)(?: \((?P<why>.*)\))?", re.DOTALL)
OF_OUR_OWN = "--dangerously-bypass-hook-trust"
"""A warning about a flag that Aurora gives."""


class CodexStream:
    """Reads one process's lines. `before` is what the thread had used when it was resumed: its usage goes on."""

    noise: tuple[bytes, ...] = ()

    def __init__(self, before: Usage = NO_USAGE) -> None:
        self._before = before

    def read(self, line: Object) -> Iterator[Report] | None:
        """The reports of one line; None when it is of an unknown kind."""
        match text_at(line, "type"):
            case "thread.started":
                return iter((Session(text_at(line, "thread_id")),))
            case "turn.started" | "item.updated":
                return iter(())
            case "item.started":
                return _begun(object_at(line, "item"))
            case "item.completed":
                return _done(object_at(line, "item"))
            case "error":
                return _error(text_at(line, "message"))
            case "turn.completed":
                return self._completed(object_at(line, "usage"))
            case "turn.failed":
                return _failed(text_at(line, "error", "message"))
        return None

    def _completed(self, found: Object) -> Iterator[Report]:
        cached = number_at(found, "cached_input_tokens")
        whole = Usage(
            max(0, number_at(found, "input_tokens") - cached),
            cached,
            number_at(found, "output_tokens"),
            number_at(found, "reasoning_output_tokens"),
        )
        yield Used(whole.since(self._before))
        yield Ended(True)


def _begun(item: Object) -> Iterator[Report]:
    if text_at(item, "type") == "command_execution":
        yield Ran(text_at(item, "command"))
    elif text_at(item, "type") in ("mcp_tool_call", "web_search"):
        yield Ran(f"{text_at(item, 'type')} {text_at(item, 'tool') or text_at(item, 'query')}".strip())


def _done(item: Object) -> Iterator[Report] | None:
    kind = text_at(item, "type")
    if kind == "agent_message":
        return iter((Said(text_at(item, "text")),))
    if kind == "file_change":
        paths = tuple(text_at(change, "path") for change in objects_at(item, "changes"))
        fine = text_at(item, "status") == "completed" and paths
        return iter((Edited(paths),) if fine else ())
    if kind == "error":
        words = text_at(item, "message")
        return iter(() if OF_OUR_OWN in words else (Noted(words),))
    known = ("command_execution", "reasoning", "mcp_tool_call", "web_search", "todo_list")
    return iter(()) if kind in known else None


def _error(words: str) -> Iterator[Report]:
    """While it reconnects this is news; the last one of a turn is repeated by `turn.failed`."""
    found = _RECONNECTING.match(words)
    if not found:
        return
    why, tries = found["why"] or "", (int(found["attempt"]), int(found["most"]))
    kind = trouble_of(why)
    if kind is Trouble.RATE_LIMIT:
        yield RateLimited(429, wait_in(why), reset_in(why), try_words(429, *tries))
    else:
        yield Retrying(kind, retry_words(why, 0, *tries), wait_in(why))


def _failed(words: str) -> Iterator[Report]:
    yield Failed(trouble_of(words), words)
    yield Ended(False, words)
