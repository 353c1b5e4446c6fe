"""Engines that end, are killed and come again while their slots are held and waited for."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

import pytest
from slot_yard import Yard, finish, wait_for

from engine.supervisor import start_ticks

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
