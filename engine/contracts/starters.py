"""What `aurora contract new` writes: a commented contract to start from, and its entry in aurora.yaml (pure)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources import files

from engine.contracts.records import variable_name
from engine.errors import ConfigError

_FILES = {"openapi": "contracts/{}.yaml", "json-schema": "contracts/{}.schema.yaml", "python": "contracts/{}.py"}
_MORE = {
    "openapi": '    serve: "…"                 # starts the implementation on $AURORA_PORT; `verify` asks it there\n',
    "json-schema": "",
    "python": "",
}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Starter:
    """A file to write, and what belongs into aurora.yaml."""

    path: str
    text: str
    entry: str


def starter(name: str, kind: str, by: str = "") -> Starter:
    """The starter of a kind. ConfigError when the name cannot be one of a contract."""
    if not _NAME.fullmatch(name):
        hint = "a name is made of letters, digits, `.`, `_` and `-` and starts with a letter or digit"
        raise ConfigError(f"`{name}` cannot be the name of a contract", hint)
    plain = re.sub(r"\W", "_", name).strip("_") if kind == "python" else name
    if kind == "python" and not plain.isidentifier():
        raise ConfigError(f"`{name}` cannot be the name of a Python module", "start it with a letter")
    path = _FILES[kind].format(plain)
    end = path.rpartition(".")[2]
    text = files("engine.contracts").joinpath(f"{kind}.{end}.tmpl").read_text(encoding="utf-8")
    return Starter(path, text.replace("NAME", name), _entry(name, kind, path, by))


def _entry(name: str, kind: str, path: str, by: str) -> str:
    writer = by or "TASK"
    return (
        "contracts:\n"
        f"  {name}:\n"
        f"    kind: {kind}\n"
        f"    files: [{path}]\n"
        f"    by: {writer:<22} # the task that writes it; it lands first, then the file is frozen\n"
        f"{_MORE[kind]}"
        "tasks:\n"
        + ("" if by else f"  - {{id: TASK, prompt: Define {name} in {path}., files: [{path}]}}\n")
        + f"  - {{id: …, prompt: …, implements: [{name}]}}\n"
        f"  - {{id: …, prompt: …, consumes: [{name}]}}   # finds the mock in $AURORA_MOCK_{variable_name(name)}\n"
    )
