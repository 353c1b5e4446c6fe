"""What holds for all tests."""

from __future__ import annotations

import compileall
import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from engine import process

ROOMS = [Path(__file__).parent.parent / name for name in ("engine", "widgets", "aurora_tui")]

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


def pytest_configure(config: pytest.Config) -> None:
    """Compile what hundreds of tests start as programs of their own, as an installation would (PYTHONDONTWRITEBYTECODE
    would have each of them compile it again). A shell that starts the tests in the background lets them ignore ctrl-C,
    and everything they start, too: then it is switched on again."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if not hasattr(config, "workerinput"):
        for room in ROOMS:
            compileall.compile_dir(room, quiet=2)


@pytest.fixture(autouse=True)
def no_ended_child_is_left() -> Iterator[None]:
    """What an engine of a test left and has ended since is collected, so that no test finds what another left."""
    yield
    deadline = time.monotonic() + 0.5
    while (left := ended_child()) is not None and time.monotonic() < deadline:
        time.sleep(0.01)
    if left is not None:
        with suppress(ChildProcessError):
            os.waitpid(left, os.WNOHANG)


def ended_child() -> int | None:
    """The pid of a child that has ended and that nobody has waited for, if there is one."""
    process.reap()
    try:
        ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return None
    return ended.si_pid if ended is not None else None
