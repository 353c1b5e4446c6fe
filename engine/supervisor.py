"""Runs one command so that its end is recorded whatever happens to the engine. Stand-alone: standard library only.

    python -I -S supervisor.py RECORD MARKER LIFELINE_FD COMMAND [ARG...]

It is a session of its own and the subreaper of everything the command starts. `RECORD.pid` says who it is (made once:
a second supervisor for the same record gives up), `RECORD.log` takes the output, `RECORD.exit` the end. When the
command has ended it ends what was left behind. With a lifeline (a pipe) it ends everything when the engine dies.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress

PR_SET_CHILD_SUBREAPER = 36
GRACE = 3.0


def start_ticks(pid: int) -> int:
    """When a process started, in clock ticks since boot (field 22 of /proc/PID/stat)."""
    with open(f"/proc/{pid}/stat", "rb") as stat:
        return int(stat.read().rpartition(b")")[2].split()[19])


def boot_id() -> str:
    """The id of this boot of the machine."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()


def claim(record: str) -> bool:
    """Write RECORD.pid, whole and only if there is none; False when another one was first."""
    me = os.getpid()
    draft = f"{record}.pid.{me}"
    with open(draft, "w", encoding="ascii") as file:
        json.dump({"pid": me, "start_ticks": start_ticks(me), "boot_id": boot_id()}, file)
    try:
        os.link(draft, f"{record}.pid")
    except FileExistsError:
        return False
    finally:
        os.unlink(draft)
    return True


def write_end(record: str, code: int) -> None:
    """Write RECORD.exit by rename."""
    draft = f"{record}.exit.{os.getpid()}"
    with open(draft, "w", encoding="ascii") as file:
        json.dump({"code": code, "ended": time.time()}, file)
    os.rename(draft, f"{record}.exit")


def children_of(parents: set[int]) -> set[int]:
    """All living descendants of the processes `parents`, by one look through /proc."""
    family: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as stat:
                fields = stat.read().rpartition(b")")[2].split()
        except OSError:
            continue
        if fields[0] != b"Z":
            family.setdefault(int(fields[1]), []).append(int(name))
    found: set[int] = set()
    todo = list(parents)
    while todo:
        for child in family.get(todo.pop(), ()):
            if child not in found:
                found.add(child)
                todo.append(child)
    return found


def send(pids: set[int], number: int) -> None:
    """Signal processes that may be gone."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def reap() -> dict[int, int]:
    """Collect ended children: pid → exit code (negative: signal)."""
    ended: dict[int, int] = {}
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if pid == 0:
            return ended
        ended[pid] = os.waitstatus_to_exitcode(status)


def end_all() -> None:
    """Continue, terminate and at last kill every descendant until there is none."""
    me = {os.getpid()}
    deadline = time.monotonic() + GRACE
    asked: set[int] = set()
    while left := children_of(me):
        if time.monotonic() > deadline:
            send(left, signal.SIGKILL)
        elif left - asked:
            send(left - asked, signal.SIGTERM)
            send(left - asked, signal.SIGCONT)
            asked |= left
        time.sleep(0.01)
        ENDED.update(reap())
    ENDED.update(reap())


ENDED: dict[int, int] = {}


def main() -> None:
    """Start the command, wait, clean up, record."""
    record, marker, lifeline, command = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4:]
    wake_read, wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    stopped: list[int] = []
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(1))
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGTSTP):
        signal.signal(number, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    if not claim(record):
        return
    try:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=1,
            stderr=2,
            start_new_session=True,
            restore_signals=True,
            preexec_fn=default_signals,
            env={**os.environ, "AURORA_AGENT": marker},
        )
    except OSError as error:
        os.write(2, f"aurora: {command[0]}: {error.strerror}\n".encode())
        write_end(record, 127 if isinstance(error, FileNotFoundError) else 126)
        return
    watched = [wake_read] + ([lifeline] if lifeline >= 0 else [])
    while child.pid not in ENDED and not stopped:
        ready, _, _ = select.select(watched, [], [])
        if wake_read in ready:
            os.read(wake_read, 4096)
        if lifeline in ready and not os.read(lifeline, 1):
            stopped.append(1)
        ENDED.update(reap())
    end_all()
    write_end(record, ENDED.get(child.pid, -signal.SIGTERM))


def default_signals() -> None:
    """Give the command the default reactions the supervisor gave up."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGTSTP):
        signal.signal(number, signal.SIG_DFL)


if __name__ == "__main__":
    main()
