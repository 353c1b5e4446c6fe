"""Runs one command so that its end is recorded whatever happens to the engine. Stand-alone: standard library only.

    python -I -S supervisor.py RECORD MARKER LIFELINE_FD COMMAND [ARG...]

It is a session of its own and the subreaper of everything the command starts. `RECORD.pid` says who it is (made once:
a second supervisor for the same record gives up), its own stdout and stderr are the command's, `RECORD.exit` tells the
end. When the command has ended it ends what was left behind. SIGTERM, or the end of the lifeline (a pipe whose other
end the engine holds, -1 for none), ends everything. Few imports: an agent's start waits for them.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
import time
from collections.abc import Iterable, Iterator

PR_SET_CHILD_SUBREAPER = 36
GRACE = 3.0
POLL = 0.01
IGNORED = (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGTSTP)
NOT_FOUND, NOT_EXECUTABLE = 127, 126


def start_ticks(pid: int) -> int:
    """When a process started, in clock ticks since boot (field 22 of /proc/PID/stat)."""
    return int(stat_fields(pid)[19])


def stat_fields(pid: int | str) -> list[bytes]:
    """/proc/PID/stat from its third field (the state) on; the second, the name, may hold anything."""
    with open(f"/proc/{pid}/stat", "rb") as stat:
        return stat.read().rpartition(b")")[2].split()


def boot_id() -> str:
    """The id of this boot of the machine."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()


def claim(record: str) -> bool:
    """Write RECORD.pid, whole and only if there is none; False when another one was first."""
    me = os.getpid()
    draft = f"{record}.pid.{me}"
    with open(draft, "w", encoding="ascii") as file:
        file.write(f'{{"pid": {me}, "start_ticks": {start_ticks(me)}, "boot_id": "{boot_id()}"}}\n')
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
        file.write(f'{{"code": {code}, "ended": {time.time()!r}}}\n')
    os.rename(draft, f"{record}.exit")


def every_process() -> Iterator[int]:
    """The pids of all processes, also of those born while the caller looks at the others.

    So a process that has ended before it was looked at cannot hide the child that took its place.
    """
    seen: set[str] = set()
    while born := [name for name in os.listdir("/proc") if name.isdigit() and name not in seen]:
        yield from map(int, born)
        seen.update(born)


def children_of(parents: Iterable[int]) -> set[int]:
    """All living descendants of the processes `parents`."""
    family: dict[int, list[int]] = {}
    for pid in every_process():
        try:
            fields = stat_fields(pid)
        except OSError:
            continue
        if fields[0] != b"Z":
            family.setdefault(int(fields[1]), []).append(pid)
    found: set[int] = set()
    todo = list(parents)
    while todo:
        new = [child for child in family.get(todo.pop(), ()) if child not in found]
        found.update(new)
        todo.extend(new)
    return found


def send(pid: int, *numbers: int) -> bool:
    """Signal a process that may be gone; False when that is not allowed (it became another user's)."""
    try:
        for number in numbers:
            os.kill(pid, number)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return True


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


def has_children() -> bool:
    """True while any child lives or waits to be reaped: exact, because orphans become children of a subreaper."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def end_all() -> dict[int, int]:
    """Terminate, continue and at last kill every descendant until there is none; what was reaped."""
    deadline = time.monotonic() + GRACE
    ended = reap()
    asked: set[int] = set()
    out_of_reach: set[int] = set()
    while has_children():
        left = children_of({os.getpid()}) - out_of_reach
        if out_of_reach and not left:
            break
        overdue = time.monotonic() > deadline
        todo = left if overdue else left - asked
        numbers = (signal.SIGKILL,) if overdue else (signal.SIGTERM, signal.SIGCONT)
        out_of_reach |= {pid for pid in todo if not send(pid, *numbers)}
        asked |= todo
        time.sleep(POLL)
        ended |= reap()
    return ended


def start(command: list[str], marker: str) -> int:
    """Start the command in a session of its own, with default signals and the marker; its pid."""
    return os.posix_spawnp(
        command[0],
        command,
        {**os.environ, "AURORA_AGENT": marker},
        setsid=True,
        setsigdef=[signal.SIGPIPE, signal.SIGXFSZ, signal.SIGTERM, signal.SIGCHLD, *IGNORED],
    )


def wait_for_end(child: int, wake: int, lifeline: int, stopping: list[int]) -> int | None:
    """Reap until the command ends (its exit code), or until all is to be stopped (None)."""
    poll = select.poll()
    poll.register(wake, select.POLLIN)
    if lifeline >= 0:
        poll.register(lifeline, select.POLLIN)
    while not stopping:
        ended = reap()
        if child in ended:
            return ended[child]
        for fd, _ in poll.poll():
            if not os.read(fd, 4096):
                stopping.append(signal.SIGTERM)
    return None


def set_signals(stopping: list[int]) -> int:
    """Note SIGTERM in `stopping`, ignore a terminal's signals; a descriptor that is readable after any signal."""
    wake, wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    signal.signal(signal.SIGTERM, lambda number, _: stopping.append(number))
    for number in (signal.SIGCHLD, *IGNORED):
        signal.signal(number, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    return wake


def main() -> None:
    """Start the command, wait, clean up, record."""
    record, marker, lifeline, command = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4:]
    stopping: list[int] = []
    wake = set_signals(stopping)
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    if lifeline >= 0:
        os.set_inheritable(lifeline, False)
    if claim(record):
        write_end(record, run(command, marker, wake, lifeline, stopping))


def run(command: list[str], marker: str, wake: int, lifeline: int, stopping: list[int]) -> int:
    """From the command's start until nothing of it is left; its exit code (negative: signal)."""
    try:
        child = start(command, marker)
    except OSError as error:
        os.write(2, f"aurora: {command[0]}: {error.strerror}\n".encode(errors="replace"))
        return NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE
    code = wait_for_end(child, wake, lifeline, stopping)
    left = end_all()
    return left.get(child, -signal.SIGTERM) if code is None else code


if __name__ == "__main__":
    main()
