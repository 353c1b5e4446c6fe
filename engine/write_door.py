"""The engine's end of the pre-edit hooks: a socket at which agents ask before they write, JSON lines on both sides.

    {"task": "auth", "attempt": 1, "ask": "…", "paths": ["a.py"], "outside": []}   may I?
    {"late": true}                                                                 I wait no longer
                                                   {"allow": true} or {"allow": false, "words": "…"}

A hook that is gone (its connection ended) is told of, so nothing waits for a dead agent.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from engine.write_hook import SOCKET

LONGEST_LINE = 1 << 20
MOST_PATHS = 10_000


@dataclass(frozen=True, slots=True)
class WriteQuestion:
    """What an agent asks: may it write `paths` (relative to its worktree)? `outside` are absolute."""

    task: str
    attempt: int
    ask: str
    paths: tuple[str, ...]
    outside: tuple[str, ...]


class WriteDoor:
    """Listens in `folder`. `on_ask` and `on_end` (`gone`, or only too late) are called on the loop's thread."""

    def __init__(
        self,
        folder: Path,
        on_ask: Callable[[WriteQuestion], None],
        on_end: Callable[[WriteQuestion, bool], None],
    ) -> None:
        self.folder = folder
        self.on_ask, self.on_end = on_ask, on_end
        self._waiting: dict[str, _Line] = {}
        self._server: asyncio.AbstractServer | None = None

    async def open(self) -> None:
        """Listen; a socket that is there is a dead engine's."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(lambda: _Line(self), sock=_listener(self.folder))

    def close(self) -> None:
        """Hang up; hooks that wait look for the next engine."""
        if self._server is None:
            return
        self._server.close()
        (self.folder / SOCKET).unlink(missing_ok=True)
        for line in list(self._waiting.values()):
            line.hang_up()
        self._waiting.clear()
        self._server = None

    def answer(self, ask: str, allowed: bool, words: str) -> None:
        """Answer an ask; one that is gone is ignored."""
        line = self._waiting.pop(ask, None)
        if line is not None:
            line.say(allowed, words)

    def asked(self, line: _Line, question: WriteQuestion) -> None:
        """A hook asks (or asks again, on a new line)."""
        self._waiting[question.ask] = line
        self.on_ask(question)

    def gone(self, line: _Line, question: WriteQuestion) -> None:
        """Nobody waits on this line any more."""
        if self._waiting.get(question.ask) is line:
            del self._waiting[question.ask]
            self.on_end(question, True)


class _Line(asyncio.Protocol):
    """One hook's connection: one question."""

    def __init__(self, door: WriteDoor) -> None:
        self._door = door
        self._heard = b""
        self._question: WriteQuestion | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        *lines, self._heard = (self._heard + data).split(b"\n")
        if len(self._heard) > LONGEST_LINE:
            self.say(False, "Not written: the question of the hook has no end.")
        for line in lines:
            self._hear(line)

    def _hear(self, line: bytes) -> None:
        if self._question is not None:
            self._door.on_end(self._question, False)
            return
        self._question = _question(line)
        if self._question is None:
            self.say(False, "Not written: the question of the hook cannot be read.")
        else:
            self._door.asked(self, self._question)

    def say(self, allowed: bool, words: str) -> None:
        """The last word."""
        if self._transport is not None and not self._transport.is_closing():
            message = {"allow": True} if allowed else {"allow": False, "words": words}
            self._transport.write(json.dumps(message).encode() + b"\n")
            self._transport.close()

    def hang_up(self) -> None:
        """Without an answer."""
        if self._transport is not None:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._question is not None:
            self._door.gone(self, self._question)


def _question(line: bytes) -> WriteQuestion | None:
    """A question that is whole and plain text, else None."""
    with suppress(ValueError, KeyError, TypeError):
        said = json.loads(line)
        paths, outside = _paths(said["paths"]), _paths(said["outside"])
        task, attempt, ask = said["task"], said["attempt"], said["ask"]
        if all(isinstance(one, str) for one in (task, ask)) and isinstance(attempt, int) and (paths or outside):
            f"{task}{ask}".encode()
            return WriteQuestion(task, attempt, ask, paths, outside)
    return None


def _paths(said: object) -> tuple[str, ...]:
    if not isinstance(said, list) or len(said) > MOST_PATHS:
        raise ValueError(said)
    for path in said:
        if not isinstance(path, str) or not path.encode() or "\0" in path:
            raise ValueError(path)
    return tuple(said)


def _listener(folder: Path) -> socket.socket:
    """Bind by way of the open folder: a socket's address is at most 107 bytes long."""
    (folder / SOCKET).unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    opened = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        listener.bind(f"/proc/self/fd/{opened}/{SOCKET}")
        (folder / SOCKET).chmod(0o600)
    except BaseException:
        listener.close()
        raise
    finally:
        os.close(opened)
    return listener
