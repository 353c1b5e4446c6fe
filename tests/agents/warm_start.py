"""`aurora` without the half second of its imports: one program that has them forks a process for every command.

Each command is a real process of its own: session, folder, environment, output and exit code. What a start from
nothing does is tested where the terminal is, and everywhere with AURORA_TESTS_COLD=1.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NoReturn

PACKAGES = ("engine", "engine.clients", "engine.contracts", "aurora_tui.cli", "aurora_tui.render")
LONGEST = 1 << 20


class Command:
    """A command that was started: the part of `subprocess.Popen` that tests use, its output as text."""

    def __init__(self, args: Sequence[str], pid: int, output: int, status: int) -> None:
        self.args, self.pid, self.returncode = list(args), pid, None
        self.stdout = os.fdopen(output, encoding="utf-8", errors="replace")
        self._status = status

    returncode: int | None

    def poll(self) -> int | None:
        """The exit code, None while it runs."""
        return self._ended(0.0)

    def wait(self, timeout: float | None = None) -> int:
        """The exit code (negative: signal), waited for; TimeoutExpired when it does not come."""
        code = self._ended(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
        return code

    def _ended(self, timeout: float | None) -> int | None:
        if self._status >= 0 and select.select([self._status], [], [], timeout)[0]:
            self.returncode = int(os.read(self._status, 16))
            os.close(self._status)
            self._status = -1
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, None]:
        """All of the output, once it has ended."""
        said = bytearray()
        while select.select([self.stdout], [], [], timeout)[0]:
            block = os.read(self.stdout.fileno(), 65536)
            if not block:
                self.stdout.close()
                self.wait(timeout)
                return said.decode("utf-8", "replace"), None
            said += block
        raise subprocess.TimeoutExpired(self.args, timeout or 0.0, bytes(said))

    def send_signal(self, number: int) -> None:
        """Signal it, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """SIGTERM."""
        self.send_signal(signal.SIGTERM)


def start(args: Sequence[str], cwd: Path, env: Mapping[str, str]) -> Command:
    """Start `aurora ARGS`."""
    output, output_end = os.pipe()
    status, status_end = os.pipe()
    door = _forker()
    socket.send_fds(door, [json.dumps([list(args), str(cwd), dict(env)]).encode()], [output_end, status_end])
    os.close(output_end)
    os.close(status_end)
    return Command(args, int(door.recv(16)), output, status)


@cache
def _forker() -> socket.socket:
    """The door to the program that forks; it ends with this process."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, LONGEST)
    quiet = subprocess.DEVNULL
    command = [sys.executable, __file__, str(theirs.fileno())]
    process = subprocess.Popen(command, stdin=quiet, stdout=quiet, pass_fds=[theirs.fileno()], start_new_session=True)
    theirs.close()
    atexit.register(_end, ours, process)
    return ours


def _end(door: socket.socket, process: subprocess.Popen[bytes]) -> None:
    door.close()
    process.wait()


# --- the program that forks ---------------------------------------------------------------------------------------


def main(door: socket.socket) -> None:
    """Fork a command for every message, tell its pid, and how it ended; until the other end is closed."""
    _load()
    wake, wake_end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake_end)
    running: dict[int, int] = {}
    while True:
        ready, _, _ = select.select([door, wake], [], [])
        if wake in ready:
            os.read(wake, 4096)
        if door in ready:
            said, ends, _, _ = socket.recv_fds(door, LONGEST, 2)
            if not said:
                return
            output, status = ends
            if (pid := os.fork()) == 0:
                for closed in (door.fileno(), wake, wake_end, status, *running.values()):
                    os.close(closed)
                _become(*json.loads(said), output)
            os.close(output)
            running[pid] = status
            door.send(str(pid).encode())
        _reap(running)


def _load() -> None:
    for name in PACKAGES:
        for found in pkgutil.iter_modules(importlib.import_module(name).__path__, f"{name}."):
            importlib.import_module(found.name)
    gc.collect()
    gc.freeze()


def _reap(running: dict[int, int]) -> None:
    while running:
        pid, how = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        status = running.pop(pid)
        os.write(status, str(os.waitstatus_to_exitcode(how)).encode())
        os.close(status)


def _become(args: list[str], cwd: str, env: dict[str, str], output: int) -> NoReturn:
    """What `python -m aurora_tui ARGS` is once it has its imports."""
    from aurora_tui.cli.errors import run_command_line

    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w", buffering=1)
    sys.argv = ["aurora", *args]
    sys.exit(run_command_line(args))


if __name__ == "__main__":
    sys.path.pop(0)
    main(socket.socket(fileno=int(sys.argv[1])))
