"""Heavy commands: real shims, real programs behind them, real engines that die.

Run as a script it is an engine of its own that can be killed: `python slot_yard.py FOLDER LIMIT`.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path

import psutil

from engine.heavy import SlotAsk, SlotServer, write_shims
from engine.slots import SlotLine

HEAVY = (
    "docker build",
    "docker compose build",
    "make",
    "cmake --build",
    "cargo build",
    "npm run build",
    "python -m build",
)
TOOL = """#!/bin/sh
# Logs its begin and its end; ends when its input does.
echo "start $$ $*" >> "$TOOL_LOG"
case $* in *nested*) make inner </dev/null || exit ;; esac
[ -n "$TOOL_INPUT" ] || read -r line
echo "end $$ $line" >> "$TOOL_LOG"
exit "${TOOL_EXIT:-0}"
"""


def wait_for(true: Callable[[], object], what: str = "", seconds: float = 20.0) -> None:
    """Look again and again until it is true; fail after the deadline."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"waited too long for {what or true}"
        time.sleep(0.002)


class Desk:
    """A slot server and a line, joined as the machine joins them."""

    def __init__(self, folder: Path, limit: int) -> None:
        self.line = SlotLine(limit)
        self.server = SlotServer(folder, self._asked, self._ended)
        self.heard: list[SlotAsk] = []
        self.ended: list[str] = []

    def _asked(self, ask: SlotAsk) -> None:
        self.heard.append(ask)
        self.line.request(ask.slot, ask.owner, ask.command, ask.pid, 0.0)
        self.grant()
        if place := self.line.place(ask.slot):
            self.server.tell_waiting(ask.slot, place, self.line.behind(ask.slot))

    def _ended(self, slot: str) -> None:
        self.ended.append(slot)
        self.line.free(slot)
        self.grant()

    def grant(self) -> None:
        for slot in self.line.grants():
            self.server.grant(slot)


class Engine(Desk):
    """A desk on a loop of its own in a thread of this process."""

    def __init__(self, folder: Path, limit: int) -> None:
        super().__init__(folder, limit)
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.call(lambda: self.server.start(self.loop))

    def call(self, work: Callable[[], object]) -> object:
        """Run something on the loop's thread; its result."""
        done: Future[object] = Future()

        def run() -> None:
            try:
                done.set_result(work())
            except Exception as error:  # noqa: BLE001
                done.set_exception(error)

        self.loop.call_soon_threadsafe(run)
        return done.result(20)

    def held(self) -> list[int]:
        return [one.pid for one in self.line.held()]

    def waiting(self) -> list[int]:
        return [one.pid for one in self.line.line()]

    def close(self) -> None:
        if not self.loop.is_closed():
            self.call(self.server.close)
            self.loop.call_soon_threadsafe(self.loop.stop)
            self.thread.join(20)
            self.loop.close()


class Yard:
    """Fake programs, the shims before them, and everything started in a test."""

    def __init__(self, root: Path) -> None:
        self.shims, self.slots, self.bin, self.log = root / "shims", root / "slots", root / "bin", root / "log"
        self.bin.mkdir()
        self.log.touch()
        for name in ("docker", "make"):
            self.tool(name, TOOL)
        write_shims(self.shims, HEAVY)
        self.started: list[subprocess.Popen[str]] = []
        self.engines: list[Engine] = []

    def tool(self, name: str, text: str) -> None:
        path = self.bin / name
        path.write_text(text)
        path.chmod(0o755)

    def env(self, owner: str = "auth", **more: str) -> dict[str, str]:
        server = SlotServer(self.slots, lambda ask: None, lambda slot: None)
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("AURORA_")},
            **server.environment(owner),
            "PATH": f"{self.shims}:{self.bin}:{os.environ['PATH']}",
            "TOOL_LOG": str(self.log),
            **more,
        }

    def engine(self, limit: int) -> Engine:
        self.engines.append(Engine(self.slots, limit))
        return self.engines[-1]

    def engine_process(self, limit: int) -> subprocess.Popen[str]:
        process = self._popen([sys.executable, __file__, str(self.slots), str(limit)], dict(os.environ))
        assert process.stdout
        assert process.stdout.readline() == "listening\n"
        return process

    def start(self, *command: str, owner: str = "auth", **env: str) -> subprocess.Popen[str]:
        """Start a command with the shims before it; it ends when its input is closed (`finish`)."""
        return self._popen(command, self.env(owner, **env))

    def _popen(self, command: Sequence[str], env: dict[str, str]) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, env=env, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        self.started.append(process)
        return process

    def events(self, kind: str) -> list[int]:
        """The process ids in the log that did `start` or `end`, in order."""
        lines = [line.split() for line in self.log.read_text().splitlines()]
        return [int(line[1]) for line in lines if line[0] == kind]

    def runs(self, process: subprocess.Popen[str]) -> bool:
        return process.pid in self.events("start")

    def most_at_once(self) -> int:
        now, most = 0, 0
        for line in self.log.read_text().splitlines():
            now += 1 if line.startswith("start") else -1
            most = max(most, now)
        return most

    def shim_processes(self) -> list[int]:
        """Every process that still executes a shim or guards one."""
        found = []
        for process in psutil.process_iter():
            try:
                if any(word.startswith(f"{self.shims}/") for word in process.cmdline()):
                    found.append(process.pid)
            except psutil.Error:
                continue
        return found

    def clean_up(self) -> None:
        for engine in self.engines:
            engine.close()
        for process in self.started:
            process.kill()
            process.communicate()


def finish(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Close its input and wait: what it printed, what it complained."""
    out, err = process.communicate(timeout=20)
    return out, err


async def be_an_engine(folder: str, limit: str) -> None:
    Desk(Path(folder), int(limit)).server.start(asyncio.get_running_loop())
    print("listening", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(be_an_engine(*sys.argv[1:]))
