"""An agent behind the Agent Client Protocol: asked for every edit, told why not, and read like any other."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from project import Project, wait_for
from test_live import engines, start, tell, until

from engine.clients.presets import PLAIN, Extras
from engine.clients.reports import Summary, Trouble
from engine.clients.starting import command_for
from engine.clients.stream import StreamReader
from engine.intents import StopTask
from engine.model import TaskState
from engine.plan import AgentProfile

pytest.importorskip("acp")
__all__ = ["engines"]
pytestmark = pytest.mark.slow
PROGRAM = [sys.executable, str(Path(__file__).with_name("acp_program.py"))]


def plan(project: Project, tasks: list[dict[str, object]], prompts: dict[str, list[str]], **settings: object) -> None:
    """A plan whose tasks named in `prompts` are done by the program."""
    project.plan(tasks, **settings)
    whole = yaml.safe_load(project.file.read_text())
    whole["agents"]["talker"] = {"preset": "acp", "command": PROGRAM}
    for task in whole["tasks"]:
        if task["id"] in prompts:
            task |= {"agent": "talker", "prompt": "\n".join(prompts[task["id"]])}
    project.file.write_text(yaml.safe_dump(whole, sort_keys=False))


def played(folder: Path, *lines: str, env: dict[str, str] | None = None, extras: Extras = PLAIN) -> tuple[int, Summary]:
    """Run the program alone; its exit code and what its output comes to."""
    prompt = folder / "prompt"
    prompt.write_text("\n".join(lines))
    argv, _ = command_for(AgentProfile("t", "acp", " ".join(PROGRAM)), prompt="", prompt_file=prompt, extras=extras)
    clean = {key: value for key, value in os.environ.items() if not key.startswith("AURORA_")}
    done = subprocess.run(argv, cwd=folder, env={**clean, **(env or {})}, capture_output=True, timeout=60)
    reader = StreamReader("acp")
    reader.feed(done.stdout)
    reader.end()
    assert not reader.summary.unknown, done.stdout
    return done.returncode, reader.summary


def test_what_it_does_is_read_and_nothing_is_allowed_for_ever(tmp_path: Path) -> None:
    code, summary = played(tmp_path, "WRITE a.txt&b.txt: hello", "RUN make")
    assert code == 0
    assert (tmp_path / "b.txt").read_text() == "hello\n"
    assert summary.edited == {"a.txt", "b.txt"}
    assert (summary.usage.input, summary.usage.cached, summary.usage.output) == (100, 50, 10)
    assert summary.usage.usd == 0.25
    assert summary.said.endswith("RUN: once\n")
    assert summary.session == "s1"
    assert summary.ended is not None
    assert summary.ended.ok


def test_a_conversation_is_gone_on_with_and_what_it_repeats_is_not_told_again(tmp_path: Path) -> None:
    code, summary = played(tmp_path, "RUN make", extras=Extras(resume="s1"))
    assert code == 0
    assert summary.said == "RUN: once\n"
    assert "loaded s1" in (tmp_path / "prompts.txt").read_text()
    code, summary = played(tmp_path, "RUN make", extras=Extras(resume="forgotten"))
    assert (code, summary.session) == (1, "")
    assert summary.failure is not None
    assert summary.failure.kind is Trouble.SESSION


def test_an_edit_of_an_unnamed_file_is_refused_and_the_reason_is_told(tmp_path: Path) -> None:
    code, summary = played(tmp_path, "NAMELESS x")
    assert code == 0
    assert summary.denied == 1
    assert "does not say which file" in (tmp_path / "prompts.txt").read_text().partition("--")[2]


def test_without_an_engine_no_edit_is_made(tmp_path: Path) -> None:
    told = {
        "AURORA_HOOKS": str(tmp_path / "none"), "AURORA_TASK": "a", "AURORA_ATTEMPT": "1",
        "AURORA_WORKTREE": str(tmp_path), "AURORA_WRITE_WAIT": "0.1",
    }  # fmt: skip
    code, summary = played(tmp_path, "WRITE a.txt: hello", env=told)
    assert (code, summary.denied) == (0, 1)
    assert not (tmp_path / "a.txt").exists()


@pytest.mark.parametrize(("line", "words"), [("FAIL", "rate limit"), ("QUIT 7", "ended with 7")])
def test_an_agent_that_fails_or_vanishes_is_no_success(tmp_path: Path, line: str, words: str) -> None:
    code, summary = played(tmp_path, line)
    assert code == 1
    assert summary.ended is not None
    assert not summary.ended.ok
    assert words in summary.ended.words


def test_a_program_that_is_not_there_is_said_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "prompt").write_text("x")
    argv, _ = command_for(AgentProfile("t", "acp", "/no/such/agent"), prompt="", prompt_file=tmp_path / "prompt")
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 127
    assert "/no/such/agent could not be used" in done.stdout


def test_it_is_cancelled_by_a_signal_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "prompt").write_text("HANG")
    argv, _ = command_for(AgentProfile("t", "acp", " ".join(PROGRAM)), prompt="", prompt_file=tmp_path / "prompt")
    with subprocess.Popen(argv, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        wait_for((tmp_path / "prompts.txt").exists)
        process.send_signal(signal.SIGTERM)
        assert process.stdout is not None
        assert '"ok": false' in process.stdout.read()
    assert process.returncode == 1


def test_a_held_file_is_refused_with_its_holder_and_a_free_one_joins_the_claim(
    project: Project, engines: list, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    plan(
        project,
        [{"id": "a", "files": ["models.py"], "run": until(go) + "echo > models.py"}, {"id": "b", "files": ["b.txt"]}],
        {"b": ["WRITE models.py: x", "WRITE free.txt: y", "WRITE b.txt: z"]},
        locks={"wait": 0.3},
    )
    engine = start(project, engines)
    wait_for(lambda: engine.snapshot().task("b").state.final)
    story = "\n".join(engine.story("b"))
    assert engine.snapshot().task("b").state is TaskState.LANDED, story
    assert "was denied models.py: held by a" in story
    assert "took free.txt" in story
    assert {"free.txt", "b.txt"} <= project.files()
    assert "models.py is held by task a" in project.git("show", "main:prompts.txt").partition("--")[2]
    go.touch()
    wait_for(lambda: engine.snapshot().task("a").state is TaskState.LANDED)


def test_it_is_stopped_like_any_agent(project: Project, engines: list) -> None:
    plan(project, [{"id": "b", "files": ["b.txt"]}], {"b": ["WRITE b.txt: z", "HANG"]})
    engine = start(project, engines)
    wait_for(lambda: engine.snapshot().task("b").paths)
    tell(engine, StopTask(at=0.0, task="b"))
    wait_for(lambda: engine.snapshot().task("b").state is TaskState.FAILED)
    assert not project.processes("acp_program")
