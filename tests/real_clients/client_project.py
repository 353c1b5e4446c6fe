"""A small repository whose tasks are done by real coding agents."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from installed import environment, settings_in
from model_api import ModelApi
from project import Project

SHELL_ALLOWED: Mapping[str, list[str]] = {
    "claude": ["--allowedTools", "Bash(python3 *)"],
    "gemini": ["--allowed-tools", "run_shell_command"],
    "qwen": ["--allowed-tools", "run_shell_command"],
}
"""What lets a client that asks before it runs a command do so."""

WAIT = """import pathlib, sys, time
while not pathlib.Path(sys.argv[1]).exists():
    time.sleep(0.02)
"""


@dataclass(frozen=True, slots=True)
class Relative:
    """A process below a supervisor, as it was a moment ago."""

    command: tuple[str, ...]
    status: str


class ClientProject(Project):
    """The agents of its plans are the given clients; the first is the default one."""

    def __init__(self, folder: Path, api: ModelApi, programs: Mapping[str, Path]) -> None:
        super().__init__(folder)
        self.api = api
        self.programs = programs
        self.home = folder / "home"
        settings_in(self.home, api.address)
        self.write("wait.py", WAIT)
        self.write("lib/__init__.py", "")
        self.commit("a program that waits for a file")

    @property
    def client(self) -> str:
        """The first client."""
        return next(iter(self.programs))

    def environment(self) -> dict[str, str]:
        """A new user's, with the clients on PATH and the model at hand."""
        return environment(self.home, self.api.address, self.programs)

    def ask(self, *tasks: dict[str, object], **settings: object) -> None:
        """Write the plan. A task's prompt is given line by line. The profile `other` is the first client once more."""
        entries = [{**task, "prompt": "\n".join(task["prompt"])} for task in tasks]  # type: ignore[arg-type]
        agents = {name: {"preset": name, "args": SHELL_ALLOWED.get(name, [])} for name in self.programs}
        agents["other"] = agents[self.client]
        self.plan(entries, **{"agents": agents, "agent": self.client, **settings})

    def tasks(self) -> dict[str, dict[str, Any]]:
        """What `aurora status --json` says of every task, by its id."""
        return {task["id"]: task for task in json.loads(self.aurora("status", "--json"))["tasks"]}

    def family(self) -> Iterator[Relative]:
        """Every living process the agents' supervisors started, whatever session it is in."""
        for supervisor in self.processes("supervisor.py"):
            for child in supervisor.children(recursive=True):
                with suppress(psutil.Error):
                    relative = Relative(tuple(child.cmdline()), child.status())
                    if relative.status != psutil.STATUS_ZOMBIE:
                        yield relative

    def text(self, path: str, commit: str = "main") -> str:
        """What a file of a commit holds."""
        return self.git("show", f"{commit}:{path}")
