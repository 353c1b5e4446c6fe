"""Whether a program seems to be logged in: a key in the environment, or the file it keeps its login in.

Only the names are looked at, never what they hold, and nobody is asked over the network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Trace:
    """What a login leaves behind: variables, and files below `home` (or below the folder `moved_by` names)."""

    variables: tuple[str, ...]
    files: tuple[str, ...]
    home: str
    moved_by: str = ""


TRACES: Mapping[str, Trace] = {
    "claude": Trace(
        ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN", "CLAUDE_CODE_USE_BEDROCK"),
        (".credentials.json",),
        ".claude",
        "CLAUDE_CONFIG_DIR",
    ),
    "codex": Trace(("CODEX_API_KEY", "OPENAI_API_KEY"), ("auth.json",), ".codex", "CODEX_HOME"),
    "gemini": Trace(
        ("GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GENAI_USE_VERTEXAI", "GOOGLE_GENAI_USE_GCA"),
        ("oauth_creds.json",),
        ".gemini",
    ),
    "copilot": Trace(
        ("COPILOT_GITHUB_TOKEN", "GH_TOKEN", "GITHUB_TOKEN", "COPILOT_PROVIDER_API_KEY"),
        ("config.json",),
        ".copilot",
        "COPILOT_HOME",
    ),
    "opencode": Trace(
        ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY", "OPENCODE_API_KEY", "OPENROUTER_API_KEY"),
        ("opencode/auth.json",),
        ".local/share",
        "XDG_DATA_HOME",
    ),
    "pi": Trace(("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY"), ("agent/auth.json",), ".pi"),
    "qwen": Trace(("OPENAI_API_KEY", "DASHSCOPE_API_KEY"), ("oauth_creds.json",), ".qwen"),
}


@dataclass(frozen=True, slots=True)
class Login:
    """`found` when there is a trace of a login; without one nothing is certain, as some keep it in a keyring."""

    found: bool
    words: str


def login_of(name: str, environment: Mapping[str, str], home: Path) -> Login:
    """Whether the program of a preset seems to be logged in."""
    trace = TRACES.get(name)
    if trace is None:
        return Login(False, "whether it is logged in cannot be told")
    variable = next((variable for variable in trace.variables if environment.get(variable)), None)
    if variable is not None:
        return Login(True, f"{variable} is set")
    moved = environment.get(trace.moved_by) if trace.moved_by else None
    folder = Path(moved) if moved else home / trace.home
    file = next((path for path in trace.files if (folder / path).is_file()), None)
    if file is not None:
        return Login(True, f"its login is in {_short(folder / file, home)}")
    return Login(False, f"no login found (neither {trace.variables[0]} nor {_short(folder / trace.files[0], home)})")


def _short(path: Path, home: Path) -> str:
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)
