"""The control socket, driven with a small engine that only remembers what it was asked."""

from __future__ import annotations

import json
import os
import socket
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, cast

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "ui"))
from snapshots import busy_run, snapshot, task

from engine import control
from engine.control import ControlServer, RemoteEngine, connect
from engine.errors import AuroraError, ConfigError, EngineError, Refused
from engine.intents import Intent, PauseTask, SetWorkers
from engine.model import Snapshot

SOON = 10.0


class FakeEngine:
    """Answers at once; `refuse` is what the next intent is answered with instead."""

    def __init__(self) -> None:
        self.shown: Snapshot = busy_run()
        self.asked: list[Intent] = []
        self.refuse: BaseException | None = None
        self.rows: list[tuple[int, str, str]] = []
        self.callbacks: list[Callable[[], None]] = []

    def send(self, intent: Intent) -> Future[str]:
        self.asked.append(intent)
        answer: Future[str] = Future()
        if self.refuse is not None:
            answer.set_exception(self.refuse)
        else:
            answer.set_result(f"done: {type(intent).__name__}")
        return answer

    def snapshot(self) -> Snapshot:
        return self.shown

    def on_dirty(self, callback: Callable[[], None]) -> None:
        self.callbacks.append(callback)

    def story(self, task: str) -> tuple[str, ...]:
        if task != "auth":
            raise Refused(f"there is no task {task!r}", "did you mean auth?")
        return ("added: Work on auth.", "waiting → queued: ready")

    def events_since(self, seq: int) -> tuple[tuple[int, str, str], ...]:
        return tuple(row for row in self.rows if row[0] > seq)

    def close(self) -> None:
        raise AssertionError("a client must not end the engine")

    def change(self, version: int) -> None:
        """Something has happened."""
        self.shown = replace(self.shown, version=version)
        for callback in self.callbacks:
            callback()


@contextmanager
def serving(folder: Path, engine: FakeEngine) -> Iterator[ControlServer]:
    """A server that is closed in the end."""
    server = ControlServer(folder, engine)
    server.start()
    try:
        yield server
    finally:
        server.close()


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def server(tmp_path: Path, engine: FakeEngine) -> Iterator[ControlServer]:
    with serving(tmp_path / "aurora", engine) as running:
        yield running


@pytest.fixture
def remote(tmp_path: Path, server: ControlServer) -> Iterator[RemoteEngine]:
    with closing(connected(tmp_path / "aurora")) as found:
        yield found


def connected(folder: Path) -> RemoteEngine:
    """A client of the engine that listens there."""
    found = connect(folder)
    assert found is not None
    return found


def wait_until(true: Callable[[], bool]) -> None:
    """Until it is true; fails when it does not become so."""
    until = time.monotonic() + SOON
    while not true():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.005)


# --- asking ---------------------------------------------------------------------------------------------------------


def test_a_snapshot_arrives_as_it_was(remote: RemoteEngine, engine: FakeEngine) -> None:
    assert remote.snapshot() == engine.shown
    assert remote.pid == os.getpid()


def test_an_intent_is_answered_and_says_who_asked(remote: RemoteEngine, engine: FakeEngine) -> None:
    assert remote.send(PauseTask(at=1.0, task="auth")).result(SOON) == "done: PauseTask"
    assert engine.asked[0] == PauseTask(at=1.0, by=engine.asked[0].by, task="auth")
    assert engine.asked[0].by


def test_a_name_that_is_given_stays(remote: RemoteEngine, engine: FakeEngine) -> None:
    remote.send(SetWorkers(at=1.0, by="robin", workers=3)).result(SOON)
    assert engine.asked == [SetWorkers(at=1.0, by="robin", workers=3)]


@pytest.mark.parametrize("kind", [Refused, ConfigError, EngineError])
def test_errors_travel_with_kind_message_and_hint(
    remote: RemoteEngine, engine: FakeEngine, kind: type[AuroraError]
) -> None:
    engine.refuse = kind("auth is landed", "`aurora undo` takes it back")
    with pytest.raises(kind) as caught:
        remote.send(PauseTask(at=1.0, task="auth")).result(SOON)
    assert (caught.value.message, caught.value.hint) == ("auth is landed", "`aurora undo` takes it back")


def test_a_bug_in_the_engine_is_no_dead_engine(remote: RemoteEngine, engine: FakeEngine) -> None:
    engine.refuse = ZeroDivisionError("oops")
    with pytest.raises(EngineError, match="oops"):
        remote.send(PauseTask(at=1.0, task="auth")).result(SOON)
    assert remote.snapshot() == engine.shown


def test_stories_and_their_errors(remote: RemoteEngine, engine: FakeEngine) -> None:
    assert remote.story("auth") == engine.story("auth")
    with pytest.raises(Refused, match="no task 'ui'"):
        remote.story("ui")


