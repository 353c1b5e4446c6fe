"""Runs without a screen: when they are over, how they end, and what they print meanwhile."""

from __future__ import annotations

import json
import os
import signal

import pytest
from fake_engine import FakeEngine
from snapshots import STARTED, merge, snapshot, task

from aurora_tui.cli.headless import HeadlessRun, Prospect, prospect
from aurora_tui.cli.telling import JsonTeller, LineTeller
from engine.intents import Shutdown
from engine.model import Snapshot, TaskState

LANDED = task("a", TaskState.LANDED, "in main as 3f2a9c1d3", landed="3f2a9c1d" * 5)
RUNNING = task("a", TaskState.RUNNING, "on w1", worker="w1")
CONFLICT = task("a", TaskState.CONFLICT, "conflicts with landed work in a.py")
FAILED = task("a", TaskState.FAILED, "the agent exited with 1")
PAUSED = task("a", TaskState.PAUSED, "paused by you", worker="w1")


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (snapshot(RUNNING), Prospect.MOVING),
        (snapshot(LANDED, idle=True), Prospect.OVER),
        (snapshot(CONFLICT, idle=True, needs_person=("a",)), Prospect.OVER),
        (snapshot(PAUSED, idle=True, needs_person=("a",)), Prospect.PERSON),
        (snapshot(task("a"), idle=True, paused_all=True, needs_person=("p",)), Prospect.PERSON),
        (snapshot(task("a"), idle=True, workers_limit=0, needs_person=("w",)), Prospect.PERSON),
        (snapshot(LANDED, idle=True, needs_person=("l",), merge=merge(landing_blocked="dirty")), Prospect.PERSON),
        (snapshot(LANDED, idle=True, stopping=True), Prospect.MOVING),
    ],
)
def test_when_a_run_is_over(run: Snapshot, expected: Prospect) -> None:
    assert prospect(run) is expected


@pytest.mark.parametrize(
    ("last", "code"),
    [
        (snapshot(LANDED, idle=True), 0),
        (snapshot(FAILED, idle=True), 1),
        (snapshot(CONFLICT, idle=True, needs_person=("a: conflicts",)), 3),
        (snapshot(idle=True), 0),
    ],
)
def test_a_run_ends_when_nothing_can_move(capfd: pytest.CaptureFixture[str], last: Snapshot, code: int) -> None:
    engine = FakeEngine(snapshot(RUNNING), last)
    assert HeadlessRun(engine, LineTeller(), 0.0).run() == code
    assert [type(intent) for intent in engine.asked] == [Shutdown]
    out = capfd.readouterr().out
    assert "run r1 on shop:main" in out
    assert f"main at {'3f2a9c1d3'}" in out


def test_a_person_is_waited_for_as_long_as_asked(capfd: pytest.CaptureFixture[str]) -> None:
    waits = snapshot(LANDED, idle=True, needs_person=("a.py has changes",), merge=merge(landing_blocked="dirty"))
    assert HeadlessRun(FakeEngine(waits), LineTeller(), 0.01).run() == 3
    assert "only you can help now; waiting 0.01 s: a.py has changes" in capfd.readouterr().out
    helped = FakeEngine(waits, waits, snapshot(LANDED, idle=True))
    assert HeadlessRun(helped, LineTeller(), 60.0).run() == 0


def test_an_engine_that_others_ended_is_the_end(capfd: pytest.CaptureFixture[str]) -> None:
    engine = FakeEngine(snapshot(LANDED))
    engine.at_look[1] = engine.over.set
    assert HeadlessRun(engine, LineTeller(), 0.0).run() == 0
    assert engine.asked == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_stops_the_agents_and_waits(capfd: pytest.CaptureFixture[str], number: int) -> None:
    engine = FakeEngine(snapshot(RUNNING), snapshot(RUNNING), snapshot(task("a", reason="interrupted")))
    engine.at_look[2] = lambda: os.kill(os.getpid(), number)
    before = signal.getsignal(number)
    assert HeadlessRun(engine, LineTeller(), 0.0).run() == 130
    (shutdown,) = engine.asked
    assert isinstance(shutdown, Shutdown)
    assert shutdown.mode == "stop"
    assert "stopping the agents, their work is kept" in capfd.readouterr().out
    assert signal.getsignal(number) is before


def test_a_lost_terminal_does_not_end_the_run(capfd: pytest.CaptureFixture[str]) -> None:
    engine = FakeEngine(snapshot(RUNNING), snapshot(RUNNING), snapshot(LANDED, idle=True))
    engine.at_look[2] = lambda: os.kill(os.getpid(), signal.SIGHUP)
    assert HeadlessRun(engine, LineTeller(), 0.0).run() == 0


def test_json_prints_the_journals_events_and_nothing_else(capfd: pytest.CaptureFixture[str]) -> None:
    engine = FakeEngine(snapshot(RUNNING), snapshot(LANDED, idle=True))
    engine.rows = [(7, "Old", '{"at": 1.0}'), (8, "Landed", '{"at": 2.0, "commit": "c"}')]
    assert HeadlessRun(engine, JsonTeller(engine, 7), 0.0).run() == 0
    assert [json.loads(line) for line in capfd.readouterr().out.splitlines()] == [
        {"seq": 8, "event": "Landed", "at": 2.0, "commit": "c"}
    ]


def test_off_a_terminal_silence_is_broken_now_and_then(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aurora_tui.cli.telling.PULSE_SECONDS", -1.0)
    teller = LineTeller()
    same = snapshot(RUNNING, started=STARTED)
    teller.tell(same)
    teller.tell(same)
    assert "… 0/1 landed, 1 running" in capfd.readouterr().out.splitlines()[-1]
