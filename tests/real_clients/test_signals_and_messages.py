"""Paused, stopped, spoken to: what the developer's keys do to a real program and to what it started."""

from __future__ import annotations

import psutil
import pytest
from client_project import ClientProject
from project import wait_for

pytestmark = [pytest.mark.clients, pytest.mark.slow]


def start_waiting(shop: ClientProject) -> None:
    """A run whose one agent has its shell wait for a file."""
    go = shop.home / "go"
    shop.ask(
        {
            "id": "long",
            "files": ["*.txt"],
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


def test_a_pause_stops_the_agent_and_its_shell_and_it_goes_on(shop: ClientProject) -> None:
    start_waiting(shop)
    shop.aurora("pause", "long")
    wait_for(lambda: all_stand_still(shop))
    shop.home.joinpath("go").touch()
    assert shop.states() == {"long": "paused"}
    assert all_stand_still(shop)
    shop.aurora("resume", "long")
    assert shop.started[0].wait(timeout=60) == 0
    assert {"before.txt", "after.txt"} <= shop.files()


def test_a_stop_leaves_nothing_of_the_agent(shop: ClientProject) -> None:
    start_waiting(shop)
    shop.aurora("stop", "long")
    assert shop.started[0].wait(timeout=60) == 1
    assert shop.processes() == []
    assert "before.txt" in shop.files("refs/aurora/r1/long/1")
