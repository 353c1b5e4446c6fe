"""Looking at a machine: what the kernel's files say, also where some are missing or a control group sets limits."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.job_clients import style_of
from engine.pressure import FREE, judge
from engine.sampling import Sampler, cpus, own_group, reserve_of

GIB = 2**30


def machine(root: Path, **files: str) -> Path:
    """A folder with /proc and /sys as given; `__` stands for a slash, `_DOT_` for a dot."""
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("_DOT_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def stalls(some: float, full: float) -> str:
    return f"some avg10={some} avg60=1.00 avg300=2.00 total=5\nfull avg10={full} avg60=0.00 avg300=0.00 total=1\n"


def test_the_figures_of_a_machine_with_psi(tmp_path: Path) -> None:
    root = machine(
        tmp_path,
        proc__pressure__cpu=stalls(61.5, 0),
        proc__pressure__memory=stalls(3.25, 1),
        proc__pressure__io=stalls(40, 22.5),
        proc__meminfo="MemTotal: 8388608 kB\nMemFree: 1 kB\nMemAvailable: 4194304 kB\n",
        proc__loadavg="6.0 1.0 1.0 2/100 4242\n",
        proc__stat="cpu 1 2 3\nprocs_running 9\n",
    )
    sampler = Sampler(root)
    load = sampler.look(0.0)
    assert (load.cpu, load.memory, load.io, load.io_full, load.psi) == (61.5, 3.25, 40.0, 22.5, True)
    assert (load.available, load.reserve) == (4 * GIB, 512 * 2**20)
    assert load.runnable == 6.0 / cpus(root), "the kernel's average, to begin with"
    later = sampler.look(1000.0)
    assert later.runnable == pytest.approx(8 / cpus(root)), "nine want a CPU, this process among them"


def test_a_storm_that_is_over_when_the_first_look_comes_holds_nothing(tmp_path: Path) -> None:
    root = machine(tmp_path, proc__loadavg="400.0", proc__stat="procs_running 1\n")
    assert judge(FREE, Sampler(root).look(0.0)) == FREE


def test_a_machine_without_psi_is_judged_by_load_and_memory(tmp_path: Path) -> None:
    root = machine(tmp_path, proc__loadavg="1.0", proc__stat="procs_running 4000\n")
    sampler = Sampler(root)
    assert not sampler.look(0.0).psi
    load = sampler.look(100.0)
    assert load.runnable > 25 or cpus(root) > 100
    assert judge(FREE, load).heavy == ("the machine is short of CPU" if cpus(root) <= 100 else "")


def test_a_machine_that_tells_nothing_is_calm(tmp_path: Path) -> None:
    assert judge(FREE, Sampler(tmp_path).look(0.0)) == FREE


def test_a_control_group_counts_with_its_own_limits(tmp_path: Path) -> None:
    group = "sys__fs__cgroup__box__"
    root = machine(
        tmp_path,
        proc__self__cgroup="0::/box\n",
        sys__fs__cgroup__cgroup_DOT_controllers="cpu memory\n",
        proc__pressure__cpu=stalls(5, 0),
        proc__meminfo=f"MemTotal: {64 * 2**20} kB\nMemAvailable: {60 * 2**20} kB\n",
        **{
            f"{group}cpu_DOT_pressure": stalls(90, 0),
            f"{group}cpu_DOT_max": "50000 100000\n",
            f"{group}memory_DOT_max": f"{2 * GIB}\n",
            f"{group}memory_DOT_current": f"{GIB + GIB // 2}\n",
            f"{group}memory_DOT_stat": f"anon 1\ninactive_file {GIB // 4}\n",
        },
    )
    assert own_group(root) == root / "sys/fs/cgroup/box"
    load = Sampler(root).look(0.0)
    assert load.cpu == 90.0
    assert load.available == 3 * GIB // 4
    assert load.reserve == GIB // 2
    assert cpus(root) == 1


def test_cpus_are_those_the_process_may_use(tmp_path: Path) -> None:
    assert cpus(tmp_path) == len(os.sched_getaffinity(0))


@pytest.mark.parametrize(("total", "reserve"), [(GIB, GIB // 4), (8 * GIB, 512 * 2**20), (100 * GIB, 5 * GIB), (0, 0)])
def test_the_reserve_of_memory_grows_with_it(total: int, reserve: int) -> None:
    assert reserve_of(total) == pytest.approx(reserve, abs=1)


@pytest.mark.parametrize(
    ("program", "line", "style"),
    [
        ("make", "GNU Make 4.3", "pipe"),
        ("make", "GNU Make 4.2.1", "pipe"),
        ("make", "GNU Make 4.4.1", "fifo"),
        ("make", "GNU Make 5.0", "fifo"),
        ("make", "GNU Make 4.1", ""),
        ("make", "GNU Make 3.81", ""),
        ("make", "usage: make [-j]", ""),
        ("ninja", "1.11.1", ""),
        ("ninja", "1.13.0", "fifo"),
        ("ninja", "1.13.2.git.kitware.jobserver-pipe-1", "fifo"),
        ("cargo", "cargo 1.80.0 (abc 2024-01-01)", "fifo"),
    ],
)
def test_which_programs_can_share_and_how(program: str, line: str, style: str) -> None:
    assert style_of(program, line) == style
