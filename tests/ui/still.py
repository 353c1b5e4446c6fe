"""The app on an engine at which time stands: one snapshot, and the intents that were sent."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

from snapshots import NOW

from aurora_tui.app import AuroraApp
from aurora_tui.opening import Opened
from aurora_tui.terminal import DARK, Profile
from engine.intents import Intent
from engine.model import Attached, Snapshot
from engine.repo import Repo
from engine.worktrees import Worktrees


class Still:
    """An engine at which time stands: one snapshot, and the intents that were sent."""

    def __init__(self, run: Snapshot) -> None:
        self.run = run
        self.sent: list[Intent] = []

    def snapshot(self) -> Snapshot:
        return self.run

    def send(self, intent: Intent) -> Future[str]:
        self.sent.append(intent)
        answer: Future[str] = Future()
        answer.set_result("as you say")
        return answer

    def on_dirty(self, callback: Callable[[], None]) -> None:
        callback()

    def story(self, task: str) -> tuple[str, ...]:
        return ("added: Work on it.", "waiting → queued: ready", "queued → running: on w1")

    def events_since(self, seq: int) -> tuple[tuple[int, str, str], ...]:
        return ()

    def attached(self) -> tuple[Attached, ...]:
        return ()

    def close(self) -> None:
        return


def empty_repo(folder: Path) -> Repo:
    """A repository for the paths only."""
    identity = ["-c", "user.name=Dev", "-c", "user.email=dev@example.org"]
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    subprocess.run(["git", "-C", str(folder), *identity, "commit", "-q", "--allow-empty", "-m", "start"], check=True)
    return Repo.open(folder)


def app_of(run: Snapshot, repo: Repo, theme: str = DARK, read_only: bool = False) -> tuple[AuroraApp, Still]:
    """The app on a run that stands still."""
    still = Still(run)
    opened = Opened(repo, still, Worktrees(repo))
    profile = Profile(False, theme, 20.0, 20.0, 240)
    return AuroraApp(lambda: opened, profile, read_only=read_only, clock=lambda: NOW), still
