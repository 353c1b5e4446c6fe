"""What holds for all tests."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("aurora", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("aurora")
"""A machine that is busy with other tests makes no property false."""
