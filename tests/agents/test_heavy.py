"""Heavy commands: real shims, real programs behind them, real engines that die.

Run as a script it is an engine of its own that can be killed: `python test_heavy.py FOLDER LIMIT`.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from engine.heavy import SlotAsk, SlotServer, write_shims
from engine.slots import SlotLine
from engine.supervisor import start_ticks

HEAVY = (
    "docker build",
    "docker compose build",
    "make",
    "cmake --build",
    "cargo build",
    "npm run build",
    "python -m build",
)
TOOL = """#!/bin/sh
# Logs its begin and its end; ends when its input does.
echo "start $$ $*" >> "$TOOL_LOG"
case $* in *nested*) make inner </dev/null || exit ;; esac
[ -n "$TOOL_INPUT" ] || read -r line
echo "end $$ $line" >> "$TOOL_LOG"
exit "${TOOL_EXIT:-0}"
"""


def wait_for(true: Callable[[], object], what: str = "", seconds: float = 20.0) -> None:
    """Look again and again until it is true; fail after the deadline."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"waited too long for {what or true}"
        time.sleep(0.002)


class Desk:
    """A slot server and a line, joined as the machine joins them."""

    def __init__(self, folder: Path, limit: int) -> None:
        self.line = SlotLine(limit)
        self.server = SlotServer(folder, self._asked, self._ended)
        self.heard: list[SlotAsk] = []
        self.ended: list[str] = []

    def _asked(self, ask: SlotAsk) -> None:
        self.heard.append(ask)
        self.line.request(ask.slot, ask.owner, ask.command, ask.pid, 0.0)
        self.grant()
        if place := self.line.place(ask.slot):
            self.server.tell_waiting(ask.slot, place, self.line.behind(ask.slot))

    def _ended(self, slot: str) -> None:
        self.ended.append(slot)
        self.line.free(slot)
        self.grant()

    def grant(self) -> None:
        for slot in self.line.grants():
            self.server.grant(slot)


class Engine(Desk):
    """A desk on a loop of its own in a thread of this process."""

    def __init__(self, folder: Path, limit: int) -> None:
        super().__init__(folder, limit)
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.call(lambda: self.server.start(self.loop))

    def call(self, work: Callable[[], object]) -> object:
        """Run something on the loop's thread; its result."""
        done: Future[object] = Future()

        def run() -> None:
            try:
                done.set_result(work())
            except Exception as error:  # noqa: BLE001
                done.set_exception(error)

        self.loop.call_soon_threadsafe(run)
        return done.result(20)

    def held(self) -> list[int]:
        return [one.pid for one in self.line.held()]

    def waiting(self) -> list[int]:
        return [one.pid for one in self.line.line()]

    def close(self) -> None:
        if not self.loop.is_closed():
            self.call(self.server.close)
            self.loop.call_soon_threadsafe(self.loop.stop)
            self.thread.join(20)
            self.loop.close()


