"""Which paths changed in which worktree, as it happens: the engine's side of the watching process."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

POLL_EVERY = 2.0
RESTARTS = 3

OnPaths = Callable[[str, frozenset[str]], None]


class Watcher:
    """Tells `on_paths(name, relative paths)` on the loop's thread; no paths means "look for yourself".

    That is said when watching began (for what was written before), after very many changes, and every `POLL_EVERY`
    seconds for a root that cannot be watched (inotify's limit, or a watching process that keeps dying). A changed
    directory may stand for all that is below it.
    """

    def __init__(self, on_paths: OnPaths) -> None:
        self._on_paths = on_paths
        self._roots: dict[str, Path] = {}
        self._polled: set[str] = set()
        self._process: subprocess.Popen[str] | None = None
        self._restarts = 0
        self._closed = False
        self._timer: asyncio.TimerHandle | None = None

    @property
    def pid(self) -> int | None:
        """The watching process, None when there is none."""
        return self._process.pid if self._process is not None else None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start the watching process; what is added from now on is told on `loop`."""
        self._loop = loop
        self._spawn()

    def _spawn(self) -> None:
        """Start a process and have it watch all there is to watch; without one, poll."""
        try:
            self._process = _watching_process()
        except OSError:
            self._process = None
            self._poll_all()
            return
        threading.Thread(target=self._listen, args=(self._process,), name="aurora-watch", daemon=True).start()
        for name, root in self._roots.items():
            self._order({"name": name, "root": str(root)})

    def add(self, name: str, root: Path) -> None:
        """Watch a worktree (anew, when it is watched already)."""
        self._roots[name] = root
        if self._process is None:
            self._poll_too(name)
        else:
            self._polled.discard(name)
            self._order({"name": name, "root": str(root)})

    def remove(self, name: str) -> None:
        """Watch it no longer."""
        if self._roots.pop(name, None) is not None:
            self._polled.discard(name)
            self._order({"name": name})

    def _order(self, message: dict[str, str]) -> None:
        """Tell the process; if it has just died the next one is told everything."""
        if self._process is not None and self._process.stdin is not None:
            with suppress(OSError, ValueError):
                self._process.stdin.write(json.dumps(message) + "\n")
                self._process.stdin.flush()

    def _listen(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                if line.endswith("\n"):
                    self._soon(self._heard, json.loads(line))
        process.wait()
        self._soon(self._died, process)

    def _soon(self, call: Callable[..., None], *args: object) -> None:
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(call, *args)

    def _heard(self, message: dict[str, object]) -> None:
        name = str(message["name"])
        if name not in self._roots or self._closed:
            return
        if "failed" in message:
            self._poll_too(name)
        elif "ready" in message:
            self._on_paths(name, frozenset())
        else:
            paths = message["paths"]
            assert isinstance(paths, list)
            self._on_paths(name, frozenset(map(str, paths)))

    def _poll_all(self) -> None:
        for name in tuple(self._roots):
            self._poll_too(name)

    def _poll_too(self, name: str) -> None:
        self._polled.add(name)
        self._on_paths(name, frozenset())
        if self._timer is None and not self._closed:
            self._timer = self._loop.call_later(POLL_EVERY, self._poll)

    def _poll(self) -> None:
        self._timer = None
        for name in tuple(self._polled):
            self._poll_too(name)

    def _died(self, process: subprocess.Popen[str]) -> None:
        _close_input(process)
        if self._closed or process is not self._process:
            return
        self._restarts += 1
        if self._restarts <= RESTARTS:
            self._spawn()
        else:
            self._process = None
            self._poll_all()

    def close(self) -> None:
        """End the process, which has nothing to save."""
        self._closed = True
        if self._timer is not None:
            self._loop.call_soon_threadsafe(self._timer.cancel)
        process = self._process
        if process is not None:
            process.kill()
            process.wait()
            _close_input(process)


def _watching_process() -> subprocess.Popen[str]:
    spec = find_spec("engine.watch_process")
    assert spec is not None
    assert spec.origin is not None
    return subprocess.Popen(
        [sys.executable, "-I", spec.origin],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )


def _close_input(process: subprocess.Popen[str]) -> None:
    if process.stdin is not None:
        with suppress(OSError, ValueError):
            process.stdin.close()
