"""Commands of the engine itself: whatever ends them, nothing of them is left."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from project import wait_for
from runaway import COUNT, ESCAPE, both_count, size

from engine import process
from engine.command import LEFT_OUT, MOST_OUTPUT, CommandResult, run_command


async def run(script: str, folder: Path, limit: float | None = None) -> CommandResult:
    log, marker = folder / "logs" / "out.log", f"c-{folder.name}"
    return await run_command(script, cwd=folder, env=dict(os.environ), log=log, marker=marker, time_limit=limit)


def nobody_left(folder: Path) -> bool:
    """True when no process of a command is left, and no file but its log."""
    marked = [p.pid for p in psutil.process_iter() if f"c-{folder.name}" in _marker_of(p)]
    files = [file.name for file in (folder / "logs").iterdir()]
    return not marked and files == ["out.log"]


def _marker_of(one: psutil.Process) -> str:
    try:
        return one.environ().get("AURORA_AGENT", "")
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return ""


def test_a_command_gives_its_code_and_output(tmp_path: Path) -> None:
    result = asyncio.run(run("echo one; echo two >&2; exit 5", tmp_path))
    assert (result.code, result.timed_out) == (5, False)
    assert result.seconds > 0
    asyncio.run(run("echo three", tmp_path))
    assert process.tail(tmp_path / "logs" / "out.log") == "one\ntwo\nthree"
    assert nobody_left(tmp_path)


def test_a_command_over_its_time_is_ended_with_its_tree(tmp_path: Path) -> None:
    result = asyncio.run(run(ESCAPE.format(file=tmp_path / "away") + "sleep 300", tmp_path, 0.4))
    assert result.timed_out
    assert 0.4 <= result.seconds < 10
    assert size(tmp_path / "away")
    assert nobody_left(tmp_path)


@pytest.mark.parametrize("times", [1, 3])
def test_cancelling_a_command_ends_its_tree_first(tmp_path: Path, times: int) -> None:
    async def cancelled() -> None:
        running = asyncio.ensure_future(run(ESCAPE.format(file=tmp_path / "away") + "sleep 300", tmp_path))
        await asyncio.to_thread(wait_for, lambda: size(tmp_path / "away"))
        for _ in range(times):
            running.cancel()
            await asyncio.sleep(0)
        with pytest.raises(asyncio.CancelledError):
            await running
        assert nobody_left(tmp_path)

    asyncio.run(cancelled())


def test_a_command_cancelled_while_it_starts_leaves_nothing(tmp_path: Path) -> None:
    async def cancelled() -> None:
        running = asyncio.ensure_future(run(f"touch {tmp_path}/ran; sleep 300", tmp_path))
        await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert nobody_left(tmp_path)

    asyncio.run(cancelled())


def test_a_loop_goes_on_while_a_command_is_ended(tmp_path: Path) -> None:
    async def ticks_while_cancelling() -> int:
        running = asyncio.ensure_future(run(f"trap '' TERM; touch {tmp_path}/up; sleep 1 & wait; sleep 0.3", tmp_path))
        await asyncio.to_thread(wait_for, (tmp_path / "up").exists)
        running.cancel()
        ticks = 0
        while not running.done():
            await asyncio.sleep(0.01)
            ticks += 1
        return ticks

    assert asyncio.run(ticks_while_cancelling()) > 5


def test_a_killed_supervisor_of_a_command_takes_its_tree_with_it(tmp_path: Path) -> None:
    before = psutil.Process().children()

    async def killed() -> CommandResult:
        running = asyncio.ensure_future(run(ESCAPE.format(file=tmp_path / "away") + "sleep 300", tmp_path))
        await asyncio.to_thread(wait_for, lambda: size(tmp_path / "away"))
        next(child for child in psutil.Process().children() if child not in before).kill()
        return await running

    result = asyncio.run(killed())
    assert (result.code, result.timed_out) == (-signal.SIGKILL, False)
    assert nobody_left(tmp_path)


def test_a_command_dies_with_the_engine(tmp_path: Path) -> None:
    code = (
        "import asyncio, os, sys; from pathlib import Path; from engine.command import run_command\n"
        "here, script = Path(sys.argv[1]), sys.argv[2]\n"
        "log, env = here / 'out.log', dict(os.environ)\n"
        "asyncio.run(run_command(script, cwd=here, env=env, log=log, marker='life', time_limit=None))\n"
    )
    script = ESCAPE.format(file=tmp_path / "away") + COUNT.format(file=tmp_path / "count")
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path), script]) as engine:
        wait_for(lambda: both_count(tmp_path))
        commands = psutil.Process(engine.pid).children(recursive=True)
        assert len(commands) > 3
        engine.kill()
    wait_for(lambda: not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in commands))


def test_of_very_much_output_the_middle_is_left_out_while_it_runs(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "out.log"
    flood = f"echo begin; yes 0123456789 | head -c {MOST_OUTPUT}; echo last of it"
    wait = f"while [ $(stat -c %s {log}) -gt {MOST_OUTPUT // 2} ]; do sleep 0.05; done; echo the end"
    result = asyncio.run(run(f"{flood}; {wait}", tmp_path, 30))
    assert (result.code, result.timed_out) == (0, False)
    assert size(log) < MOST_OUTPUT // 2
    text = log.read_text()
    assert text.startswith("begin\n0123456789\n")
    assert LEFT_OUT.decode() in text
    assert text.endswith("last of it\nthe end\n")


def test_much_output_at_the_very_end_is_cut_too(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "out.log"
    asyncio.run(run(f"head -c {2 * MOST_OUTPUT} /dev/zero | tr '\\0' '\\n'; echo the end", tmp_path, 30))
    assert size(log) < MOST_OUTPUT // 2
    assert process.tail(log, lines=1) == "the end"


def test_a_flood_of_output_does_not_block(tmp_path: Path) -> None:
    result = asyncio.run(run("yes 0123456789 | head -c 20000000", tmp_path, 30))
    assert result.code == 0
    assert size(tmp_path / "logs" / "out.log") == 20_000_000
    assert process.tail(tmp_path / "logs" / "out.log", lines=3) == "0123456789\n0123456789\n012345678"
