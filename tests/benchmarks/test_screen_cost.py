"""What the screen costs under a flood, on a real pty, beside the app one would write first on the very same logs.

Figures with their aims, and ratios against the naive app and a bare Textual app of the same minute; only ratios gate.
`AURORA_FLOOD_MINUTES` makes the memory measurement longer (default 0.5).
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from flood import flood
from pty_terminal import PtyTerminal

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(3600)]
HERE = Path(__file__).parent
AURORA = [sys.executable, "-m", "aurora_tui"]
AGENTS, LINES, TASKS = 16, 500, 1_000
SECONDS = 8.0
MINUTES = float(os.environ.get("AURORA_FLOOD_MINUTES", "0.5"))
NO_SSH = {"SSH_CONNECTION": "", "SSH_CLIENT": "", "SSH_TTY": "", "TMUX": ""}


@dataclass(frozen=True)
class Cost:
    """Percent of one core (main thread, whole process), kB/s to the terminal, MB resident, and key to paint in ms."""

    main: float
    process: float
    output: float
    memory: float
    keys: tuple[float, ...]

    def row(self, name: str) -> str:
        """One line of the table."""
        p50 = statistics.median(self.keys)
        p99 = sorted(self.keys)[int(len(self.keys) * 0.99)]
        return (
            f"{name:<22}{self.main:7.1f} %{self.process:8.1f} %{self.output:9.1f} kB/s{self.memory:7.0f} MB"
            f"{p50:9.1f} ms{p99:9.1f} ms"
        )


HEAD = f"{'':<22}{'UI thread':>9}{'process':>10}{'output':>14}{'memory':>10}{'key p50':>12}{'p99':>12}"


def place() -> Path:
    """A folder in memory where there is one: this measures no disk."""
    shm = Path("/dev/shm")
    return shm if shm.is_dir() and os.access(shm, os.W_OK) else Path("/tmp")


@pytest.fixture
def flooded() -> Iterator[Path]:
    """A fresh repository; removed afterwards with all that runs for it."""
    import shutil
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix="aurora-flood-", dir=place()))
    yield flood(folder, AGENTS, LINES, TASKS)
    for process in psutil.process_iter():
        try:
            if str(folder) in " ".join(process.cmdline()):
                process.kill()
        except psutil.Error:
            continue
    shutil.rmtree(folder, ignore_errors=True)


def measured(terminal: PtyTerminal, keys: Callable[[PtyTerminal], tuple[float, ...]]) -> Cost:
    """What an app costs for some seconds, then how fast it answers keys."""
    main, whole, count, start = (
        terminal.main_thread_seconds(), terminal.cpu_seconds(), terminal.bytes_read, time.monotonic(),
    )  # fmt: skip
    time.sleep(SECONDS)
    seconds = time.monotonic() - start
    return Cost(
        (terminal.main_thread_seconds() - main) / seconds * 100,
        (terminal.cpu_seconds() - whole) / seconds * 100,
        (terminal.bytes_read - count) / seconds / 1000,
        terminal.megabytes(),
        keys(terminal),
    )


def walk_down(first: int, number: int = 300) -> Callable[[PtyTerminal], tuple[float, ...]]:
    """Press `j` again and again: the row that comes under the cursor is painted with its task's name."""

    def keys(terminal: PtyTerminal) -> tuple[float, ...]:
        found = []
        terminal.type("2g")
        time.sleep(1)
        for n in range(first, first + number):
            try:
                found.append(terminal.press("j", rb"t%d(?!\d)" % n) * 1000)
            except AssertionError:
                found.append(3000.0)
            time.sleep(0.05 + 0.013 * (n % 7))
        return tuple(found)

    return keys


def aurora(repo: Path, env: dict[str, str]) -> PtyTerminal:
    """Our app on the flood, with all agents at work and the output of one in view."""
    terminal = PtyTerminal(AURORA, repo, 120, 36, {**NO_SSH, **env})
    terminal.wait_for(b"running")
    time.sleep(10)
    terminal.type("0]")
    time.sleep(1)
    return terminal


