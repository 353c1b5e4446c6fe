"""What an attempt came to, by its stream and its last words on standard error, not by its exit status (pure)."""

from __future__ import annotations

from collections.abc import Sequence

from engine.clients.reports import Failed, Summary, Trouble
from engine.clients.troubles import trouble_of


def judged(summary: Summary, errors: Sequence[str], code: int, *, text: bool = False) -> Failed | None:
    """Why the agent could not do its work; None when it says itself that it is done.

    `errors` are its last lines on standard error. A program that prints plain `text` has no way to say that it is done
    but its exit status, though a status of 0 promises nothing either: the diff decides."""
    if summary.failure is not None:
        return summary.failure
    if summary.ended is not None and summary.ended.ok:
        return None
    if summary.ended is not None:
        return Failed(trouble_of(summary.ended.words), summary.ended.words or "it ended with an error")
    if text and code == 0:
        return None
    if summary.limited is not None:
        return Failed(Trouble.RATE_LIMIT, summary.limited.words or "rate limited")
    if summary.retrying is not None:
        return Failed(summary.retrying.kind, summary.retrying.words)
    return _by_its_last_words(errors, code)


def _by_its_last_words(errors: Sequence[str], code: int) -> Failed:
    lines = [line.strip() for line in errors if line.strip()]
    for place, line in reversed([*enumerate(lines)]):
        kind = trouble_of(line)
        if kind not in (Trouble.OTHER, Trouble.CUT):
            return Failed(kind, " ".join(lines[place : place + 2]) if line.endswith(":") else line)
    how = f"killed by signal {-code}" if code < 0 else f"exit status {code}"
    last = f": {lines[-1]}" if lines else ""
    return Failed(Trouble.OTHER, f"it ended without saying that it was done ({how}){last}")
