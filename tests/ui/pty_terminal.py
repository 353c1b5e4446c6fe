"""A real terminal for a command: a pty of a given size whose output is read, timed and kept; keys are typed into it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

DEADLINE = 60.0


@dataclass(frozen=True, slots=True)
class Chunk:
    """What one read of the terminal gave, and when (monotonic seconds)."""

    at: float
    data: bytes


class PtyTerminal:
    """Runs a command with the pty as its controlling terminal. Use as a context manager: nothing outlives it."""

    def __init__(
        self,
        command: Sequence[str],
        cwd: Path,
        columns: int = 120,
        lines: int = 36,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.chunks: list[Chunk] = []
        self._reading = threading.Event()
        self._reading.set()
        self._closed = False
        self.master, slave = pty.openpty()
        self.resize(columns, lines)
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            ["/bin/sh", "-c", 'exec "$@" <"$0" >"$0" 2>"$0"', os.ttyname(slave), *command],
            cwd=cwd,
            env={**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._slave = slave
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def __enter__(self) -> PtyTerminal:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _read(self) -> None:
        with suppress(OSError):
            while not self._closed:
                self._reading.wait()
                data = os.read(self.master, 1 << 16)
                if not data:
                    return
                self.chunks.append(Chunk(time.monotonic(), data))

    # --- the person at it ---

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self.master, keys.encode())

    def resize(self, columns: int, lines: int) -> None:
        """Make the window another size."""
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def stop_reading(self) -> None:
        """The line is dead: nothing is taken from the terminal any more."""
        self._reading.clear()

    def go_on_reading(self) -> None:
        """The line is back."""
        self._reading.set()

    def hang_up(self) -> None:
        """The terminal is gone."""
        os.killpg(self.process.pid, signal.SIGHUP)

    # --- what it did ---

    @property
    def output(self) -> bytes:
        """All that was read."""
        return b"".join(chunk.data for chunk in list(self.chunks))

    @property
    def bytes_read(self) -> int:
        """How much was read."""
        return sum(len(chunk.data) for chunk in list(self.chunks))

    def wait_for(self, pattern: bytes, since: int = 0, deadline: float = DEADLINE) -> float:
        """Wait until one read (from number `since` on) has a text; when it came. AssertionError when it does not."""
        wanted, end, at = re.compile(pattern), time.monotonic() + deadline, since
        while True:
            while at < len(self.chunks):
                if wanted.search(self.chunks[at].data):
                    return self.chunks[at].at
                at += 1
            assert time.monotonic() < end, f"{pattern!r} did not come; the end: {self.output[-2000:]!r}"
            assert self.process.poll() is None or at < len(self.chunks), f"ended: {self.output[-2000:]!r}"
            time.sleep(0.0005)

    def press(self, key: str, shows: bytes, deadline: float = 3.0) -> float:
        """Seconds from a key to the first read that shows its effect."""
        since = len(self.chunks)
        pressed = time.monotonic()
        self.type(key)
        return self.wait_for(shows, since, deadline) - pressed

    def main_thread_seconds(self) -> float:
        """CPU seconds of the process's main thread, which paints."""
        fields = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def cpu_seconds(self) -> float:
        """CPU seconds of the whole process, without its children."""
        times = psutil.Process(self.process.pid).cpu_times()
        return times.user + times.system

    def megabytes(self) -> float:
        """Resident memory."""
        return psutil.Process(self.process.pid).memory_info().rss / 1e6

    def close(self) -> None:
        """End the command and all it started."""
        self._closed = True
        self._reading.set()
        with suppress(psutil.NoSuchProcess):
            family = psutil.Process(self.process.pid).children(recursive=True)
            for process in [psutil.Process(self.process.pid), *family]:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
        self.process.wait()
        for number in (self._slave, self.master):
            with suppress(OSError):
                os.close(number)
        self._thread.join(5)
