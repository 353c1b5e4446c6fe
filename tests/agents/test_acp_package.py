"""An agent made with the protocol's own package: both ends are held to its schema."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import yaml
from project import Project, wait_for
from test_live import engines, start, tell

from engine.intents import MessageTask, StopTask
from engine.model import TaskState

pytest.importorskip("acp", reason="agents behind ACP are not tested: pip install 'aurora-tui[acp]'")
__all__ = ["engines"]
pytestmark = pytest.mark.slow
AGENT = Path(__file__).parents[1] / "fakes" / "scripted_acp.py"
TOKENS = 310


@pytest.fixture
def sessions(tmp_path: Path) -> Path:
    """Where the agent keeps its sessions."""
    return tmp_path / "sessions"


def plan(project: Project, sessions: Path, *prompts: tuple[str, list[str]], **settings: object) -> None:
    """A plan of tasks that claim a file of their own name; their prompts are given line by line."""
    tasks = [{"id": name, "prompt": "\n".join(lines), "files": [f"{name}*.txt"]} for name, lines in prompts]
    project.plan(tasks, **settings)
    whole = yaml.safe_load(project.file.read_text())
    whole["agents"] = {"talker": {"preset": "acp", "command": [sys.executable, str(AGENT), str(sessions)]}}
    project.file.write_text(yaml.safe_dump({**whole, "agent": "talker"}, sort_keys=False))


def test_it_edits_asks_and_is_answered_in_its_own_session(project: Project, engines: list, sessions: Path) -> None:
    plan(project, sessions, ("one", ["READ README.md", "WRITE one.txt: 1"]), ("asks", ["SAY Which one?"]), workers=1)
    engine = start(project, engines)
    wait_for(lambda: engine.snapshot().task("asks").asks)
    assert engine.snapshot().task("asks").asks == "Which one?"
    assert engine.snapshot().task("asks").tokens == TOKENS
    assert "one.txt" in project.files()
    assert "✎ one.txt" in project.says("log", "one")
    assert "✎ README.md" not in project.says("log", "one")
    tell(engine, MessageTask(at=0.0, task="asks", text="This one.\nWRITE asks.txt: 2"))
    wait_for(lambda: engine.snapshot().task("asks").state is TaskState.LANDED)
    assert engine.snapshot().task("asks").tokens == 2 * TOKENS
    held = [file.read_text().partition("SAY Which one?") for file in sessions.iterdir()]
    assert ["This one." in after for _, asked, after in held if asked] == [True]


def test_a_held_file_is_refused_and_the_reason_is_its_next_prompt(
    project: Project, engines: list, sessions: Path
) -> None:
    holder, guest = ["WRITE held.txt: h", "CHILD"], ["WRITE held.txt: g", "WRITE guest.txt: g", "SAY Done."]
    plan(project, sessions, ("held", holder), ("guest", guest), locks={"wait": 0.2})
    engine = start(project, engines)
    wait_for(lambda: engine.snapshot().task("guest").state is TaskState.LANDED)
    assert "was denied held.txt: held by held" in "\n".join(engine.story("guest"))
    assert "guest.txt" in project.files()
    assert "held.txt" not in project.files()
    told = [file.read_text().partition("for this reason:")[2] for file in sessions.iterdir()]
    assert any("held.txt is held by task held" in words for words in told)
    assert engine.snapshot().task("guest").tokens == 2 * TOKENS, "two turns, told as one sum"
    tell(engine, StopTask(at=0.0, task="held"))
    wait_for(lambda: engine.snapshot().task("held").state is TaskState.FAILED)
    assert not project.processes(str(sessions))


def test_a_session_that_is_gone_is_begun_anew_with_the_whole_task(
    project: Project, engines: list, sessions: Path
) -> None:
    plan(project, sessions, ("asks", ["The task.", "SAY Which one?"]), workers=1)
    engine = start(project, engines)
    wait_for(lambda: engine.snapshot().task("asks").asks)
    (sessions / "s1").unlink()
    tell(engine, MessageTask(at=0.0, task="asks", text="WRITE asks.txt: 2"))
    wait_for(lambda: engine.snapshot().task("asks").state is TaskState.LANDED)
    (again,) = sessions.iterdir()
    assert "The task." in again.read_text()
    assert "its conversation is gone" in "\n".join(engine.story("asks"))


def test_an_error_said_in_words_is_no_success(project: Project, engines: list, sessions: Path) -> None:
    plan(project, sessions, ("shut", ["FAIL Authentication failed with provider (HTTP 401)."]))
    engine = start(project, engines)
    wait_for(lambda: "is not let in" in engine.snapshot().task("shut").reason)
    assert "log in" in engine.snapshot().task("shut").reason
