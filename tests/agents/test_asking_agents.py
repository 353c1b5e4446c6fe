"""Agents that ask before they edit, with the real engine, the real hook and real worktrees."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest
from project import Project, wait_for
from test_live import engines, start, tell, until

from engine import write_hook
from engine.intents import PauseTask, ResumeTask
from engine.model import TaskState

__all__ = ["engines"]
ASK = f"""
hook='{shlex.join([sys.executable, "-I", "-S", str(write_hook.__file__), "claude"])}'
edit() {{ # FILE TEXT: what an agent program does: ask, then write; the reason of a refusal goes to refused
    printf '{{"tool_name": "Write", "cwd": "%s", "tool_input": {{"file_path": "%s"}}}}' "$PWD" "$1" |
        $hook 2>>refused && echo "$2" >>"$1"
}}
"""


def test_a_free_file_joins_the_claim_and_a_held_one_is_waited_for_and_then_merged(
    project: Project, engines: list, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    asking = ASK + "edit free.txt one; edit models.py 'b = 1'; test ! -s refused; rm refused"
    holding = f"echo 'line0 = 7' > models.py\n{until(go)}"
    project.plan(
        [
            {"id": "a", "files": ["models.py"], "run": holding},
            {"id": "b", "files": ["b.txt"], "run": asking},
        ]
    )
    engine = start(project, engines)
    wait_for(lambda: engine.snapshot().task("b").reason == "waits to edit models.py: held by a")
    locks = {lock.pattern: lock for lock in engine.snapshot().locks}
    assert locks["/free.txt"].holder == "b"
    assert locks["/free.txt"].grown
    assert locks["models.py"].waiters == ("b",)
    go.touch()
    wait_for(lambda: engine.snapshot().task("b").state is TaskState.LANDED)
    assert (project.root / "models.py").read_text() == "line0 = 7\nb = 1\n"
    story = "\n".join(engine.story("b"))
    assert "may edit models.py: a let go" in story
    assert "brought up to date" in story
    assert engine.snapshot().task("b").attempt == 1


def test_a_held_file_is_refused_in_the_end_with_its_holder_and_the_agent_goes_on(
    project: Project, engines: list, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    asking = ASK + f"edit models.py x; edit b.txt two; cp refused {tmp_path}/words; rm refused"
    project.plan(
        [
            {"id": "a", "files": ["models.py"], "run": until(go) + "echo > models.py"},
            {"id": "b", "files": ["b.txt"], "run": asking},
        ],
        locks={"wait": 0.5},
    )
    engine = start(project, engines)
    wait_for(lambda: engine.snapshot().task("b").state is TaskState.LANDED)
    words = (tmp_path / "words").read_text()
    assert "models.py is held by task a (since" in words
    assert "your own files (b.txt)" in words
    assert any("was denied models.py: held by a" in line for line in engine.story("b"))
    assert engine.snapshot().task("b").paths == ("b.txt",)
    go.touch()
    wait_for(lambda: engine.snapshot().task("a").state is TaskState.LANDED)


def test_the_checkout_of_the_developer_is_not_written(project: Project, engines: list, tmp_path: Path) -> None:
    asking = ASK + f"edit {project.root}/models.py x; edit b.txt two; mv refused {tmp_path}/words"
    project.plan([{"id": "b", "files": ["b.txt"], "run": asking}])
    engine = start(project, engines)
    wait_for(lambda: engine.snapshot().task("b").state is TaskState.LANDED)
    assert "is no part of your worktree" in (tmp_path / "words").read_text()
    assert "x" not in (project.root / "models.py").read_text().split()


def test_ignored_files_are_nobodys(project: Project, engines: list, tmp_path: Path) -> None:
    project.write(".gitignore", "build/\nrefused\n")
    project.commit("ignore")
    asking = ASK + "mkdir build; edit build/out.txt x; edit $AURORA_TASK.txt y; " + until(tmp_path / "go")
    project.plan([{"id": name, "files": [f"{name}.txt"], "run": asking} for name in ("a", "b")])
    engine = start(project, engines)
    wait_for(lambda: all(engine.snapshot().task(name).paths == (f"{name}.txt",) for name in ("a", "b")))
    assert {lock.pattern for lock in engine.snapshot().locks} == {"a.txt", "b.txt"}
    (tmp_path / "go").touch()
    wait_for(lambda: all(engine.snapshot().task(name).state is TaskState.LANDED for name in ("a", "b")))


@pytest.mark.slow
def test_a_paused_agent_waits_without_losing_its_seconds(project: Project, engines: list, tmp_path: Path) -> None:
    go = tmp_path / "go"
    asking = ASK + "edit models.py two; test ! -s refused; rm refused"
    project.plan(
        [
            {"id": "a", "files": ["models.py"], "run": until(go) + "echo one > models.py"},
            {"id": "b", "files": ["b.txt"], "run": asking},
        ],
        locks={"wait": 2},
    )
    engine = start(project, engines)
    wait_for(lambda: engine.snapshot().task("b").held_by == ("a",))
    tell(engine, PauseTask(at=0.0, task="b"))
    wait_for(lambda: any("processes stopped" in line for line in engine.story("b")))
    go.touch()
    wait_for(lambda: engine.snapshot().task("a").state is TaskState.LANDED)
    assert engine.snapshot().task("b").state is TaskState.PAUSED
    tell(engine, ResumeTask(at=0.0, task="b"))
    wait_for(lambda: engine.snapshot().task("b").state is TaskState.LANDED)
    assert (project.root / "models.py").read_text() == "one\ntwo\n"


@pytest.mark.slow
def test_an_agent_without_an_engine_waits_for_the_next_one(project: Project, engines: list, tmp_path: Path) -> None:
    go = tmp_path / "go"
    asking = until(go) + ASK + "edit free.txt two; test ! -s refused; rm refused"
    project.plan([{"id": "b", "files": ["b.txt"], "run": asking}])
    first = start(project, engines)
    wait_for(lambda: first.snapshot().workers[0].active_at)
    first.close()
    go.touch()
    wait_for(lambda: project.processes("write_hook"))
    engine = start(project, engines)
    wait_for(lambda: engine.snapshot().task("b").state is TaskState.LANDED)
    assert (project.root / "free.txt").read_text() == "two\n"
    assert engine.snapshot().task("b").attempt == 1


@pytest.mark.slow
def test_an_agent_whose_engine_never_comes_back_is_refused_and_ends(
    project: Project, engines: list, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    asking = until(go) + ASK + f"edit free.txt two; mv refused {tmp_path}/words"
    project.plan([{"id": "b", "files": ["b.txt"], "run": asking}], locks={"wait": 0.5})
    first = start(project, engines)
    wait_for(lambda: first.snapshot().workers[0].active_at)
    first.close()
    go.touch()
    wait_for((tmp_path / "words").exists)
    assert "no engine of Aurora runs" in (tmp_path / "words").read_text()
    wait_for(lambda: not project.processes("b.sh"))
