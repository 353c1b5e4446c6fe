"""Supervisors, adoption, pause, stop: real processes that try to get away."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from project import wait_for
from runaway import COUNT, ESCAPE, both_count, meanwhile, size, sizes

from engine import process, supervisor
from engine.errors import AuroraError
from engine.process import Identity, LaunchSpec

CLASSIC_SIGNALS = (1 << 31) - 1
"""1 to 31; the C library keeps the first two real-time signals for itself."""

Make = Callable[..., LaunchSpec]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Makes the spec of one shell script; nothing of it outlives the test."""
    made: list[LaunchSpec] = []

    def spec(script: str, name: str = "a.1", **more: object) -> LaunchSpec:
        command = more.pop("command", ("/bin/sh", "-c", script))
        env = {**os.environ, **more.pop("env", {})}  # type: ignore[dict-item]
        made.append(
            LaunchSpec(tmp_path / "run" / name, command, tmp_path, env, f"{name}.{tmp_path}", **more)  # type: ignore[arg-type]
        )
        return made[-1]

    yield spec
    for one in made:
        identity = process.recorded(one.record)
        if identity is not None:
            process.stop(identity, one.marker, grace=0.0)
            process.collect(identity, one.record)


@pytest.fixture
def spec(make: Make, tmp_path: Path) -> LaunchSpec:
    """A command that counts in `count`, itself and in `away` by a process that got away from it."""
    return make(ESCAPE.format(file=tmp_path / "away") + COUNT.format(file=tmp_path / "count"))


def end_of(spec: LaunchSpec) -> int | None:
    """Wait for a command's end; its code, None when nobody recorded it."""
    identity = process.recorded(spec.record)
    assert identity is not None
    ended = asyncio.run(process.wait_exit(identity, spec.record))
    return None if ended is None else ended.code


# --- start ---------------------------------------------------------------------------------------------------------


def test_launching_twice_at_once_starts_one(make: Make, tmp_path: Path) -> None:
    before = psutil.Process().children()
    spec = make(f"echo started >> {tmp_path}/starts; while [ ! -e {tmp_path}/go ]; do sleep 0.01; done")
    with ThreadPoolExecutor(8) as threads:
        found = set(threads.map(process.launch, [spec] * 8))
    assert len(found) == 1
    assert process.launch(spec) in found
    supervisors = [p for p in psutil.Process().children() if p not in before]
    assert [p.pid for p in supervisors] == [one.pid for one in found]
    (tmp_path / "go").touch()
    assert end_of(spec) == 0
    process.launch(spec)
    assert (tmp_path / "starts").read_text() == "started\n"


def test_an_agent_outlives_the_process_that_launched_it_and_is_adopted(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from engine import process\n"
        "here = Path(sys.argv[1])\n"
        "script = 'while [ ! -e go ]; do sleep 0.02; done; echo done; exit 7'\n"
        "process.launch(process.LaunchSpec(here / 'a.1', ('/bin/sh', '-c', script), here, dict(os.environ), 'kept'))\n"
        "print('launched', flush=True); os.kill(os.getpid(), 9)\n"
    )
    launcher = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True)
    assert "launched" in launcher.stdout, launcher.stderr
    assert launcher.returncode == -signal.SIGKILL
    spec = LaunchSpec(tmp_path / "a.1", ("/bin/false",), tmp_path, dict(os.environ), "kept")
    adopted = process.adopt(spec.record)
    assert adopted is not None
    (tmp_path / "go").touch()
    assert end_of(spec) == 7
    assert process.tail(tmp_path / "a.1.log") == "done"
    assert process.adopt(spec.record) is None
    assert process.launch(spec) == adopted, "a recorded attempt is never started again"


def test_a_reused_pid_is_not_mistaken(make: Make) -> None:
    identity = process.launch(make("sleep 300"))
    assert identity.alive()
    assert identity.boot_id == supervisor.boot_id()
    assert not Identity(identity.pid, identity.start_ticks + 1, identity.boot_id).alive()
    assert not Identity(identity.pid, identity.start_ticks, "another boot").alive()


def test_who_took_over_the_pid_of_a_dead_supervisor_is_neither_awaited_nor_touched(make: Make) -> None:
    spec = make("sleep 300")
    bystander = process.launch(spec)
    stale = Identity(bystander.pid, bystander.start_ticks - 1, bystander.boot_id)
    assert asyncio.run(process.wait_exit(stale, spec.record.with_name("other"))) is None
    assert process.descendants(stale, "no such marker") == []
    process.stop(stale, "no such marker")
    assert bystander.alive()
    assert process.descendants(bystander, spec.marker)


