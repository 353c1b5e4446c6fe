"""Supervisors, adoption, pause and stop: real processes that try to get away."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from project import wait_for

from engine import process
from engine.command import run_command
from engine.process import Identity, LaunchSpec

ESCAPE = "setsid sh -c 'sh -c \"while :; do echo x >> {file}; sleep 0.01; done\" & exec sleep 300' & "


@pytest.fixture
def spec(tmp_path: Path) -> Iterator[LaunchSpec]:
    """A command that counts in `count`, itself and from a session of its own by a double fork."""
    script = ESCAPE.format(file=tmp_path / "away") + f"while :; do echo x >> {tmp_path / 'count'}; sleep 0.01; done"
    made = LaunchSpec(
        tmp_path / "r1" / "a.1", ("/bin/sh", "-c", script), tmp_path, dict(os.environ), f"m-{tmp_path.name}"
    )
    yield made
    identity = process.recorded(made.record)
    if identity is not None:
        process.stop(identity, made.marker, grace=0.1)
        if identity.alive():
            os.kill(identity.pid, signal.SIGKILL)


def size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def both_count(folder: Path) -> bool:
    return size(folder / "count") > 4 and size(folder / "away") > 4


def test_pause_stops_everything_also_what_escaped_and_resume_lets_it_go_on(spec: LaunchSpec, tmp_path: Path) -> None:
    identity = process.launch(spec)
    wait_for(lambda: both_count(tmp_path))
    assert process.pause(identity, spec.marker) >= 3
    stopped = process.descendants(identity, spec.marker)
    wait_for(lambda: all(p.status() == psutil.STATUS_STOPPED for p in stopped))
    before = size(tmp_path / "count"), size(tmp_path / "away")
    assert (size(tmp_path / "count"), size(tmp_path / "away")) == before
    process.resume(identity, spec.marker)
    wait_for(lambda: size(tmp_path / "count") > before[0] and size(tmp_path / "away") > before[1])


def test_stop_leaves_no_descendant_and_the_end_is_recorded(spec: LaunchSpec, tmp_path: Path) -> None:
    identity = process.launch(spec)
    wait_for(lambda: both_count(tmp_path))
    process.pause(identity, spec.marker)
    process.stop(identity, spec.marker)
    assert process.descendants(identity, spec.marker) == []
    wait_for(lambda: process.exit_record(spec.record))
    ended = process.exit_record(spec.record)
    assert ended is not None
    assert ended.code == -signal.SIGTERM


def test_a_command_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    script = f"trap '' TERM; touch {tmp_path}/up; while :; do sleep 0.05; done"
    spec = LaunchSpec(
        tmp_path / "deaf.1", ("/bin/sh", "-c", script), tmp_path, dict(os.environ), f"deaf-{tmp_path.name}"
    )
    identity = process.launch(spec)
    wait_for((tmp_path / "up").exists)
    process.stop(identity, spec.marker, grace=0.3)
    assert process.descendants(identity, spec.marker) == []


def test_after_the_supervisor_was_killed_the_marker_still_finds_everything(spec: LaunchSpec, tmp_path: Path) -> None:
    identity = process.launch(spec)
    wait_for(lambda: both_count(tmp_path))
    os.kill(identity.pid, signal.SIGKILL)
    wait_for(lambda: not identity.alive())
    assert process.adopt(spec.record) is None
    assert process.descendants(identity, spec.marker)
    process.stop(identity, spec.marker, grace=1.0)
    assert process.descendants(identity, spec.marker) == []


def test_launching_twice_at_once_starts_one(spec: LaunchSpec, tmp_path: Path) -> None:
    found: list[Identity] = []
    threads = [threading.Thread(target=lambda: found.append(process.launch(spec))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert len(found) == 8
    wait_for(lambda: both_count(tmp_path))
    running = [
        p.info["pid"] for p in psutil.process_iter(["pid", "cmdline"]) if str(spec.record) in (p.info["cmdline"] or ())
    ]
    wait_for(lambda: [pid for pid in running if psutil.pid_exists(pid) and pid != found[0].pid] == [])
    assert found[0].alive()


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
    adopted = process.adopt(tmp_path / "a.1")
    assert adopted is not None
    (tmp_path / "go").touch()
    ended = asyncio.run(process.wait_exit(adopted, tmp_path / "a.1"))
    assert ended is not None
    assert ended.code == 7
    assert process.tail(tmp_path / "a.1.log") == "done"
    assert (
        process.launch(LaunchSpec(tmp_path / "a.1", ("/bin/false",), tmp_path, dict(os.environ), "kept")) == adopted
    ), "a recorded attempt is never started again"


def test_a_reused_pid_is_not_mistaken() -> None:
    me = psutil.Process()
    ticks = process.supervisor.start_ticks(me.pid)
    assert Identity(me.pid, ticks, process.supervisor.boot_id()).alive()
    assert not Identity(me.pid, ticks + 1, process.supervisor.boot_id()).alive()
    assert not Identity(me.pid, ticks, "another boot").alive()


def test_what_the_command_leaves_behind_is_ended(tmp_path: Path) -> None:
    script = ESCAPE.format(file=tmp_path / "away") + f"while [ ! -s {tmp_path}/away ]; do sleep 0.01; done; exit 3"
    spec = LaunchSpec(tmp_path / "a.1", ("/bin/sh", "-c", script), tmp_path, dict(os.environ), f"left-{tmp_path.name}")
    identity = process.launch(spec)
    ended = asyncio.run(process.wait_exit(identity, spec.record))
    assert ended is not None
    assert ended.code == 3
    assert process.descendants(identity, spec.marker) == []


def test_a_missing_program_is_an_exit_not_an_accident(tmp_path: Path) -> None:
    spec = LaunchSpec(tmp_path / "a.1", ("/no/such/agent",), tmp_path, dict(os.environ), "none")
    ended = asyncio.run(process.wait_exit(process.launch(spec), spec.record))
    assert ended is not None
    assert ended.code == 127
    assert "No such file" in process.tail(tmp_path / "a.1.log")


# --- commands -----------------------------------------------------------------------------------------------------


def run(script: str, folder: Path, limit: float | None = None) -> object:
    return run_command(
        script, cwd=folder, env=dict(os.environ), log=folder / "out.log", marker=f"c-{folder.name}", time_limit=limit
    )


def nobody_left(folder: Path) -> bool:
    return not process._marked(f"c-{folder.name}") and not list(folder.glob(".out.log.*"))


def test_a_command_gives_its_code_and_output(tmp_path: Path) -> None:
    result = asyncio.run(run("echo one; echo two >&2; exit 5", tmp_path))  # type: ignore[arg-type]
    assert result.code == 5
    assert not result.timed_out
    assert process.tail(tmp_path / "out.log") == "one\ntwo"
    assert nobody_left(tmp_path)


def test_a_command_over_its_time_is_ended_with_its_tree(tmp_path: Path) -> None:
    script = ESCAPE.format(file=tmp_path / "away") + "sleep 300"
    result = asyncio.run(run(script, tmp_path, 0.5))  # type: ignore[arg-type]
    assert result.timed_out
    before = size(tmp_path / "away")
    assert size(tmp_path / "away") == before
    assert nobody_left(tmp_path)


def test_cancelling_a_command_ends_its_tree_first(tmp_path: Path) -> None:
    async def cancelled() -> None:
        script = ESCAPE.format(file=tmp_path / "away") + "sleep 300"
        running = asyncio.ensure_future(run(script, tmp_path))  # type: ignore[arg-type]
        await asyncio.to_thread(wait_for, lambda: size(tmp_path / "away"))
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(cancelled())
    assert nobody_left(tmp_path)


def test_a_command_dies_with_the_engine(tmp_path: Path) -> None:
    code = (
        "import asyncio, os, sys; from pathlib import Path; from engine.command import run_command\n"
        "here = Path(sys.argv[1])\n"
        "script = 'while :; do echo x >> count; sleep 0.01; done'\n"
        "log, env = here / 'out.log', dict(os.environ)\n"
        "asyncio.run(run_command(script, cwd=here, env=env, log=log, marker='life', time_limit=None))\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)]) as engine:
        wait_for(lambda: size(tmp_path / "count") > 4)
        commands = psutil.Process(engine.pid).children(recursive=True)
        assert commands
        engine.kill()
    wait_for(lambda: not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in commands))


def test_a_flood_of_output_does_not_block(tmp_path: Path) -> None:
    result = asyncio.run(run("yes 0123456789 | head -c 20000000", tmp_path, 30))  # type: ignore[arg-type]
    assert result.code == 0
    assert size(tmp_path / "out.log") == 20_000_000
    assert process.tail(tmp_path / "out.log").count("\n") == 59
