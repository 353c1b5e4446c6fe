"""Twelve tasks of three real programs at once: two collide over files nobody declared, then the money runs out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from client_project import ClientProject
from conftest import EVERYDAY, programs_of
from model_api import ModelApi
from project import wait_for

pytestmark = [pytest.mark.clients, pytest.mark.slow]
GROW = """with open("models.py", "a") as models:
    models.write("more = 1\\n")
"""


@pytest.fixture
def mixed(outside: Path, api: ModelApi) -> Iterator[ClientProject]:
    """A repository whose tasks are done by all three."""
    made = ClientProject(outside, api, programs_of(*EVERYDAY))
    yield made
    made.kill_everything()


def task(name: str, agent: str, *lines: str, **more: object) -> dict[str, object]:
    """A task that writes a file of its own."""
    prompt = [f"This is {name}.", *lines, f"WRITE lib/{name}.py: NAME = '{name}'"]
    return {"id": name, "agent": agent, "prompt": prompt, "files": [f"lib/{name}.py"], **more}


def tasks() -> list[dict[str, object]]:
    """`owner` and `first` hold what `shell` and `guest` write without having said so."""
    owner = task("owner", "claude", "READ models.py", "EDIT models.py: line0 = 0 => line0 = 1", "HOLD owner")
    return [
        {**owner, "files": ["lib/owner.py", "models.py"]},
        task("first", "codex", "WRITE extra.py: E = 1", "HOLD first"),
        task("shell", "gemini", "RUN python3 grow.py"),
        task("guest", "claude", "HOLD guest", "WRITE extra.py: E = 2"),
        *(task(f"plain{n}", EVERYDAY[n % 3], "FAIL 500 1") for n in range(4)),
        *(task(f"late{n}", EVERYDAY[n % 3], after=["owner", "first"]) for n in range(3)),
        task("last", "codex", after=["late0", "late1", "late2"]),
    ]


def test_all_lands_or_says_why(mixed: ClientProject) -> None:
    """The collisions are settled while all run; a spent budget starts nothing more and says so; with more all lands."""
    mixed.write("grow.py", GROW)
    mixed.commit("a program that writes")
    settings = {"workers": 8, "integration_test": "python3 -m compileall -q lib", "locks": {"wait": "1s"}}
    mixed.ask(*tasks(), **settings, budget={"tokens": 12_000})
    run = mixed.start_run()
    for name in ("owner", "first", "guest"):
        mixed.api.wait_held(name)
    mixed.api.release("guest")
    mixed.api.wait_told("This is guest.", "extra.py is held by task first")
    wait_for(lambda: mixed.tasks()["shell"]["state"] == "paused")
    mixed.api.release("first")
    mixed.api.release("owner")
    said, _ = run.communicate(timeout=100)
    assert run.returncode == 3, said
    states = mixed.states()
    assert {states[name] for name in ("owner", "first", "shell", "guest")} == {"landed"}
    assert set(states.values()) == {"landed", "queued", "waiting"}
    assert "budget" in mixed.tasks()["late0"]["reason"]

    mixed.ask(*tasks(), **settings, budget={"tokens": 100_000})
    mixed.run()
    assert set(mixed.states().values()) == {"landed"}
    assert "more = 1" in mixed.text("models.py")
    assert mixed.text("models.py").startswith("line0 = 1")
    assert mixed.text("extra.py") == "E = 1"
