"""Two repositories with the same plan on one machine: each steers its own agents only."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from project import Project, wait_for

SCRIPT = "echo a > a.txt; until [ -e go ]; do sleep 0.02; done"


@pytest.fixture
def two(tmp_path: Path) -> Iterator[list[Project]]:
    """Two projects; nothing that runs for them outlives the test."""
    made = []
    for name in ("left", "right"):
        (tmp_path / name).mkdir()
        made.append(Project(tmp_path / name))
    yield made
    for project in made:
        project.kill_everything()


def worktree(project: Project) -> Path:
    """Where its one agent works."""
    return project.root.parent / "shop.aurora" / "w1"


@pytest.mark.slow
def test_a_stop_in_one_repository_leaves_the_equal_task_of_another_alone(two: list[Project]) -> None:
    left, right = two
    for project in two:
        project.plan([{"id": "same", "files": ["a.txt"], "run": SCRIPT}])
        project.start_run()
    wait_for(lambda: all((worktree(project) / "a.txt").exists() for project in two))
    left.aurora("stop", "same")
    assert left.started[0].wait(timeout=60) == 1
    assert right.states() == {"same": "running"}
    (worktree(right) / "go").touch()
    assert right.started[0].wait(timeout=60) == 0
