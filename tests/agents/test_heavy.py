"""Heavy commands share slots, and nothing else of them changes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from slot_yard import HEAVY, TOOL, Yard, finish, wait_for

from engine.heavy import write_shims
from engine.supervisor import start_ticks

# --- sharing slots ------------------------------------------------------------------------------------------------


def test_six_at_once_with_two_slots_never_run_more_than_two(yard: Yard) -> None:
    engine = yard.engine(limit=2)
    builds = [yard.start("docker", "build", str(n), owner=f"t{n}") for n in range(6)]
    wait_for(lambda: len(engine.heard) == 6, "six requests")
    for done in range(6):
        wait_for(lambda done=done: len(yard.events("start")) == min(6, done + 2), "two at work")
        running = [pid for pid in yard.events("start") if pid not in yard.events("end")]
        finish(next(build for build in builds if build.pid == running[0]))
    assert yard.most_at_once() == 2
    assert [build.returncode for build in builds] == [0] * 6
    asked, began = [ask.pid for ask in engine.heard], yard.events("start")
    assert (set(began[:2]), began[2:]) == (set(asked[:2]), asked[2:]), "not first come, first served"
    wait_for(lambda: len(engine.ended) == 6, "six free slots")
    assert sorted(engine.ended) == sorted(ask.slot for ask in engine.heard)
    assert sorted(path.name for path in yard.slots.iterdir()) == ["alive", "requests"]


def test_who_waits_is_told_once_behind_whom(yard: Yard) -> None:
    engine = yard.engine(limit=1)
    first = yard.start("docker", "build", ".", owner="auth")
    wait_for(lambda: yard.runs(first))
    second = yard.start("make", owner="ui")
    wait_for(lambda: engine.waiting() == [second.pid])
    engine.call(lambda: engine.server.tell_waiting(engine.line.line()[0].slot, 1, ["anything"]))
    finish(first)
    assert finish(second) == ("", "aurora: waiting for a slot behind docker build (auth)\n")
    assert first.returncode == second.returncode == 0


def test_words_of_several_lines_do_not_let_anybody_through(yard: Yard) -> None:
    engine = yard.engine(limit=1)
    engine.line.request("own", "integration test", "first\nsecond\tthird", 1, 0.0)
    engine.call(engine.grant)
    waiter = yard.start("make")
    assert waiter.stderr
    assert waiter.stderr.readline() == "aurora: waiting for a slot behind first?second?third (integration test)\n"
    engine.call(lambda: engine._ended("own"))
    finish(waiter)
    assert waiter.returncode == 0


def test_killing_a_holder_frees_its_slot(yard: Yard) -> None:
    yard.engine(limit=1)
    holder, waiter = yard.start("docker", "build"), None
    wait_for(lambda: yard.runs(holder))
    waiter = yard.start("docker", "build")
    assert waiter.stderr
    assert "waiting" in waiter.stderr.readline()
    holder.kill()
    wait_for(lambda: yard.runs(waiter))


def test_killing_a_waiter_takes_it_out_of_the_line_and_leaves_nothing(yard: Yard) -> None:
    engine = yard.engine(limit=1)
    holder = yard.start("docker", "build")
    wait_for(lambda: yard.runs(holder))
    gone, last = yard.start("make", "gone"), None
    wait_for(lambda: engine.waiting() == [gone.pid])
    last = yard.start("make", "last")
    wait_for(lambda: engine.waiting() == [gone.pid, last.pid])
    gone.kill()
    gone.wait(20)
    wait_for(lambda: engine.waiting() == [last.pid])
    wait_for(lambda: len(yard.shim_processes()) == 2, "only the last one and its guard")
    finish(holder)
    finish(last)
    assert not yard.runs(gone)
    assert yard.shim_processes() == []
    assert sorted(path.name for path in yard.slots.iterdir()) == ["alive", "requests"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_waiter_ends_by_a_signal_like_the_program_would(yard: Yard, number: signal.Signals) -> None:
    engine = yard.engine(limit=0)
    waiter = yard.start("make")
    wait_for(lambda: engine.waiting() == [waiter.pid])
    waiter.send_signal(number)
    assert waiter.wait(20) == -number
    wait_for(lambda: engine.waiting() == [] and yard.shim_processes() == [])


def test_a_heavy_command_inside_a_heavy_command_needs_no_slot_of_its_own(yard: Yard) -> None:
    engine = yard.engine(limit=1)
    outer = yard.start("docker", "build", "nested")
    wait_for(lambda: len(yard.events("start")) == 2)
    finish(outer)
    assert outer.returncode == 0
    assert [ask.command for ask in engine.heard] == ["docker build"]


def test_a_light_use_passes_while_every_slot_is_taken(yard: Yard) -> None:
    engine = yard.engine(limit=1)
    holder = yard.start("docker", "build")
    wait_for(lambda: yard.runs(holder))
    light = yard.start("docker", "ps")
    finish(light)
    assert light.returncode == 0
    assert [ask.pid for ask in engine.heard] == [holder.pid]


MATCHING = [
    ("docker build", True),
    ("docker build .", True),
    ("docker --debug build .", True),
    ("docker -H tcp://x build", True),
    ("docker --host=tcp://x build", True),
    ("docker -H build build", True),
    ("docker compose build", True),
    ("docker compose -f a.yml build web", True),
    ("docker --log-level error compose --file a.yml build", True),
    ("docker compose ps", False),
    ("docker compose -f build ps", True),  # which options take a value is not known: once too often, never too seldom
    ("docker", False),
    ("docker ps", False),
    ("docker run img build", False),
    ("docker image build", False),
    ("docker compose run build", False),
    ("docker builder prune", False),
    ("docker compose", False),
    ("docker --version", False),
    ("docker build --help", False),
    ("docker build --help .", True),
    ("make", True),
    ("make -j4 all", True),
    ("make -v", True),
    ("make --version", False),
    ("make --help", False),
    ("make all --version", True),
    ("cmake --build out", True),
    ("cmake -S . -B build", False),
    ("cargo +nightly build", True),
    ("cargo run build", False),
    ("npm --prefix web run build", True),
    ("npm run lint", False),
    ("python -m build", True),
    ("python -m pytest build", False),
]


def test_only_heavy_uses_take_a_slot(yard: Yard) -> None:
    for pattern in HEAVY:
        yard.tool(pattern.split()[0], '#!/bin/sh\necho "${AURORA_SLOT:+slot}"\n')
    engine = yard.engine(limit=4)
    wrong = []
    for command, heavy in MATCHING:
        before = len(engine.heard)
        out, _ = finish(yard.start(*command.split()))
        if (out == "slot\n", len(engine.heard) > before) != (heavy, heavy):
            wrong.append(command)
    assert wrong == []
    assert {ask.command for ask in engine.heard} == set(HEAVY)


# --- nothing of the program changes -------------------------------------------------------------------------------

PROBE = f"""#!{sys.executable} -IS
import json, os, sys
status = dict(line.rstrip("\\n").split(":\\t", 1) for line in open("/proc/self/status") if ":\\t" in line)
opened = {{}}
for fd in range(64):
    try:
        opened[fd] = os.readlink(f"/proc/self/fd/{{fd}}").split(":")[0]
    except OSError:
        pass
