"""What a test of the merge queue printed, as lines for a sheet."""

from __future__ import annotations

from pathlib import Path

from engine.model import TestRunView
from engine.text import clean
from widgets.merge_pane import verdict_piece
from widgets.text import duration, names

MOST_BYTES = 1 << 20
MOST_LINES = 5000


def title_of(test: TestRunView) -> str:
    """The verdict, whom it was about, and when it took how long."""
    words, _ = verdict_piece(test.verdict)
    whom = names(test.tasks, 3) or "the target alone"
    return f"{words} · {whom} · {test.commit[:9]} · {duration(test.seconds)}"


def output_of(log: Path, test: TestRunView | None = None) -> list[str]:
    """The end of a test's log below its command; what is known without the log when that cannot be read."""
    command = [f"$ {test.command}", ""] if test is not None and test.command else []
    try:
        with log.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - MOST_BYTES))
            data = file.read(MOST_BYTES)
    except OSError as error:
        known = test.tail if test is not None else ""
        why = f"The log cannot be read ({error.strerror}){'; this much is known of it' if known else ''}."
        return [*command, why, str(log), *(["", known] if known else [])]
    lines = clean(data).rstrip("\n").split("\n")
    if size > MOST_BYTES or len(lines) > MOST_LINES:
        lines = [f"… what comes before is in {log}", *lines[1:][-MOST_LINES:]]
    elif not data:
        lines = [test.tail if test is not None and test.tail else "it printed nothing"]
    return [*command, *lines]
