"""Six agents that run `make -j` on the same C sources at once: with and without slots, jobserver and guard.

AURORA_C_SOURCE names a folder with a Makefile (for example that of Debian's source package of Lua 5.4, unpacked), and
AURORA_C_TARGET its target. Figures and ratios against no measure at all, no gates.
"""

from __future__ import annotations

import os
import statistics
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from project import CALM, Project

from engine.pressure import FREE, Load, Pressed, judge
from engine.sampling import Sampler

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(900)]
SOURCE = os.environ.get("AURORA_C_SOURCE", "")
TARGET = os.environ.get("AURORA_C_TARGET", "")
AGENTS = int(os.environ.get("AURORA_BENCH_AGENTS", "6"))
OFF = {"heavy": [], "max_concurrency": AGENTS, "jobserver": False}
CASES: dict[str, tuple[dict[str, object], bool]] = {
    "nothing": (OFF, False),
    "slots": ({"max_concurrency": 4, "jobserver": False}, False),
    "jobserver": ({"max_concurrency": AGENTS}, False),
    "slots, jobserver": ({"max_concurrency": 4}, False),
    "slots, jobserver, guard": ({"max_concurrency": 4}, True),
    "guard": ({"max_concurrency": AGENTS, "jobserver": False}, True),
}


@dataclass
class Watch:
    """Looks at the machine ten times a second: compilers at work, processes that want a CPU, memory in use; every two
    seconds with the guard's eyes: what it would hold back."""

    compilers: list[int] = field(default_factory=list)
    wanting: list[int] = field(default_factory=list)
    free: list[int] = field(default_factory=list)
    load: list[float] = field(default_factory=list)
    seen: list[Load] = field(default_factory=list)
    judged: list[Pressed] = field(default_factory=list)
    _sampler: Sampler = field(default_factory=lambda: Sampler(Path("/")))
    _over: threading.Event = field(default_factory=threading.Event)

    def look(self) -> None:
        self.compilers.append(sum(_name(path) == "cc1" for path in Path("/proc").glob("[0-9]*/comm")))
        words = Path("/proc/loadavg").read_text().split()
        self.wanting.append(int(words[3].partition("/")[0]))
        self.load.append(float(words[0]))
        meminfo = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
        self.free.append(int(meminfo["MemAvailable"].split()[0]))
        if len(self.free) % 20 == 1:
            self.seen.append(self._sampler.look(time.monotonic()))
            self.judged.append(judge(self.judged[-1] if self.judged else FREE, self.seen[-1]))

    def __enter__(self) -> Watch:
        self.look()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def _run(self) -> None:
        while not self._over.wait(0.1):
            self.look()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


def _name(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


@pytest.mark.skipif(not SOURCE, reason="AURORA_C_SOURCE names no folder of C sources")
@pytest.mark.parametrize("case", CASES)
def test_six_builds_at_once(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings, guard = CASES[case]
    if guard:
        monkeypatch.setenv(CALM, "/")
    project = Project(tmp_path)
    build = f"cp -r {SOURCE} src && make -s -j -C src {TARGET} && rm -rf src && echo built > $AURORA_TASK.txt"
    names = [f"t{n}" for n in range(AGENTS)]
    project.plan([{"id": name, "run": build, "files": [f"{name}.txt"]} for name in names], workers=AGENTS, **settings)
    begun = time.monotonic()
    try:
        with Watch() as watch:
            project.run()
        seconds = time.monotonic() - begun
        assert project.files() >= {f"{name}.txt" for name in names}
    finally:
        project.kill_everything()
    memory = (watch.free[0] - min(watch.free)) / 1e6
    print(
        f"\n{case:26} {seconds:6.1f} s   compilers at once: {max(watch.compilers):3} at most, "
        f"{statistics.mean(watch.compilers):5.1f} on average   want a CPU: {max(watch.wanting):3} at most   "
        f"load {watch.load[0]:.1f} → {max(watch.load):.1f}   memory {memory:.2f} GB more"
    )
    per_cpu, waited = [load.runnable for load in watch.seen], [load.cpu for load in watch.seen]
    held = [
        sum(bool(words) for words in found) / len(watch.judged)
        for found in zip(*((one.heavy, one.workers) for one in watch.judged), strict=True)
    ]
    print(
        f"{'':26} per CPU: {statistics.mean(per_cpu):.1f} on average, {max(per_cpu):.1f} at most   PSI: "
        f"{statistics.mean(waited):.0f} % on average, {max(waited):.0f} % at most   "
        f"held: heavy commands {held[0]:.0%}, agents {held[1]:.0%} of the time"
    )