class Yard:
    """Fake programs, the shims before them, and everything started in a test."""

    def __init__(self, root: Path) -> None:
        self.shims, self.slots, self.bin, self.log = root / "shims", root / "slots", root / "bin", root / "log"
        self.bin.mkdir()
        self.log.touch()
        for name in ("docker", "make"):
            self.tool(name, TOOL)
        write_shims(self.shims, HEAVY)
        self.started: list[subprocess.Popen[str]] = []
        self.engines: list[Engine] = []

    def tool(self, name: str, text: str) -> None:
        path = self.bin / name
        path.write_text(text)
        path.chmod(0o755)

    def env(self, owner: str = "auth", **more: str) -> dict[str, str]:
        server = SlotServer(self.slots, lambda ask: None, lambda slot: None)
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("AURORA_")},
            **server.environment(owner),
            "PATH": f"{self.shims}:{self.bin}:{os.environ['PATH']}",
            "TOOL_LOG": str(self.log),
            **more,
        }

    def engine(self, limit: int) -> Engine:
        self.engines.append(Engine(self.slots, limit))
        return self.engines[-1]

    def engine_process(self, limit: int) -> subprocess.Popen[str]:
        process = self._popen([sys.executable, __file__, str(self.slots), str(limit)], dict(os.environ))
        assert process.stdout
        assert process.stdout.readline() == "listening\n"
        return process

    def start(self, *command: str, owner: str = "auth", **env: str) -> subprocess.Popen[str]:
        """Start a command with the shims before it; it ends when its input is closed (`finish`)."""
        return self._popen(command, self.env(owner, **env))

    def _popen(self, command: Sequence[str], env: dict[str, str]) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, env=env, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        self.started.append(process)
        return process

    def events(self, kind: str) -> list[int]:
        """The process ids in the log that did `start` or `end`, in order."""
        lines = [line.split() for line in self.log.read_text().splitlines()]
        return [int(line[1]) for line in lines if line[0] == kind]

    def runs(self, process: subprocess.Popen[str]) -> bool:
        return process.pid in self.events("start")

    def most_at_once(self) -> int:
        now, most = 0, 0
        for line in self.log.read_text().splitlines():
            now += 1 if line.startswith("start") else -1
            most = max(most, now)
        return most

    def shim_processes(self) -> list[int]:
        """Every process that still executes a shim or guards one."""
        found = []
        for process in psutil.process_iter():
            try:
                if any(word.startswith(f"{self.shims}/") for word in process.cmdline()):
                    found.append(process.pid)
            except psutil.Error:
                continue
        return found

    def clean_up(self) -> None:
        for engine in self.engines:
            engine.close()
        for process in self.started:
            process.kill()
            process.communicate()


