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

POLL_EVERY, POLL_SELDOM = 1.0, 10.0
POLL_SHARE = 0.1
"""Seconds between two looks at a root that is not watched, at the least and at the most, and the share of the time the
looks may take: what is slow to look at is looked at less often."""
RESTARTS = 3

OnPaths = Callable[[str, frozenset[str]], None]
OnPolled = Callable[[str, str], None]


class Watcher:
    """Tells `on_paths(name, relative paths)` on the loop's thread; no paths means "look for yourself".

    That is said when watching began (for what was written before), after very many changes, and again and again for a
    root that cannot be watched (inotify's limit, or a watching process that keeps dying), which `on_polled(name, why)`
    tells once. A changed directory may stand for all that is below it.
    """

    def __init__(self, on_paths: OnPaths, on_polled: OnPolled = lambda name, why: None) -> None:
        self._on_paths, self._on_polled = on_paths, on_polled
        self._roots: dict[str, Path] = {}
        self._polled: dict[str, asyncio.TimerHandle | None] = {}
        self._pace: dict[str, float] = {}
        self._process: subprocess.Popen[str] | None = None
        self._restarts = 0
        self._closed = False

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
            self._poll_all("the watching process cannot be started")
            return
        threading.Thread(target=self._listen, args=(self._process,), name="aurora-watch", daemon=True).start()
        for name, root in self._roots.items():
            self._order({"name": name, "root": str(root)})

    def add(self, name: str, root: Path) -> None:
        """Watch a worktree (anew, when it is watched already)."""
        self._roots[name] = root
        if self._process is None:
            self._poll_too(name, "there is no watching process")
        else:
            self._forget(name)
            self._order({"name": name, "root": str(root)})

    def remove(self, name: str) -> None:
        """Watch it no longer."""
        if self._roots.pop(name, None) is not None:
            self._forget(name)
            self._order({"name": name})

    def looked(self, name: str, seconds: float) -> None:
        """A look at a root took so long."""
        self._pace[name] = min(POLL_SELDOM, max(POLL_EVERY, seconds / POLL_SHARE))

    def _forget(self, name: str) -> None:
        timer = self._polled.pop(name, None)
        self._pace.pop(name, None)
        if timer is not None:
            timer.cancel()

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
            self._poll_too(name, str(message["failed"]))
        elif "ready" in message:
            self._on_paths(name, frozenset())
        else:
            paths = message["paths"]
            assert isinstance(paths, list)
            self._on_paths(name, frozenset(map(str, paths)))

    def _poll_all(self, why: str) -> None:
        for name in tuple(self._roots):
            self._poll_too(name, why)

    def _poll_too(self, name: str, why: str) -> None:
        if name not in self._polled:
            self._polled[name] = None
            self._on_polled(name, why)
            self._poll(name)

    def _poll(self, name: str) -> None:
        if not self._closed and name in self._polled:
            self._on_paths(name, frozenset())
            self._polled[name] = self._loop.call_later(self._pace.get(name, POLL_EVERY), self._poll, name)

    def _died(self, process: subprocess.Popen[str]) -> None:
        _close_input(process)
        if self._closed or process is not self._process:
            return
        self._restarts += 1
        if self._restarts <= RESTARTS:
            self._spawn()
        else:
            self._process = None
            self._poll_all("the watching process keeps dying")

    def close(self) -> None:
        """End the process, which has nothing to save."""
        self._closed = True
        for timer in filter(None, self._polled.values()):
            self._soon(timer.cancel)
        process = self._process
        if process is not None:
            process.kill()
            process.wait()
            _close_input(process)


def _watching_process() -> subprocess.Popen[str]:
    root = str(Path(__file__).resolve().parents[1])
    code = f"import sys; sys.path.insert(0, {root!r}); from engine.watch_process import main; main()"
    return subprocess.Popen(
        [sys.executable, "-I", "-c", code],
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
