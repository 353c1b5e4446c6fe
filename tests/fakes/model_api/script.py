"""The steps a prompt asks for, and where a conversation stands in them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

_LINE = re.compile(r"^(READ|WRITE|EDIT|RUN|SAY|FAIL|CUT|REFUSE|SLOW|HOLD)\b ?(.*)$", re.M)
_OBSTACLES = ("FAIL", "CUT", "REFUSE", "SLOW", "HOLD")


@dataclass(frozen=True, slots=True)
class Turn:
    """One part of a conversation: what a person, the model or a tool said."""

    role: Literal["user", "assistant", "tool"]
    text: str


@dataclass(frozen=True, slots=True)
class Action:
    """READ, WRITE, EDIT or RUN, and what it needs. `text` is a content, an old text, or a command."""

    verb: str
    path: str = ""
    text: str = ""
    new: str = ""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What happens before a step is answered."""

    verb: str
    words: tuple[str, ...] = ()

    @property
    def times(self) -> int:
        """How often it happens; 0 is for ever."""
        if self.verb == "REFUSE":
            return 0
        place = {"FAIL": 1, "CUT": 0}[self.verb]
        return int(self.words[place]) if len(self.words) > place else 1

    @property
    def retry_after(self) -> str:
        """Seconds a FAIL asks to wait, empty for none."""
        return self.words[2] if len(self.words) > 2 else ""


@dataclass(slots=True)
class Script:
    """What one message asks for. Obstacles stand before the action of their number, or before the closing words."""

    key: str = ""
    actions: list[Action] = field(default_factory=list)
    obstacles: dict[int, list[Obstacle]] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)

    @property
    def closing(self) -> str:
        """The last thing the model says."""
        return "\n".join(self.words) or "Done."


def parse(text: str) -> Script:
    """The script in one message; without a line of it, an empty one."""
    script = Script(key=text)
    for found in _LINE.finditer(text):
        verb, rest = found[1], _unwrapped(found[2].strip())
        if verb == "SAY":
            script.words.append(rest)
        elif verb in _OBSTACLES:
            script.obstacles.setdefault(len(script.actions), []).append(Obstacle(verb, tuple(rest.split())))
        else:
            script.actions.append(_action(verb, rest))
    return script


def _unwrapped(rest: str) -> str:
    """A client that puts the whole prompt in quotes leaves an odd one at its end."""
    return rest[:-1] if rest.endswith('"') and rest.count('"') % 2 else rest


def _action(verb: str, rest: str) -> Action:
    if verb == "RUN":
        return Action(verb, text=rest)
    path, _, content = rest.partition(":")
    content = content.strip().replace("\\n", "\n")
    if verb == "EDIT":
        old, _, new = content.partition(" => ")
        return Action(verb, path.strip(), old, new)
    return Action(verb, path.strip(), content + "\n")


def place_in(turns: Sequence[Turn]) -> tuple[Script, int]:
    """The script that holds now, and how many of its actions have had their result."""
    script, since = Script(), 0
    for number, turn in enumerate(turns):
        found = parse(turn.text) if turn.role == "user" else Script()
        if found.actions or found.obstacles or found.words:
            script, since = found, number
    return script, sum(turn.role == "tool" for turn in turns[since:])
