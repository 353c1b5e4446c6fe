"""What a shim costs beside the bare program, measured in turns in the same minute. Figures and ratios, no gates."""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.heavy import SlotServer, write_shims
from engine.heavy_commands import DEFAULT_HEAVY

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(600)]
ROUNDS = int(os.environ.get("AURORA_BENCH_ROUNDS", "200"))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SlotServer]:
    """An engine that has a slot for everybody."""
    loop = asyncio.new_event_loop()
    made = SlotServer(tmp_path / "slots", lambda ask: made.grant(ask.slot), lambda slot: None)
    loop.call_soon(made.start, loop)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield made
    loop.call_soon_threadsafe(made.close)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def once(command: list[str], env: dict[str, str]) -> float:
    begun = time.perf_counter()
    subprocess.run(command, env=env, check=True)
    return 1000 * (time.perf_counter() - begun)


def test_what_a_shim_costs(server: SlotServer, tmp_path: Path) -> None:
    shims, programs = tmp_path / "shims", tmp_path / "bin"
    write_shims(shims, DEFAULT_HEAVY)
    programs.mkdir()
    (programs / "docker").symlink_to("/bin/true")
    path = f"{programs}:{os.environ['PATH']}"
    bare = {**os.environ, "PATH": path}
    shimmed = {**bare, "PATH": f"{shims}:{path}"}
    cases = {
        "bare": (["docker", "build"], bare),
        "light use": (["docker", "ps"], {**shimmed, **server.environment("auth")}),
        "heavy, slot free": (["docker", "build"], {**shimmed, **server.environment("auth")}),
        "heavy, no engine": (["docker", "build"], shimmed),
    }
    taken: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(ROUNDS):
        for name, (command, env) in cases.items():
            taken[name].append(once(command, env))
    floor = statistics.median(taken["bare"])
    print(f"\nmedian of {ROUNDS} runs; bare program {floor:.2f} ms")
    for name, times in taken.items():
        middle, worst = statistics.median(times), statistics.quantiles(times, n=20)[-1]
        print(
            f"{name:17} +{middle - floor:5.2f} ms, {middle / floor:4.1f} times the bare one; 95 % under {worst:.1f} ms"
        )
