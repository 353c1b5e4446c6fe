"""The stream of Copilot CLI (`--output-format json`), and the file it writes about its usage (pure)."""

from __future__ import annotations

from collections.abc import Iterator

from engine.clients.json_path import Object, number_at, object_at, objects_at, text_at
from engine.clients.reports import (
    Edited,
    Ended,
    Failed,
    Noted,
    PermissionDenied,
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
from engine.clients.troubles import reset_in, retry_words, trouble_of, wait_in

EDITS = ("create", "edit", "str_replace", "apply_patch", "insert", "write")
MOST_PENDING = 200
_KINDS = {
    "authentication": Trouble.AUTH,
    "rate_limit": Trouble.RATE_LIMIT,
    "quota": Trouble.QUOTA,
    "context_limit": Trouble.OVERFLOW,
}
_SILENT = ("session.", "user.", "assistant.", "model.", "tool.", "hook.", "permission.", "subagent.", "skill.")


class CopilotStream:
    """Reads one process's lines."""

    noise: tuple[bytes, ...] = (
        b'{"type":"assistant.message_delta"',
        b'{"type":"assistant.tool_call_delta"',
        b'{"type":"assistant.reasoning_delta"',
        b'{"type":"tool.execution_partial_result"',
    )

    def __init__(self) -> None:
        self._tools: dict[str, tuple[str, str]] = {}

    def read(self, line: Object) -> Iterator[Report] | None:
        """The reports of one line; None when it is of an unknown kind."""
        data = object_at(line, "data")
        kind = text_at(line, "type")
        match kind:
            case "assistant.message":
                return iter((Said(text_at(data, "content")),) if text_at(data, "content") else ())
            case "tool.execution_start":
                return self._begun(data)
            case "tool.execution_complete":
                return self._done(data)
            case "model.call_failure":
                return _call_failed(data)
            case "session.error":
                words = text_at(data, "message")
                known = _KINDS.get(text_at(data, "errorType"))
                return iter((Failed(known or trouble_of(words, number_at(data, "statusCode")), words),))
            case "session.warning":
                return iter((Noted(text_at(data, "message")),))
            case "result":
                return _result(line)
        return iter(()) if kind.startswith(_SILENT) else None

    def _begun(self, data: Object) -> Iterator[Report]:
        name, given = text_at(data, "toolName"), object_at(data, "arguments")
        what = text_at(given, "path") or text_at(given, "command")
        if len(self._tools) >= MOST_PENDING:
            self._tools.pop(next(iter(self._tools)))
        self._tools[text_at(data, "toolCallId")] = (name, what)
        if name not in EDITS:
            yield Ran(text_at(given, "command") or f"{name} {what}".strip())

    def _done(self, data: Object) -> Iterator[Report]:
        name, what = self._tools.pop(text_at(data, "toolCallId"), ("", ""))
        edits = tuple(text_at(edit, "path") for edit in objects_at(data, "fileEdits"))
        if edits:
            yield Edited(edits)
        if text_at(data, "error", "code") == "denied":
            yield PermissionDenied(what or name, text_at(data, "error", "message"))


def _call_failed(data: Object) -> Iterator[Report]:
    words, status = text_at(data, "errorMessage"), number_at(data, "statusCode")
    kind = trouble_of(words, status)
    if kind is Trouble.RATE_LIMIT:
        yield RateLimited(status or 429, wait_in(words), reset_in(words), str(status or 429))
    else:
        yield Retrying(kind, retry_words("", status))


def _result(line: Object) -> Iterator[Report]:
    if text_at(line, "sessionId"):
        yield Session(text_at(line, "sessionId"))
    yield Ended(number_at(line, "exitCode") == 0)


def usage_of_file(said: Object) -> Used:
    """What the file of `--usage-output-file` says: the sum over all models, and the model that was used most."""
    models = object_at(said, "modelMetrics")
    used = {name: _of_model(object_at(models, name, "usage")) for name in models}
    most = max(used, key=lambda name: used[name].tokens, default="")
    return Used(sum(used.values(), Usage()), most)


def _of_model(usage: Object) -> Usage:
    cached = number_at(usage, "cacheReadTokens")
    fresh = max(0, number_at(usage, "inputTokens") - cached)
    return Usage(fresh, cached, number_at(usage, "outputTokens"), number_at(usage, "reasoningTokens"))
