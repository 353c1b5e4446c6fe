"""How a task's state is written: a glyph, a word, and the name of a style; never colour alone."""

from __future__ import annotations

from engine.model import TaskState
from widgets.text import duration

GLYPHS: dict[TaskState, str] = {
    TaskState.WAITING: "◦",
    TaskState.QUEUED: "○",
    TaskState.RUNNING: "►",
    TaskState.PAUSED: "‖",
    TaskState.MERGING: "⇄",
    TaskState.TESTING: "◐",
    TaskState.LANDED: "✓",
    TaskState.CONFLICT: "≠",
    TaskState.FAILED: "✗",
    TaskState.DROPPED: "−",
}
STYLES: dict[TaskState, str] = {
    TaskState.WAITING: "dim",
    TaskState.QUEUED: "",
    TaskState.RUNNING: "live",
    TaskState.PAUSED: "warn",
    TaskState.MERGING: "live",
    TaskState.TESTING: "live",
    TaskState.LANDED: "good",
    TaskState.CONFLICT: "warn",
    TaskState.FAILED: "bad",
    TaskState.DROPPED: "dim",
}


def until_words(until: float | None, now: float) -> str:
    """How long something is waited for, where that is known: `, 14s more`."""
    return f", {duration(until - now)} more" if until is not None and until > now else ""


def state_words(state: TaskState) -> str:
    """A task's state as glyph and word."""
    return f"{GLYPHS[state]} {state}"
