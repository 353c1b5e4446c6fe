"""Fixtures of the tests that run real engines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from project import Project
from slot_yard import Yard


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A small repository; nothing that runs for it outlives the test."""
    made = Project(tmp_path)
    yield made
    made.kill_everything()


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    """A place with shims and programs behind them; nothing that was started there outlives the test."""
    made = Yard(tmp_path)
    yield made
    made.clean_up()
