"""A branch that conflicts only with one that has not landed waits for it, no longer than that one is on its way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from project import Project, wait_for


def both_in_the_queue(project: Project, tmp_path: Path, *, first_is_bad: bool) -> str:
    """Run two tasks that change the same line; both wait to be merged when the first test has ended. The output."""
    go, second = tmp_path / "go", tmp_path / "second"
    bad = "! grep -q one models.py" if first_is_bad else "true"
    gate = f"until test -e {go}; do sleep 0.05; done; {bad}"
    edit = "sed -i 's/^line5 = 5$/line5 = \"{0}\"/' models.py"
    tasks: list[dict[str, object]] = [
        {"id": "early", "files": ["early"], "run": "echo early > early"},
        {"id": "one", "shared": ["models.py"], "run": edit.format("one"), "priority": 5},
        {
            "id": "two",
            "shared": ["models.py"],
            "run": f"until test -e {second}; do sleep 0.05; done; {edit.format('two')}",
        },
    ]
    project.plan(tasks, workers=3, integration_test=gate)
    process = project.start_run()
    wait_for(lambda: project.states().get("one") in ("merging", "testing"))
    second.touch()
    wait_for(lambda: set(project.states().values()) <= {"merging", "testing"} and project.states())
    go.touch()
    return process.communicate(timeout=60)[0]


@pytest.mark.slow
@pytest.mark.parametrize("first_is_bad", [False, True])
def test_it_is_merged_or_goes_to_a_person_when_the_other_is_through(
    project: Project, tmp_path: Path, first_is_bad: bool
) -> None:
    out = both_in_the_queue(project, tmp_path, first_is_bad=first_is_bad)
    states = project.states()
    assert states["early"] == "landed", out
    if first_is_bad:
        assert (states["one"], states["two"]) == ("failed", "landed"), out
        assert 'line5 = "two"' in project.git("show", "main:models.py")
    else:
        ended = sorted((states["one"], states["two"]))
        assert ended == ["conflict", "landed"], out
        tasks = json.loads(project.says("status", "--json"))["tasks"]
        loser = next(task for task in tasks if task["state"] == "conflict")
        assert "models.py" in loser["reason"]
