"""A small repository whose tasks are done by real coding agents."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from installed import CLIENTS, environment, settings_in
from model_api import ModelApi
from project import Project

SHELL_ALLOWED: Mapping[str, list[str]] = {
    "claude": ["--allowedTools", "Bash(python3 *)"],
    "copilot": ["--allow-all-paths"],
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

    command: tuple[str, ...] = ()
    status: str = psutil.STATUS_DEAD

    @classmethod
    def of(cls, process: psutil.Process) -> Relative:
        """What is seen of a process; one that is gone was dead already."""
        try:
            return cls(tuple(process.cmdline()), process.status())
        except psutil.Error:
            return cls()

    @property
    def lives(self) -> bool:
        """False for one that only waits to be forgotten, too."""
        return self.status not in (psutil.STATUS_DEAD, psutil.STATUS_ZOMBIE)


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

    def start_once(self) -> None:
        """The client prepares what it prepares at its first start (opencode a database), so that none dies of it."""
        if self.client == "opencode":
            command = ["opencode", "session", "list"]
            subprocess.run(command, cwd=self.root, env=self.environment(), stdin=subprocess.DEVNULL, check=True)

    def ask(self, *tasks: dict[str, object], **settings: object) -> None:
        """Write the plan. A task's prompt is given line by line. The profile `other` is the first client once more."""
        entries = [{**task, "prompt": "\n".join(task["prompt"])} for task in tasks]  # type: ignore[arg-type]
        agents = {name: self.profile(name) for name in self.programs}
        agents["other"] = agents[self.client]
        self.plan(entries, **{"agents": agents, "agent": self.client, **settings})

    def profile(self, name: str) -> dict[str, object]:
        """How a client is named in the plan."""
        return {"preset": name, "args": SHELL_ALLOWED.get(name, [])}

    def tasks(self) -> dict[str, dict[str, Any]]:
        """What `aurora status --json` says of every task, by its id."""
        return {task["id"]: task for task in json.loads(self.aurora("status", "--json"))["tasks"]}

    def family(self) -> Iterator[Relative]:
        """Every living process the agents' supervisors started, whatever session it is in."""
        for supervisor in self.processes("supervisor.py"):
            with suppress(psutil.NoSuchProcess):
                yield from (one for one in map(Relative.of, supervisor.children(recursive=True)) if one.lives)

    def text(self, path: str, commit: str = "main") -> str:
        """What a file of a commit holds."""
        return self.git("show", f"{commit}:{path}")


class TalkingProject(ClientProject):
    """The agents speak the Agent Client Protocol."""

    def profile(self, name: str) -> dict[str, object]:
        """By the command that makes it speak."""
        return {"preset": "acp", "command": list(CLIENTS[name].acp)}
