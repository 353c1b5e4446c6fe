"""Fixtures of the tests that drive the app."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from stage import Stage


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """A real repository with scripted agents and the app on it; nothing of it outlives the test."""
    made = Stage(tmp_path)
    monkeypatch.chdir(made.project.root)
    yield made
    made.strike()
