"""Which paths changed in which worktree, as it happens: the engine's side of the watching process."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from engine import watch_process

POLL_EVERY = 2.0
LOOK_AFTER = 0.5
RESTARTS = 3

OnPaths = Callable[[str, frozenset[str]], None]


class Watcher:
    """Tells `on_paths(name, relative paths)` on the loop's thread; no paths means "look for yourself".

    That is said a moment after watching began (to see what was written before), and every `POLL_EVERY` seconds when a
    watcher could not be started (inotify's limit).
    """

    def __init__(self, on_paths: OnPaths) -> None:
        self._on_paths = on_paths
        self._roots: dict[str, Path] = {}
        self._polled: set[str] = set()
        self._process: subprocess.Popen[str] | None = None
        self._restarts = 0
        self._closed = False
        self._timer: asyncio.TimerHandle | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start the process."""
        self._loop = loop
        self._spawn()

    def _spawn(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", watch_process.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        threading.Thread(target=self._listen, args=(self._process,), name="aurora-watch", daemon=True).start()

    def add(self, name: str, root: Path) -> None:
        """Watch a worktree."""
        self._roots[name] = root
        self._order({"name": name, "root": str(root)})

    def remove(self, name: str) -> None:
        """Watch it no longer."""
        if self._roots.pop(name, None) is not None:
            self._polled.discard(name)
            self._order({"name": name})

    def _order(self, message: dict[str, str]) -> None:
        if self._process is not None and self._process.stdin is not None:
            with suppress(OSError, ValueError):
                self._process.stdin.write(json.dumps(message) + "\n")
                self._process.stdin.flush()

    def _listen(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                self._soon(self._heard, json.loads(line))
        process.wait()
        if process.stdin is not None:
            with suppress(OSError):
                process.stdin.close()
        self._soon(self._died, process)

    def _soon(self, call: Callable[..., None], *args: object) -> None:
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(call, *args)

    def _heard(self, message: dict[str, object]) -> None:
        name = str(message["name"])
        if name not in self._roots:
            return
        if "failed" in message:
            self._polled.add(name)
            self._poll()
        elif "ready" in message:
            self._loop.call_later(LOOK_AFTER, self._look, name)
        else:
            paths = message["paths"]
            assert isinstance(paths, list)
            self._on_paths(name, frozenset(map(str, paths)))

    def _look(self, name: str) -> None:
        if name in self._roots:
            self._on_paths(name, frozenset())

    def _poll(self) -> None:
        for name in self._polled:
            self._on_paths(name, frozenset())
        if self._polled and not self._closed:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_later(POLL_EVERY, self._poll)

    def _died(self, process: subprocess.Popen[str]) -> None:
        if self._closed or process is not self._process:
            return
        self._restarts += 1
        if self._restarts > RESTARTS:
            self._process = None
            self._polled.update(self._roots)
            self._poll()
            return
        self._spawn()
        for name, root in self._roots.items():
            self._order({"name": name, "root": str(root)})

    def close(self) -> None:
        """End the process."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        process = self._process
        if process is not None and process.stdin is not None:
            with suppress(OSError):
                process.stdin.close()
            try:
                process.wait(2)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
