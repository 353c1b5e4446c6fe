"""The stream of pi (`pi --mode json`) (pure). It exits 0 whatever happened: its last message tells how it ended."""

from __future__ import annotations

from collections.abc import Iterator

from engine.clients.json_path import Object, amount_at, at, number_at, object_at, objects_at, text_at
from engine.clients.reports import (
    Edited,
    Ended,
    Failed,
    PermissionDenied,
    Ran,
    RateLimited,
    Report,
    Retrying,
    Said,
    Session,
    Usage,
    Used,
)
from engine.clients.troubles import is_rate_limit, retry_words, trouble_of

EDITS = ("write", "edit")
_REFUSED = "Not written: "
_QUIET = ("agent_start", "turn_start", "turn_end", "message_start", "message_update", "tool_execution_update")


class PiStream:
    """Reads one process's lines; the usage of every message is added up. Pieces of a message repeat it whole."""

    noise: tuple[bytes, ...] = (b'{"type":"message_update"',)

    def __init__(self) -> None:
        self._usage = Usage()
        self._given: dict[str, Object] = {}
        self._failure = ""

    def read(self, line: Object) -> Iterator[Report] | None:
        """The reports of one line; None when it is of an unknown kind."""
        match text_at(line, "type"):
            case "session":
                return iter((Session(text_at(line, "id")),))
            case "message_end":
                return self._message(object_at(line, "message"))
            case "tool_execution_start":
                self._given[text_at(line, "toolCallId")] = object_at(line, "args")
                return iter(())
            case "tool_execution_end":
                return self._tool(line)
            case "auto_retry_start":
                return _retry(line)
            case "auto_retry_end":
                return iter(())
            case "agent_end":
                return self._end()
            case kind if kind in _QUIET:
                return iter(())
        return None

    def _message(self, message: Object) -> Iterator[Report]:
        if text_at(message, "role") != "assistant":
            return
        said = "".join(text_at(part, "text") for part in objects_at(message, "content"))
        if said:
            yield Said(said)
        used = object_at(message, "usage")
        self._usage += Usage(
            number_at(used, "input") + number_at(used, "cacheWrite"),
            number_at(used, "cacheRead"),
            number_at(used, "output"),
            usd=amount_at(used, "cost", "total"),
        )
        yield Used(self._usage, text_at(message, "model"))
        failed = text_at(message, "stopReason") in ("error", "aborted")
        self._failure = (text_at(message, "errorMessage") or "it was aborted") if failed else ""

    def _tool(self, line: Object) -> Iterator[Report]:
        name, given = text_at(line, "toolName"), self._given.pop(text_at(line, "toolCallId"), {})
        what = text_at(given, "path") or text_at(given, "command")
        words = "".join(text_at(part, "text") for part in objects_at(line, "result", "content"))
        if at(line, "isError") is True and words.startswith(_REFUSED):
            yield PermissionDenied(what or name, words)
        elif at(line, "isError") is not True and name in EDITS and what:
            yield Edited((what,))
        else:
            yield Ran(text_at(given, "command") or f"{name} {what}".strip())

    def _end(self) -> Iterator[Report]:
        if self._failure:
            yield Failed(trouble_of(self._failure), self._failure)
        yield Ended(not self._failure, self._failure)


def _retry(line: Object) -> Iterator[Report]:
    """It tries again by itself; the end it told before was none."""
    said, delay = text_at(line, "errorMessage"), number_at(line, "delayMs") / 1000
    words = retry_words(said, 0, number_at(line, "attempt"), number_at(line, "maxAttempts"))
    yield RateLimited(429, delay, None, words) if is_rate_limit(said) else Retrying(trouble_of(said), words, delay)
