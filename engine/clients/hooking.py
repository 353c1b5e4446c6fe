"""Installs Aurora's pre-edit hook for one attempt of an agent program, beside all a person has configured.

Nothing is written into the repository or the home: the settings lie beside the attempt's log and are named on the
command line or in the environment. Each program's own time limit for a hook is made so long that a pause does not reach
it (most take a hook that ran out of time for a yes); the hook itself ends much earlier.
"""

from __future__ import annotations

import json
import os
import shlex
import stat
import sys
import tomllib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from engine import write_hook

PAUSES = 86_400
"""Seconds a program lets its hook run beyond the hook's own limit."""
CLAUDE_TOOLS = "Write|Edit|MultiEdit|NotebookEdit|mcp__.*"


@dataclass(frozen=True, slots=True)
class HookPlace:
    """One attempt, as its hook has to know it. `stem` is the beginning of the names of the attempt's files, `scratch`
    the worker's own temporary folder."""

    door: Path
    task: str
    attempt: int
    worktree: Path
    wait: float
    stem: Path
    scratch: Path

    def argv(self, dialect: str) -> list[str]:
        """The program that asks, and its arguments."""
        told = [str(self.door), self.task, str(self.attempt), str(self.worktree), f"{self.wait:g}"]
        return [sys.executable, "-I", "-S", str(Path(write_hook.__file__)), dialect, *told]

    def command(self, dialect: str) -> str:
        """The same for a shell."""
        return shlex.join(self.argv(dialect))

    @property
    def limit(self) -> int:
        """Seconds after which a program may give its hook up."""
        return int(self.wait + write_hook.GRACE) + PAUSES

    def write(self, kind: str, content: object) -> Path:
        """A settings file of this attempt."""
        path = self.stem.with_name(f"{self.stem.name}.{kind}")
        text = content if isinstance(content, str) else json.dumps(content, indent=1)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path


