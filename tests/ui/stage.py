"""A real repository, agents that wait for a gate to open, and the app with a real engine on it."""

from __future__ import annotations

import time
from pathlib import Path

import psutil
from project import Project
from screen import Play, play, until
from textual.pilot import Pilot

from aurora_tui.app import AuroraApp
from aurora_tui.opening import open_attached, open_run
from aurora_tui.terminal import DARK, Profile
from engine.intents import Shutdown
from engine.model import Snapshot, TaskState

PROFILE = Profile(False, DARK, 20.0, 20.0, 240)


class Stage:
    """`gated` scripts run until their gate is opened; `app` starts the plan, `guest` attaches to it."""

    def __init__(self, folder: Path) -> None:
        self.project = Project(folder)
        self.gates = folder / "gates"
        self.gates.mkdir()
        self.apps: list[AuroraApp] = []

    def gated(self, name: str, then: str = "", before: str = "") -> str:
        """A script that does something, waits for its gate, and does the rest."""
        gate = self.gates / name
        return f"{before or ':'}\nwhile [ ! -e {gate} ]; do echo tick >> {gate}.ticks; sleep 0.02; done\n{then or ':'}"

    def open_gate(self, name: str) -> None:
        """Let a script go on."""
        (self.gates / name).touch()

    def ticks(self, name: str) -> int:
        """How often a waiting script has gone round."""
        path = self.gates / f"{name}.ticks"
        return len(path.read_bytes()) if path.exists() else 0

    def app(self) -> AuroraApp:
        """The app that starts the engine."""
        made = AuroraApp(lambda: open_run(str(self.project.file)), PROFILE)
        self.apps.append(made)
        return made

    def guest(self, read_only: bool = False) -> AuroraApp:
        """The app on an engine that runs already."""
        return AuroraApp(lambda: open_attached(read_only), PROFILE, read_only=read_only)

    def play(self, scene: Play, size: tuple[int, int] = (120, 36)) -> object:
        """Start the plan in the app and play a scene; what the app returned."""
        return play(self.app(), scene, size)

    def agents(self, word: str) -> list[psutil.Process]:
        """The living processes of an agent's script."""
        return list(self.project.processes(word))

    def strike(self) -> None:
        """End every engine and process."""
        for app in self.apps:
            own = app.bridge.opened.own if app.bridge is not None else None
            if own is not None and not own.wait(0):
                own.send(Shutdown(at=time.time(), mode="stop"))
                own.wait(30)
        self.project.kill_everything()


def run_of(pilot: Pilot[object]) -> Snapshot:
    """The run as the screen has it."""
    app = pilot.app
    assert isinstance(app, AuroraApp)
    assert app.main.moment is not None
    return app.main.moment.snapshot


async def until_state(pilot: Pilot[object], task: str, *states: TaskState) -> None:
    """Wait until the screen has a task in one of these states."""
    app = pilot.app
    assert isinstance(app, AuroraApp)

    def there() -> bool:
        return app.main.moment is not None and app.main.moment.tasks[task].state in states

    await until(pilot, there)
