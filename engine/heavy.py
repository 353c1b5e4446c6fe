"""Slots for CPU-heavy commands: shims that stand before the real programs on PATH, and the engine's end of them.

A shim writes one line into the fifo `requests` and waits on a fifo of its own. The engine watches the shim's process by
pidfd from the moment it asks; the real program is executed in the same process, so its end frees the slot, however it
comes. A shim never waits for a dead engine: a guard beside it reads the fifo `alive`, which only the engine holds open
for writing, so the kernel wakes it when the engine ends.
"""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import signal
import stat
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import NoReturn

from engine.supervisor import start_ticks

SLOT_COMMAND = "aurora-slot"
JOB_CLIENTS = {"make": "make", "gmake": "make", "ninja": "ninja", "cargo": "cargo", "cmake": "cmake"}
"""Programs that can be told to share a jobserver, and whose way to say the number of jobs is known."""
LONGEST_REMARK = 300
REQUEST = re.compile(r"([0-9]+\.[0-9]+)\t([0-9]+\.[0-9]+)\t([^\t]*)\t(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class SlotAsk:
    """A command that wants a slot; `owner` is the task it runs for, `command` how it begins."""

    slot: str
    owner: str
    command: str
    pid: int


# --- the shims ----------------------------------------------------------------------------------------------------


def write_shims(folder: Path, heavy: Sequence[str], share: bool = False) -> None:
    """One script per program named in `heavy` (and one for `aurora slot`); scripts no longer wanted are removed. With
    `share` programs that can share a jobserver have one, too, even if they take no slot.

    Raises ValueError when a pattern does not begin with the plain name of a program.
    """
    none: dict[str, list[str]] = {program: [] for program in JOB_CLIENTS if share}
    by_program = none | _by_program(heavy)
    folder.mkdir(parents=True, exist_ok=True)
    for program, patterns in by_program.items():
        _write_script(folder / program, _script(program, patterns))
    for old in folder.iterdir():
        if old.name not in by_program:
            old.unlink(missing_ok=True)


def _by_program(heavy: Sequence[str]) -> dict[str, list[str]]:
    by_program: dict[str, list[str]] = {SLOT_COMMAND: []}
    for pattern in heavy:
        program, *words = pattern.split() or [""]
        if not program or "/" in program or program.startswith(".") or program == SLOT_COMMAND:
            raise ValueError(f"`{pattern}` does not begin with the plain name of a program")
        by_program.setdefault(program, []).append(" ".join(words))
    return by_program


def _script(program: str, patterns: Sequence[str]) -> str:
    lines = []
    for number, words in enumerate(sorted(patterns, key=len, reverse=True)):
        test = "if" if number == 0 else "elif"
        label = shlex.quote(f"{program} {words}".strip())
        lines.append(f'{test} aurora_heavy {shlex.quote(words)} "$@"; then aurora_take_slot {label}')
    body = "\n".join([*lines, "fi"]) if lines else ""
    client = JOB_CLIENTS.get(program, "")
    jobs = _template("shim_jobs.sh.tmpl").replace("@CLIENT@", client) if client else ""
    whole = _template("shim.sh.tmpl").replace("@NAME@", shlex.quote(program)).replace("@PATTERNS@", body)
    return whole.replace("@JOBS@\n", jobs)


def _template(name: str) -> str:
    return files("engine").joinpath(name).read_text(encoding="utf-8")


def _write_script(path: Path, text: str) -> None:
    with suppress(OSError):
        if path.read_text(encoding="utf-8") == text and os.access(path, os.X_OK):
            return
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(text, encoding="utf-8")
    draft.chmod(0o755)
    draft.replace(path)


def run_with_slot(folder: Path, shims: Path, command: Sequence[str]) -> NoReturn:
    """Replace this process by `command`, which first waits for a slot if an engine listens in `folder`.

    Raises OSError when the command cannot be started and there is no shim to say so.
    """
    environment = {**os.environ, "AURORA_SLOTS": str(folder)}
    script = shims / SLOT_COMMAND
    if script.exists():
        os.execve("/bin/sh", ["sh", str(script), *command], environment)
    os.execvpe(command[0], list(command), environment)


# --- the engine's end ---------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Client:
    """A process in line or holding a slot. While it waits, `reply` is the fifo it reads and `guard` the pidfd of the
    process that looks out for our end; both are -1 once it was let go."""

    pidfd: int
    reply: int = -1
    guard: int = -1
    told: bool = False


class SlotServer:
    """The engine's end. `on_request` and `on_end` are called on the loop's thread; `on_end` once per slot."""

    def __init__(self, folder: Path, on_request: Callable[[SlotAsk], None], on_end: Callable[[str], None]) -> None:
        self.folder = folder
        self._on_request, self._on_end = on_request, on_end
        self.on_other: Callable[[str], None] = lambda line: None
        self._clients: dict[str, _Client] = {}
        self._requests = self._alive = -1
        self._rest = b""

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Listen; what an earlier engine left is removed first, and `alive` appears last: who finds it is heard."""
        self._loop = loop
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._remove_doors()
        for left in self.folder.glob("reply.*"):
            left.unlink(missing_ok=True)
        self._requests = self._make_fifo("requests")
        self._alive = self._make_fifo("alive")
        loop.add_reader(self._requests, self._hear)

    def _make_fifo(self, name: str) -> int:
        draft = self.folder / f".{name}"
        draft.unlink(missing_ok=True)
        os.mkfifo(draft, 0o600)
        opened = os.open(draft, os.O_RDWR | os.O_NONBLOCK)
        draft.replace(self.folder / name)
        return opened

    def _remove_doors(self) -> None:
        for name in ("alive", "requests"):
            (self.folder / name).unlink(missing_ok=True)

    def environment(self, owner: str) -> dict[str, str]:
        """What a shim needs to find us."""
        return {"AURORA_SLOTS": str(self.folder), "AURORA_OWNER": owner}

    def _hear(self) -> None:
        with suppress(BlockingIOError):
            self._rest += os.read(self._requests, 65536)
        *lines, self._rest = self._rest.split(b"\n")
        for line in lines:
            words = line.decode("utf-8", "replace")
            if heard := REQUEST.fullmatch(words):
                self._asked(*heard.groups())
            else:
                self.on_other(words)

    def _asked(self, asking: str, guarding: str, command: str, owner: str) -> None:
        """One shim was heard. A process that cannot be watched, or is known already, is let go at once."""
        slot = f"s{asking}"
        reply = self._open_reply(slot)
        guard = pidfd_of(guarding) if guarding != asking else -1
        client = _Client(-1 if slot in self._clients else pidfd_of(asking), reply, guard)
        if client.pidfd < 0:
            _dismiss(client, "go")
            return
        self._add(slot, client)
        self._on_request(SlotAsk(slot, _printable(owner), _printable(command), int(asking.partition(".")[0])))

    def _open_reply(self, slot: str) -> int:
        """Open the fifo the shim reads; it has it open too, so the name goes."""
        path = self.folder / f"reply.{slot}"
        with suppress(OSError):
            if stat.S_ISFIFO(path.lstat().st_mode):
                opened = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW)
                path.unlink(missing_ok=True)
                return opened
        return -1

    def adopt(self, slot: str, pid: int) -> None:
        """Watch a process that asked an earlier engine; when it is gone `on_end` comes soon."""
        pidfd = pidfd_of(slot.removeprefix("s")) if slot.startswith(f"s{pid}.") else -1
        if pidfd < 0:
            self._loop.call_soon(self._on_end, slot)
        else:
            self._add(slot, _Client(pidfd))

    def _add(self, slot: str, client: _Client) -> None:
        self._clients[slot] = client
        self._loop.add_reader(client.pidfd, self._gone, slot)

    def _gone(self, slot: str) -> None:
        self._forget(slot)
        self._on_end(slot)

    def _forget(self, slot: str) -> None:
        client = self._clients.pop(slot)
        self._loop.remove_reader(client.pidfd)
        os.close(client.pidfd)
        _dismiss(client, "gone")

    def grant(self, slot: str) -> None:
        """Let a command go on; ids that are gone are ignored."""
        if client := self._clients.get(slot):
            _dismiss(client, "go")

    def tell_waiting(self, slot: str, place: int, behind: Sequence[str], why: str = "") -> None:
        """Say, once, behind which commands it waits, or why else."""
        client = self._clients.get(slot)
        if client is not None and not client.told:
            client.told = True
            remark = f" because {why}" if why else f" behind {', '.join(behind)}" if behind else ""
            _say(client, f"wait{_printable(remark)[:LONGEST_REMARK]}")

    def close(self) -> None:
        """Stop listening; commands in line go on without a slot."""
        if self._requests < 0:
            return
        self._loop.remove_reader(self._requests)
        self._remove_doors()
        os.close(self._requests)
        os.close(self._alive)
        self._requests = self._alive = -1
        for slot in list(self._clients):
            self._forget(slot)


def pidfd_of(identity: str) -> int:
    """A pidfd of the process PID.START_TICKS; -1 when there is none, or another one (namespaces, a re-used number)."""
    pid, _, ticks = identity.partition(".")
    try:
        opened = os.pidfd_open(int(pid))
    except (OSError, ValueError, OverflowError):
        return -1
    with suppress(OSError, ValueError):
        if start_ticks(int(pid)) == int(ticks):
            return opened
    os.close(opened)
    return -1


def _say(client: _Client, words: str) -> None:
    if client.reply >= 0:
        with suppress(OSError):
            os.write(client.reply, f"{words}\n".encode())


def _dismiss(client: _Client, word: str) -> None:
    """Say the last word to a shim, and end the guard it may have left behind."""
    _say(client, word)
    if client.guard >= 0:
        with suppress(OSError):
            signal.pidfd_send_signal(client.guard, signal.SIGKILL)
    for opened in (client.reply, client.guard):
        if opened >= 0:
            os.close(opened)
    client.reply = client.guard = -1


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)
