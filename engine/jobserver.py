"""A GNU make jobserver for the builds of all agents, so that together they run as many jobs as there are CPUs.

Each build has a fifo of its own with its share of the tokens. So a build that dies takes nothing along: what was in its
fifo, and what its jobs held, is free again the moment it is gone. A shim makes the fifo, opens it for its program and
says so in the fifo `requests`; the program finds it in MAKEFLAGS (by name, or as open files for an older make). No
build ever waits for an engine that is gone: the open files keep the fifo and its tokens alive.
"""

from __future__ import annotations

import array
import asyncio
import fcntl
import os
import re
import stat
import termios
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from engine.heavy import pidfd_of
from engine.job_tokens import Build, shares, tokens

SIGN = "jobs"
LOOK_EVERY = 0.25
ANNOUNCEMENT = re.compile(r"jobs\t([0-9]+\.[0-9]+)\t([0-9]{1,6})\t(.*)", re.DOTALL)
LEFT = re.compile(r"jobs\.([0-9]+\.[0-9]+)\.([0-9]{1,6})")


@dataclass(slots=True)
class _Client:
    """A build: its fifo, the pidfd of its process, the jobs it asked for (0: as many as it can get)."""

    path: Path
    fifo: int
    pidfd: int
    jobs: int
    owner: str
    issued: int = 0
    surplus: int = 0


@dataclass(frozen=True, slots=True)
class Room:
    """What the shares depend on: how many jobs may run, how many commands use a processor, which tasks are paused."""

    total: int
    busy: int = 0
    paused: frozenset[str] = frozenset()


class JobServer:
    """The engine's end. `room` is asked at each look."""

    def __init__(self, folder: Path, room: Callable[[], Room]) -> None:
        self.folder = folder
        self._room = room
        self._clients: dict[str, _Client] = {}
        self._next: asyncio.TimerHandle | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Serve; builds that an earlier engine served are taken over with the tokens that lie in their fifos."""
        self._loop = loop
        for left in self.folder.glob("jobs.*"):
            if found := LEFT.fullmatch(left.name):
                self._take_in(found[1], int(found[2]), "", left)
        (self.folder / SIGN).touch(mode=0o600)

    def hear(self, line: str) -> None:
        """A line of the fifo `requests`; one that is no announcement of a build is ignored."""
        if heard := ANNOUNCEMENT.fullmatch(line):
            identity, jobs, owner = heard.groups()
            self._take_in(identity, int(jobs), owner, self.folder / f"jobs.{identity}.{jobs}")

    def _take_in(self, identity: str, jobs: int, owner: str, path: Path) -> None:
        fifo, pidfd = _open_fifo(path), pidfd_of(identity)
        if fifo < 0 or pidfd < 0 or identity in self._clients:
            for opened in (fifo, pidfd):
                if opened >= 0:
                    os.close(opened)
            if identity not in self._clients:
                path.unlink(missing_ok=True)
            return
        self._clients[identity] = _Client(path, fifo, pidfd, jobs, owner)
        self._loop.add_reader(pidfd, self._gone, identity)
        self._look()

    def _gone(self, identity: str) -> None:
        self._forget(self._clients.pop(identity))
        self._look()

    def _forget(self, client: _Client) -> None:
        self._loop.remove_reader(client.pidfd)
        self._loop.remove_reader(client.fifo)
        os.close(client.pidfd)
        os.close(client.fifo)
        client.path.unlink(missing_ok=True)

    def _look(self) -> None:
        """Move tokens to where they are used, now and again soon."""
        if self._next is not None:
            self._next.cancel()
        self._next = self._loop.call_later(LOOK_EVERY, self._look) if self._clients else None
        room = self._room()
        builds = [self._build(identity, client, room) for identity, client in self._clients.items()]
        due = shares(room.total, builds, room.busy)
        for identity, share in due.items():
            self._settle(self._clients[identity], share)
        free = tokens(room.total, builds, room.busy)
        free -= sum(self._clients[build.id].issued for build in builds if not build.paused)
        for identity, share in due.items():
            free -= self._fill(self._clients[identity], min(share - self._clients[identity].issued, free))

    def _build(self, identity: str, client: _Client, room: Room) -> Build:
        lying = _lying(client.fifo)
        client.issued = max(client.issued, lying)
        most = max(0, min(client.jobs or room.total, room.total) - 1)
        return Build(identity, most, client.issued, lying, client.owner in room.paused)

    def _settle(self, client: _Client, share: int) -> None:
        """Take what is too much as it comes back: from now on if it is in use."""
        client.surplus = max(0, client.issued - share)
        if client.surplus:
            self._loop.add_reader(client.fifo, self._take_back, client)
            self._take_back(client)
        else:
            self._loop.remove_reader(client.fifo)

    def _take_back(self, client: _Client) -> None:
        with suppress(BlockingIOError):
            taken = len(os.read(client.fifo, client.surplus))
            client.surplus -= taken
            client.issued -= taken
        if not client.surplus:
            self._loop.remove_reader(client.fifo)

    def _fill(self, client: _Client, lacking: int) -> int:
        """Give what it lacks; how much that was."""
        if lacking <= 0:
            return 0
        client.issued += lacking
        return os.write(client.fifo, b"+" * lacking)

    def issued(self) -> dict[str, int]:
        """The tokens each build has now, by the identity of its process."""
        return {identity: client.issued for identity, client in self._clients.items()}

    def close(self) -> None:
        """Stop serving; builds keep what they have, and the next engine finds them."""
        (self.folder / SIGN).unlink(missing_ok=True)
        if self._next is not None:
            self._next.cancel()
        for client in self._clients.values():
            self._loop.remove_reader(client.pidfd)
            self._loop.remove_reader(client.fifo)
            os.close(client.pidfd)
            os.close(client.fifo)
        self._clients.clear()


def _open_fifo(path: Path) -> int:
    with suppress(OSError):
        if stat.S_ISFIFO(path.lstat().st_mode):
            return os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW)
    return -1


def _lying(fifo: int) -> int:
    """How many bytes are in a fifo."""
    count = array.array("i", [0])
    fcntl.ioctl(fifo, termios.FIONREAD, count)
    return count[0]
