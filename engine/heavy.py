"""Slots for CPU-heavy commands: shims that stand before the real programs on PATH, and the engine's end of them.

A shim writes one line into the fifo `requests` and waits on a fifo of its own. The engine watches the shim's process by
pidfd from the moment it asks; the real program is executed in the same process, so its end frees the slot, however it
comes. A shim never waits for a dead engine: it compares the engine's pid and start time once a second.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import stat
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import NoReturn

from engine.supervisor import start_ticks

SLOT_COMMAND = "aurora-slot"


@dataclass(frozen=True, slots=True)
class SlotAsk:
    """A command that wants a slot; `owner` is the task it runs for, `command` how it begins."""

    slot: str
    owner: str
    command: str
    pid: int


def write_shims(folder: Path, heavy: Sequence[str]) -> None:
    """One script per program named in `heavy` (and one for `aurora slot`); scripts no longer wanted are removed."""
    folder.mkdir(parents=True, exist_ok=True)
    by_program: dict[str, list[str]] = {SLOT_COMMAND: []}
    for pattern in heavy:
        program, *words = pattern.split()
        by_program.setdefault(program, []).append(" ".join(words))
    for program, patterns in by_program.items():
        _write_script(folder / program, _script(program, patterns))
    for old in folder.iterdir():
        if old.name not in by_program:
            old.unlink()


def _script(program: str, patterns: Sequence[str]) -> str:
    lines = []
    for number, words in enumerate(sorted(patterns, key=len, reverse=True)):
        test = "if" if number == 0 else "elif"
        label = shlex.quote(f"{program} {words}".strip())
        lines.append(f'        {test} heavy {shlex.quote(words)} "$@"; then take_slot {label}')
    body = "\n".join([*lines, "        fi"]) if lines else ""
    template = files("engine").joinpath("shim.sh.tmpl").read_text(encoding="utf-8")
    return template.replace("@NAME@", shlex.quote(program)).replace("@PATTERNS@", body)


def _write_script(path: Path, text: str) -> None:
    with suppress(OSError):
        if path.read_text(encoding="utf-8") == text:
            return
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(text, encoding="utf-8")
    draft.chmod(0o755)
    draft.replace(path)


@dataclass(slots=True)
class _Client:
    """A process in line or holding a slot: its pidfd, and the fifo it listens on (-1 once it was told to go)."""

    pidfd: int
    reply: int
    told: bool = False


class SlotServer:
    """The engine's end. `on_request` and `on_end` are called on the loop's thread; `on_end` once per slot."""

    def __init__(self, folder: Path, on_request: Callable[[SlotAsk], None], on_end: Callable[[str], None]) -> None:
        self.folder = folder
        self._on_request, self._on_end = on_request, on_end
        self._clients: dict[str, _Client] = {}
        self._requests = -1
        self._rest = b""

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Listen; whatever an earlier engine left in the folder is removed."""
        self._loop = loop
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for old in self.folder.iterdir():
            old.unlink()
        path = self.folder / "requests"
        os.mkfifo(path, 0o600)
        self._requests = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        draft = self.folder / ".engine"
        draft.write_text(f"{os.getpid()} {start_ticks(os.getpid())}\n", encoding="ascii")
        draft.replace(self.folder / "engine")
        loop.add_reader(self._requests, self._hear)

    def environment(self, owner: str) -> dict[str, str]:
        """What a shim needs to find us."""
        return {"AURORA_SLOTS": str(self.folder), "AURORA_OWNER": owner}

    def _hear(self) -> None:
        with suppress(BlockingIOError):
            self._rest += os.read(self._requests, 65536)
        *lines, self._rest = self._rest.split(b"\n")
        for line in lines:
            fields = line.decode("utf-8", "replace").split("\t")
            if len(fields) == 4 and fields[1].isdigit():
                self._asked(SlotAsk(fields[0], fields[2], fields[3], int(fields[1])))

    def _asked(self, ask: SlotAsk) -> None:
        if ask.slot in self._clients or not self._watch(ask.slot, ask.pid):
            return
        with suppress(OSError):
            path = self.folder / f"reply.{ask.pid}"
            if stat.S_ISFIFO(path.lstat().st_mode):
                self._clients[ask.slot].reply = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self._on_request(ask)

    def adopt(self, slot: str, pid: int) -> None:
        """Watch a process that got its slot (or waited for one) from an earlier engine."""
        if not self._watch(slot, pid):
            self._loop.call_soon(self._on_end, slot)

    def _watch(self, slot: str, pid: int) -> bool:
        try:
            pidfd = os.pidfd_open(pid)
        except OSError:
            return False
        self._clients[slot] = _Client(pidfd, -1)
        self._loop.add_reader(pidfd, self._gone, slot)
        return True

    def _gone(self, slot: str) -> None:
        self._forget(slot)
        self._on_end(slot)

    def _forget(self, slot: str) -> None:
        client = self._clients.pop(slot)
        self._loop.remove_reader(client.pidfd)
        os.close(client.pidfd)
        if client.reply >= 0:
            os.close(client.reply)
        (self.folder / f"reply.{slot[1:]}").unlink(missing_ok=True)

    def grant(self, slot: str) -> None:
        """Let a command go on."""
        client = self._clients.get(slot)
        if client is not None and client.reply >= 0:
            self._say(client, "go\n")
            os.close(client.reply)
            client.reply = -1

    def tell_waiting(self, slot: str, place: int, behind: Sequence[str]) -> None:
        """Say, once, behind which commands it waits."""
        client = self._clients.get(slot)
        if client is not None and client.reply >= 0 and not client.told:
            client.told = True
            self._say(client, f"wait {', '.join(behind)[:300] or 'nothing'}\n")

    def _say(self, client: _Client, words: str) -> None:
        with suppress(OSError):
            os.write(client.reply, words.encode())

    def close(self) -> None:
        """Stop listening; commands in line go on without a slot."""
        if self._requests < 0:
            return
        self._loop.remove_reader(self._requests)
        (self.folder / "requests").unlink(missing_ok=True)
        (self.folder / "engine").unlink(missing_ok=True)
        os.close(self._requests)
        self._requests = -1
        for slot, client in list(self._clients.items()):
            if client.reply >= 0:
                self._say(client, "gone\n")
            self._forget(slot)


def run_with_slot(folder: Path, shims: Path, command: Sequence[str]) -> NoReturn:
    """Replace this process by `command`, which first waits for a slot if an engine listens in `folder`."""
    environment = {**os.environ, "AURORA_SLOTS": str(folder)}
    script = shims / SLOT_COMMAND
    if script.exists():
        os.execve("/bin/sh", ["sh", str(script), *command], environment)
    os.execvpe(command[0], list(command), environment)
