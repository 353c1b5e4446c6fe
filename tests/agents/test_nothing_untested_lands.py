"""Attempts to land an untested tree: the engine killed, the target moved by hand, a checkout that refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from project import Project, Started, wait_for

from engine.events import CandidateTested, Landed
from engine.journal import Journal
from engine.model import Verdict

pytestmark = pytest.mark.slow


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """A folder: tests say in it that they run (`in`) and end when they may (`out`)."""
    folder = tmp_path / "gate"
    folder.mkdir()
    return folder


def plan(project: Project, gate: Path) -> None:
    """One task, and a test that is red where the file `by-hand` is not as it should be."""
    test = f"touch {gate}/in; until test -e {gate}/out; do sleep 0.05; done; ! grep -q bad by-hand"
    project.plan([{"id": "a", "files": ["a"], "run": "echo a > a"}], integration_test=test)


def commit_by_hand(project: Project, text: str) -> str:
    """Somebody else's commit on the target."""
    project.write("by-hand", text)
    return project.commit("by hand")


def check_landed(project: Project) -> None:
    """Every commit the target was moved to by Aurora has a green full run of its very tree."""
    journal = Journal(project.root / ".git/aurora/journal.db")
    try:
        events = [event for run in journal.runs() for _, event in journal.events(run)]
    finally:
        journal.close()
    full = [event for event in events if isinstance(event, CandidateTested) and not event.only]
    green = {event.tree for event in full if event.verdict is Verdict.PASSED}
    landed = [event.commit for event in events if isinstance(event, Landed)]
    assert landed
    assert landed[-1] == project.git("rev-parse", "main")
    assert {project.git("rev-parse", f"{commit}^{{tree}}") for commit in landed} <= green


def kill(engine: Started) -> None:
    """The engine dies without a word."""
    engine.kill()
    engine.wait(30)


def test_an_engine_killed_during_the_test_tests_again(project: Project, gate: Path) -> None:
    plan(project, gate)
    engine = project.start_run()
    wait_for((gate / "in").exists)
    kill(engine)
    (gate / "in").unlink()
    (gate / "out").touch()
    assert "a" not in project.files()
    project.run()
    assert (gate / "in").exists(), "what was cut short says nothing"
    check_landed(project)


@pytest.mark.parametrize("text", ["good", "bad"])
def test_a_target_moved_during_the_test_is_merged_and_tested(project: Project, gate: Path, text: str) -> None:
    plan(project, gate)
    engine = project.start_run()
    wait_for((gate / "in").exists)
    moved = commit_by_hand(project, text)
    (gate / "out").touch()
    engine.communicate(timeout=60)
    if text == "bad":
        assert project.git("rev-parse", "main") == moved, "a red target: nothing lands, nobody is blamed"
        assert project.states()["a"] == "merging"
        return
    assert {"a", "by-hand"} <= project.files()
    check_landed(project)


def test_a_landing_that_waited_is_forgotten_when_the_target_moved_meanwhile(project: Project, gate: Path) -> None:
    plan(project, gate)
    (gate / "out").touch()
    project.write("a", "mine\n")
    engine = project.start_run()
    wait_for(lambda: "landing waits" in project.says("status", "--json"))
    kill(engine)
    assert (project.root / "a").read_text() == "mine\n", "local work stays"
    (project.root / "a").unlink()
    commit_by_hand(project, "good")
    project.run()
    assert {"a", "by-hand"} <= project.files()
    check_landed(project)
