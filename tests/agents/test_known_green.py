"""What an earlier run proved green is not tested again by the next one, as long as nothing around it changed."""

from __future__ import annotations

import pytest
from project import Project

from engine.events import CandidateTested, Landed
from engine.journal import Journal


def events_of(project: Project) -> list[list[CandidateTested | Landed]]:
    """The verdicts and landings of each run."""
    journal = Journal(project.root / ".git/aurora/journal.db")
    try:
        return [
            [event for _, event in journal.events(run) if isinstance(event, CandidateTested | Landed)]
            for run in journal.runs()
        ]
    finally:
        journal.close()


@pytest.mark.slow
def test_a_landed_tree_is_known_to_be_green_in_the_next_run(project: Project) -> None:
    good = {"id": "good", "files": ["good"], "run": "echo good > good"}
    bad = {"id": "bad", "files": ["bad"], "run": "echo bad > bad"}
    project.plan([good], integration_test="! test -e bad")
    project.run()
    project.plan([good, bad], integration_test="! test -e bad")
    project.run(code=1)
    (tested, landed), second = events_of(project)
    assert isinstance(tested, CandidateTested)
    assert isinstance(landed, Landed)
    assert tested.tree not in trees(second), "the target was known to be green"
    project.plan([good, bad], integration_test="test ! -e bad")
    project.run("--fresh", code=1)
    assert tested.tree in trees(events_of(project)[2]), "another command: what the old one said counts no more"


def trees(events: list[CandidateTested | Landed]) -> set[str]:
    return {event.tree for event in events if isinstance(event, CandidateTested)}
