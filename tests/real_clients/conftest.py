"""Fixtures of the tests that run real coding agents on a model that does what the prompt says."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from client_project import ClientProject, TalkingProject
from installed import CLIENTS, CannotInstall, cache_folder, program_folder
from model_api import ModelApi

EVERYDAY = tuple(name for name, client in CLIENTS.items() if client.always)
WANTED = tuple(CLIENTS) if os.environ.get("AURORA_ALL_CLIENTS") else EVERYDAY
KNOWN = tuple(name for name in WANTED if CLIENTS[name].preset)
SPEAKERS = tuple(name for name in WANTED if CLIENTS[name].acp)


def programs_of(*names: str) -> dict[str, Path]:
    """The program folders of these clients; the test is skipped when one cannot be had."""
    try:
        return {name: program_folder(name) for name in names}
    except CannotInstall as reason:
        pytest.skip(f"real agents are not tested: {reason}")


@pytest.fixture(params=KNOWN)
def client(request: pytest.FixtureRequest) -> str:
    """The name of a real client that is installed."""
    name: str = request.param
    programs_of(name)
    return name


@pytest.fixture
def api() -> Iterator[ModelApi]:
    """The scripted model."""
    running = ModelApi()
    yield running
    running.close()


@pytest.fixture
def outside() -> Iterator[Path]:
    """A folder outside the temporary one: some agents trust no settings there, some let anyone write there."""
    base = cache_folder() / "work"
    base.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=base))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def shop(outside: Path, api: ModelApi, client: str) -> Iterator[ClientProject]:
    """A repository whose tasks are done by `client`."""
    made = ClientProject(outside, api, programs_of(client))
    yield made
    made.kill_everything()


@pytest.fixture(params=SPEAKERS)
def parlour(outside: Path, api: ModelApi, request: pytest.FixtureRequest) -> Iterator[TalkingProject]:
    """A repository whose tasks are done by a real agent behind the Agent Client Protocol."""
    made = TalkingProject(outside, api, programs_of(request.param))
    yield made
    made.kill_everything()
