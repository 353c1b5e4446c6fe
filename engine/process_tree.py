"""Finding, pausing and ending every process of an attempt: own sessions and double forks too. Blocking, for threads.

A process is known by pid, start time and boot, never by pid alone. What belongs to an attempt is found through its
supervisor's descendants and by the marker `AURORA_AGENT` in the environment, so also when the supervisor is gone.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import psutil

from engine import supervisor

MARKER = "AURORA_AGENT"
POLL = 0.02
EXEC_POLL = 0.001
BEGIN_LIMIT = 2.0
STOP_LIMIT = 2.0
EXEC_LIMIT = 1.0
KERNEL_THREAD = 0x00200000
"""The flag of a thread of the kernel in /proc/PID/stat."""
NOT_RUNNING = (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP, psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)


@dataclass(frozen=True, slots=True)
class Identity:
    """One process for all time: pid, start in clock ticks since boot, boot id."""

    pid: int
    start_ticks: int
    boot_id: str

    def alive(self) -> bool:
        """True while exactly this process runs."""
        try:
            fields = supervisor.stat_fields(self.pid)
        except OSError:
            return False
        return fields[0] != b"Z" and int(fields[19]) == self.start_ticks and self.boot_id == supervisor.boot_id()


def descendants(identity: Identity, marker: str) -> list[psutil.Process]:
    """Everything that belongs to an attempt, parents before their children, without its supervisor."""
    return _in_order(_seen(identity, marker))


def _seen(identity: Identity, marker: str) -> set[int]:
    """The ids of everything that belongs to an attempt, some of which may be gone by now."""
    marked = _marked(marker)
    roots = {identity.pid, *marked} if identity.alive() else marked
    return (marked | supervisor.children_of(roots)) - {identity.pid}


def _in_order(pids: set[int]) -> list[psutil.Process]:
    processes = [process for pid in pids if (process := _running(pid)) is not None]
    return sorted(processes, key=lambda process: (process.create_time(), process.pid))


def _marked(marker: str) -> set[int]:
    wanted = f"{MARKER}={marker}".encode()
    return {pid for pid in supervisor.every_process() if wanted in _environment(pid)}


def _environment(pid: int) -> list[bytes]:
    """A process's environment; one that is just becoming another program has none for a moment, which is waited for."""
    deadline = time.monotonic() + EXEC_LIMIT
    try:
        while True:
            with open(f"/proc/{pid}/environ", "rb") as file:
                found = file.read()
            if found or _has_none(pid) or time.monotonic() > deadline:
                return found.split(b"\0")
            time.sleep(0)
    except OSError:
        return []


def _has_none(pid: int) -> bool:
    """Whether a process really has no environment: it has ended, is the kernel's own, or was started with an empty one.
    Another one that could not be read is in the middle of becoming a program: its new memory has no environment yet."""
    fields = supervisor.stat_fields(pid)
    if fields[0] in (b"Z", b"X") or int(fields[6]) & KERNEL_THREAD:
        return True
    begin, end = int(fields[47]), int(fields[48])
    return 0 < begin == end and _still_has_none(pid)


def _still_has_none(pid: int) -> bool:
    """A program that is just being started looks empty for a moment: its environment is counted last."""
    time.sleep(EXEC_POLL)
    fields = supervisor.stat_fields(pid)
    return 0 < int(fields[47]) == int(fields[48])


def _running(pid: int) -> psutil.Process | None:
    try:
        process = psutil.Process(pid)
        return process if process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None


def listening(identity: Identity, marker: str) -> frozenset[int]:
    """The TCP ports the processes of an attempt listen on, as far as the system tells."""
    ports: set[int] = set()
    for process in descendants(identity, marker):
        with suppress(psutil.Error, OSError):
            found = process.net_connections(kind="tcp")
            ports.update(one.laddr.port for one in found if one.status == psutil.CONN_LISTEN)
    return frozenset(ports)


