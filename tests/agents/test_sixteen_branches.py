"""Sixteen branches at once, some bad, two bad only together: what lands, who is named; nothing untested lands."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from dataclasses import dataclass

import pytest
from project import Project

from engine.events import CandidateTested, Event, Landed
from engine.journal import Journal
from engine.model import Verdict

COUNT = 16
NAMES = [f"t{n:02}" for n in range(COUNT)]
SUITE = """
import pathlib, unittest

HERE = pathlib.Path(__file__).parent
PARTS = {path.stem: path.read_text().strip() for path in (HERE / "parts").glob("*")}


class Parts(unittest.TestCase):
    def test_pair(self):
        self.assertFalse({"t04", "t11"} <= {name for name, text in PARTS.items() if text == "half"})


def add(name):
    def test(self):
        self.assertNotEqual(PARTS.get(name), "bad")
    setattr(Parts, "test_" + name, test)


for number in range(16):
    add(f"t{number:02}")
"""


@dataclass
class Scene:
    """What is wrong with the branches, and in which order they are in the plan."""

    bad: set[str]
    pair: bool
    order: list[str]


def scene(bad: set[str], pair: bool, seed: int) -> Scene:
    """A scene with a random order."""
    order = list(NAMES)
    random.Random(seed).shuffle(order)
    return Scene(bad, pair, order)


def run(project: Project, scene: Scene, named: bool) -> list[Event]:
    """Run it with real agents and tests; all events."""
    project.write("test_parts.py", SUITE)
    project.write("parts/README", "parts\n")
    project.commit("tests")
    folder = project.file.parent
    runner = folder / "test.sh"
    quiet = "" if named else " >/dev/null 2>&1"
    test = f"{sys.executable} -m unittest -q test_parts" if named else f"{runner}"
    runner.write_text(f"#!/bin/sh\nexec {sys.executable} -m unittest -q test_parts{quiet}\n")
    runner.chmod(0o755)
    gate = folder / "gate"
    gate.mkdir()
    wait = f"touch {gate}/$AURORA_TASK; while [ $(ls {gate} | wc -l) -lt {COUNT} ]; do sleep 0.05; done"
    tasks: list[dict[str, object]] = []
    for name in scene.order:
        text = "bad" if name in scene.bad else "half" if scene.pair and name in ("t04", "t11") else "good"
        tasks.append({"id": name, "files": [f"parts/{name}"], "run": f"{wait}; echo {text} > parts/{name}"})
    project.plan(tasks, workers=COUNT, integration_test=test, max_concurrency=2)
    project.run(code=1 if scene.bad or scene.pair else 0)
    journal = Journal(project.root / ".git/aurora/journal.db")
    try:
        return [event for _, event in journal.events(journal.runs()[-1])]
    finally:
        journal.close()


def check(project: Project, scene: Scene, events: list[Event]) -> list[CandidateTested]:
    """What holds in every scene; the full runs of the tests."""
    states = project.states()
    failed = {task for task, state in states.items() if state == "failed"}
    halves = {"t04", "t11"} if scene.pair else set()
    assert scene.bad <= failed
    assert len(failed & halves) == (1 if scene.pair else 0)
    assert failed <= scene.bad | halves
    landed = {path.removeprefix("parts/") for path in project.files() if path.startswith("parts/t")}
    assert landed == set(NAMES) - failed
    assert {task for task, state in states.items() if state == "landed"} == landed

    tested = [event for event in events if isinstance(event, CandidateTested)]
    green = {event.tree for event in tested if event.verdict is Verdict.PASSED and not event.only}
    commits = [event.commit for event in events if isinstance(event, Landed)]
    assert commits[-1] == project.git("rev-parse", "main")
    for commit in commits:
        assert project.git("rev-parse", f"{commit}^{{tree}}") in green, "landed without a green run of this very tree"
    alone = [sys.executable, "-m", "unittest", "-q", "test_parts"]
    assert subprocess.run(alone, cwd=project.root, capture_output=True, check=False).returncode == 0
    return [event for event in tested if not event.only]


def reason(project: Project, task: str) -> str:
    """What is said of a task."""
    tasks = json.loads(project.says("status", "--json"))["tasks"]
    return str(next(each["reason"] for each in tasks if each["id"] == task))


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_nobody_is_bad(project: Project, seed: int) -> None:
    every = scene(set(), False, seed)
    full = check(project, every, run(project, every, named=True))
    assert all(event.verdict is Verdict.PASSED for event in full)


@pytest.mark.slow
@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("seed", [3, 4])
def test_one_is_bad(project: Project, seed: int, named: bool) -> None:
    one = scene({"t07"}, False, seed)
    events = run(project, one, named)
    full = check(project, one, events)
    assert ("test_t07" in reason(project, "t07")) == named
    if named:
        assert sum(event.verdict is Verdict.FAILED for event in full) == 1, "found by the failing test alone"


@pytest.mark.slow
@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("seed", [5, 6])
def test_three_are_bad_and_two_only_together(project: Project, seed: int, named: bool) -> None:
    three = scene({"t02", "t09", "t15"}, True, seed)
    check(project, three, run(project, three, named))
    half, other = ("t04", "t11") if "failed" in project.states()["t04"] else ("t11", "t04")
    if named:
        assert f"only together with {other}" in reason(project, half)
