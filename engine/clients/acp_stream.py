"""The stream of an agent that speaks the Agent Client Protocol, as `engine.acp_agent` prints it (pure)."""

from __future__ import annotations

from collections.abc import Iterator

from engine.clients.json_path import Object, amount_at, at, number_at, text_at
from engine.clients.reports import (
    Edited,
    Ended,
    Failed,
    PermissionDenied,
    Ran,
    Report,
    Said,
    Session,
    Usage,
    Used,
)
from engine.clients.troubles import trouble_of


class AcpStream:
    """Reads one process's lines; what it used is a sum already."""

    noise: tuple[bytes, ...] = ()

    def read(self, line: Object) -> Iterator[Report] | None:
        """The reports of one line; None when it is of an unknown kind."""
        report: tuple[Report, ...]
        match text_at(line, "type"):
            case "session":
                report = (Session(text_at(line, "id")),)
            case "text":
                report = (Said(text_at(line, "text"), part=True),)
            case "tool":
                report = (Ran(text_at(line, "title")),)
            case "edit":
                report = (Edited(_paths(line)),)
            case "denied":
                report = (PermissionDenied(", ".join(_paths(line)), text_at(line, "words")),)
            case "usage":
                fresh, cached, output = (number_at(line, name) for name in ("input", "cached", "output"))
                report = (Used(Usage(fresh, cached, output, usd=amount_at(line, "usd")), text_at(line, "model")),)
            case "error":
                words = f"{text_at(line, 'words')} {text_at(line, 'data')}".strip()
                report = (Failed(trouble_of(words), words), Ended(False, words))
            case "end":
                report = (Ended(at(line, "ok") is True, text_at(line, "words")),)
            case _:
                return None
        return iter(report)


def _paths(line: Object) -> tuple[str, ...]:
    found = at(line, "paths")
    return tuple(path for path in found if isinstance(path, str)) if isinstance(found, list) else ()
