"""The developer of the demo rules when whoever watches does not; the whole demo ends by itself."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from snapshots import contract, snapshot

from aurora_tui.demo.developer import NOTE, Developer
from engine.intents import Intent, RejectBreach
from engine.model import BreachView, Snapshot

BREACH = BreachView("frontend", 1, ("contracts/orders.yaml",), "b" * 40, "c" * 40, 0.0)


@dataclass
class Told:
    """An engine that keeps what it is told."""

    intents: list[Intent] = field(default_factory=list)

    def send(self, intent: Intent) -> Future[str]:
        self.intents.append(intent)
        answer: Future[str] = Future()
        answer.set_result("sent back")
        return answer


def seen(*breaches: BreachView) -> Snapshot:
    return snapshot(contracts=(contract("orders-api", breaches=breaches),))


def test_a_breach_is_rejected_when_nobody_has_ruled_in_time() -> None:
    engine, now = Told(), [100.0]
    developer = Developer(engine, 6.0, lambda: now[0])  # type: ignore[arg-type]
    assert developer.will_rule(seen(BREACH))
    now[0] += 5.9
    assert developer.will_rule(seen(BREACH))
    assert engine.intents == []
    now[0] += 0.2
    assert developer.will_rule(seen(BREACH))
    (intent,) = engine.intents
    assert isinstance(intent, RejectBreach)
    assert (intent.contract, intent.task, intent.note) == ("orders-api", "frontend", NOTE)


def test_what_the_viewer_ruled_on_is_left_alone() -> None:
    engine = Told()
    developer = Developer(engine, 0.0)  # type: ignore[arg-type]
    assert not developer.will_rule(seen(replace(BREACH, state="amended"), replace(BREACH, state="rejected")))
    assert not developer.will_rule(seen())
    assert engine.intents == []


@pytest.mark.slow
def test_the_demo_ends_by_itself_and_the_overstepping_frontend_was_sent_back(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path), "NO_COLOR": "1"}
    command = [sys.executable, "-m", "aurora_tui", "demo", "--headless", "--speed", "100", "--keep"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "12 tasks: 12 landed" in done.stdout
    (repo,) = tmp_path.glob("aurora-demo-*/boreal")
    story = subprocess.run(
        [sys.executable, "-m", "aurora_tui", "-C", str(repo), "story", "frontend"], capture_output=True, text=True
    ).stdout
    assert "must leave the contract orders-api as it is, said the demo" in story
    landed = subprocess.run(["git", "show", "main:contracts/orders.yaml"], cwd=repo, capture_output=True, text=True)
    assert "gift_note" not in landed.stdout
    assert "total_cents" in landed.stdout