def pause(identity: Identity, marker: str) -> int:
    """Stop every process of an attempt, to a fixpoint; how many. The supervisor itself goes on.

    Parents first, and `resume` children first: a shell with job control never sees its child stopped. An attempt that
    is just being started is waited for, so that it cannot slip through. Where one was gone before it could be stopped,
    a child may have taken its place: then whoever is seen is stopped at sight.
    """
    stopped: set[psutil.Process] = set()
    deadline = time.monotonic() + BEGIN_LIMIT
    empty_looks = 0
    while empty_looks < 2 or (not stopped and identity.alive() and time.monotonic() < deadline):
        seen = _seen(identity, marker)
        new = [process for process in _in_order(seen) if process not in stopped]
        for process in new:
            _freeze(process)
        stopped.update(new)
        fled = seen - {process.pid for process in stopped}
        if fled:
            stopped.update(_frozen_at_sight(marker))
        empty_looks = 0 if new or fled else empty_looks + 1
        if not stopped:
            time.sleep(POLL)
    return len(stopped)


def _frozen_at_sight(marker: str) -> list[psutil.Process]:
    wanted, frozen = f"{MARKER}={marker}".encode(), []
    for pid in supervisor.every_process():
        if wanted in _environment(pid) and (process := _running(pid)) is not None:
            _freeze(process)
            frozen.append(process)
    return frozen


def _freeze(process: psutil.Process) -> None:
    """SIGSTOP, and wait until it has taken effect (a process in the middle of a disk access takes it later)."""
    deadline = time.monotonic() + STOP_LIMIT
    if _send(process, signal.SIGSTOP):
        while (status := _status(process)) not in NOT_RUNNING and time.monotonic() < deadline:
            time.sleep(0 if status == psutil.STATUS_RUNNING else 0.001)


def _status(process: psutil.Process) -> str:
    try:
        return str(process.status())
    except psutil.NoSuchProcess:
        return psutil.STATUS_DEAD


def resume(identity: Identity, marker: str) -> int:
    """Let every process of an attempt go on; how many."""
    processes = descendants(identity, marker)
    for process in reversed(processes):
        _send(process, signal.SIGCONT)
    return len(processes)


def stop(identity: Identity, marker: str, grace: float = 5.0) -> None:
    """Terminate an attempt's processes, kill after `grace` seconds what is left, until there is none.

    Then its supervisor has ended too (and written the exit record, unless it was killed before).
    """
    _end(lambda: _seen(identity, marker), grace, marker)
    _end(lambda: _itself(identity), max(grace, 2 * supervisor.GRACE))
    _end(lambda: _seen(identity, marker), 0.0, marker)


def _itself(identity: Identity) -> set[int]:
    return {identity.pid} if identity.alive() else set()


def _end(look: Callable[[], set[int]], grace: float, marker: str = "") -> None:
    """Ask each process once to end, kill what is left after `grace` seconds; those out of reach are left alone.

    One that was seen and is gone before it can be signalled may have left a child: only two looks that see nobody mean
    that none is left. Who cannot be caught otherwise is killed at sight.
    """
    deadline = time.monotonic() + grace
    asked: set[psutil.Process] = set()
    out_of_reach: set[psutil.Process] = set()
    empty_looks = 0
    while empty_looks < 2:
        seen = look()
        left = _in_order(seen)
        fled = len(left) < len(seen)
        left = [process for process in left if process not in out_of_reach]
        empty_looks = 0 if left or fled else empty_looks + 1
        overdue = time.monotonic() > deadline
        numbers = (signal.SIGKILL,) if overdue else (signal.SIGTERM, signal.SIGCONT)
        todo = [process for process in left if overdue or process not in asked]
        out_of_reach.update(process for process in todo if not _send(process, *numbers))
        asked.update(todo)
        if overdue and fled and marker:
            _kill_at_sight(marker)
        time.sleep(POLL)


def _kill_at_sight(marker: str) -> None:
    wanted = f"{MARKER}={marker}".encode()
    for pid in supervisor.every_process():
        if wanted in _environment(pid):
            with suppress(OSError):
                _kill_if_still(pid, wanted)


def _kill_if_still(pid: int, wanted: bytes) -> None:
    """Through a descriptor of the process, so that nobody else is hit who got its number meanwhile."""
    opened = os.pidfd_open(pid)
    try:
        if wanted in _environment(pid):
            signal.pidfd_send_signal(opened, signal.SIGKILL)
    finally:
        os.close(opened)


def _send(process: psutil.Process, *numbers: signal.Signals) -> bool:
    """Signal a process that may be gone; False when that is not allowed (it became another user's)."""
    try:
        for number in numbers:
            process.send_signal(number)
    except psutil.NoSuchProcess:
        return True
    except psutil.AccessDenied:
        return False
    return True
