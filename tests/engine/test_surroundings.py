"""When a verdict of another run still counts: same commands, same machine, not too long ago."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from world import World, make_plan

from engine import events as ev
from engine.journal import Journal
from engine.model import Verdict
from engine.plan import Contract, Plan, TaskSpec
from engine.surroundings import digest


@pytest.fixture
def machine(tmp_path: Path) -> dict[str, str]:
    """An environment with one tool and one Python on PATH."""
    tools = tmp_path / "venv/bin"
    tools.mkdir(parents=True)
    (tmp_path / "venv/lib/python3.11/site-packages").mkdir(parents=True)
    for name in ("python3", "gate"):
        (tools / name).write_text("#!/bin/sh\n")
        (tools / name).chmod(0o755)
    return {"PATH": str(tools), "HOME": str(tmp_path), "LANG": "C", "TERM": "xterm"}


PLAN = make_plan([], checks=("gate --all",))


def later(path: Path) -> None:
    """As if it had been changed."""
    os.utime(path, ns=(1, 1))


@pytest.mark.parametrize("name", ["TERM", "SSH_CONNECTION", "AURORA_TASK", "SHLVL", "TMUX_PANE", "COLUMNS"])
def test_another_terminal_is_no_other_machine(machine: dict[str, str], name: str) -> None:
    assert digest(PLAN, machine) == digest(PLAN, machine | {name: "new"})


@pytest.mark.parametrize("name", ["LANG", "DATABASE_URL", "PYTHONPATH", "CI", "PATH"])
def test_variables_that_tests_may_read_count(machine: dict[str, str], name: str) -> None:
    assert digest(PLAN, machine) != digest(PLAN, machine | {name: "/new"})


@pytest.mark.parametrize("path", ["venv/bin/python3", "venv/bin/gate", "venv/lib/python3.11/site-packages", ".npmrc"])
def test_tools_packages_and_their_settings_count(machine: dict[str, str], tmp_path: Path, path: str) -> None:
    before = digest(PLAN, machine)
    (tmp_path / ".npmrc").touch() if path == ".npmrc" else later(tmp_path / path)
    assert digest(PLAN, machine) != before


@pytest.mark.parametrize(
    "changed",
    [
        Plan(replace(PLAN.settings, integration_test="other"), ()),
        Plan(replace(PLAN.settings, checks=()), ()),
        Plan(replace(PLAN.settings, checks=(), setup=PLAN.settings.checks), ()),
        Plan(replace(PLAN.settings, test_timeout=1.0), ()),
        Plan(PLAN.settings, (), (Contract("api", ("a.yaml",), "spec", verify="verify"),)),
    ],
)
def test_commands_count_and_tasks_do_not(machine: dict[str, str], changed: Plan) -> None:
    assert digest(PLAN, machine) != digest(changed, machine)
    assert digest(PLAN, machine) == digest(Plan(PLAN.settings, (TaskSpec("a", "a", agent="script"),)), machine)


def told(at: float, tree: str, verdict: Verdict, here: str = "here", only: tuple[str, ...] = ()) -> ev.CandidateTested:
    """A verdict."""
    common = {"candidate": "c1", "commit": "c", "seconds": 1.0, "only": only, "surroundings": here}
    return ev.CandidateTested(at=at, tree=tree, verdict=verdict, **common)  # type: ignore[arg-type]


def test_the_journal_knows_the_green_trees_of_all_runs(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.db")
    passed, failed = Verdict.PASSED, Verdict.FAILED
    journal.append("r1", [told(1, "old", passed), told(5, "green", passed), told(5, "narrowed", passed, only=("t",))])
    journal.append("r1", [told(6, "flaky", passed), told(7, "flaky", failed), told(7, "late", Verdict.TIMEOUT)])
    journal.append("r2", [told(8, "elsewhere", passed, "there"), told(8, "unknown", passed, "")])
    journal.append("r2", [told(8, "mended", failed), told(9, "mended", passed), told(9, "broken", Verdict.ERROR)])
    assert journal.proven("here", 3) == ("mended", "green")
    assert journal.proven("here", 3, most=1) == ("mended",)
    journal.close()


def world_with_a_verdict() -> World:
    """A world in which a branch was tested green and has not landed yet."""
    world = World(make_plan([TaskSpec("a", "a", files=("a.py",), agent="script")]))
    world.run()
    return world


def test_verdicts_of_other_surroundings_count_no_more() -> None:
    world = world_with_a_verdict()
    queue = world.machine.state.queue
    assert queue.proven
    plan, tip = world.machine.state.plan, world.target
    world.deliver(ev.RunContinued(at=world.now, plan=plan, tip=tip, surroundings="", proven=("x",)))
    assert {"x"} < queue.proven
    world.deliver(ev.RunContinued(at=world.now, plan=plan, tip=tip, surroundings="new", proven=("y",)))
    assert queue.proven == {"y"}
    assert not queue.reports
    world.deliver(told(world.now, "z", Verdict.PASSED, "new"))
    assert queue.proven == {"y", "z"}
    world.deliver(told(world.now, "u", Verdict.PASSED, "newer"))
    assert queue.proven == {"u"}
    world.deliver(told(world.now, "v", Verdict.PASSED, ""))
    assert queue.proven == {"u", "v"}