@pytest.mark.parametrize(("program", "code"), [("/no/such/agent", 127), ("no-such-agent", 127), ("/etc/hosts", 126)])
def test_a_program_that_cannot_run_is_an_exit_not_an_accident(make: Make, program: str, code: int) -> None:
    spec = make("", command=(program, "x"))
    process.launch(spec)
    assert end_of(spec) == code
    assert program in process.tail(process.log_of(spec))


def test_what_prevents_a_start_is_said_in_a_sentence(make: Make, tmp_path: Path) -> None:
    with pytest.raises(AuroraError, match="could not be started") as long:
        process.launch(make("", command=("/bin/echo", "x" * 200_000)))
    assert "{prompt_file}" in (long.value.hint or "")
    gone = LaunchSpec(tmp_path / "b.1", ("/bin/echo",), tmp_path / "gone", dict(os.environ), "gone")
    with pytest.raises(AuroraError) as missing:
        process.launch(gone)
    assert str(tmp_path / "gone") in (missing.value.hint or "")


def test_a_supervisor_that_cannot_claim_its_record_is_reported_at_once(make: Make) -> None:
    spec = make("true")
    process.file_of(spec.record, "pid").mkdir(parents=True)
    with pytest.raises(AuroraError, match="did not start"):
        process.launch(spec)


def test_arguments_and_output_pass_unchanged_and_the_environment_is_not_written_down(make: Make) -> None:
    words = ("", "two words", "'\"$(x)", "Grüße 👋", "line\nline")
    spec = make("", command=("printf", "%s|", *words), env={"LC_ALL": "C", "TOKEN": "s3cr3t"})
    process.launch(spec)
    assert end_of(spec) == 0
    assert process.log_of(spec).read_text(encoding="utf-8") == "".join(f"{word}|" for word in words)
    assert not [file for file in spec.record.parent.iterdir() if "s3cr3t" in file.read_text(encoding="utf-8")]


def test_a_command_has_no_input_a_session_of_its_own_and_default_signals(make: Make, tmp_path: Path) -> None:
    spec = make("cat; ps -o sid= -p $$; echo $$; exec grep -E 'SigBlk|SigIgn' /proc/self/status")
    code = (
        "import os, signal, sys; from pathlib import Path; from engine import process\n"
        "for number in (signal.SIGINT, signal.SIGHUP): signal.signal(number, signal.SIG_IGN)\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1, signal.SIGTERM])\n"
        "record, folder, marker, *command = sys.argv[1:]\n"
        "env = dict(os.environ)\n"
        "process.launch(process.LaunchSpec(Path(record), tuple(command), Path(folder), env, marker))\n"
    )
    argv = [sys.executable, "-c", code, str(spec.record), str(tmp_path), spec.marker, *spec.command]
    subprocess.run(argv, check=True)
    assert end_of(spec) == 0
    session, pid, *masks = process.tail(process.log_of(spec)).split("\n")
    assert session.strip() == pid
    assert [int(mask.split()[1], 16) & CLASSIC_SIGNALS for mask in masks] == [0, 0]


# --- pause and resume ----------------------------------------------------------------------------------------------


def test_pause_stops_everything_also_what_escaped_and_resume_lets_it_go_on(spec: LaunchSpec, tmp_path: Path) -> None:
    identity = process.launch(spec)
    wait_for(lambda: both_count(tmp_path))
    assert process.pause(identity, spec.marker) >= 3
    stopped, paused = process.descendants(identity, spec.marker), sizes(tmp_path)
    assert {one.status() for one in stopped} == {psutil.STATUS_STOPPED}
    before = [one.cpu_times() for one in stopped]
    meanwhile(tmp_path)
    assert sizes(tmp_path) == paused
    assert [one.cpu_times() for one in stopped] == before
    assert process.descendants(identity, spec.marker) == stopped
    assert identity.alive()
    assert process.resume(identity, spec.marker) == len(stopped)
    wait_for(lambda: both_count(tmp_path, paused))