print(json.dumps({{
    "arguments": sys.argv[1:], "environment": dict(os.environ), "folder": os.getcwd(), "parent": os.getppid(),
    "signals": [status[name] for name in ("SigIgn", "SigBlk", "SigCgt")], "files": opened,
    "group": os.getpgid(0), "session": os.getsid(0), "umask": status["Umask"],
    "children": open(f"/proc/self/task/{{os.getpid()}}/children").read(), "input": sys.stdin.read(), "pid": os.getpid(),
}}))
sys.stderr.write("a complaint")
"""
SURROUNDINGS = {
    "plain": "",
    "open files": "exec 3</dev/null 6</etc/passwd 7</dev/null 8>>/dev/null 9<>/dev/zero",
    "ignored signals": "trap '' INT TERM HUP QUIT PIPE CHLD USR1",
    "variables": "export name=1 value=2 folder=3 reply=4 arg=5 want=6 word=7 file=8 IFS=:",
    "mask": "umask 077",
    "folder": "cd /",
    "no terminal output": "exec 2>/dev/null",
}


@pytest.mark.parametrize("surroundings", SURROUNDINGS)
def test_the_program_behind_the_shim_sees_what_it_would_see_without(yard: Yard, surroundings: str) -> None:
    yard.tool("docker", PROBE)
    engine = yard.engine(limit=1)
    prelude = f'{SURROUNDINGS[surroundings]}\nexec "$@"\n'
    strange = ["build", "", " two  words ", "new\nline", "it's", '"', "*", "$HOME", "\\", "-n", "tab\tbed", "ünï", "--"]
    seen = []
    for path in (yard.env()["PATH"], f"{yard.bin}:{os.environ['PATH']}"):
        process = yard.start("sh", "-c", prelude, "sh", "docker", *strange, PATH=path)
        out, err = process.communicate("some\ninput", timeout=20)
        probe = json.loads(out)
        assert probe.pop("pid") == process.pid
        slot = probe["environment"].pop("AURORA_SLOT", None)
        for differs in ("PATH", "_"):
            probe["environment"].pop(differs, None)
        seen.append((probe, err, process.returncode))
        assert (slot is not None) == (len(seen) == 1)
    (shimmed, *ending), (bare, *bare_ending) = seen
    assert ending == bare_ending
    for what in bare:
        assert shimmed[what] == bare[what], what
    assert shimmed["arguments"] == strange
    assert len(engine.heard) == 1


@pytest.mark.parametrize("ending", ["exit 7", "kill -TERM $$", "kill -KILL $$", "exit 0"])
def test_the_end_of_the_program_is_the_end_of_the_command(yard: Yard, ending: str) -> None:
    yard.tool("make", f"#!/bin/sh\n{ending}\n")
    yard.engine(limit=1)
    shimmed, bare = yard.start("make"), yard.start("make", PATH=f"{yard.bin}:{os.environ['PATH']}")
    finish(shimmed)
    finish(bare)
    assert shimmed.returncode == bare.returncode


def test_two_sets_of_shims_do_not_call_each_other_in_circles(yard: Yard, tmp_path: Path) -> None:
    other = tmp_path / "other [shims]*"
    write_shims(other, ["docker build"])
    engine = yard.engine(limit=1)
    for path in (f"{other}:{yard.shims}", f"{yard.shims}:{other}", f"{other}/:{yard.shims}//:{other}"):
        process = yard.start("docker", "build", PATH=f"{path}:{yard.bin}:{os.environ['PATH']}")
        finish(process)
        assert process.returncode == 0
    assert len(yard.events("end")) == 3
    assert len(engine.heard) == 3


def test_special_characters_on_the_path_are_taken_literally(yard: Yard, tmp_path: Path) -> None:
    for name in ("a*b", "a-b"):
        (tmp_path / name).mkdir()
    imposter = tmp_path / "a-b" / "docker"
    imposter.symlink_to("/bin/false")
    process = yard.start("docker", "build", PATH=f"{yard.shims}:{tmp_path}/a*b:{yard.bin}:{os.environ['PATH']}")
    finish(process)
    assert process.returncode == 0


def test_a_program_that_is_not_there(yard: Yard) -> None:
    yard.engine(limit=1)
    process = yard.start("cargo", "build", PATH=f"{yard.shims}:/usr/bin:/bin")
    assert finish(process) == ("", "cargo: not found\n")
    assert process.returncode == 127


@pytest.mark.parametrize("missing", ["variable", "folder", "fifo", "owner"])
def test_without_an_engine_the_shim_is_transparent(yard: Yard, missing: str) -> None:
    env = yard.env()
    if missing == "variable":
        yard.engine(limit=0)
        del env["AURORA_SLOTS"]
    elif missing == "fifo":
        yard.slots.mkdir()
    elif missing == "owner":
        yard.engine(limit=1)
        del env["AURORA_OWNER"]
    done = subprocess.run(
        ["docker", "build"], env=env, input="", capture_output=True, text=True, timeout=20, check=True
    )
    assert (done.stdout, done.stderr) == ("", "")
    assert len(yard.events("end")) == 1


# --- requests of all kinds ----------------------------------------------------------------------------------------


def test_one_whom_the_engine_cannot_see_is_let_go_uncounted(yard: Yard) -> None:
    engine = yard.engine(limit=0)
    me = os.getpid()
    elsewhere = f"{me}.{start_ticks(me) + 1}"
    reply = yard.slots / f"reply.s{elsewhere}"
    os.mkfifo(reply)
    listening = os.open(reply, os.O_RDWR)
    (yard.slots / "requests").write_text(f"garbage\n\n1\t2\n{elsewhere}\t{elsewhere}\tmake\tauth\n")
    assert os.read(listening, 100) == b"go\n"
    os.close(listening)
    assert engine.heard == []
    assert not reply.exists()


def test_a_command_that_asks_again_in_the_same_process_is_let_go(yard: Yard) -> None:
    yard.tool("docker", '#!/bin/sh\nunset AURORA_SLOT\nexec make "$@"\n')
    engine = yard.engine(limit=1)
    process = yard.start("docker", "build")
    wait_for(lambda: yard.runs(process))
    finish(process)
    assert [ask.command for ask in engine.heard] == ["docker build"]


def test_strange_owners_and_commands_are_heard(yard: Yard) -> None:
    engine = yard.engine(limit=9)
    owners = ["setup w1", "tab\tbed", "new\nline", "ünï", "x" * 5000, "\x1b]0;t\x07"]
    for owner in owners:
        finish(yard.start("make", owner=owner))
    assert [ask.owner for ask in engine.heard] == ["setup w1", "you", "you", "ünï", "x" * 200, "you"]
    finish(yard.start("aurora-slot", "make", "new\nline"))
    assert engine.heard[-1].command == "a command"
    assert len(yard.events("end")) == 7


def run_with_slot(yard: Yard, *command: str) -> subprocess.Popen[str]:
    script = "import sys; from pathlib import Path; from engine.heavy import run_with_slot as run\n"
    script += "run(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])"
    return yard.start(sys.executable, "-c", script, str(yard.slots), str(yard.shims), *command)


def test_any_command_can_be_run_with_a_slot(yard: Yard) -> None:
    engine = yard.engine(limit=1)
    yard.tool("anything", TOOL)
    holder = run_with_slot(yard, "anything", "with words", "*")
    wait_for(lambda: yard.runs(holder))
    waiter = run_with_slot(yard, str(yard.bin / "anything"))
    assert waiter.stderr
    assert waiter.stderr.readline() == "aurora: waiting for a slot behind anything with words (auth)\n"
    assert engine.held() == [holder.pid]
    for process in (holder, waiter):
        finish(process)
        assert process.returncode == 0
    assert "with words *\n" in yard.log.read_text()


def test_a_command_with_a_slot_but_no_engine_or_no_shims(yard: Yard, tmp_path: Path) -> None:
    finish(run_with_slot(yard, "docker", "build"))
    yard.shims = tmp_path / "nowhere"
    finish(run_with_slot(yard, "docker", "build"))
    assert len(yard.events("end")) == 2


# --- the scripts --------------------------------------------------------------------------------------------------


def test_shims_are_written_once_and_old_ones_removed(tmp_path: Path) -> None:
    folder = tmp_path / "a folder" / "shims"
    write_shims(folder, ["docker build", "docker  compose build", "make"])
    before = {path.name: path.stat().st_ino for path in folder.iterdir()}
    assert sorted(before) == ["aurora-slot", "docker", "make"]
    write_shims(folder, ["docker build", "docker compose build", "npm ci"])
    after = {path.name: path.stat().st_ino for path in folder.iterdir()}
    assert sorted(after) == ["aurora-slot", "docker", "npm"]
    assert after["docker"] == before["docker"]
    assert all(os.access(path, os.X_OK) for path in folder.iterdir())


@pytest.mark.parametrize("pattern", ["", "  ", "./gradlew build", "/bin/make", "..", "aurora-slot"])
def test_a_pattern_without_a_program_is_refused(tmp_path: Path, pattern: str) -> None:
    with pytest.raises(ValueError, match="plain name of a program"):
        write_shims(tmp_path / "shims", [pattern])
