"""What the pre-edit hook adds to one edit, beside a bare start of the interpreter. Figures, no gates."""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import write_hook
from engine.write_door import WriteDoor

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(600)]
ROUNDS = int(os.environ.get("AURORA_BENCH_ROUNDS", "200"))


@pytest.fixture
def door(tmp_path: Path) -> Iterator[WriteDoor]:
    """A door behind which everything is allowed."""
    loop = asyncio.new_event_loop()
    made = WriteDoor(
        tmp_path / "hooks", lambda question: made.answer(question.ask, True, ""), lambda question, gone: None
    )
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(made.open(), loop).result()
    yield made
    loop.call_soon_threadsafe(made.close)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def test_what_the_hook_costs(door: WriteDoor, tmp_path: Path) -> None:
    python = [sys.executable, "-I", "-S"]
    told = [str(door.folder), "auth", "1", str(tmp_path), "60"]
    edit = json.dumps({"tool_name": "Write", "cwd": str(tmp_path), "tool_input": {"file_path": "a.py", "content": "x"}})
    shell = json.dumps({"tool_name": "Bash", "cwd": str(tmp_path), "tool_input": {"command": "ls"}})
    cases = {
        "sh": (["sh", "-c", ":"], ""),
        "bare interpreter": ([*python, "-c", "pass"], ""),
        "hook, an edit": ([*python, write_hook.__file__, "claude", *told], edit),
        "hook, a command": ([*python, write_hook.__file__, "claude", *told], shell),
    }
    taken: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(ROUNDS):
        for name, (command, said) in cases.items():
            begun = time.perf_counter()
            subprocess.run(command, input=said, text=True, check=True)
            taken[name].append(1000 * (time.perf_counter() - begun))
    print()
    for name, times in taken.items():
        print(f"{name:17} p50 {statistics.median(times):5.1f} ms, p95 {statistics.quantiles(times, n=20)[-1]:5.1f} ms")
