"""What holds for all tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("aurora", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("aurora")
"""A machine that is busy with other tests makes no property false."""


@pytest.fixture(scope="session", autouse=True)
def calm_machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Engines see an idle machine, however busy the one that runs the tests is."""
    root = tmp_path_factory.mktemp("calm-machine")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AURORA_HOST_ROOT", str(root))
        yield root