def test_events_since(remote: RemoteEngine, engine: FakeEngine) -> None:
    engine.rows = [(1, "RunStarted", "{}"), (2, "Landed", '{"commit": "c"}')]
    assert remote.events_since(0) == tuple(engine.rows)
    assert remote.events_since(1) == ((2, "Landed", '{"commit": "c"}'),)


def test_who_is_attached(remote: RemoteEngine, server: ControlServer, tmp_path: Path) -> None:
    """Who watches is; who only asks is not."""
    assert remote.attached() == ()
    remote.on_dirty(lambda: None)
    with closing(connected(tmp_path / "aurora")) as other:
        other.on_dirty(lambda: None)
        wait_until(lambda: [who.pid for who in other.attached()] == [os.getpid()] * 2)
    wait_until(lambda: len(server.attached()) == 1)


def test_a_guest_may_look_but_steers_nothing(server: ControlServer, engine: FakeEngine, tmp_path: Path) -> None:
    found = connect(tmp_path / "aurora", read_only=True)
    assert found is not None
    with closing(found) as guest:
        guest.on_dirty(lambda: None)
        assert guest.snapshot() == engine.shown
        with pytest.raises(Refused, match="attached read-only"):
            guest.send(PauseTask(at=1.0, task="a")).result(SOON)
        assert engine.asked == []
        wait_until(lambda: [who.read_only for who in server.attached()] == [True])


def test_many_may_ask_at_once(remote: RemoteEngine, engine: FakeEngine) -> None:
    answers = [remote.send(SetWorkers(at=float(n), workers=n)) for n in range(200)]
    assert {answer.result(SOON) for answer in answers} == {"done: SetWorkers"}
    assert [intent.at for intent in engine.asked] == [float(n) for n in range(200)]


# --- watching -------------------------------------------------------------------------------------------------------


def test_a_watcher_is_told_and_has_the_newest_snapshot_at_once(remote: RemoteEngine, engine: FakeEngine) -> None:
    told = threading.Event()
    remote.on_dirty(told.set)
    assert told.wait(SOON)
    for version in (2, 3, 4):
        engine.change(version)
    wait_until(lambda: remote.snapshot().version == 4)


def test_a_client_that_does_not_watch_gets_nothing_unasked(remote: RemoteEngine, engine: FakeEngine) -> None:
    engine.change(2)
    assert remote.snapshot().version == 2
    engine.change(3)
    assert remote.snapshot().version == 3


def test_following_waits_for_the_next_events(remote: RemoteEngine, engine: FakeEngine) -> None:
    found: list[tuple[tuple[int, str, str], ...]] = []
    follower = threading.Thread(target=lambda: found.append(remote.follow(0, SOON)))
    follower.start()
    engine.rows.append((1, "Landed", "{}"))
    engine.change(2)
    follower.join(SOON)
    assert found == [((1, "Landed", "{}"),)]


def test_following_gives_up_in_time(remote: RemoteEngine) -> None:
    assert remote.follow(0, 0.02) == ()


# --- trouble --------------------------------------------------------------------------------------------------------


def test_no_engine_is_none(tmp_path: Path) -> None:
    assert connect(tmp_path / "nowhere") is None
    assert connect(tmp_path) is None


def test_a_stale_socket_is_none_and_makes_room(tmp_path: Path, engine: FakeEngine) -> None:
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(tmp_path / control.SOCKET))
    dead.close()
    assert connect(tmp_path) is None
    with serving(tmp_path, engine), closing(connected(tmp_path)) as remote:
        assert remote.snapshot() == engine.shown


def test_only_this_user_may_connect(server: ControlServer, tmp_path: Path) -> None:
    assert stat.S_IMODE((tmp_path / "aurora").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "aurora" / control.SOCKET).stat().st_mode) == 0o600


def test_a_very_long_path_works(tmp_path: Path, engine: FakeEngine) -> None:
    folder = tmp_path / ("d" * 100) / ("e" * 100)
    with serving(folder, engine), closing(connected(folder)) as remote:
        assert remote.snapshot() == engine.shown
    assert not (folder / control.SOCKET).exists()


def test_a_closed_server_hangs_up_and_leaves_no_socket(tmp_path: Path, engine: FakeEngine) -> None:
    told = threading.Event()
    with serving(tmp_path, engine):
        remote = connected(tmp_path)
        remote.on_dirty(told.set)
        last = remote.snapshot()
        assert not remote.wait(0)
    assert remote.wait(SOON)
    assert remote.snapshot() == last
    with pytest.raises(EngineError, match="the engine has ended"):
        remote.send(PauseTask(at=1.0, task="auth")).result(SOON)
    assert connect(tmp_path) is None
    assert list(tmp_path.iterdir()) == []
    assert told.is_set()