def test_who_cleared_its_environment_and_got_away_is_paused_and_stopped(make: Make, tmp_path: Path) -> None:
    away = COUNT.format(file=tmp_path / "away")
    spec = make(
        f"(setsid env -i /bin/sh -c 'PATH=$PATH:/bin:/usr/bin; {away}' &); {COUNT.format(file=tmp_path / 'count')}"
    )
    identity = process.launch(spec)
    wait_for(lambda: both_count(tmp_path))
    process.pause(identity, spec.marker)
    paused = sizes(tmp_path)
    meanwhile(tmp_path)
    assert sizes(tmp_path) == paused
    process.stop(identity, spec.marker)
    meanwhile(tmp_path)
    assert sizes(tmp_path) == paused


@pytest.mark.parametrize("supervised", [True, False])
def test_who_is_replaced_by_a_child_all_the_time_is_paused_and_stopped(
    make: Make, tmp_path: Path, supervised: bool
) -> None:
    relay = tmp_path / "relay"
    relay.write_text(f"#!/bin/sh\necho x >> {tmp_path}/away\nsleep 0.005\nsetsid {relay} &\n")
    relay.chmod(0o700)
    spec = make(f"{relay}; {COUNT.format(file=tmp_path / 'count')}")
    identity = process.launch(spec)
    wait_for(lambda: both_count(tmp_path, (10, 10)))
    if not supervised:
        os.kill(identity.pid, signal.SIGKILL)
    process.pause(identity, spec.marker)
    paused = sizes(tmp_path)
    meanwhile(tmp_path)
    assert sizes(tmp_path) == paused
    process.resume(identity, spec.marker)
    wait_for(lambda: both_count(tmp_path, paused))
    process.stop(identity, spec.marker)
    stopped = sizes(tmp_path)
    meanwhile(tmp_path)
    assert sizes(tmp_path) == stopped


def test_who_becomes_another_program_all_the_time_is_found_at_every_look(make: Make, tmp_path: Path) -> None:
    again = tmp_path / "again"
    again.write_text(f"#!/bin/sh\n[ -e {tmp_path}/up ] || : > {tmp_path}/up\nexec {again}\n")
    again.chmod(0o700)
    spec = make(f"exec {again}")
    identity = process.launch(spec)
    wait_for((tmp_path / "up").exists)
    os.kill(identity.pid, signal.SIGKILL)
    for _ in range(80):
        assert len(process.descendants(identity, spec.marker)) == 1


@pytest.fixture
def beginner() -> Iterator[subprocess.Popen[bytes]]:
    """Stands for a supervisor that has not started its command yet, and does so at a line of input."""
    code = "import subprocess; input(); subprocess.run(['sleep', '300'])"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as made:
        yield made
        for child in psutil.Process(made.pid).children():
            child.kill()
        made.kill()


def test_pausing_an_agent_that_is_just_being_started_waits_for_it(beginner: subprocess.Popen[bytes]) -> None:
    identity = Identity(beginner.pid, supervisor.start_ticks(beginner.pid), supervisor.boot_id())
    with ThreadPoolExecutor(1) as threads:
        pausing = threads.submit(process.pause, identity, "none")
        assert not futures.wait([pausing], timeout=0.2).done
        assert beginner.stdin is not None
        beginner.stdin.write(b"\n")
        beginner.stdin.flush()
        assert pausing.result() == 1
    assert process.descendants(identity, "none")[0].status() == psutil.STATUS_STOPPED


def test_stopping_an_agent_that_is_just_being_started_ends_its_supervisor(beginner: subprocess.Popen[bytes]) -> None:
    identity = Identity(beginner.pid, supervisor.start_ticks(beginner.pid), supervisor.boot_id())
    process.stop(identity, "none")
    assert not identity.alive()


def test_a_shell_with_job_control_never_sees_the_pause(make: Make, tmp_path: Path) -> None:
    job = f"(touch {tmp_path}/up; until [ -e {tmp_path}/go ]; do sleep 0.01; done; touch {tmp_path}/first)"
    spec = make("", command=("bash", "-c", f"set -m; {job}; [ -e {tmp_path}/first ]"))
    identity = process.launch(spec)
    wait_for((tmp_path / "up").exists)
    for _ in range(5):
        process.pause(identity, spec.marker)
        process.resume(identity, spec.marker)
    (tmp_path / "go").touch()
    assert end_of(spec) == 0


