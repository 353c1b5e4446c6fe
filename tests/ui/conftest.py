"""Fixtures of the tests that drive the app."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from stage import Stage
from still import empty_repo

from engine.repo import Repo

READERS = ("aurora-reader", "aurora-diff")


@pytest.fixture(autouse=True)
def no_thread_of_an_app_is_left() -> Iterator[None]:
    """However an app ends, what reads for it ends, too; the interpreter is not left with it at its own end."""
    yield
    deadline = time.monotonic() + 5.0
    while left := [thread.name for thread in threading.enumerate() if thread.name.startswith(READERS)]:
        assert time.monotonic() < deadline, left
        time.sleep(0.01)


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """A real repository with scripted agents and the app on it; nothing of it outlives the test."""
    made = Stage(tmp_path)
    monkeypatch.chdir(made.project.root)
    yield made
    made.strike()


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """An empty repository, for the paths only."""
    return empty_repo(tmp_path_factory.mktemp("still"))