def test_what_was_asked_when_the_engine_ends_is_answered(tmp_path: Path, engine: FakeEngine) -> None:
    never: Future[str] = Future()
    asked = threading.Event()

    def silent(intent: Intent) -> Future[str]:
        asked.set()
        return never

    engine.send = silent  # type: ignore[method-assign]
    with serving(tmp_path, engine):
        answer = connected(tmp_path).send(PauseTask(at=1.0, task="auth"))
        assert asked.wait(SOON)
    with pytest.raises(EngineError, match="the engine has ended"):
        answer.result(SOON)
    never.set_result("too late")


def test_a_new_engines_socket_survives_the_old_ones_end(tmp_path: Path, engine: FakeEngine) -> None:
    old = ControlServer(tmp_path, FakeEngine())
    old.start()
    with serving(tmp_path, engine):
        old.close()
        with closing(connected(tmp_path)) as remote:
            assert remote.snapshot() == engine.shown


def test_a_client_of_another_version_is_told_ours(server: ControlServer, tmp_path: Path) -> None:
    with raw_client(tmp_path / "aurora", version=control.VERSION + 1) as (_, lines):
        assert json.loads(lines.readline()) == {"aurora": control.VERSION, "pid": os.getpid()}
    assert server.attached() == ()


def test_an_engine_of_another_version_is_refused_in_words(tmp_path: Path) -> None:
    def greet() -> None:
        with listener.accept()[0] as connection:
            connection.recv(1 << 12)
            connection.sendall(b'{"aurora": 99, "pid": 7}\n')

    with closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(str(tmp_path / control.SOCKET))
        listener.listen()
        greeter = threading.Thread(target=greet)
        greeter.start()
        with pytest.raises(EngineError, match=r"pid 7.*version 99") as caught:
            connect(tmp_path)
        greeter.join(SOON)
    assert caught.value.hint


def test_an_engine_that_is_stuck_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "GREETING_SECONDS", 0.05)
    with closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(str(tmp_path / control.SOCKET))
        listener.listen()
        with pytest.raises(EngineError, match="cannot be talked to"):
            connect(tmp_path)


@contextmanager
def raw_client(folder: Path, version: int = control.VERSION) -> Iterator[tuple[socket.socket, BinaryIO]]:
    """A client that writes its own lines."""
    with closing(socket.socket(socket.AF_UNIX)) as raw:
        raw.settimeout(SOON)
        raw.connect(str(folder / control.SOCKET))
        raw.sendall(json.dumps({"aurora": version, "name": "raw", "pid": 1}).encode() + b"\n")
        with raw.makefile("rb") as lines:
            yield raw, cast(BinaryIO, lines)


@pytest.mark.parametrize("noise", [b"\n", b"[]\n", b"\xff\xfe\n", b'{"id": 1}\n', b'{"do": "snapshot"}\n', b"{" * 9999])
def test_noise_costs_only_its_own_connection(
    remote: RemoteEngine, engine: FakeEngine, tmp_path: Path, noise: bytes
) -> None:
    with raw_client(tmp_path / "aurora") as (raw, _):
        raw.sendall(noise)
        assert remote.snapshot() == engine.shown


def test_only_intents_may_be_sent(remote: RemoteEngine, tmp_path: Path, engine: FakeEngine) -> None:
    body = json.dumps({"at": 1.0, "slot": "s"})
    with raw_client(tmp_path / "aurora") as (raw, lines):
        raw.sendall(json.dumps({"id": 1, "do": "send", "kind": "SlotFreed", "body": body}).encode() + b"\n")
        lines.readline()
        assert "nothing a person can ask for" in lines.readline().decode()
    assert engine.asked == []


def test_a_client_that_never_reads_delays_nobody(remote: RemoteEngine, engine: FakeEngine, tmp_path: Path) -> None:
    engine.shown = snapshot(*(task(f"t{n}", prompt="x" * 1000) for n in range(300)))
    with raw_client(tmp_path / "aurora") as (raw, _):
        raw.sendall(b'{"id": 1, "do": "watch"}\n' + b'{"id": 2, "do": "snapshot"}\n' * 50)
        told = threading.Event()
        remote.on_dirty(told.set)
        assert told.wait(SOON)
        for version in range(2, 500):
            engine.change(version)
        wait_until(lambda: remote.snapshot().version == 499)


def test_a_client_that_dies_is_forgotten(server: ControlServer, engine: FakeEngine, tmp_path: Path) -> None:
    with raw_client(tmp_path / "aurora") as (raw, lines):
        raw.sendall(b'{"id": 1, "do": "watch"}\n')
        lines.readline()
        wait_until(lambda: len(server.attached()) == 1)
    wait_until(lambda: server.attached() == ())
    engine.change(2)
