"""What this terminal is and can: its profile, the clipboard, the title, the bell. Imported before Textual is."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

OSC52_MOST = 74_994
"""Bytes of base64 that terminals take in one clipboard sequence."""
PLAIN_TERMS = ("linux", "vt100", "vt220", "ansi", "screen", "xterm", "dumb")
DARK, LIGHT, SIXTEEN = "aurora-dark", "aurora-light", "aurora-16"


@dataclass(frozen=True, slots=True)
class Profile:
    """How often the screen follows the run. `looks` and `reads` are times a second: for states, and for output."""

    ssh: bool
    theme: str
    looks: float
    reads: float
    frames: int


GIL_SECONDS = 0.001
"""How long the thread that paints waits at the most for another one to hand over the interpreter."""


def profile(env: Mapping[str, str]) -> Profile:
    """Pure: the profile for an environment. Over SSH: few updates and 16 colours, so that a slow line keeps up."""
    ssh = any(env.get(name) for name in ("SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY", "MOSH_CONNECTION"))
    rich_colour = env.get("COLORTERM", "").lower() in ("truecolor", "24bit") or "256" in env.get("TERM", "")
    theme = env.get("AURORA_THEME", "") or (DARK if rich_colour and not ssh else SIXTEEN)
    return Profile(True, theme, 2.7, 1.5, 250) if ssh else Profile(False, theme, 6.5, 6.5, 500)


def prepare(env: Mapping[str, str]) -> Profile:
    """Choose the profile and tell Textual, which reads its settings when it is imported. A size that was exported
    once is forgotten: the terminal itself knows its size, also after it has changed."""
    chosen = profile(env)
    for fixed in ("COLUMNS", "LINES"):
        os.environ.pop(fixed, None)
    sys.setswitchinterval(GIL_SECONDS)
    os.environ.setdefault("TEXTUAL_FPS", str(chosen.frames))
    os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")
    os.environ.setdefault("TEXTUAL_SMOOTH_SCROLL", "0")
    if chosen.ssh:
        os.environ.setdefault("TEXTUAL_COLOR_SYSTEM", "standard")
    return chosen


def osc52(text: str) -> str:
    """The sequence that puts a text on the clipboard of the terminal, "" when it is too long for one."""
    encoded = base64.b64encode(text.encode("utf-8", "replace")).decode("ascii")
    return f"\x1b]52;c;{encoded}\a" if len(encoded) <= OSC52_MOST else ""


def in_tmux(sequence: str) -> str:
    """A sequence that tmux passes on to the terminal around it."""
    return "\x1bPtmux;" + sequence.replace("\x1b", "\x1b\x1b") + "\x1b\\"


def copy(text: str, write: Callable[[str], None], env: Mapping[str, str]) -> None:
    """Put a text on the clipboard: by OSC 52, inside tmux also as a buffer of tmux."""
    sequence = osc52(text)
    if sequence:
        write(sequence)
    if not env.get("TMUX"):
        return
    if sequence:
        write(in_tmux(sequence))
    tmux = shutil.which("tmux")
    if tmux:
        subprocess.run(
            [tmux, "load-buffer", "-w", "-"], input=text.encode(), capture_output=True, timeout=5, check=False
        )


def title(words: str) -> str:
    """The sequence that sets the terminal's title. `words` must be clean."""
    return f"\x1b]2;{words}\a"


def editor(env: Mapping[str, str]) -> str:
    """The developer's editor command."""
    return env.get("VISUAL") or env.get("EDITOR") or next((e for e in ("nano", "vim", "vi") if shutil.which(e)), "vi")
