"""Writes configuration files for tests and reads them back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.config import load_plan
from engine.errors import ConfigError
from engine.plan import Plan


def write(root: Path, text: str | bytes, name: str = "aurora.yaml") -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def load(root: Path, text: str | bytes, *, workers: int | None = None) -> Plan:
    return load_plan(write(root, text), root=root, target="main", workers=workers)


def refused(root: Path, text: str | bytes) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load(root, text)
    assert "\n" not in caught.value.message
    return caught.value


def task(**keys: object) -> str:
    return "tasks:\n- " + json.dumps({"id": "a", "prompt": "p"} | keys) + "\n"
