"""A served program is healthy when it answers itself, not when somebody else has its port."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from pathlib import Path

import pytest

from engine import process
from engine.contracts import service
from engine.contracts.service import Served, end, until_healthy

SERVE = """
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
HTTPServer(("127.0.0.1", int(sys.argv[1])), BaseHTTPRequestHandler).serve_forever()
"""


def launched(folder: Path, port: int) -> Served:
    """A program that serves on a port, or ends when that is taken."""
    record, marker = folder / "served", f"served-{os.getpid()}-{port}"
    command = (sys.executable, "-c", SERVE, str(port))
    spec = process.LaunchSpec(record, command, folder, os.environ, marker, lifeline=True)
    return Served(process.launch(spec), record, marker, port, "", process.log_of(spec))


@pytest.mark.slow
def test_a_program_whose_port_another_has_is_not_taken_for_healthy(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        served = launched(tmp_path, other.getsockname()[1])
        try:
            assert asyncio.run(until_healthy(served)) == "ended with 1"
        finally:
            asyncio.run(end(served))


@pytest.mark.slow
def test_a_program_that_answers_itself_is_healthy(tmp_path: Path) -> None:
    served = launched(tmp_path, service.free_port(23_500))
    try:
        assert asyncio.run(until_healthy(served)) == ""
    finally:
        asyncio.run(end(served))