@dataclass(frozen=True, slots=True)
class Start:
    """How a program is started: arguments, what it gets in its environment, and sentences on what does not hold."""

    argv: tuple[str, ...]
    env: dict[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


def with_hook(dialect: str, start: Start, place: HookPlace, env: Mapping[str, str]) -> Start:
    """The same start with the hook installed; `env` is all the program will have in its environment.

    A program that has no hook is started as it is."""
    install = INSTALLERS.get(dialect)
    return start if install is None else install(start, place, env)


def _insert(start: Start, *words: str, env: Mapping[str, str] | None = None, at: int = 1) -> Start:
    argv = (*start.argv[:at], *words, *start.argv[at:])
    return Start(argv, {**start.env, **(env or {})}, start.remarks)


# --- claude ---------------------------------------------------------------------------------------------------------


def _claude(start: Start, place: HookPlace, env: Mapping[str, str]) -> Start:
    """`--settings` may be given once: what a profile gives it is taken in. A failing hook blocks."""
    hook = {"type": "command", "command": place.command("claude"), "timeout": place.limit, "onFailure": "block"}
    given, argv = _taken_out(start.argv, "--settings")
    settings = _merged(_json_of(given, place.worktree), "PreToolUse", {"matcher": CLAUDE_TOOLS, "hooks": [hook]})
    path = place.write("claude.json", settings)
    return _insert(Start(argv, start.env, start.remarks), "--settings", str(path))


def _taken_out(argv: tuple[str, ...], flag: str) -> tuple[str, tuple[str, ...]]:
    """The last value of a flag, and the arguments without it."""
    value, left, words = "", [], iter(argv)
    for word in words:
        if word == flag:
            value = next(words, "")
        elif word.startswith(f"{flag}="):
            value = word.partition("=")[2]
        else:
            left.append(word)
    return value, tuple(left)


def _json_of(given: str, folder: Path) -> dict[str, Any]:
    """Settings from a JSON text or the name of a file; empty when there are none (or they cannot be read)."""
    text = given
    if given and not given.lstrip().startswith("{"):
        with suppress(OSError):
            text = (folder / given).read_text(encoding="utf-8")
    with suppress(ValueError):
        found = json.loads(text)
        if isinstance(found, dict):
            return found
    return {}


def _merged(settings: dict[str, Any], event: str, hook: dict[str, Any]) -> dict[str, Any]:
    """Settings with one more hook, all others kept."""
    hooks = settings.get("hooks")
    hooks = dict(hooks) if isinstance(hooks, dict) else {}
    there = hooks.get(event)
    hooks[event] = [*(there if isinstance(there, list) else []), hook]
    return {**settings, "hooks": hooks}


# --- gemini and qwen ------------------------------------------------------------------------------------------------


def _gemini(start: Start, place: HookPlace, env: Mapping[str, str]) -> Start:
    """System settings are merged with the person's own; gemini reads none that others could have written."""
    variable, usual = "GEMINI_CLI_SYSTEM_SETTINGS_PATH", "/etc/gemini-cli/settings.json"
    hook = {"type": "command", "command": place.command("gemini"), "timeout": place.limit * 1000, "name": "aurora"}
    settings = _merged(
        _json_of(env.get(variable) or usual, place.worktree), "BeforeTool", {"matcher": ".*", "hooks": [hook]}
    )
    folder = _private(place, env)
    if folder is None:
        words = (
            "gemini runs without its pre-edit hook: it accepts none from a folder others may write to; edits of held "
            "files are seen after they are made"
        )
        return Start(start.argv, start.env, (*start.remarks, words))
    path = HookPlace(place.door, place.task, place.attempt, place.worktree, place.wait, folder, place.scratch).write(
        "gemini.json", settings
    )
    return _insert(start, env={variable: str(path)})


def _private(place: HookPlace, env: Mapping[str, str]) -> Path | None:
    """Where only this person can write: beside the log, or in the folder of the login session."""
    session = env.get("XDG_RUNTIME_DIR")
    stems = [place.stem, *([Path(session) / "aurora" / f"{os.getpid()}.{place.stem.name}"] if session else [])]
    return next((stem for stem in stems if not _open_to_others(stem.parent)), None)


def _open_to_others(folder: Path) -> bool:
    """Whether somebody else may write to the folder or to one above it."""
    for one in (folder, *folder.parents):
        with suppress(FileNotFoundError):
            if one.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                return True
    return False


def _qwen(start: Start, place: HookPlace, env: Mapping[str, str]) -> Start:
    variable, usual = "QWEN_CODE_SYSTEM_SETTINGS_PATH", "/etc/qwen-code/settings.json"
    hook = {"type": "command", "command": place.command("qwen"), "timeout": place.limit * 1000, "name": "aurora"}
    settings = _merged(
        _json_of(env.get(variable) or usual, place.worktree), "PreToolUse", {"matcher": ".*", "hooks": [hook]}
    )
    return _insert(start, env={variable: str(place.write("qwen.json", settings))})


# --- codex ----------------------------------------------------------------------------------------------------------


def _codex(start: Start, place: HookPlace, env: Mapping[str, str]) -> Start:
    """A `-c` replaces what config.toml says of a key, so that is taken in. The sandbox leaves /tmp open unless told."""
    config = _codex_config(env)
    hook = {"type": "command", "command": place.command("codex"), "timeout": place.limit}
    before = _codex_given(start.argv, "hooks.PreToolUse") or config.get("hooks", {}).get("PreToolUse", [])
    roots = config.get("sandbox_workspace_write", {}).get("writable_roots", [])
    wanted = {
        "hooks.PreToolUse": [*before, {"matcher": ".*", "hooks": [hook]}],
        "sandbox_workspace_write.exclude_slash_tmp": True,
        "sandbox_workspace_write.exclude_tmpdir_env_var": True,
        "sandbox_workspace_write.writable_roots": [*roots, str(place.scratch)],
    }
    given = {word.partition("=")[0].strip() for word in start.argv}
    words = [
        word
        for key, value in wanted.items()
        if key == "hooks.PreToolUse" or key not in given
        for word in ("-c", f"{key}={toml_value(value)}")
    ]
    argv = _without_setting(start.argv, "hooks.PreToolUse")
    at = 2 if len(argv) > 1 and argv[1] == "exec" else 1
    return _insert(Start(argv, start.env, start.remarks), *words, "--dangerously-bypass-hook-trust", at=at)


def _codex_config(env: Mapping[str, str]) -> dict[str, Any]:
    home = Path(env.get("CODEX_HOME") or Path(env.get("HOME", "/nonexistent")) / ".codex")
    with suppress(OSError, ValueError):
        return tomllib.loads((home / "config.toml").read_text(encoding="utf-8"))
    return {}


def _codex_given(argv: tuple[str, ...], key: str) -> list[Any]:
    """What a profile's arguments say of a key themselves."""
    for word in argv:
        name, _, value = word.partition("=")
        if name.strip() == key:
            with suppress(ValueError):
                found = tomllib.loads(f"value = {value}")["value"]
                return found if isinstance(found, list) else []
    return []


def _without_setting(argv: tuple[str, ...], key: str) -> tuple[str, ...]:
    left: list[str] = []
    for word in argv:
        if word.partition("=")[0].strip() == key and left and left[-1] in ("-c", "--config"):
            left.pop()
        else:
            left.append(word)
    return tuple(left)


def toml_value(value: object) -> str:
    """A value as TOML on one line: texts, numbers, truth, lists and tables."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{toml_value(str(key))} = {toml_value(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(toml_value, value)) + "]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return json.dumps(value)


# --- copilot, opencode, pi ------------------------------------------------------------------------------------------


def _copilot(start: Start, place: HookPlace, env: Mapping[str, str]) -> Start:
    """A plug-in of its own: the login and all settings of the person's home stay what they are."""
    folder = place.stem.with_name(f"{place.stem.name}.copilot")
    folder.mkdir(parents=True, exist_ok=True)
    hook = {"type": "command", "bash": place.command("copilot"), "timeoutSec": place.limit}
    manifest = {
        "name": "aurora-locks",
        "version": "1.0.0",
        "description": "Asks Aurora before a file is written.",
        "hooks": "hooks.json",
    }
    (folder / "plugin.json").write_text(json.dumps(manifest), encoding="utf-8")
    (folder / "hooks.json").write_text(json.dumps({"version": 1, "hooks": {"preToolUse": [hook]}}), encoding="utf-8")
    return _insert(start, "--plugin-dir", str(folder))


def _opencode(start: Start, place: HookPlace, env: Mapping[str, str]) -> Start:
    """A plug-in named in the configuration the environment carries, beside what it carries already."""
    variable = "OPENCODE_CONFIG_CONTENT"
    path = place.write("opencode.js", _plug_in("opencode_hook.js.tmpl", place.argv("opencode")))
    config = _json_of(start.env.get(variable) or env.get(variable, ""), place.worktree)
    plugins = config.get("plugin")
    config["plugin"] = [*(plugins if isinstance(plugins, list) else []), path.as_uri()]
    return _insert(start, env={variable: json.dumps(config)})


def _pi(start: Start, place: HookPlace, env: Mapping[str, str]) -> Start:
    path = place.write("pi.ts", _plug_in("pi_hook.ts.tmpl", place.argv("pi")))
    return _insert(start, "-e", str(path))


def _plug_in(name: str, argv: list[str]) -> str:
    template = files("engine.clients").joinpath(name).read_text(encoding="utf-8")
    return template.replace("@COMMAND@", json.dumps(argv))


Installer = Callable[[Start, HookPlace, Mapping[str, str]], Start]
INSTALLERS: dict[str, Installer] = {
    "claude": _claude,
    "codex": _codex,
    "gemini": _gemini,
    "qwen": _qwen,
    "copilot": _copilot,
    "opencode": _opencode,
    "pi": _pi,
}
