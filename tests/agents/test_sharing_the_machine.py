"""Real runs on a machine that is pressed, and builds of real agents that share its cores."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from project import CALM, Project, wait_for

PSI = "some avg10={some} avg60=0.00 avg300=0.00 total=1\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=1\n"


class Machine:
    """A folder that stands for a machine whose memory pressure the test sets."""

    def __init__(self, root: Path) -> None:
        self.pressure = root / "proc/pressure"
        self.pressure.mkdir(parents=True)
        self.set(0.0)

    def set(self, memory: float) -> None:
        for resource, some in (("cpu", 0.0), ("memory", memory), ("io", 0.0)):
            draft = self.pressure / f".{resource}"
            draft.write_text(PSI.format(some=some))
            draft.replace(self.pressure / resource)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setenv(CALM, str(tmp_path / "machine"))
    return Machine(tmp_path / "machine")


def looks_kept(project: Project) -> int:
    """How many looks at the machine are in the journal."""
    with sqlite3.connect(project.root / ".git/aurora/journal.db") as journal:
        tables = [name for (name,) in journal.execute("select name from sqlite_master where type = 'table'")]
        rows = [row for table in tables for row in journal.execute(f"select * from {table}")]
    journal.close()
    return sum("PressureChanged" in row for row in rows)


@pytest.mark.slow
def test_on_a_pressed_machine_one_works_and_the_others_say_why_they_wait(project: Project, machine: Machine) -> None:
    machine.set(70.0)
    gate = project.root.parent / "gate"
    hold = f"while [ ! -e {gate} ]; do sleep 0.05; done; echo $AURORA_TASK > $AURORA_TASK.txt"
    project.plan([{"id": name, "files": [f"{name}.txt"], "run": hold} for name in ("a", "b", "c")], workers=3)
    run = project.start_run()
    wait_for(lambda: project.states().get("a") == "running")
    seen = project.status()
    reasons = {task["id"]: task["reason"] for task in seen["tasks"]}  # type: ignore[attr-defined]
    assert reasons["b"] == reasons["c"] == "held back: the machine is short of memory"
    assert seen["pressure"] == {
        "cpu": 0.0,
        "memory": 70.0,
        "io": 0.0,
        "holds": "new agents and heavy commands wait (the machine is short of memory)",
    }
    assert "machine busy: new agents and heavy commands" in project.says("status")
    assert "held back: the machine is short of memory" in project.says("story", "b")
    machine.set(0.0)
    wait_for(lambda: set(project.states().values()) == {"running"})
    gate.touch()
    out, _ = run.communicate(timeout=60)
    assert run.returncode == 0, out
    assert looks_kept(project) == 1, "only the look that let them go is an event"


@pytest.mark.slow
def test_the_builds_of_agents_and_of_the_integration_test_share_a_jobserver(project: Project) -> None:
    project.write("Makefile", 'show:\n\t@echo "$(MAKEFLAGS)"\n')
    project.commit("a build")
    build = "make -j8 show > $AURORA_TASK.txt"
    tasks: list[dict[str, object]] = [{"id": name, "files": [f"{name}.txt"], "run": build} for name in ("a", "b")]
    project.plan(tasks, integration_test="make -j8 show", jobserver=3)
    project.run()
    for name in ("a", "b"):
        flags = project.git("show", f"main:{name}.txt")
        assert "--jobserver-auth=8,9" in flags or "--jobserver-auth=fifo:" in flags
        assert "-j8" in flags
    logs = list((project.root / ".git/aurora/runs").rglob("*.test.log"))
    assert any("jobserver-auth=8,9" in text or "auth=fifo:" in text for text in (log.read_text() for log in logs)), (
        "the integration test shares it too"
    )
    assert list((project.root / ".git/aurora/slots").iterdir()) == []


@pytest.mark.slow
def test_without_a_jobserver_builds_are_left_alone(project: Project) -> None:
    project.write("Makefile", 'show:\n\t@echo "$(MAKEFLAGS)"\n')
    project.commit("a build")
    project.plan([{"id": "a", "files": ["a.txt"], "run": "make -j8 show > a.txt"}], jobserver=False)
    project.run()
    flags = project.git("show", "main:a.txt")
    assert "-j8" in flags
    assert "--jobserver-auth=8,9" not in flags, "make has one of its own, with other open files"


@pytest.mark.slow
def test_a_pool_that_follows_the_machine_can_be_fixed_and_let_go(project: Project) -> None:
    gate = project.root.parent / "gate"
    hold = f"while [ ! -e {gate} ]; do sleep 0.05; done; echo a > a.txt"
    project.plan([{"id": "a", "files": ["a.txt"], "run": hold}], workers="auto", max_concurrency=2)
    run = project.start_run()
    wait_for(lambda: project.states().get("a") == "running")
    assert "workers 1/2 (auto)" in project.says("status")
    assert project.aurora("workers", "3").strip() == "3 workers"
    assert json.loads(project.says("status", "--json"))["workers_auto"] is False
    assert project.aurora("workers", "auto").strip() == "3 workers, and more or fewer as the machine allows"
    assert "neither a whole number nor auto" in project.says("workers", "many")
    gate.touch()
    out, _ = run.communicate(timeout=60)
    assert run.returncode == 0, out
