"""Looks at the machine: pressure stall information, processes that want a CPU, memory that is left, CPUs there are.

Where the kernel has no PSI the rest is used alone; in a control group with limits of its own those count.
"""

from __future__ import annotations

import math
import os
from contextlib import suppress
from pathlib import Path

from engine.pressure import Load

AVERAGED_OVER = 10.0
GROUPS = Path("sys/fs/cgroup")
RESERVE_AT_LEAST = 512 * 2**20
RESERVE_SHARE, RESERVE_AT_MOST_SHARE = 0.05, 0.25
"""Kept free for what runs already: a share of all memory, but no less than half a gigabyte where that is not much."""


def host_root() -> Path:
    """The folder that /proc and /sys are in; AURORA_HOST_ROOT names another (the host's, in a container)."""
    return Path(os.environ.get("AURORA_HOST_ROOT") or "/")


class Sampler:
    """Looks again and again; `root` is where /proc and /sys are."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._group = own_group(root)
        self._runnable = 0.0
        self._looked: float | None = None

    def look(self, at: float) -> Load:
        """The machine at the moment `at` (seconds of any steady clock)."""
        total, available = self._memory()
        cpu, _ = self._stalls("cpu")
        memory, _ = self._stalls("memory")
        io, io_full = self._stalls("io")
        return Load(
            cpu=cpu,
            memory=memory,
            io=io,
            io_full=io_full,
            runnable=self._average(at),
            available=available,
            reserve=reserve_of(total),
            psi=has_psi(self._root),
        )

    def _stalls(self, resource: str) -> tuple[float, float]:
        """Percent of the last ten seconds in which some waited, and all did; the worse of machine and own group."""
        found = [_pressure(path) for path in psi_files(self._root, self._group, resource)]
        return max((some for some, _ in found), default=0.0), max((full for _, full in found), default=0.0)

    def _average(self, at: float) -> float:
        """Processes that want a CPU, per CPU, averaged over about ten seconds; this one is not counted. What was before
        the first look counts only as far as it lasts: the kernel's own average is over a minute."""
        now = max(0, _running(self._root / "proc/stat") - 1) / cpus(self._root)
        if self._looked is None:
            self._runnable = min(now, _loadavg(self._root / "proc/loadavg") / cpus(self._root))
        else:
            weight = 1.0 - math.exp(-max(0.0, at - self._looked) / AVERAGED_OVER)
            self._runnable += weight * (now - self._runnable)
        self._looked = at
        return self._runnable

    def _memory(self) -> tuple[int, int]:
        """Bytes of memory there are, and that can still be used."""
        fields = _fields(self._root / "proc/meminfo")
        total, available = fields.get("MemTotal:", 0) * 1024, fields.get("MemAvailable:", 0) * 1024
        limit = _number(self._group / "memory.max") if self._group else None
        used = _number(self._group / "memory.current") if self._group and limit else None
        if self._group is None or limit is None or used is None:
            return total, available
        cache = _fields(self._group / "memory.stat").get("inactive_file", 0)
        return min(total, limit), min(available, max(0, limit - used + cache))


def reserve_of(total: int) -> int:
    """How much of `total` bytes of memory is kept for what runs already."""
    return int(min(max(RESERVE_AT_LEAST, RESERVE_SHARE * total), RESERVE_AT_MOST_SHARE * total))


def has_psi(root: Path) -> bool:
    """True when the kernel says how long processes waited."""
    return any(True for _ in psi_files(root, own_group(root), "cpu"))


def psi_files(root: Path, group: Path | None, resource: str) -> list[Path]:
    """The files that tell it: of the machine, and of the control group this process is in."""
    places = [root / "proc/pressure" / resource, *([group / f"{resource}.pressure"] if group else [])]
    return [path for path in places if _readable(path)]


def own_group(root: Path) -> Path | None:
    """The folder of this process' control group (version 2), if it has one below the top."""
    with suppress(OSError):
        for line in (root / "proc/self/cgroup").read_text().splitlines():
            if line.startswith("0::/") and (root / GROUPS / "cgroup.controllers").exists():
                return root / GROUPS / line[4:]
    return None


def cpus(root: Path) -> int:
    """How many CPUs this process may use: those it may run on, as far as its control group pays for them."""
    allowed = len(os.sched_getaffinity(0))
    group = own_group(root)
    with suppress(OSError, ValueError, ZeroDivisionError):
        if group is not None:
            quota, period = (group / "cpu.max").read_text().split()
            if quota != "max":
                return max(1, min(allowed, math.ceil(int(quota) / int(period))))
    return allowed


def _readable(path: Path) -> bool:
    """PSI can be there and switched off: reading then fails."""
    try:
        return bool(path.read_bytes())
    except OSError:
        return False


def _pressure(path: Path) -> tuple[float, float]:
    shares = {"some": 0.0, "full": 0.0}
    with suppress(OSError, ValueError):
        for line in path.read_text().splitlines():
            kind, average, *_ = line.split()
            shares[kind] = float(average.partition("=")[2])
    return shares["some"], shares["full"]


def _running(stat: Path) -> int:
    with suppress(OSError, ValueError):
        for line in stat.read_text().splitlines():
            if line.startswith("procs_running"):
                return int(line.split()[1])
    return 0


def _loadavg(path: Path) -> float:
    """The kernel's own average over a minute, to begin with."""
    with suppress(OSError, ValueError, IndexError):
        return float(path.read_text().split()[0])
    return 0.0


def _fields(path: Path) -> dict[str, int]:
    fields: dict[str, int] = {}
    with suppress(OSError):
        for line in path.read_text().splitlines():
            name, value, *_ = [*line.split(), "", ""]
            if value.isdigit():
                fields[name] = int(value)
    return fields


def _number(path: Path) -> int | None:
    with suppress(OSError, ValueError):
        return int(path.read_text())
    return None
