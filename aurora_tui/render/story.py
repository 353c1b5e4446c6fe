"""The story of one task."""

from __future__ import annotations

from collections.abc import Sequence

from aurora_tui.render.look import Look
from aurora_tui.render.words import why
from engine.model import TaskView
from widgets.text import cut, flat, wrap
from widgets.words import STYLES, state_words


def story(task: TaskView, told: Sequence[str], look: Look) -> list[str]:
    """Who the task is, where it stands, and what happened to it, oldest first."""
    state = look.paint(state_words(task.state), STYLES[task.state])
    lines = [f"{look.paint(task.id, 'bold')}  {state}  {cut(why(task, look), max(20, look.width - 30))}"]
    lines += [cut(flat(task.prompt), look.width), ""]
    for number, words in enumerate(told, 1):
        first, *rest = wrap(flat(words), max(20, look.width - 6), 4)
        lines.append(f"{number:4}  {first}")
        lines += [f"      {line}" for line in rest]
    return look.finish(lines)
