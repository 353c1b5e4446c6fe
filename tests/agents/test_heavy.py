"""Heavy commands through real shims: real processes, a fake docker that logs, an engine that is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from project import wait_for

FAKE = """#!/bin/sh
echo "start $$" >> {log}
case $1 in ps|run) exit 0;; fail) exit 9;; esac
while [ ! -e {go} ]; do sleep 0.02; done
for arg do printf '[%s]' "$arg" >> {log}.args; done
echo "end $$" >> {log}
"""


@dataclass
class Bench:
    """A folder with shims, a fake `docker`, and an engine of slots in a process of its own."""

    folder: Path
    engine: subprocess.Popen[str]

    @property
    def log(self) -> list[str]:
        path = self.folder / "log"
        return path.read_text().splitlines() if path.exists() else []

    def running(self) -> int:
        return sum(line.startswith("start") for line in self.log) - sum(line.startswith("end") for line in self.log)

    def env(self, owner: str = "auth") -> dict[str, str]:
        path = f"{self.folder / 'shims'}:{self.folder / 'tools'}:{os.environ['PATH']}"
        return {**os.environ, "PATH": path, "AURORA_SLOTS": str(self.folder / "slots"), "AURORA_OWNER": owner}

    def start(self, *command: str, owner: str = "auth") -> subprocess.Popen[str]:
        return subprocess.Popen(
            command, env=self.env(owner), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=self.folder
        )

    def call(self, *command: str) -> int:
        return subprocess.run(command, env=self.env(), capture_output=True, timeout=20, cwd=self.folder).returncode


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    (tmp_path / "tools").mkdir()
    for name in ("docker", "make"):
        tool = tmp_path / "tools" / name
        tool.write_text(FAKE.format(log=tmp_path / "log", go=tmp_path / "go"))
        tool.chmod(0o755)
    script = str(Path(__file__).with_name("slot_engine.py"))
    engine = subprocess.Popen(
        [sys.executable, script, str(tmp_path), "2", "docker build", "docker compose build", "make"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert engine.stdout is not None
    assert engine.stdout.readline() == "ready\n"
    yield Bench(tmp_path, engine)
    (tmp_path / "go").touch()
    engine.kill()
    engine.communicate()


def finish(processes: list[subprocess.Popen[str]]) -> list[tuple[int, str]]:
    ended = []
    for process in processes:
        _, err = process.communicate(timeout=30)
        ended.append((process.returncode, err))
    return ended


def test_never_more_than_two_and_those_in_line_say_behind_whom(bench: Bench) -> None:
    builds = [bench.start("docker", "build", ".", owner=f"t{n}") for n in range(6)]
    wait_for(lambda: bench.running() == 2)
    assert bench.call("docker", "ps") == 0
    assert bench.call("docker", "run", "img", "build") == 0
    waiting = [b for b in builds if b.poll() is None]
    assert len(waiting) == 6
    (bench.folder / "go").touch()
    ended = finish(builds)
    assert [code for code, _ in ended] == [0] * 6
    told = [err for _, err in ended if err]
    assert len(told) == 4
    assert all(err.startswith("aurora: waiting for a slot behind docker build (t") for err in told)
    assert all(err.count("\n") == 1 for err in told)
    most, now = 0, 0
    for line in bench.log:
        if "start" in line and line.split()[1] in {e.split()[1] for e in bench.log if e.startswith("end")}:
            now += 1
        elif line.startswith("end"):
            now -= 1
        most = max(most, now)
    assert most == 2


@pytest.mark.parametrize(
    ("command", "heavy"),
    [
        (("docker", "build", "."), True),
        (("docker", "--debug", "build", "."), True),
        (("docker", "-H", "tcp://x", "build"), True),
        (("docker", "compose", "-f", "a.yml", "build", "web"), True),
        (("make", "all"), True),
        (("make",), True),
        (("make", "--version"), False),
        (("docker", "ps"), False),
        (("docker", "run", "img", "build"), False),
        (("docker", "compose", "up"), False),
        (("docker",), False),
    ],
)
def test_what_counts_as_heavy(bench: Bench, command: tuple[str, ...], heavy: bool) -> None:
    holders = [bench.start("make", "x") for _ in range(2)]
    wait_for(lambda: bench.running() == 2)
    before = len(bench.log)
    asked = bench.start(*command)
    if heavy:
        assert asked.stderr is not None
        assert "waiting for a slot behind make (auth), make (auth)" in asked.stderr.readline()
        assert len(bench.log) == before
    else:
        wait_for(lambda: len(bench.log) > before)
    (bench.folder / "go").touch()
    finish([*holders, asked])


def test_arguments_exit_code_and_output_pass_unchanged(bench: Bench) -> None:
    (bench.folder / "go").touch()
    odd = ["build", "a b", "c\nd", "'q'\"", "*", "$HOME", ""]
    assert bench.call("docker", *odd) == 0
    assert (bench.folder / "log.args").read_text() == "".join(f"[{arg}]" for arg in odd)
    assert bench.call("docker", "fail") == 9
    assert bench.call("sh", "-c", "docker build x; exit 4") == 4


def test_a_killed_holder_frees_its_slot_and_a_killed_waiter_leaves_the_line(bench: Bench) -> None:
    builds = [bench.start("docker", "build", str(n)) for n in range(2)]
    wait_for(lambda: bench.running() == 2)
    waiter = bench.start("docker", "build", "waiter")
    assert waiter.stderr is not None
    assert "waiting" in waiter.stderr.readline()
    last = bench.start("docker", "build", "last")
    assert last.stderr is not None
    assert "waiting" in last.stderr.readline()
    waiter.kill()
    waiter.communicate()
    builds[0].kill()
    builds[0].communicate()
    wait_for(lambda: sum("start" in line for line in bench.log) == 3)
    assert str(last.pid) in bench.log[-1]
    (bench.folder / "go").touch()
    finish([builds[1], last])


def test_a_killed_engine_blocks_nobody_at_any_moment(bench: Bench) -> None:
    builds = [bench.start("docker", "build", str(n)) for n in range(5)]
    wait_for(lambda: bench.running() == 2)
    bench.engine.send_signal(signal.SIGKILL)
    bench.engine.wait()
    wait_for(lambda: bench.running() == 5)
    late = bench.start("docker", "build", "late")
    wait_for(lambda: bench.running() == 6)
    (bench.folder / "go").touch()
    assert [code for code, _ in finish([*builds, late])] == [0] * 6


def test_a_heavy_command_inside_a_heavy_command_does_not_wait_for_itself(bench: Bench) -> None:
    (bench.folder / "go").touch()
    inner = bench.folder / "tools" / "docker"
    (bench.folder / "tools" / "make").write_text(f"#!/bin/sh\ndocker build . && docker build . && {inner} ps\n")
    assert bench.call("make", "-j", "images") == 0


def test_without_an_engine_or_its_environment_shims_are_transparent(bench: Bench) -> None:
    (bench.folder / "go").touch()
    env = {**bench.env(), "AURORA_SLOTS": "/nowhere"}
    assert subprocess.run(["docker", "build"], env=env, timeout=20).returncode == 0
    del env["AURORA_SLOTS"]
    assert subprocess.run(["docker", "build"], env=env, timeout=20).returncode == 0
    missing = subprocess.run(["docker", "build"], env={"PATH": str(bench.folder / "shims")}, capture_output=True)
    assert missing.returncode == 127


def test_the_slot_command_waits_too(bench: Bench) -> None:
    holders = [bench.start("docker", "build", str(n)) for n in range(2)]
    wait_for(lambda: bench.running() == 2)
    code = "import sys; from pathlib import Path; from engine.heavy import run_with_slot\n"
    code += "f = Path(sys.argv[1]); run_with_slot(f / 'slots', f / 'shims', ['echo', 'my turn'])"
    asked = bench.start(sys.executable, "-c", code, str(bench.folder))
    assert asked.stderr is not None
    assert "waiting for a slot" in asked.stderr.readline()
    (bench.folder / "go").touch()
    out, _ = asked.communicate(timeout=30)
    assert out == "my turn\n"
    finish(holders)
