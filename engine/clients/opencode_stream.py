"""The stream of opencode (`opencode run --format json`) (pure).

Of a provider that makes it wait it tells only in its log, on standard error (`text_stream`)."""

from __future__ import annotations

from collections.abc import Iterator

from engine.clients.json_path import Object, amount_at, number_at, object_at, text_at
from engine.clients.reports import (
    Edited,
    Ended,
    Failed,
    PermissionDenied,
    Ran,
    Report,
    Retrying,
    Said,
    Session,
    Trouble,
    Usage,
    Used,
)
from engine.clients.troubles import retry_words, trouble_of

EDITS = ("write", "edit", "patch", "multiedit")
CUTS_IN_VAIN = 10
"""Answers without an end in a row after which it cannot go on."""
_DENIED = ("denied", "rejected", "locked", "not allowed", "permission", "held by")


class OpencodeStream:
    """Reads one process's lines; the usage of every step is added up."""

    noise: tuple[bytes, ...] = ()

    def __init__(self) -> None:
        self._session = ""
        self._usage = Usage()
        self._empty = 0

    def read(self, line: Object) -> Iterator[Report] | None:
        """The reports of one line; None when it is of an unknown kind."""
        match text_at(line, "type"):
            case "text":
                return self._with_session(line, (Said(text_at(line, "part", "text")),))
            case "tool_use":
                return self._with_session(line, tuple(_tool(object_at(line, "part"))))
            case "step_finish":
                return self._with_session(line, tuple(self._step(object_at(line, "part"))))
            case "error":
                return self._with_session(line, tuple(_error(object_at(line, "error"))))
            case "step_start" | "reasoning":
                return self._with_session(line, ())
        return None

    def _with_session(self, line: Object, reports: tuple[Report, ...]) -> Iterator[Report]:
        name = text_at(line, "sessionID")
        if name and name != self._session:
            self._session = name
            yield Session(name)
        yield from reports

    def _step(self, part: Object) -> Iterator[Report]:
        tokens = object_at(part, "tokens")
        if text_at(part, "reason") == "unknown" and not number_at(tokens, "input") + number_at(tokens, "output"):
            yield from self._cut()
            return
        self._empty = 0
        reasoning = number_at(tokens, "reasoning")
        self._usage += Usage(
            number_at(tokens, "input") + number_at(tokens, "cache", "write"),
            number_at(tokens, "cache", "read"),
            number_at(tokens, "output") + reasoning,
            reasoning,
            amount_at(part, "cost"),
        )
        yield Used(self._usage)
        if text_at(part, "reason") == "stop":
            yield Ended(True)

    def _cut(self) -> Iterator[Report]:
        """It asks again at once, for ever, when a connection ends in the middle of an answer."""
        self._empty += 1
        words = retry_words("the connection ends", attempt=self._empty)
        if self._empty == CUTS_IN_VAIN:
            yield Failed(Trouble.CUT, words)
        elif self._empty < CUTS_IN_VAIN:
            yield Retrying(Trouble.CUT, words)


def _tool(part: Object) -> Iterator[Report]:
    name, state = text_at(part, "tool"), object_at(part, "state")
    given = object_at(state, "input")
    what = text_at(given, "filePath") or text_at(given, "command")
    if text_at(state, "status") == "completed":
        if name in EDITS and what:
            yield Edited((what,))
        else:
            yield Ran(text_at(given, "command") or f"{name} {what}".strip())
    elif text_at(state, "status") == "error":
        words = text_at(state, "error")
        if any(word in words.lower() for word in _DENIED):
            yield PermissionDenied(what or name, words)
        else:
            yield Ran(f"{name} {what}: {words}")


def _error(error: Object) -> Iterator[Report]:
    words = text_at(error, "data", "message") or text_at(error, "name")
    yield Failed(trouble_of(words, number_at(error, "data", "statusCode")), words)
    yield Ended(False, words)
