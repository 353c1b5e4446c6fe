"""A provider that never gives an answer: said while it lasts, waited out, and nobody else is kept from work."""

from __future__ import annotations

import signal
from typing import Any

import pytest
from client_project import ClientProject
from project import wait_for

pytestmark = [pytest.mark.clients, pytest.mark.slow, pytest.mark.timeout(400)]

TROUBLES = {"limited": "FAIL 429 0", "broken": "FAIL 500 0", "cut": "CUT 0"}
SAYS = {"limited": "rate limit", "broken": "the provider", "cut": "no answer"}
"""What the row of a task says of its provider, unless its agent has given up and has to wait."""


def is_told(task: dict[str, Any]) -> bool:
    """True when the row of a task says what its provider does."""
    return SAYS[task["id"]] in task["reason"] or "has to wait" in task["reason"]


def test_who_gets_no_answer_says_so_and_waits_while_others_land(shop: ClientProject) -> None:
    """Each trouble with a profile of its own, and a second task for the limited one; then all is stopped."""
    agents: dict[str, dict[str, object]] = {name: {"preset": shop.client} for name in (*TROUBLES, shop.client)}
    agents["limited"]["max_parallel"] = 1
    tasks = [
        {
            "id": name,
            "agent": name,
            "files": [f"{name}.txt"],
            "prompt": [f"The {name} one.", line, f"WRITE {name}.txt: x"],
        }
        for name, line in TROUBLES.items()
    ]
    second = {
        "id": "second",
        "agent": "limited",
        "files": ["second.txt"],
        "prompt": ["Second.", "FAIL 429 0", "WRITE second.txt: x"],
    }
    after = {"id": "after", "after": ["fine"], "files": ["after.txt"], "prompt": ["After it.", "WRITE after.txt: x"]}
    fine = {"id": "fine", "files": ["fine.txt"], "prompt": ["Fine.", "HOLD fine", "WRITE fine.txt: x"]}
    shop.ask(*tasks, fine, after, second, agents=agents, retries=0, workers=4)
    shop.start_once()
    run = shop.start_run()
    patience = 180.0 if shop.client == "opencode" else 60.0
    shop.api.wait_asked("The limited one.", deadline=patience)
    wait_for(lambda: "has to wait" in shop.tasks()["second"]["reason"], patience)
    shop.api.release("fine")
    told: set[str] = set()
    held: set[str] = set()

    def all_told() -> bool:
        status: dict[str, Any] = shop.status()
        told.update(task["id"] for task in status["tasks"] if task["id"] in TROUBLES and is_told(task))
        held.update(one["name"] for one in status["profiles"] if one["until"] is not None)
        landed = {task["id"] for task in status["tasks"] if task["state"] == "landed"}
        return told == set(TROUBLES) and {"limited", "cut"} <= held and "after" in landed

    wait_for(all_told)
    assert shop.client not in held
    story = shop.says("story", "limited")
    assert "limited is rate limited" in story
    assert "then 1" in story

    run.send_signal(signal.SIGINT)
    assert run.wait(timeout=60) == 130
    assert shop.processes() == []
    states = shop.states()
    assert {states[name] for name in (*TROUBLES, "second")} == {"queued"}
    assert not {f"{name}.txt" for name in (*TROUBLES, "second")} & shop.files()
