"""What a shim adds to a command: with a free slot, and for a use that is not heavy."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.benchmark
RUNS = 60


def cost(command: list[str], env: dict[str, str]) -> float:
    taken = []
    for _ in range(RUNS):
        begun = time.perf_counter()
        subprocess.run(command, env=env, check=True)
        taken.append(time.perf_counter() - begun)
    return 1000 * statistics.median(taken)


def test_overhead_of_a_shim(tmp_path: Path) -> None:
    tool = tmp_path / "tools" / "docker"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\nexit 0\n")
    tool.chmod(0o755)
    script = Path(__file__).parent.parent / "agents" / "slot_engine.py"
    engine = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path), "4", "docker build"], stdout=subprocess.PIPE, text=True
    )
    assert engine.stdout is not None
    engine.stdout.readline()
    env = {**os.environ, "PATH": f"{tmp_path}/shims:{tool.parent}:/usr/bin:/bin", "AURORA_SLOTS": f"{tmp_path}/slots"}
    bare = {**env, "PATH": f"{tool.parent}:/usr/bin:/bin"}
    plain = cost(["docker", "build"], bare)
    print(
        f"\nbare {plain:.1f} ms; heavy with a free slot +{cost(['docker', 'build'], env) - plain:.1f} ms; "
        f"not heavy +{cost(['docker', 'ps'], env) - plain:.1f} ms"
    )
    engine.kill()
    engine.communicate()
