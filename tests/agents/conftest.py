"""Fixtures of the tests that run real engines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from project import Project


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A small repository; nothing that runs for it outlives the test."""
    made = Project(tmp_path)
    yield made
    made.kill_everything()
