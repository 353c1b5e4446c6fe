"""The control socket: other processes reach the engine of a repository through it, as JSON lines.

The client's first line is {"aurora": VERSION, "name": …, "pid": …}, the server's {"aurora": VERSION, "pid": …}. Then
a request is {"id", "do", …}, its answer {"id", "value"} or {"id", "error": {"kind", "message", "hint"}}, in order. A
client that asked to `watch` also gets {"dirty": true} when the snapshot changed; at most one of these is on its way.
Every client has threads of its own, so one that reads slowly or not at all delays nobody.
"""

from __future__ import annotations

import json
import os
import pwd
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from engine import errors
from engine.errors import AuroraError, EngineError
from engine.handle import EngineHandle
from engine.intents import Intent
from engine.model import Attached, Snapshot
from engine.wire import decode_event, decode_snapshot, encode_event, encode_snapshot, kind_of

VERSION = 1
SOCKET = "control.sock"
LONGEST_PATH = 107
LONGEST_LINE = 1 << 24
ANSWERS_IN_STORE = 8
ANSWER_SECONDS = 60.0
GREETING_SECONDS = 5.0
SEND_SECONDS = 10
OUT_OF_FILES_SECONDS = 0.2
ENDED = "the engine has ended"
ENDED_HINT = "`aurora run` goes on with the run"


@contextmanager
def _address(folder: Path) -> Iterator[str]:
    """The socket's address. The kernel takes at most 107 bytes, so a longer path goes by way of an open folder."""
    path = str(folder / SOCKET)
    if len(os.fsencode(path)) <= LONGEST_PATH:
        yield path
        return
    opened = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{opened}/{SOCKET}"
    finally:
        os.close(opened)