def finish(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Close its input and wait: what it printed, what it complained."""
    out, err = process.communicate(timeout=20)
    return out, err


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    made = Yard(tmp_path)
    yield made
    made.clean_up()


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


# --- engines that end ---------------------------------------------------------------------------------------------


def test_when_the_engine_is_killed_holders_and_waiters_all_go_on(yard: Yard) -> None:
    engine = yard.engine_process(limit=2)
    holders = [yard.start("docker", "build", str(n)) for n in range(2)]
    wait_for(lambda: len(yard.events("start")) == 2)
    waiters = [yard.start("make", str(n)) for n in range(3)]
    for waiter in waiters:
        assert waiter.stderr
        assert waiter.stderr.readline().startswith("aurora: waiting for a slot behind docker build (auth)")
    assert len(yard.events("start")) == 2
    engine.kill()
    wait_for(lambda: len(yard.events("start")) == 5)
    late = yard.start("docker", "build", "late")
    for process in (*holders, *waiters, late):
        assert finish(process) == ("", "")
        assert process.returncode == 0
    assert yard.shim_processes() == []
    assert [path.name for path in yard.slots.glob("reply.*")] == []


def test_an_engine_that_dies_before_it_answers_blocks_nobody(yard: Yard) -> None:
    engine = yard.engine_process(limit=1)
    engine.send_signal(signal.SIGSTOP)
    builds = [yard.start("make", str(n)) for n in range(3)]
    wait_for(lambda: len(yard.shim_processes()) == 6, "three shims with their guards")
    assert yard.events("start") == []
    engine.kill()
    for build in builds:
        assert finish(build) == ("", "")
        assert build.returncode == 0


def test_a_full_request_fifo_of_an_engine_that_dies_blocks_nobody(yard: Yard) -> None:
    engine = yard.engine_process(limit=1)
    engine.send_signal(signal.SIGSTOP)
    fill(yard.slots / "requests")
    build = yard.start("make")
    wait_for(lambda: len(yard.shim_processes()) == 2)
    engine.kill()
    finish(build)
    assert build.returncode == 0


def fill(fifo: Path) -> None:
    """Write until nothing fits any more; one reader (a stopped engine) must have it open."""
    writer = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
    for size in (4096, 1):
        with suppress(BlockingIOError):
            while True:
                os.write(writer, b"x" * size)
    os.close(writer)


@pytest.mark.parametrize("moment", range(0, 12, 2))
def test_an_engine_killed_at_any_moment_blocks_nobody(yard: Yard, moment: int) -> None:
    engine = yard.engine_process(limit=1)
    builds = [yard.start("make", TOOL_INPUT="none") for _ in range(2)]
    wait_for(lambda: steps(yard) >= moment or all(build.poll() is not None for build in builds))
    engine.kill()
    assert [build.wait(20) for build in builds] == [0, 0]
    wait_for(lambda: yard.shim_processes() == [])


def steps(yard: Yard) -> int:
    """A rough measure of how far the commands have come."""
    replies = len(list(yard.slots.glob("reply.*")))
    return len(yard.shim_processes()) + replies + 3 * len(yard.events("start")) + 2 * len(yard.events("end"))


def test_an_engine_that_closes_lets_everybody_go(yard: Yard) -> None:
    engine = yard.engine(limit=0)
    waiters = [yard.start("make", str(n)) for n in range(2)]
    wait_for(lambda: len(engine.waiting()) == 2)
    engine.close()
    for waiter in waiters:
        finish(waiter)
        assert waiter.returncode == 0
    assert engine.ended == []
    assert list(yard.slots.iterdir()) == []


def test_a_new_engine_in_the_place_of_a_killed_one(yard: Yard) -> None:
    killed = yard.engine_process(limit=0)
    waiter = yard.start("make", "old", "nested")
    assert waiter.stderr
    assert "waiting" in waiter.stderr.readline()
    killed.kill()
    engine = yard.engine(limit=1)
    wait_for(lambda: len(yard.events("start")) == 2, "the waiter of the dead engine, and what is inside of it")
    asked = yard.start("make", "new")
    wait_for(lambda: engine.held() == [asked.pid])
    for process in (waiter, asked):
        finish(process)
        assert process.returncode == 0
    assert [ask.pid for ask in engine.heard] == [asked.pid]


STEPS = [
    "mkfifo -m",
    'aurora_wait "$1"',
    "exec 9<>",
    '[ -p "$aurora_reply" ]',
    "printf '%s\\t",
    "read -r aurora_stat <&7",
]


@pytest.mark.parametrize("step", STEPS)
def test_a_new_engine_that_starts_between_two_steps_of_a_shim(yard: Yard, tmp_path: Path, step: str) -> None:
    paused, go_on = tmp_path / "paused", tmp_path / "go on"
    os.mkfifo(go_on)
    gate = os.open(go_on, os.O_RDWR)
    shim = yard.shims / "make"
    assert shim.read_text().count(step) == 1
    shim.write_text(shim.read_text().replace(step, f'{{ echo >"$PAUSED"; read -r line <"$GO_ON"; }}\n{step}'))
    old = yard.engine(limit=0)
    early = yard.start("make", PAUSED=str(paused), GO_ON=str(go_on))
    wait_for(paused.exists)
    old.close()
    yard.engine(limit=1)
    os.write(gate, b"go on\n")
    finish(early)
    os.close(gate)
    assert early.returncode == 0
    assert len(yard.events("end")) == 1


def test_a_new_engine_watches_the_holders_of_the_old_one(yard: Yard) -> None:
    old = yard.engine(limit=2)
    lives, ends = (yard.start("docker", "build", name) for name in ("lives", "ends"))
    wait_for(lambda: len(yard.events("start")) == 2)
    slots = {ask.pid: ask.slot for ask in old.heard}
    old.close()
    finish(ends)
    new = yard.engine(limit=2)
    for pid, slot in slots.items():
        new.call(lambda pid=pid, slot=slot: new.server.adopt(slot, pid))
    wait_for(lambda: new.ended == [slots[ends.pid]])
    new.call(lambda: new.server.grant(slots[lives.pid]))
    finish(lives)
    wait_for(lambda: new.ended == [slots[ends.pid], slots[lives.pid]])


def test_a_number_used_again_by_another_process_is_not_adopted(yard: Yard) -> None:
    engine = yard.engine(limit=1)
    me, other = os.getpid(), os.getppid()
    for slot in (f"s{me}.{start_ticks(me) - 1}", f"s{me}", f"s{other}.{start_ticks(other)}"):
        engine.call(lambda slot=slot: engine.server.adopt(slot, me))
        wait_for(lambda slot=slot: engine.ended[-1:] == [slot])


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


async def be_an_engine(folder: str, limit: str) -> None:
    Desk(Path(folder), int(limit)).server.start(asyncio.get_running_loop())
    print("listening", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(be_an_engine(*sys.argv[1:]))
