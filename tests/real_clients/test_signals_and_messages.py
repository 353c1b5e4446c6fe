"""Paused, stopped, spoken to: what the developer's keys do to a real program and to what it started."""

from __future__ import annotations

import time

import psutil
import pytest
from client_project import ClientProject
from project import wait_for

pytestmark = [pytest.mark.clients, pytest.mark.slow]


PAUSE = dict.fromkeys(("claude", "opencode", "qwen", "copilot"), 10.0)
"""Seconds of a pause; a moment for the others."""
LIMIT = 20.0
"""Seconds an agent may run, pauses excluded."""


def start_waiting(shop: ClientProject) -> None:
    """A run whose one agent has its shell wait for a file."""
    go = shop.home / "go"
    shop.ask(
        {
            "id": "long",
            "files": ["*.txt"],
            "timeout": f"{LIMIT:g}s" if shop.client in PAUSE else "10m",
            "prompt": ["Wait.", "WRITE before.txt: b", f"RUN python3 wait.py {go}", "WRITE after.txt: a"],
        },
        retries=0,
    )
    shop.start_run()
    shop.api.wait_asked("Wait.", times=2)
    wait_for(lambda: any("wait.py" in one.command[1:2] for one in shop.family()))


def all_stand_still(shop: ClientProject) -> bool:
    """True when there are processes of the agent and every one is stopped."""
    family = list(shop.family())
    return bool(family) and all(one.status == psutil.STATUS_STOPPED for one in family)


def seconds_run(shop: ClientProject) -> float:
    """How long the agent of a worker that is paused has run."""
    (worker,) = [one for one in shop.status()["workers"] if one["task"]]  # type: ignore[attr-defined]
    assert worker["active_at"] is None
    return float(worker["active"])


def test_a_pause_stops_the_agent_and_its_shell_and_it_goes_on(shop: ClientProject) -> None:
    """However long it is: the clock and the time limit stand still with every process, launchers too."""
    start_waiting(shop)
    begun = time.monotonic()
    shop.aurora("pause", "long")
    wait_for(lambda: all_stand_still(shop))
    shop.home.joinpath("go").touch()
    assert shop.states() == {"long": "paused"}
    ran = seconds_run(shop)
    if shop.client in PAUSE:
        time.sleep(max(PAUSE[shop.client] - (time.monotonic() - begun), LIMIT - ran + 0.5))
    assert all_stand_still(shop)
    assert seconds_run(shop) == ran
    shop.aurora("resume", "long")
    assert shop.started[0].wait(timeout=60) == 0
    assert {"before.txt", "after.txt"} <= shop.files()


def test_a_message_to_an_agent_at_work_goes_into_the_same_conversation(shop: ClientProject) -> None:
    """It is ended where it stands, keeps what it wrote, and begins no new conversation."""
    steps = ["The first part.", "WRITE a.txt: a", "HOLD part", "WRITE never.txt: n"]
    shop.ask({"id": "told", "files": ["*.txt"], "prompt": steps}, retries=0)
    run = shop.start_run()
    shop.api.wait_held("part")
    shop.aurora("message", "told", "The second part.\nWRITE b.txt: b\nSAY Both are done.")
    assert run.wait(timeout=60) == 0
    first = shop.api.about("The second part.")[0].turns
    assert any("The first part." in turn.text for turn in first)
    assert any(turn.role == "tool" for turn in first)
    assert {"a.txt", "b.txt"} <= shop.files()
    assert "never.txt" not in shop.files()
    assert shop.tasks()["told"]["attempt"] == 2
    assert "goes on with its conversation" in shop.says("story", "told")


def test_a_stop_leaves_nothing_of_the_agent(shop: ClientProject) -> None:
    start_waiting(shop)
    shop.aurora("stop", "long")
    assert shop.started[0].wait(timeout=60) == 1
    assert shop.processes() == []
    assert "before.txt" in shop.files("refs/aurora/r1/long/1")