def _line(**fields: object) -> bytes:
    return json.dumps(fields, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def _bound_sending(connection: socket.socket) -> None:
    """Let sending fail after a while, but reading wait for as long as it takes."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", SEND_SECONDS, 0))


# --- the engine's side --------------------------------------------------------------------------------------------


class _Outbox:
    """What one client is still to be sent. Only its own reader waits when it is full; `mark_dirty` never does."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._lines: deque[bytes] = deque()
        self._dirty = False
        self._closed = False

    def put(self, line: bytes) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._closed or len(self._lines) < ANSWERS_IN_STORE)
            self._lines.append(line)
            self._changed.notify_all()

    def mark_dirty(self) -> None:
        with self._changed:
            self._dirty = True
            self._changed.notify_all()

    def take(self) -> bytes:
        """The next line, as soon as there is one; empty when there will be none."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._lines or self._dirty)
            if self._closed:
                return b""
            self._changed.notify_all()
            if self._lines:
                return self._lines.popleft()
            self._dirty = False
            return _line(dirty=True)

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()


class _Client:
    """One connection, with a thread that reads and answers and a thread that sends."""

    def __init__(self, server: ControlServer, connection: socket.socket) -> None:
        self.who: Attached | None = None
        self.watching = False
        self.outbox = _Outbox()
        self._server = server
        self._connection = connection
        _bound_sending(connection)
        for work in (self._read, self._send):
            threading.Thread(target=work, name="aurora-control", daemon=True).start()

    def close(self) -> None:
        """Hang up, from any thread."""
        self.outbox.close()
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)

    def _send(self) -> None:
        with suppress(OSError):
            while line := self.outbox.take():
                self._connection.sendall(line)
        self.close()

    def _read(self) -> None:
        with suppress(OSError, ValueError, TypeError, KeyError), self._connection.makefile("rb") as lines:
            greeting = json.loads(lines.readline(LONGEST_LINE))
            self.outbox.put(_line(aurora=VERSION, pid=os.getpid()))
            if greeting["aurora"] == VERSION:
                guest = bool(greeting.get("read_only", False))
                self.who = Attached(str(greeting["name"]), int(greeting["pid"]), time.time(), guest)
                while line := lines.readline(LONGEST_LINE):
                    self._answer(json.loads(line))
            else:
                lines.readline(LONGEST_LINE)
        self.close()
        self._server.forget(self)
        self._connection.close()

    def _answer(self, request: dict[str, Any]) -> None:
        try:
            value = self._value(request)
        except AuroraError as error:
            said = {"kind": type(error).__name__, "message": error.message, "hint": error.hint}
            self.outbox.put(_line(id=request["id"], error=said))
        except Exception as error:  # noqa: BLE001 - a bug must not look like a dead engine
            said = {"kind": "EngineError", "message": f"the engine could not answer: {error!r}", "hint": None}
            self.outbox.put(_line(id=request["id"], error=said))
        else:
            self.outbox.put(_line(id=request["id"], value=value))

    def _value(self, request: dict[str, Any]) -> object:
        handle = self._server.handle
        match request["do"]:
            case "send":
                return self._intent(request)
            case "snapshot":
                return encode_snapshot(handle.snapshot())
            case "story":
                return handle.story(str(request["task"]))
            case "events":
                return handle.events_since(int(request["since"]))
            case "attached":
                return [asdict(who) for who in self._server.attached()]
            case "watch":
                self.watching = True
                self.outbox.mark_dirty()
                self._server.people_changed()
                return None
        raise EngineError(f"unknown request {request['do']!r}")

    def _intent(self, request: dict[str, Any]) -> str:
        intent = decode_event(str(request["kind"]), str(request["body"]))
        if not isinstance(intent, Intent):
            raise EngineError(f"{request['kind']} is nothing a person can ask for")
        if self.who is not None and self.who.read_only:
            raise errors.Refused("this terminal is attached read-only", "`aurora attach` without --read-only steers")
        by = intent.by or (self.who.name if self.who else "")
        try:
            return self._server.handle.send(replace(intent, by=by)).result(ANSWER_SECONDS)
        except TimeoutError:
            raise EngineError(f"the engine did not answer within {ANSWER_SECONDS:g} s") from None


class ControlServer:
    """Offers `handle` on the control socket in `aurora_dir` until it is closed, on threads of its own."""

    def __init__(self, aurora_dir: Path, handle: EngineHandle, on_people: Callable[[], None] = lambda: None) -> None:
        self.handle = handle
        self._on_people = on_people
        self._folder = aurora_dir
        self._clients: set[_Client] = set()
        self._lock = threading.Lock()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._identity = (0, 0)
        self._closed = threading.Event()

    def start(self) -> None:
        """Listen. A socket that is there is a dead engine's: the caller holds the repository's engine lock."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder.chmod(0o700)
        path = self._folder / SOCKET
        path.unlink(missing_ok=True)
        with _address(self._folder) as address:
            self._listener.bind(address)
        path.chmod(0o600)
        self._identity = _identity_of(path)
        self._listener.listen(16)
        self.handle.on_dirty(self._dirty)
        threading.Thread(target=self._accept, name="aurora-control", daemon=True).start()

    def attached(self) -> tuple[Attached, ...]:
        """Who watches now, the longest first; commands that only ask are not counted."""
        with self._lock:
            people = [client.who for client in self._clients if client.who and client.watching]
        return tuple(sorted(people, key=lambda who: who.since))

    def close(self) -> None:
        """Hang up on all, and remove the socket unless another engine has put its own there."""
        self._closed.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            clients = list(self._clients)
        for client in clients:
            client.close()
        with suppress(OSError):
            if _identity_of(self._folder / SOCKET) == self._identity:
                (self._folder / SOCKET).unlink()

    def forget(self, client: _Client) -> None:
        """A client is gone."""
        with self._lock:
            self._clients.discard(client)
        if client.watching:
            self.people_changed()

    def people_changed(self) -> None:
        """Somebody came or left: the screens show it."""
        if not self._closed.is_set():
            self._dirty()
            self._on_people()

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                self._closed.wait(OUT_OF_FILES_SECONDS)
                continue
            with self._lock:
                self._clients.add(_Client(self, connection))

    def _dirty(self) -> None:
        with self._lock:
            watchers = [client for client in self._clients if client.watching]
        for client in watchers:
            client.outbox.mark_dirty()