# --- stop ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("paused", [False, True])
def test_stop_leaves_no_descendant_and_the_end_is_recorded(spec: LaunchSpec, tmp_path: Path, paused: bool) -> None:
    identity = process.launch(spec)
    wait_for(lambda: both_count(tmp_path))
    if paused:
        process.pause(identity, spec.marker)
    process.stop(identity, spec.marker)
    assert process.descendants(identity, spec.marker) == []
    assert not identity.alive()
    assert end_of(spec) == -signal.SIGTERM


def test_an_agent_is_stopped_at_any_moment_of_its_start(make: Make, tmp_path: Path) -> None:
    for number in range(5):
        spec = make(COUNT.format(file=tmp_path / "count"), f"early.{number}")
        identity = process.launch(spec)
        process.stop(identity, spec.marker)
        assert process.descendants(identity, spec.marker) == []
        assert end_of(spec) == -signal.SIGTERM


def test_a_command_that_ignores_sigterm_is_killed(make: Make, tmp_path: Path) -> None:
    spec = make(f"trap '' TERM; touch {tmp_path}/up; while :; do sleep 0.05; done")
    identity = process.launch(spec)
    wait_for((tmp_path / "up").exists)
    process.stop(identity, spec.marker, grace=0.2)
    assert process.descendants(identity, spec.marker) == []
    assert end_of(spec) == -signal.SIGKILL


RUNNER = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
trace = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
while time.time() < float(sys.argv[2]):
    os.write(trace, b"x\\n")
    for _ in range(2):
        if os.fork():
            os._exit(0)
        os.setsid()
"""


@pytest.mark.parametrize("supervised", [True, False])
def test_who_runs_away_by_double_forks_and_new_sessions_is_caught(make: Make, tmp_path: Path, supervised: bool) -> None:
    """No generation lives long enough to be asked twice, and none listens to SIGTERM. One that got away would end."""
    trace, end = tmp_path / "count", time.time() + 30
    spec = make("", command=(sys.executable, "-S", "-c", RUNNER, str(trace), str(end)))
    identity = process.launch(spec)
    wait_for(lambda: size(trace) > 100)
    if not supervised:
        os.kill(identity.pid, signal.SIGKILL)
    process.stop(identity, spec.marker, grace=0.2)
    stopped = size(trace)
    meanwhile(tmp_path)
    assert size(trace) == stopped
    assert process.descendants(identity, spec.marker) == []


@pytest.mark.parametrize("paused", [False, True])
def test_after_its_supervisor_was_killed_all_is_found_by_the_marker(
    spec: LaunchSpec, tmp_path: Path, paused: bool
) -> None:
    identity = process.launch(spec)
    wait_for(lambda: both_count(tmp_path))
    os.kill(identity.pid, signal.SIGKILL)
    assert end_of(spec) is None
    assert process.adopt(spec.record) is None
    if paused:
        assert process.pause(identity, spec.marker) >= 3
    process.stop(identity, spec.marker)
    assert process.descendants(identity, spec.marker) == []
    left = sizes(tmp_path)
    meanwhile(tmp_path)
    assert sizes(tmp_path) == left


def test_the_supervisor_ignores_the_terminal_and_ends_everything_on_sigterm(spec: LaunchSpec, tmp_path: Path) -> None:
    identity = process.launch(spec)
    wait_for(lambda: both_count(tmp_path))
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGTSTP):
        os.kill(identity.pid, number)
    before = sizes(tmp_path)
    wait_for(lambda: both_count(tmp_path, before))
    os.kill(identity.pid, signal.SIGTERM)
    assert end_of(spec) == -signal.SIGTERM
    assert process.descendants(identity, spec.marker) == []


def test_what_the_command_leaves_behind_is_ended(make: Make, tmp_path: Path) -> None:
    spec = make(ESCAPE.format(file=tmp_path / "away") + f"while [ ! -s {tmp_path}/away ]; do sleep 0.01; done; exit 3")
    identity = process.launch(spec)
    assert end_of(spec) == 3
    assert process.descendants(identity, spec.marker) == []


# --- output ---------------------------------------------------------------------------------------------------------


def test_a_tail_begins_with_a_whole_line_and_is_clean(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_bytes("\x1b[31mrot\x1b[0m\nGrüße\n\x1b[1mlast\x1b[0m\n\n".encode())
    assert process.tail(log) == "rot\nGrüße\nlast"
    assert process.tail(log, lines=2) == "Grüße\nlast"
    for limit in range(15, 24):
        assert process.tail(log, limit_bytes=limit) in ("last", "Grüße\nlast")
    assert process.tail(tmp_path / "none.log") == ""
