"""The hook as agent programs call it: what they really said, an engine's door, and whatever can go wrong."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from project import wait_for

from engine import write_hook
from engine.write_door import WriteDoor, WriteQuestion

HERE = Path(__file__).parent
SAID = {path.stem: path.read_text().splitlines() for path in (HERE / "hook_stdin").glob("*.jsonl")}
DIALECTS = ("claude", "codex", "gemini", "qwen", "copilot")


@dataclass
class Desk:
    """A door with somebody behind it: `ask` says what is answered (None: nothing yet)."""

    folder: Path
    worktree: Path
    asked: list[WriteQuestion]
    ended: list[tuple[str, bool]]
    door: WriteDoor
    loop: asyncio.AbstractEventLoop
    says: Callable[[WriteQuestion], tuple[bool, str] | None] = lambda question: (True, "")

    def take(self, question: WriteQuestion) -> None:
        """One question."""
        self.asked.append(question)
        said = self.says(question)
        if said is not None:
            self.door.answer(question.ask, *said)

    def end(self, question: WriteQuestion, gone: bool) -> None:
        """A hook that is late is told no."""
        self.ended.append((question.ask, gone))
        if not gone:
            self.door.answer(question.ask, False, "held by backend")

    def hook(self, dialect: str, wait: float = 30.0) -> list[str]:
        """The command in an agent's settings."""
        told = [str(self.folder), "auth", "2", str(self.worktree), str(wait)]
        return [sys.executable, "-I", "-S", str(write_hook.__file__), dialect, *told]

    def run(self, dialect: str, said: object, wait: float = 30.0) -> subprocess.CompletedProcess[str]:
        """Call the hook the way a program does."""
        text = said if isinstance(said, str) else json.dumps(said)
        return subprocess.run(self.hook(dialect, wait), input=text, capture_output=True, text=True, cwd=self.worktree)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """An open door on a loop of its own, and a worktree."""
    worktree, folder = tmp_path / "w1", tmp_path / ("deep" * 30) / "hooks"
    worktree.mkdir()
    loop = asyncio.new_event_loop()
    made = Desk(folder, worktree, [], [], WriteDoor(folder, lambda q: made.take(q), lambda q, g: made.end(q, g)), loop)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(made.door.open(), loop).result()
    yield made

    async def close() -> None:
        made.door.close()
        await asyncio.sleep(0)

    asyncio.run_coroutine_threadsafe(close(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def captured(dialect: str, worktree: Path) -> list[dict[str, object]]:
    """What a real program said before its tools, as if it had worked in this worktree."""
    whole = [json.loads(line.replace("/repo", str(worktree))) for line in SAID[dialect]]
    return [json.loads(line["in"]) for line in whole if "in" in line]


def refused(done: subprocess.CompletedProcess[str], dialect: str) -> str:
    """The reason a program is given; AssertionError when it would have gone on."""
    if dialect == "copilot":
        said = json.loads(done.stdout)
        assert said["permissionDecision"] == "deny"
        return str(said["permissionDecisionReason"])
    assert done.returncode == 2, done
    return done.stderr.strip()


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_real_programs_say_becomes_one_question_per_edit(desk: Desk, dialect: str) -> None:
    desk.says = lambda question: (question.paths == ("free.py",), "held by backend")
    answers = {}
    for said in captured(dialect, desk.worktree):
        if said.get("hook_event_name", "PreToolUse") in ("PreToolUse", "BeforeTool"):
            answers[json.dumps(said)] = desk.run(dialect, said)
    for said, done in answers.items():
        if "locked.py" in said:
            assert refused(done, dialect) == "held by backend"
        else:
            assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    asked = {(q.task, q.attempt, q.paths, q.outside) for q in desk.asked}
    assert asked == {("auth", 2, ("locked.py",), ()), ("auth", 2, ("free.py",), ())}
    assert any("locked2.txt" in said for said in answers), "the shell command passed unasked"


def test_the_plug_ins_of_opencode_and_pi_say_the_same(desk: Desk) -> None:
    for line in SAID["opencode"]:
        said = json.loads(line.replace("/repo", str(desk.worktree)))
        if "input" in said:
            asked = {"tool_name": said["input"]["tool"], "tool_input": said["args"], "cwd": str(desk.worktree)}
            assert desk.run("opencode", asked).returncode == 0
    assert [question.paths for question in desk.asked] == [("locked.py",), ("free.py",)]


PATCH = """*** Begin Patch
*** Add File: new.py
+x = "*** Update File: not-this.py"
*** Update File: src/old.py
*** Move to: src/moved.py
@@
-a
+b
*** Delete File: gone.py
*** End Patch
"""


@pytest.mark.parametrize(
    ("tool", "given", "paths"),
    [
        ("apply_patch", {"command": PATCH}, ["gone.py", "new.py", "src/moved.py", "src/old.py"]),
        ("apply_patch", PATCH, ["gone.py", "new.py", "src/moved.py", "src/old.py"]),
        ("patch", {"patchText": PATCH, "workdir": "d"}, ["d/gone.py", "d/new.py", "d/src/moved.py", "d/src/old.py"]),
        ("MultiEdit", {"file_path": "a.py", "edits": [{"old_string": "x", "new_string": "y"}]}, ["a.py"]),
        ("NotebookEdit", {"notebook_path": "n.ipynb"}, ["n.ipynb"]),
        ("edit", '{"path": "a b.py"}', ["a b.py"]),
        ("str_replace_editor", {"command": "view", "path": "a.py"}, []),
        ("str_replace_editor", {"command": "create", "path": "./sub/../a.py"}, ["a.py"]),
        ("mcp__files__write_file", {"path": "a.py"}, ["a.py"]),
        ("mcp__files__read_file", {"path": "a.py"}, []),
        ("mcp__web__create_page", {"title": "x"}, []),
        ("TodoWrite", {"todos": []}, []),
        ("Read", {"file_path": "a.py"}, []),
        ("Bash", {"command": "echo x > a.py"}, []),
    ],
)  # fmt: skip
def test_which_files_a_tool_writes(desk: Desk, tool: str, given: object, paths: list[str]) -> None:
    done = desk.run("claude", {"tool_name": tool, "tool_input": given, "cwd": str(desk.worktree)})
    assert done.returncode == 0, done.stderr
    assert [path for question in desk.asked for path in question.paths] == paths


def test_links_and_the_outside_are_told(desk: Desk, tmp_path: Path) -> None:
    (desk.worktree / "real").mkdir()
    (desk.worktree / "folder").symlink_to("real")
    (desk.worktree / "link.py").symlink_to("real/target.py")
    (desk.worktree / "away").symlink_to(tmp_path / "shop")
    cases = {
        "folder/a.py": (("real/a.py",), ()),
        "link.py": (("link.py", "real/target.py"), ()),
        "away/models.py": ((), (str(tmp_path / "shop/models.py"),)),
        "../shop/models.py": ((), (str(tmp_path / "shop/models.py"),)),
        ".git": ((), (str(desk.worktree / ".git"),)),
        ".git/hooks/pre-commit": ((), (str(desk.worktree / ".git/hooks/pre-commit"),)),
    }
    for path in cases:
        desk.run("claude", {"tool_name": "Write", "tool_input": {"file_path": path}, "cwd": str(desk.worktree)})
    assert [(question.paths, question.outside) for question in desk.asked] == list(cases.values())


def test_a_workers_own_temporary_folder_is_free(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    done = desk.run("claude", {"tool_name": "Write", "tool_input": {"file_path": str(scratch / "notes.md")}})
    assert done.returncode == 0
    assert not desk.asked


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    "said",
    [
        "", "{", "[]", "null", "\x00\xff", "{}", '{"tool_name": "Write"}', '{"tool_name": "Write", "tool_input": []}',
        '{"tool_name": "Edit", "tool_input": {"file_path": 7}}', '{"tool_name": "apply_patch", "tool_input": "none"}',
        '{"tool_name": "Write", "tool_input": {"file_path": "a\\u0000b"}}',
        '{"tool_name": "Write", "tool_input": {"file_path": "\\udc80"}}',
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_never_let_through(desk: Desk, dialect: str, said: str) -> None:
    assert refused(desk.run(dialect, said, wait=0.2), dialect)


def test_wrong_arguments_are_never_an_allowance(desk: Desk) -> None:
    program = [sys.executable, "-I", "-S", str(write_hook.__file__), "claude"]
    said = json.dumps({"tool_name": "Write", "tool_input": {"file_path": "a.py"}})
    for words in (["only-a-folder"], [str(desk.folder), "auth", "two", ".", "1"]):
        assert subprocess.run([*program, *words], input=said, capture_output=True, text=True).returncode == 2


@pytest.mark.parametrize("line", [b"\n", b"[]\n", b'{"task": "a"}\n', b"\xff\xfe\n", b"x" * ((1 << 20) + 1)])
def test_a_broken_question_is_answered_with_no(desk: Desk, line: bytes) -> None:
    connected = write_hook.connect(str(desk.folder))
    assert connected is not None
    connected.settimeout(10)
    connected.sendall(line)
    assert json.loads(connected.recv(65536))["allow"] is False
    connected.close()
    assert not desk.asked


def test_the_door_is_only_for_its_owner(desk: Desk) -> None:
    assert desk.folder.stat().st_mode & 0o777 == 0o700
    assert (desk.folder / write_hook.SOCKET).stat().st_mode & 0o777 == 0o600


def test_outside_of_aurora_it_lets_all_through(desk: Desk) -> None:
    program = [sys.executable, "-I", "-S", str(write_hook.__file__), "claude"]
    env = {key: value for key, value in os.environ.items() if not key.startswith("AURORA_")}
    assert subprocess.run(program, input="{", env=env, text=True).returncode == 0


# --- waiting --------------------------------------------------------------------------------------------------------

WRITE = {"tool_name": "Write", "tool_input": {"file_path": "a.py"}}


def started(desk: Desk, wait: float) -> subprocess.Popen[str]:
    """A hook that asks for a.py."""
    process = subprocess.Popen(
        desk.hook("claude", wait), stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=desk.worktree
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(WRITE))
    process.stdin.close()
    return process


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Its exit code and its last word."""
    assert process.stderr is not None
    with process.stderr:
        words = process.stderr.read()
    return process.wait(), words


def on_loop(desk: Desk, call: Callable[..., None], *args: object) -> None:
    """Do something behind the door."""
    done = threading.Event()
    desk.loop.call_soon_threadsafe(lambda: (call(*args), done.set()))
    assert done.wait(10)


def test_it_waits_until_it_is_let_in(desk: Desk) -> None:
    desk.says = lambda question: None
    process = started(desk, wait=30.0)
    wait_for(lambda: desk.asked)
    on_loop(desk, desk.door.answer, desk.asked[0].ask, True, "")
    assert ended(process) == (0, "")


@pytest.mark.slow
def test_it_waits_no_longer_than_it_may_and_says_who_holds_the_file(desk: Desk) -> None:
    desk.says = lambda question: None
    assert ended(started(desk, wait=0.2)) == (2, "held by backend\n")
    assert [gone for _, gone in desk.ended] == [False]


@pytest.mark.slow
def test_the_seconds_of_a_paused_hook_do_not_count(desk: Desk) -> None:
    desk.says = lambda question: None
    process = started(desk, wait=1.2)
    wait_for(lambda: desk.asked)
    os.kill(process.pid, signal.SIGSTOP)
    paused = threading.Event()
    paused.wait(2.0)
    os.kill(process.pid, signal.SIGCONT)
    on_loop(desk, lambda: None)
    assert not desk.ended, "it has some of its seconds left"
    on_loop(desk, desk.door.answer, desk.asked[0].ask, True, "")
    assert ended(process)[0] == 0


def test_a_hook_that_is_gone_is_told_of(desk: Desk) -> None:
    desk.says = lambda question: None
    process = started(desk, wait=30.0)
    wait_for(lambda: desk.asked)
    process.kill()
    ended(process)
    wait_for(lambda: desk.ended == [(desk.asked[0].ask, True)])


@pytest.mark.slow
def test_an_engine_that_starts_while_it_waits_is_asked_again(desk: Desk) -> None:
    desk.says = lambda question: None
    process = started(desk, wait=30.0)
    wait_for(lambda: desk.asked)
    on_loop(desk, desk.door.close)
    desk.says = lambda question: (True, "")
    asyncio.run_coroutine_threadsafe(desk.door.open(), desk.loop).result()
    assert ended(process) == (0, "")
    assert [question.ask for question in desk.asked] == [desk.asked[0].ask] * 2


@pytest.mark.slow
@pytest.mark.parametrize("dialect", DIALECTS)
def test_without_an_engine_it_says_no_in_the_end(desk: Desk, dialect: str) -> None:
    on_loop(desk, desk.door.close)
    words = refused(desk.run(dialect, {**WRITE, "toolName": "create"}, wait=0.1), dialect)
    assert "no engine of Aurora runs" in words
    assert "a.py" in words


def test_nothing_is_left_of_it(desk: Desk) -> None:
    before = psutil.Process().children()
    desk.run("claude", WRITE)
    assert psutil.Process().children() == before
    assert [path.name for path in desk.folder.iterdir()] == [write_hook.SOCKET]
