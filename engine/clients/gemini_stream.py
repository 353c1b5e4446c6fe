"""The stream of Gemini CLI (`--output-format stream-json`) (pure)."""

from __future__ import annotations

from collections.abc import Iterator

from engine.clients.json_path import Object, at, number_at, object_at, parsed, text_at
from engine.clients.reports import (
    Edited,
    Ended,
    Failed,
    Noted,
    PermissionDenied,
    Ran,
    Report,
    Said,
    Session,
    Usage,
    Used,
)
from engine.clients.troubles import trouble_of

EDITS = ("write_file", "replace", "edit")
DENIED = ("policy_violation", "execution_denied", "permission_denied")
MOST_PENDING = 200


class GeminiStream:
    """Reads one process's lines. Rate limits are told on standard error only."""

    noise: tuple[bytes, ...] = ()

    def __init__(self) -> None:
        self._tools: dict[str, tuple[str, str]] = {}
        self._model = ""

    def read(self, line: Object) -> Iterator[Report] | None:
        """The reports of one line; None when it is of an unknown kind."""
        match text_at(line, "type"):
            case "init":
                self._model = text_at(line, "model")
                return iter((Session(text_at(line, "session_id")),))
            case "message":
                return _message(line)
            case "tool_use":
                return self._begun(line)
            case "tool_result":
                return self._done(line)
            case "error":
                return iter((Noted(text_at(line, "message")),))
            case "result":
                return self._result(line)
        return None

    def _begun(self, line: Object) -> Iterator[Report]:
        name, given = text_at(line, "tool_name"), object_at(line, "parameters")
        what = text_at(given, "file_path") or text_at(given, "command")
        if len(self._tools) >= MOST_PENDING:
            self._tools.pop(next(iter(self._tools)))
        self._tools[text_at(line, "tool_id")] = (name, what)
        if name not in EDITS:
            yield Ran(text_at(given, "command") or f"{name} {what}".strip())

    def _done(self, line: Object) -> Iterator[Report]:
        name, what = self._tools.pop(text_at(line, "tool_id"), ("", ""))
        if text_at(line, "status") == "success":
            if name in EDITS and what:
                yield Edited((what,))
        elif text_at(line, "error", "type") in DENIED:
            yield PermissionDenied(what or name, text_at(line, "error", "message"))

    def _result(self, line: Object) -> Iterator[Report]:
        stats = object_at(line, "stats")
        cached = number_at(stats, "cached")
        fresh = max(0, number_at(stats, "input_tokens") - cached)
        usage = Usage(fresh, cached, number_at(stats, "output_tokens"))
        if usage.tokens:
            yield Used(usage, self._model)
        words = text_at(line, "error", "message")
        if text_at(line, "status") != "success":
            yield Failed(trouble_of(words), _inner(words))
        yield Ended(text_at(line, "status") == "success", _inner(words))


def _inner(words: str) -> str:
    """The provider's own sentence of `[API Error: {"error": {"message": …}}]`; other words stay as they are."""
    start, end = words.find("{"), words.rfind("}")
    answer = parsed(words[start : end + 1].encode()) if 0 <= start < end else None
    return text_at(answer, "error", "message") or words


def _message(line: Object) -> Iterator[Report]:
    if text_at(line, "role") == "assistant" and text_at(line, "content"):
        yield Said(text_at(line, "content"), part=at(line, "delta") is True)
