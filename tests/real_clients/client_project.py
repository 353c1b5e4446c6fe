"""A small repository whose tasks are done by real coding agents."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from installed import environment, settings_in
from model_api import ModelApi
from project import Project


class ClientProject(Project):
    """The agents of its plans are the given clients; the first is the default one."""

    def __init__(self, folder: Path, api: ModelApi, programs: Mapping[str, Path]) -> None:
        super().__init__(folder)
        self.api = api
        self.programs = programs
        self.home = folder / "home"
        settings_in(self.home, api.address)

    def environment(self) -> dict[str, str]:
        """A new user's, with the clients on PATH and the model at hand."""
        return environment(self.home, self.api.address, self.programs)

    def ask(self, *tasks: dict[str, object], **settings: object) -> None:
        """Write the plan. A task's prompt is given line by line."""
        entries = [{**task, "prompt": "\n".join(task["prompt"])} for task in tasks]  # type: ignore[arg-type]
        agents = {name: {"preset": name} for name in self.programs}
        self.plan(entries, **{"agents": agents, "agent": next(iter(self.programs)), **settings})

    def text(self, path: str, commit: str = "main") -> str:
        """What a file of a commit holds."""
        return self.git("show", f"{commit}:{path}")
