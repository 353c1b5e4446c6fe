"""An agent whose program finds its port taken is started again with other ports, and lands without a retry."""

from __future__ import annotations

import contextlib
import socket
import sys

import pytest
from project import Project

from engine.workplaces import first_port

SERVER = """
import os, pathlib, socket
with socket.socket() as server:
    server.bind(("127.0.0.1", int(os.environ["AURORA_PORT"])))
pathlib.Path("port").write_text(os.environ["AURORA_PORT"] + " " + os.environ["COMPOSE_PROJECT_NAME"])
"""


@pytest.mark.slow
def test_a_taken_port_costs_no_retry(project: Project) -> None:
    script = project.file.parent / "server.py"
    script.write_text(SERVER)
    project.plan([{"id": "serve", "files": ["port"], "run": f"{sys.executable} {script}"}], retries=0)
    with socket.socket() as other, contextlib.suppress(OSError):
        other.bind(("127.0.0.1", first_port("w1")))
        project.run()
    assert project.git("show", "main:port") == f"{first_port('w1', 1)} shop-w1-1"
    story = " ".join(project.says("story", "serve").split())
    assert "met a port or name that is taken (Address already in use): goes on with others" in story