def _identity_of(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino


# --- the other side -----------------------------------------------------------------------------------------------


def connect(aurora_dir: Path, *, read_only: bool = False) -> RemoteEngine | None:
    """The engine that listens in `aurora_dir`, or None; it takes no intents from one that is `read_only`. EngineError
    when one is there that cannot be talked to."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(GREETING_SECONDS)
        with _address(aurora_dir) as address:
            connection.connect(address)
        connection.sendall(_line(aurora=VERSION, name=_own_name(), pid=os.getpid(), read_only=read_only))
        return RemoteEngine(connection)
    except (FileNotFoundError, NotADirectoryError, ConnectionError):
        connection.close()
        return None
    except (OSError, ValueError) as error:
        connection.close()
        raise EngineError(
            f"an engine listens here but cannot be talked to ({error})",
            f"the number in {aurora_dir / 'engine.lock'} is its process",
        ) from error
    except EngineError:
        connection.close()
        raise


def _own_name() -> str:
    """Who asks: the user, and the terminal if there is one."""
    name = str(os.getuid())
    with suppress(KeyError):
        name = pwd.getpwuid(os.getuid()).pw_name
    with suppress(OSError):
        name += f" on {os.ttyname(0).removeprefix('/dev/')}"
    return name


class RemoteEngine:
    """An engine behind its control socket. See `EngineHandle`; callbacks must not wait for an answer of the engine.

    While somebody watches (`on_dirty`), news is fetched as it comes: `snapshot` and `attached` do not wait then.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lines = connection.makefile("rb")
        try:
            self.pid = self._greet()
        except BaseException:
            self._lines.close()
            raise
        connection.settimeout(None)
        _bound_sending(connection)
        self._lock = threading.Lock()
        self._count = 0
        self._open: dict[int, Future[Any]] = {}
        self._callbacks: list[Callable[[], None]] = []
        self._latest: Snapshot | None = None
        self._people: tuple[Attached, ...] | None = None
        self._news = threading.Event()
        self._ended = threading.Event()
        self._fetching = self._stale = False
        threading.Thread(target=self._receive, name="aurora-remote", daemon=True).start()

    def _greet(self) -> int:
        greeting = json.loads(self._lines.readline(LONGEST_LINE) or b"{}")
        if not greeting:
            raise ConnectionAbortedError
        if greeting.get("aurora") != VERSION:
            raise EngineError(
                f"the engine (pid {greeting.get('pid', '?')}) speaks version {greeting.get('aurora')} of the control"
                f" protocol, this aurora version {VERSION}",
                "use the aurora that started the run, or end that run first",
            )
        return int(greeting["pid"])

    # --- asking ---

    def send(self, intent: Intent) -> Future[str]:
        """Hand an intent over."""
        return self._ask("send", kind=kind_of(intent), body=encode_event(intent))

    def snapshot(self) -> Snapshot:
        """The latest state; after the engine's end the last that was seen. EngineError when there is none."""
        if self._latest is not None and (self._callbacks or self._ended.is_set()):
            return self._latest
        self._latest = decode_snapshot(self._wait_for(self._ask("snapshot")))
        return self._latest

    def on_dirty(self, callback: Callable[[], None]) -> None:
        """Call back when there is a newer snapshot, and when the engine has ended."""
        self._callbacks.append(callback)
        if len(self._callbacks) == 1:
            self._ask("watch")

    def story(self, task: str) -> tuple[str, ...]:
        """The events of one task in words."""
        return tuple(self._wait_for(self._ask("story", task=task)))

    def events_since(self, seq: int) -> tuple[tuple[int, str, str], ...]:
        """Journal rows after `seq`."""
        rows = self._wait_for(self._ask("events", since=seq))
        return tuple((int(number), str(kind), str(body)) for number, kind, body in rows)

    def follow(self, seq: int, timeout: float) -> tuple[tuple[int, str, str], ...]:
        """Journal rows after `seq`; when there are none, waits up to `timeout` seconds for the first."""
        if not self._callbacks:
            self.on_dirty(lambda: None)
        until = time.monotonic() + timeout
        while True:
            self._news.clear()
            rows = self.events_since(seq)
            if rows or self._ended.is_set() or not self._news.wait(max(0.0, until - time.monotonic())):
                return rows

    def attached(self) -> tuple[Attached, ...]:
        """Who watches the engine now, this one included if it does."""
        if self._people is not None and (self._callbacks or self._ended.is_set()):
            return self._people
        return _people(self._wait_for(self._ask("attached")))

    def wait(self, timeout: float | None = None) -> bool:
        """Block until the engine has ended (or hung up); False when it has not after `timeout` seconds."""
        return self._ended.wait(timeout)

    def close(self) -> None:
        """Hang up; the engine goes on."""
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)

    def _ask(self, do: str, **fields: object) -> Future[Any]:
        answer: Future[Any] = Future()
        with self._lock:
            self._count += 1
            self._open[self._count] = answer
            try:
                self._connection.sendall(_line(id=self._count, do=do, **fields))
            except OSError:
                self._open.pop(self._count, None)
                answer.set_exception(EngineError(ENDED, ENDED_HINT))
        return answer

    def _wait_for(self, answer: Future[Any]) -> Any:
        try:
            return answer.result(ANSWER_SECONDS)
        except TimeoutError:
            raise EngineError(f"the engine did not answer within {ANSWER_SECONDS:g} s") from None

    # --- on the receiving thread ---

    def _receive(self) -> None:
        with suppress(OSError, ValueError), self._lines:
            while line := self._lines.readline():
                message = json.loads(line)
                if "dirty" in message:
                    self._fetch()
                else:
                    self._settle(message)
        self._end()

    def _settle(self, message: dict[str, Any]) -> None:
        with self._lock:
            answer = self._open.pop(message["id"])
        if "error" in message:
            answer.set_exception(_error(**message["error"]))
        else:
            answer.set_result(message["value"])

    def _fetch(self) -> None:
        """Ask who watches and for the newest snapshot (answered in this order), at most once at a time."""
        self._stale = self._fetching
        if not self._fetching:
            self._fetching = True
            self._ask("attached").add_done_callback(self._people_fetched)
            self._ask("snapshot").add_done_callback(self._fetched)

    def _people_fetched(self, answer: Future[Any]) -> None:
        with suppress(AuroraError):
            self._people = _people(answer.result())

    def _fetched(self, answer: Future[Any]) -> None:
        self._fetching = False
        with suppress(AuroraError):
            self._latest = decode_snapshot(answer.result())
        if self._stale:
            self._fetch()
        self._tell()

    def _end(self) -> None:
        self._ended.set()
        with self._lock:
            left, self._open = self._open, {}
            self._connection.close()
        for answer in left.values():
            answer.set_exception(EngineError(ENDED, ENDED_HINT))
        self._tell()

    def _tell(self) -> None:
        self._news.set()
        for callback in self._callbacks:
            callback()


def _people(told: list[dict[str, Any]]) -> tuple[Attached, ...]:
    return tuple(Attached(**who) for who in told)


def _error(kind: str, message: str, hint: str | None) -> AuroraError:
    """The error the engine raised; one this version does not know becomes the plain AuroraError."""
    known = getattr(errors, kind, AuroraError)
    simple = (errors.ConfigError, errors.RepoError, errors.Refused, errors.EngineError)
    return known(message, hint) if known in simple else AuroraError(message, hint)
