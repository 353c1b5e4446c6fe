"""A served program on a port of its own: started, asked until it answers, ended with all its processes."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from engine import process
from engine.command import undisturbed
from engine.process import Identity

START_SECONDS = 30.0
WRONG_PORT_SECONDS = 3.0
FOREIGN_SECONDS = 6.0
"""How long a program may take until it answers, until it is asked why it listens elsewhere, and until whoever else
answers on its port is taken for it."""
ASK_SECONDS = 2.0
LOOK_EVERY = 0.1
TRIES_OF_ITS_OWN = 9


@dataclass(frozen=True, slots=True)
class Served:
    """A program that was started: who runs it, its record and marker, where it should answer and where it writes."""

    identity: Identity
    record: Path
    marker: str
    port: int
    health: str
    log: Path


def free_port(first: int) -> int:
    """A free port of this machine: one of the few from `first` on, else any."""
    for port in (*range(first, first + TRIES_OF_ITS_OWN), 0):
        with socket.socket() as trial, suppress(OSError):
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(("127.0.0.1", port))
            return int(trial.getsockname()[1])
    raise OSError("this machine has no free port")


async def until_healthy(served: Served) -> str:
    """Wait until the program answers; empty then, else what is wrong with it in words."""
    began = time.monotonic()
    elsewhere_asked = False
    while (waited := time.monotonic() - began) < START_SECONDS:
        if not served.identity.alive():
            ended = process.exit_record(served.record)
            return f"ended with {ended.code}" if ended is not None else "vanished"
        if await _answers(served) and (waited > FOREIGN_SECONDS or await _is_its_own(served)):
            return ""
        if waited > WRONG_PORT_SECONDS and not elsewhere_asked:
            elsewhere_asked = True
            if ports := await _elsewhere(served):
                named = ", ".join(map(str, ports))
                return f"listens on port {named} instead of $AURORA_PORT ({served.port})"
        await asyncio.sleep(LOOK_EVERY)
    return f"did not answer on port {served.port} within {START_SECONDS:g} s"


async def _is_its_own(served: Served) -> bool:
    """Whether it is this program that answers. One that was quicker to take the port makes this one end in a moment;
    a port that a container has is never its own."""
    return served.port in await asyncio.to_thread(process.listening, served.identity, served.marker)


async def _elsewhere(served: Served) -> Iterable[int]:
    ports = await asyncio.to_thread(process.listening, served.identity, served.marker)
    return () if served.port in ports else sorted(ports)


async def _answers(served: Served) -> bool:
    """It takes connections; where a path or URL tells its health, it answers that without a server's error."""
    try:
        async with asyncio.timeout(ASK_SECONDS):
            if not served.health:
                _, writer = await asyncio.open_connection("127.0.0.1", served.port)
                await _close(writer)
                return True
            return await _asked(served)
    except (OSError, TimeoutError):
        return False


async def _asked(served: Served) -> bool:
    host, port, path = _where(served.health, served.port)
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        said = (await reader.readline()).split()
    finally:
        await _close(writer)
    return len(said) > 1 and said[0].startswith(b"HTTP/") and said[1].isdigit() and int(said[1]) < 500


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


def _where(health: str, port: int) -> tuple[str, int, str]:
    """Host, port and path of a health check: a path, or an http:// URL with {port}."""
    if not health.startswith("http://"):
        return "127.0.0.1", port, "/" + health.lstrip("/")
    authority, _, path = health.replace("{port}", str(port)).removeprefix("http://").partition("/")
    host, _, number = authority.partition(":")
    return host, int(number) if number.isdigit() else port, f"/{path}"


async def end(served: Served) -> None:
    """End the program and everything it started; its log stays. Waited for even when cancelled."""
    loop = asyncio.get_running_loop()
    await undisturbed(loop.run_in_executor(None, _end, served))


def _end(served: Served) -> None:
    process.stop(served.identity, served.marker)
    process.collect(served.identity, served.record)
    for kind in ("pid", "exit"):
        process.file_of(served.record, kind).unlink(missing_ok=True)