def test_under_a_flood(flooded: Path) -> None:
    print(f"\n{AGENTS} agents, {LINES} lines/s each, {TASKS} tasks, 120x36\n{HEAD}")
    with aurora(flooded, {}) as terminal:
        ours = measured(terminal, walk_down(AGENTS + 1))
        print(ours.row("aurora") + "   aims: 30 %, 80 kB/s, p99 20 ms")
        logs = next((flooded / ".git" / "aurora" / "runs").iterdir())
        with PtyTerminal([sys.executable, str(HERE / "naive_app.py"), str(logs), str(TASKS)], flooded) as naive:
            naive.wait_for(b"queued")
            time.sleep(5)
            theirs = measured(naive, walk_down(1, 5))
        print(theirs.row("DataTable + RichLog"))
        start, memory = time.monotonic(), [terminal.megabytes()]
        while time.monotonic() - start < MINUTES * 60:
            time.sleep(5)
            memory.append(terminal.megabytes())
        print(
            f"memory over {MINUTES:g} min of flood: {memory[0]:.0f} MB -> {memory[-1]:.0f} MB (most {max(memory):.0f})"
        )
    assert ours.main < theirs.main / 2
    assert statistics.median(ours.keys) < statistics.median(theirs.keys)
    assert max(memory) < memory[0] + 60


def test_under_a_flood_over_ssh(flooded: Path) -> None:
    with aurora(flooded, {"SSH_CONNECTION": "10.0.0.1 1 10.0.0.2 22"}) as terminal:
        far = measured(terminal, walk_down(AGENTS + 1))
        print(f"\n{HEAD}\n" + far.row("aurora over SSH") + "   aim: 12 kB/s")
        assert far.output < 40


def test_the_first_frame_beside_a_bare_apps(flooded: Path) -> None:
    times: dict[str, list[float]] = {"bare Textual app": [], "aurora": []}
    commands = {
        "bare Textual app": ([sys.executable, str(HERE / "naive_app.py"), "bare"], b"first frame"),
        "aurora": ([*AURORA, "attach"], b"starting the engine"),
    }
    for _ in range(7):
        for name, (command, shows) in commands.items():
            with PtyTerminal(command, flooded, env=NO_SSH) as terminal:
                times[name].append(terminal.wait_for(shows) - terminal.started)
    for name, found in times.items():
        print(f"{name:<22}first frame: median {statistics.median(found):.3f} s, best {min(found):.3f} s")
    extra = statistics.median(times["aurora"]) - statistics.median(times["bare Textual app"])
    print(f"difference of the medians: {extra:+.3f} s (aim: at most 0.15)")
    assert extra < statistics.median(times["bare Textual app"])


def test_an_idle_screen_costs_nothing(tmp_path: Path) -> None:
    root = flood(tmp_path, 1, 1, 1)
    plan = "agents: {s: {command: 'echo x > f0.txt'}}\ntasks:\n  - {id: t0, prompt: do, files: [f0.txt]}\n"
    (root / "aurora.yaml").write_text(plan)
    subprocess.run(["git", "-c", "user.name=D", "-c", "user.email=d@e", "commit", "-qam", "idle"], cwd=root, check=True)
    with PtyTerminal(AURORA, root, env=NO_SSH) as terminal:
        terminal.wait_for(b"all 1 task landed")
        time.sleep(12)
        count, cpu = terminal.bytes_read, terminal.cpu_seconds()
        time.sleep(SECONDS)
        written, share = terminal.bytes_read - count, (terminal.cpu_seconds() - cpu) / SECONDS * 100
    print(f"\nidle: {written / SECONDS:.1f} bytes/s (aim 0), {share:.2f} % CPU (aim 1)")
    assert written == 0
