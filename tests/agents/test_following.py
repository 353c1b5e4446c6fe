"""Running agents with a stream: what the engine reads of them while they run, also after it was killed itself."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from project import Project, wait_for

from engine import events as ev
from engine import intents
from engine.config import load_plan
from engine.model import Snapshot, TaskState
from engine.repo import Repo
from engine.session import LocalEngine, journal_of, start_engine

pytestmark = pytest.mark.slow

CODEX = r'''#!{python} -IS
"""Speaks like Codex: does what a file of its worktree's task says, one step a line."""
import json, os, sys, time
def say(**line):
    print(json.dumps(line), flush=True)
folder, task = os.environ["FAKE_FOLDER"], os.environ["AURORA_TASK"]
with open(os.path.join(folder, "argv"), "a") as file:
    file.write(json.dumps(sys.argv[1:]) + "\n")
turns = open(os.path.join(folder, "argv")).read().count("\n")
say(type="thread.started", thread_id="thread-1")
for step in open(os.path.join(folder, task + "." + str(turns))).read().split("\n"):
    verb, _, rest = step.partition(" ")
    if verb == "write":
        open(rest, "w").write("x\n")
        say(type="item.completed", item=dict(type="file_change", status="completed",
            changes=[dict(path=os.path.abspath(rest), kind="add")]))
    elif verb == "say":
        say(type="item.completed", item=dict(type="agent_message", text=rest))
    elif verb == "limited":
        say(type="error", message="Reconnecting... 1/5 (last status: 429 Too Many Requests)")
    elif verb == "fails":
        say(type="error", message="Reconnecting... %s/5 (high demand)" % rest)
    elif verb == "hold":
        open(os.path.join(folder, rest + ".reached"), "w")
        while not os.path.exists(os.path.join(folder, rest)):
            time.sleep(0.01)
    elif verb == "used":
        tokens = int(rest)
        say(type="turn.completed", usage=dict(input_tokens=tokens, cached_input_tokens=0, output_tokens=0))
    elif verb == "fail":
        say(type="turn.failed", error=dict(message=rest))
        sys.exit(1)
