"""The command line: help, mistakes, a repository without a run, a run with and without an engine."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from fake_engine import FakeEngine
from snapshots import busy_run

from aurora_tui.cli.commands import FAMILIES, commands_of
from aurora_tui.cli.errors import run_command_line
from aurora_tui.cli.logs import copy
from engine.clients.prices import PRICES_OF
from engine.control import ControlServer
from engine.events import RunStarted
from engine.intents import HandOverLock, MessageTask, PauseTask, SettleCollision
from engine.journal import Journal
from engine.plan import AgentProfile, Plan, Settings, TaskSpec
from engine.repo import Repo

Said = tuple[int, str, str]
Aurora = Callable[..., Said]
COMMANDS = [command for family in FAMILIES for command in commands_of(family)]
PLAN = """
agent: script
agents: {script: {command: "sh {prompt_file}"}}
tasks:
  - {id: spec, prompt: Define the API, files: [api/**]}
  - {id: auth, prompt: Log in, files: [auth/**], after: [spec]}
"""


def git(folder: Path, *args: str) -> None:
    """Run git as somebody."""
    who = ("-c", "user.name=Dev", "-c", "user.email=dev@example.org")
    subprocess.run(["git", *who, *args], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def say(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Aurora:
    """Runs one command line in this process: exit code, stdout, stderr."""
    for name in ("AURORA_SLOTS", "COLUMNS", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(os.getcwd())

    def run(*args: str) -> Said:
        code = run_command_line(args)
        said = capfd.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one commit, and we are in it."""
    folder = tmp_path / "shop"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    git(folder, "commit", "-q", "--allow-empty", "-m", "start")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def run_of_two(repo: Path) -> Path:
    """A repository whose journal has a run that was just begun: `spec` and, after it, `auth`."""
    opened = Repo.open(repo)
    settings = Settings(target="main", agents=(AgentProfile("script", command="true"),))
    specs = (TaskSpec("spec", "Define the API", files=("api/**",)), TaskSpec("auth", "Log in", after=("spec",)))
    plan = Plan(settings, tuple(replace(spec, agent="script") for spec in specs))
    journal = Journal(opened.aurora_dir / "journal.db")
    tip = opened.resolve("refs/heads/main")
    journal.append("r1", [RunStarted(at=time.time(), run="r1", plan=plan, repo="shop", tip=tip)])
    journal.close()
    return repo


# --- help and mistakes ----------------------------------------------------------------------------------------------


def test_help_lists_every_command_by_family(say: Aurora) -> None:
    code, out, _ = say("--help")
    assert code == 0
    for family, (_, names) in FAMILIES.items():
        section = out.split(f"\n{family}:\n")[1].split("\n\n")[0]
        assert [command.name for command in commands_of(family)] == list(names)
        assert all(f"\n  {name} " in f"\n{section}" for name in names)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_has_help(say: Aurora, command: object) -> None:
    name = command.name  # type: ignore[attr-defined]
    code, out, _ = say(name, "-h")
    assert code == 0
    assert out.startswith(f"Usage: aurora {name} ")


@pytest.mark.parametrize(("typed", "meant"), [("stauts", "status"), ("lcoks", "locks"), ("resolv", "resolve")])
def test_a_mistyped_command_gets_the_nearest(say: Aurora, typed: str, meant: str) -> None:
    code, out, err = say(typed)
    assert (code, out) == (2, "")
    assert err == f"error: there is no command `{typed}`\nhint: did you mean `aurora {meant}`?\n"


def test_a_command_like_no_other_gets_the_list(say: Aurora) -> None:
    assert say("xyzzy")[2].endswith("hint: `aurora --help` lists all commands\n")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("run --wokers 3", "--wokers"),
        ("run --workers many", "'many' is not a valid integer"),
        ("priority auth", "missing argument 'N'"),
        ("pause", "name at least one task"),
        ("pause --all auth", "exclude each other"),
        ("log auth --attempt 0", "--attempt"),
        ("slot", "missing argument"),
        ("message auth", "missing argument 'TEXT'"),
        ("lock narrow auth src/**", "missing argument 'NARROWER'"),
        ("lock relase auth src/**", "no such command 'relase'"),
    ],
)
def test_wrong_use_is_a_sentence_and_a_hint(say: Aurora, repo: Path, line: str, words: str) -> None:
    code, out, err = say(*line.split())
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert words in err
    assert "\nhint: `aurora " in err


def test_module_and_function_are_the_same_command_and_help_is_light(say: Aurora) -> None:
    heavy = "{'pydantic', 'pygit2', 'yaml', 'rich', 'textual', 'psutil', 'sqlite3', 'asyncio'}"
    script = f"""
import runpy, sys
sys.argv = ["aurora", "--help"]
try:
    runpy.run_module("aurora_tui", run_name="__main__")
except SystemExit as end:
    assert end.code == 0
assert not {heavy} & set(sys.modules), {heavy} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == say("--help")[1]


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as pipe:
        done = subprocess.run([sys.executable, "-m", "aurora_tui", "--help"], stdout=pipe, stderr=subprocess.PIPE)
    assert done.stderr == b""


def test_what_nobody_expected_is_one_sentence_and_a_log(
    say: Aurora, repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.config.starter", lambda: 1 // 0)
    code, out, err = say("init")
    assert (code, out) == (2, "")
    log = repo / ".git" / "aurora" / "error.log"
    assert err == (
        "error: something unexpected went wrong: integer division or modulo by zero\n"
        f"hint: your work is not touched; details in {log}\n"
    )
    assert "ZeroDivisionError" in log.read_text()


# --- where it is started --------------------------------------------------------------------------------------------


def test_outside_a_repository(say: Aurora, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for command in ("status", "run", "init", "undo"):
        code, out, err = say(command)
        assert (code, out) == (2, "")
        assert f"error: {tmp_path} is not in a git repository\nhint: `git init`" in err


def test_without_a_plan_init_is_the_way(say: Aurora, repo: Path) -> None:
    wanted = f"error: there is no aurora.yaml in {repo}\nhint: `aurora init` writes one\n"
    assert say("run") == (2, "", wanted)
    assert say() == (2, "", wanted)


def test_the_folder_can_be_given(say: Aurora, repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    code, out, _ = say("-C", str(repo.parent), "-C", "shop", "init")
    assert (code, out.split("\n")[0]) == (0, f"wrote {repo}/aurora.yaml")


def test_a_folder_that_is_not_there(say: Aurora) -> None:
    code, _, err = say("-C", "/nowhere/at/all", "status")
    assert code == 2
    assert "/nowhere/at/all" in err


# --- init, check, doctor, slot --------------------------------------------------------------------------------------


def test_init_writes_a_valid_plan_once(say: Aurora, repo: Path) -> None:
    assert say("init")[0] == 0
    code, out, _ = say("check")
    assert code == 0
    assert out.startswith("the plan is valid: 0 tasks, ")
    before = (repo / "aurora.yaml").read_text()
    code, _, err = say("init")
    assert code == 2
    assert f"error: {repo}/aurora.yaml exists already" in err
    assert (repo / "aurora.yaml").read_text() == before


def test_check_tells_everything_that_is_wrong(say: Aurora, repo: Path) -> None:
    (repo / "aurora.yaml").write_text(PLAN.replace("files: [api/**]", "file: [api/**]").replace("[spec]", "[spek]"))
    code, out, err = say("check")
    assert (code, out) == (2, "")
    assert [line.split(": ")[1] for line in err.splitlines()] == ["aurora.yaml:5", "aurora.yaml:6"]
    code, out, _ = say("check", "--json")
    assert code == 2
    assert len(json.loads(out)["problems"]) == 2


def test_check_notes_what_may_surprise(say: Aurora, repo: Path) -> None:
    (repo / "aurora.yaml").write_text(PLAN)
    code, out, _ = say("check")
    assert code == 0
    assert out.splitlines() == [
        "the plan is valid: 2 tasks, 4 workers, lands on main",
        "note: there is no integration_test: every merge without a conflict lands",
    ]


def test_doctor_on_a_fit_and_on_an_unfit_place(say: Aurora, repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (repo / "aurora.yaml").write_text(PLAN)
    code, out, _ = say("doctor")
    assert code == 0
    assert "✓ good  agent script    the command `sh {prompt_file}`" in out
    assert "agent claude" in out
    fake = repo.parent / "bin"
    fake.mkdir()
    (fake / "gemini").write_text("#!/bin/sh\necho 0.61.0\n")
    (fake / "gemini").chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake}{os.pathsep}{os.environ['PATH']}")
    _, told, _ = say("doctor")
    assert 'edits files, runs no commands (`args: ["--allowed-tools", "run_shell_command"]` for more)' in " ".join(
        told.split()
    )
    assert f"list prices of {PRICES_OF}" in out
    assert "AURORA_ALL_CLIENTS=1" in out
    assert "✓ good  engine          none runs here now" in out
    assert "no PSI" in out, "the folder that stands for the machine has none"
    monkeypatch.delenv("AURORA_HOST_ROOT")
    _, out, _ = say("doctor")
    assert "waited in the last 10 s for CPU" in out or "no PSI" in out
    assert "jobs make" in out
    monkeypatch.chdir(repo.parent)
    code, out, _ = say("doctor")
    assert code == 2
    assert "✗ bad   repository" in out


def test_slot_without_an_engine_is_the_command_itself(repo: Path) -> None:
    def slot(*command: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-m", "aurora_tui", "slot", *command], capture_output=True, text=True, cwd=repo
        )
        return done.returncode, done.stdout + done.stderr

    assert slot("--", "sh", "-c", "echo $0 $1; exit 7", "-x", "--help") == (7, "-x --help\n")
    assert slot("no-such-command") == (127, "error: there is no command `no-such-command`\n")


# --- looking at a run without an engine -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command", ["status", "locks", "queue", "graph --status", "story a", "log a", "drop a", "undo"]
)
def test_before_the_first_run_there_is_nothing(say: Aurora, repo: Path, command: str) -> None:
    assert say(*command.split()) == (
        2,
        "",
        "error: there has been no run in this repository yet\nhint: `aurora run` starts one\n",
    )


def test_the_graph_of_a_plan_needs_no_run(say: Aurora, repo: Path) -> None:
    (repo / "aurora.yaml").write_text(PLAN)
    assert say("graph") == (0, "spec     Define the API\n└─ auth  Log in\n", "")


def test_a_run_without_an_engine_can_be_looked_at(say: Aurora, run_of_two: Path) -> None:
    _, out, err = say("status")
    assert "run r1, no engine · last seen " in out
    assert err == ""
    assert say("graph")[1] == "spec     Define the API\n└─ auth  Log in\n"
    assert "└─ auth  ◦ waiting  needs spec" in say("graph", "--status")[1]
    assert say("story", "auth")[1].splitlines()[-1] == "   1  added: Log in"
    assert "there is no log of spec yet" in say("log", "spec")[2]
    assert "spec has changed nothing yet" in say("diff", "spec")[2]


def test_json_is_the_model(say: Aurora, run_of_two: Path) -> None:
    assert [one["id"] for one in json.loads(say("status", "--json")[1])["tasks"]] == ["spec", "auth"]
    assert [one["after"] for one in json.loads(say("graph", "--json")[1])["tasks"]] == [[], ["spec"]]
    assert isinstance(json.loads(say("locks", "--json")[1]), list)
    assert isinstance(json.loads(say("queue", "--json")[1]), list)
    assert json.loads(say("story", "auth", "--json")[1]) == ["added: Log in"]


def test_letters_the_output_does_not_have_are_replaced(run_of_two: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "aurora_tui", "graph"],
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert done.stdout == b"spec     Define the API\n`- auth  Log in\n"


def test_an_unknown_task_gets_the_nearest(say: Aurora, run_of_two: Path) -> None:
    for command in ("story", "log", "diff", "drop", "retry", "resolve"):
        code, _, err = say(command, "atuh")
        assert code == 2
        assert err == "error: there is no task 'atuh'\nhint: did you mean auth?\n"


def test_a_run_without_an_engine_can_be_steered(say: Aurora, run_of_two: Path) -> None:
    assert say("priority", "auth", "-3")[:2] == (0, "auth has priority -3\n")
    assert say("workers", "2")[:2] == (0, "2 workers\n")
    new = ("--id", "docs", "--files", "docs/**", "--after", "auth")
    assert say("add", "Describe it", *new)[:2] == (0, "docs is added\n")
    assert say("drop", "auth")[:2] == (0, "auth is dropped\n")
    tasks = {one["id"]: one for one in json.loads(say("status", "--json")[1])["tasks"]}
    states = {name: one["state"] for name, one in tasks.items()}
    assert states == {"spec": "running", "auth": "dropped", "docs": "waiting"}
    assert tasks["auth"]["priority"] == -3
    assert tasks["docs"]["claims"] == ["docs/**"]


def test_a_wrong_new_task_is_refused_before_it_is_sent(say: Aurora, run_of_two: Path) -> None:
    code, _, err = say("add", "Describe it", "--after", "nobody")
    assert code == 2
    assert "nobody" in err


def test_single_locks_and_messages_by_command(say: Aurora, run_of_two: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert say("lock", "narrow", "spec", "api/**", "api/v1/**")[:2] == (0, "spec holds api/v1/** now\n")
    assert [one["pattern"] for one in json.loads(say("locks", "--json")[1])] == ["api/v1/**"]
    assert "error: api/** does not lie within api/v1/**" in say("lock", "narrow", "spec", "api/v1/**", "api/**")[2]
    assert "error: auth is waiting" in say("lock", "hand-over", "spec", "api/v1/**", "auth")[2]
    assert say("lock", "release", "spec", "api/v1/**")[:2] == (0, "api/v1/** is released\n")
    assert say("lock", "release", "spec", "api/v1/**")[2].endswith("hint: `aurora locks` shows what is held\n")
    monkeypatch.setattr("sys.stdin", io.StringIO("use tabs\nand spaces\n"))
    assert say("message", "auth", "-")[:2] == (0, "auth reads it when it starts\n")
    assert "message from you: use tabs" in say("story", "auth")[1]
    assert say("message", "auth", " ")[2] == "error: the message is empty\n"


def test_what_needs_an_engine_says_so(say: Aurora, run_of_two: Path) -> None:
    for command in ("pause spec", "resume spec", "stop spec", "pause --all"):
        code, _, err = say(*command.split())
        assert code == 2
        assert err == "error: no engine runs here\nhint: `aurora run` goes on with the run\n"


@pytest.mark.parametrize("words", [(), ("--edit",), ("--take", "both"), ("--finish",), ("--explain",), ("--undo",)])
def test_only_a_conflict_is_resolved(say: Aurora, run_of_two: Path, words: tuple[str, ...]) -> None:
    code, _, err = say("resolve", "spec", *words)
    assert code == 2
    assert "only a task in conflict needs a resolution" in err


# --- with an engine -------------------------------------------------------------------------------------------------


def test_with_an_engine_commands_go_to_it(say: Aurora, repo: Path) -> None:
    engine = FakeEngine(replace(busy_run(), at=time.time(), started=time.time()))
    server = ControlServer(repo / ".git" / "aurora", engine)
    server.start()
    try:
        assert "run r1 · 1/11 landed" in say("status")[1]
        assert say("pause", "auth")[:2] == (0, "PauseTask it is\n")
        assert say("resume", "ui", "--take")[:2] == (0, "SettleCollision it is\n")
        assert say("lock", "hand-over", "auth", "src/auth/**", "models")[:2] == (0, "HandOverLock it is\n")
        assert say("message", "auth", "use tabs")[:2] == (0, "MessageTask it is\n")
        assert "error: " in say("resolve", "stock")[2], "its commits are made up"
        assert f"runs here (pid {os.getpid()})" in say("doctor")[1]
    finally:
        server.close()
    pause, settle, hand_over, message = engine.asked
    assert isinstance(pause, PauseTask)
    assert pause.task == "auth"
    assert isinstance(settle, SettleCollision)
    assert settle.ruling == "take"
    assert isinstance(hand_over, HandOverLock)
    assert (hand_over.task, hand_over.pattern, hand_over.to) == ("auth", "src/auth/**", "models")
    assert isinstance(message, MessageTask)
    assert (message.task, message.text) == ("auth", "use tabs")


def test_a_log_is_cleaned_unless_raw(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "auth.1.log"
    path.write_bytes("grün\x1b[2J\nhalf\r".encode() + b"\xff done")
    copy(path, raw=False, more=lambda: False)
    sys.stdout.flush()
    assert capfd.readouterr().out == "grün\n� done"
    copy(path, raw=True, more=lambda: False)
    sys.stdout.flush()
    assert "\x1b[2J" in capfd.readouterr().out


def test_a_log_is_followed_to_its_end(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "auth.1.log"
    path.write_text("one\nhal")
    looks = iter([True, False])

    def more() -> bool:
        going_on = next(looks)
        if not going_on:
            path.write_text("one\nhalf\nlast")
        return going_on

    copy(path, raw=False, more=more)
    sys.stdout.flush()
    assert capfd.readouterr().out == "one\nhalf\nlast"


@pytest.mark.parametrize("kind", ["openapi", "json-schema", "python"])
def test_a_contract_is_started_and_never_written_over(say: Aurora, repo: Path, kind: str) -> None:
    code, out, _ = say("contract", "new", "clock", "--kind", kind, "--by", "spec")
    path = out.splitlines()[0].removeprefix("wrote ")
    assert (code, Path(path).is_file(), f"    kind: {kind}" in out.splitlines()) == (0, True, True)
    Path(path).write_text("mine")
    code, _, err = say("contract", "new", "clock", "--kind", kind)
    assert (code, f"error: {path} exists already" in err) == (2, True)
    assert Path(path).read_text() == "mine"