'''


class Stage:
    """A repository whose only agent is a program that speaks like Codex; the engine lives in this process."""

    def __init__(self, project: Project, folder: Path) -> None:
        self.project = project
        self.folder = folder
        self.engine: LocalEngine | None = None

    def plays(self, task: str, turn: int, *steps: str) -> None:
        """What the agent does the `turn`-th time it is started."""
        (self.folder / f"{task}.{turn}").write_text("\n".join(steps))

    def go(self, *tasks: dict[str, object], **settings: object) -> None:
        """Start an engine on this plan."""
        self.project.plan(list(tasks), **{"agent": "codex", **settings})
        repo = Repo.open(self.project.root)
        self.engine = start_engine(repo, load_plan(self.project.file, root=repo.root, target="main"))

    def until(self, what: Callable[[Snapshot], object]) -> Snapshot:
        """Wait until the snapshot is as wanted."""
        engine = self.engine
        assert engine is not None
        wait_for(lambda: what(engine.snapshot()))
        return engine.snapshot()

    def reached(self, name: str) -> None:
        """Wait until the agent stands at a `hold`."""
        wait_for((self.folder / f"{name}.reached").exists)

    def release(self, name: str) -> None:
        """Let it go on."""
        (self.folder / name).touch()

    def end(self) -> None:
        """End the engine, the agents live on."""
        if self.engine is not None:
            self.engine.close()
            self.engine = None

    def events(self) -> list[ev.Event]:
        """The journal of the last run."""
        journal = journal_of(Repo.open(self.project.root))
        try:
            return [event for _, event in journal.events(journal.runs()[-1])]
        finally:
            journal.close()

    def argv(self) -> list[list[str]]:
        """How the program was called, each time."""
        return [json.loads(line) for line in (self.folder / "argv").read_text().splitlines()]

    def file(self, name: str) -> str:
        """A file of the run's folder."""
        return (self.project.root / ".git/aurora/runs/r1" / name).read_text()


@pytest.fixture
def stage(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    folder = tmp_path / "fake"
    folder.mkdir()
    program = folder / "codex"
    program.write_text(CODEX.replace("{python}", sys.executable))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_FOLDER", str(folder))
    monkeypatch.setenv("CODEX_HOME", str(folder))
    made = Stage(project, folder)
    yield made
    made.end()


def is_over(snapshot: Snapshot) -> bool:
    return snapshot.idle


def test_words_edits_usage_and_the_conversation_are_known_while_it_runs(stage: Stage) -> None:
    stage.plays("a", 1, "say Hello.", "write a.txt", "used 1000000", "hold on", "say Bye.", "used 1200000")
    stage.go({"id": "a", "files": ["a.txt"]}, prices={"codex": {"input": 2, "output": 8}})
    stage.reached("on")
    view = stage.until(lambda s: s.task("a").tokens).task("a")
    assert (view.tokens, view.cost, view.estimated) == (1_000_000, 2.0, True)
    wait_for(lambda: "✎ a.txt" in stage.file("a.1.log"))
    assert stage.file("a.1.log") == "· session thread-1\nHello.\n✎ a.txt\n· done\n"
    assert stage.file("a.1.jsonl").startswith('{"type": "thread.started"')
    stage.release("on")
    view = stage.until(lambda s: s.task("a").state is TaskState.LANDED).task("a")
    assert (view.tokens, view.cost) == (1_200_000, 2.4)
    assert stage.file("a.1.log").endswith("Bye.\n· done\n")
    (session,) = [e for e in stage.events() if isinstance(e, ev.SessionKnown)]
    assert session.session == "thread-1"


def test_a_new_engine_reads_the_stream_again_and_counts_nothing_twice(stage: Stage) -> None:
    stage.plays("a", 1, "say One.", "limited", "used 500", "hold on", "say Two.", "write a.txt", "used 700")
    stage.go({"id": "a", "files": ["a.txt"]})
    stage.reached("on")
    stage.until(lambda s: s.task("a").tokens == 500)
    stage.end()
    stage.go({"id": "a", "files": ["a.txt"]})
    wait_for(lambda: any(isinstance(e, ev.AgentStarted) and e.adopted for e in stage.events()))
    stage.release("on")
    snapshot = stage.until(lambda s: s.task("a").state is TaskState.LANDED)
    assert snapshot.tokens == 700
    assert stage.file("a.1.log").count("One.") == 1
    assert "Two." in stage.file("a.1.log")
    assert len([e for e in stage.events() if isinstance(e, ev.AgentLimited)]) == 1


def test_an_agent_that_ended_while_no_engine_ran_is_judged_by_its_stream(stage: Stage) -> None:
    stage.plays("a", 1, "hold on", "say Shall I?", "used 300")
    stage.go({"id": "a", "files": ["a.txt"]})
    stage.reached("on")
    stage.end()
    stage.release("on")
    wait_for((stage.project.root / ".git/aurora/runs/r1/a.1.exit").exists)
    stage.go({"id": "a", "files": ["a.txt"]})
    snapshot = stage.until(is_over)
    assert snapshot.task("a").asks == "Shall I?"
    assert snapshot.tokens == 300


def test_an_answer_resumes_the_conversation_and_only_what_is_new_of_its_usage_counts(stage: Stage) -> None:
    stage.plays("a", 1, "say Which colour?", "used 400")
    stage.plays("a", 2, "write a.txt", "say Blue it is.", "used 1000")
    stage.go({"id": "a", "prompt": "Paint it.", "files": ["a.txt"]})
    snapshot = stage.until(is_over)
    assert snapshot.exit_code == 3
    assert snapshot.task("a").asks == "Which colour?"
    assert stage.engine is not None
    stage.engine.send(intents.MessageTask(at=time.time(), task="a", text="Blue.")).result(10)
    snapshot = stage.until(lambda s: s.task("a").state is TaskState.LANDED)
    assert snapshot.tokens == 1000
    first, second = stage.argv()
    assert "resume" not in first
    assert "Paint it." in first[-1]
    assert "resume" in second
    assert second[-2] == "thread-1"
    assert "Blue." in second[-1]
    assert "Paint it." not in second[-1]
    assert 'sandbox_mode="workspace-write"' in second


def test_a_conversation_that_is_gone_is_begun_anew_with_the_whole_prompt(stage: Stage) -> None:
    stage.plays("a", 1, "say Which colour?", "used 400")
    stage.plays("a", 2, "fail thread not found: no rollout found for it")
    stage.plays("a", 3, "write a.txt", "used 100")
    stage.go({"id": "a", "prompt": "Paint it.", "files": ["a.txt"]})
    stage.until(is_over)
    assert stage.engine is not None
    stage.engine.send(intents.MessageTask(at=time.time(), task="a", text="Blue.")).result(10)
    snapshot = stage.until(lambda s: s.task("a").state is TaskState.LANDED)
    assert snapshot.tokens == 500
    last = stage.argv()[-1]
    assert "resume" not in last
    assert "Paint it." in last[-1]
    assert "Blue." in last[-1]


def test_a_refused_key_stops_the_profile_and_a_person_is_asked(stage: Stage) -> None:
    stage.plays("a", 1, "fail unexpected status 401 Unauthorized: invalid key")
    stage.plays("b", 2, "write b.txt", "used 1")
    stage.go({"id": "a", "files": ["a.txt"]}, {"id": "b", "files": ["b.txt"]}, workers=1)
    snapshot = stage.until(is_over)
    assert [task.state for task in snapshot.tasks] == [TaskState.QUEUED, TaskState.QUEUED]
    (sentence,) = snapshot.needs_person
    assert sentence.startswith("agent codex is not let in (unexpected status 401")
    assert snapshot.exit_code == 3


def test_an_attempt_over_its_budget_is_ended_while_it_runs_and_its_work_is_kept(stage: Stage) -> None:
    stage.plays("a", 1, "write a.txt", "used 5000", "hold for-ever")
    stage.go({"id": "a", "files": ["a.txt"]}, budget={"per_attempt": {"tokens": 4000}})
    snapshot = stage.until(is_over)
    view = snapshot.task("a")
    assert view.state is TaskState.FAILED
    assert view.reason == "the attempt's budget of 4,000 tokens is spent (5,000)"
    assert "a.txt" in stage.project.files(view.kept[-1])
    assert stage.project.processes("fake") == []


def test_who_died_of_a_rate_limit_goes_on_by_itself_when_it_may(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.limits.FIRST_WAIT", 0.3)
    stage.plays("a", 1, "write a.txt", "limited", "fail exceeded retry limit, last status: 429 Too Many Requests")
    stage.plays("a", 2, "write b.txt", "used 10")
    stage.go({"id": "a", "files": ["*.txt"]})
    snapshot = stage.until(lambda s: s.task("a").state is TaskState.LANDED)
    assert {"a.txt", "b.txt"} <= stage.project.files()
    assert snapshot.task("a").attempt == 2
    assert stage.argv()[1][-2] == "thread-1"
    [limited] = [event for event in stage.events() if isinstance(event, ev.AgentLimited)]
    again = next(event for event in stage.events() if isinstance(event, ev.AgentStarted) and event.attempt == 2)
    assert again.at >= limited.at + 0.3


def test_an_agent_whose_provider_fails_says_so_until_it_has_an_answer(stage: Stage) -> None:
    stage.plays("a", 1, "fails 1", "fails 2", "hold on", "say There.", "hold then", "write a.txt", "used 10")
    stage.go({"id": "a", "files": ["a.txt"]})
    view = stage.until(lambda s: s.task("a").waits.endswith("try 2/5")).task("a")
    assert view.reason == "the provider gives no answer (high demand), try 2/5"
    stage.end()
    stage.go({"id": "a", "files": ["a.txt"]})
    wait_for(lambda: any(isinstance(e, ev.AgentStarted) and e.adopted for e in stage.events()))
    assert stage.until(lambda s: s.task("a").waits).task("a").waits == view.reason
    stage.release("on")
    stage.reached("then")
    stage.until(lambda s: not s.task("a").waits)
    stage.release("then")
    stage.until(lambda s: s.task("a").state is TaskState.LANDED)
    assert len([e for e in stage.events() if isinstance(e, ev.AgentRetries)]) == 2


def test_an_agent_that_asks_its_provider_in_vain_is_ended_and_goes_on_later(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.doing_following.PATIENCE", 0.3)
    monkeypatch.setattr("engine.limits.FIRST_WAIT", 0.3)
    stage.plays("a", 1, "write a.txt", "fails 1", "hold for-ever")
    stage.plays("a", 2, "write b.txt", "used 10")
    stage.go({"id": "a", "files": ["*.txt"]})
    snapshot = stage.until(lambda s: s.task("a").state is TaskState.LANDED)
    assert {"a.txt", "b.txt"} <= stage.project.files()
    assert snapshot.task("a").attempt == 2
    assert stage.argv()[1][-2] == "thread-1"


def test_a_program_that_says_nothing_of_limits_is_taken_for_limited_when_it_is_silent(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.doing_following.SILENT_AFTER", 0.3)
    (stage.folder / "qwen").write_bytes((stage.folder / "codex").read_bytes())
    (stage.folder / "qwen").chmod(0o755)
    stage.plays("a", 1, "hold on", "write a.txt")
    stage.go({"id": "a", "files": ["a.txt"]}, agent="qwen", agents={"qwen": {"preset": "qwen"}})
    profile = stage.until(lambda s: s.profiles[0].until).profiles[0]
    assert profile.words == "silent for 0 s, its provider may make it wait"
    stage.release("on")
    stage.until(is_over)
