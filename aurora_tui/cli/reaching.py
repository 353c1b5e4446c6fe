"""How a command finds its repository, the plan, and the engine or, without one, the journal."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import ConfigError, EngineError, RepoError

if TYPE_CHECKING:
    from engine.handle import EngineHandle
    from engine.intents import Intent
    from engine.model import Snapshot
    from engine.plan import Plan
    from engine.repo import Repo
    from engine.state import State

ANSWER_SECONDS = 60.0
PLAN_FILE = "aurora.yaml"


def here() -> Repo:
    """The repository the command was started in."""
    from engine.repo import Repo

    try:
        folder = Path.cwd()
    except OSError:
        raise RepoError("the folder you are in does not exist any more", "change to your repository's folder") from None
    return Repo.open(folder)


def branch_of(repo: Repo) -> str | None:
    """The branch that is checked out, if one is."""
    with suppress(RepoError):
        return repo.current_branch()
    return None


def plan_file(repo: Repo, given: str | None) -> Path:
    """The file of the plan: the one given, or the repository's own."""
    path = Path(given).absolute() if given else repo.root / PLAN_FILE
    if not path.exists():
        hint = "`aurora init` writes one" if given is None else None
        raise ConfigError(f"there is no {given or PLAN_FILE} in {path.parent}", hint)
    return path


def load(repo: Repo, given: str | None, workers: int | None = None) -> Plan:
    """The plan, checked."""
    from engine.config import load_plan

    return load_plan(plan_file(repo, given), root=repo.root, target=branch_of(repo), workers=workers)


@dataclass(frozen=True, slots=True)
class Reached:
    """A handle on the repository's run; `live` when an engine is at work on it."""

    repo: Repo
    handle: EngineHandle
    live: bool

    def snapshot(self) -> Snapshot:
        """The run as it is now; EngineError when there was none."""
        snapshot = self.handle.snapshot()
        if not snapshot.run:
            raise never_run()
        return snapshot

    def ask(self, intent: Intent) -> str:
        """Hand an intent over and wait for the answer."""
        return self.handle.send(intent).result(ANSWER_SECONDS)


@contextmanager
def reached(repo: Repo | None = None) -> Iterator[Reached]:
    """The engine of this repository over its socket, or the journal of its last run."""
    from engine.control import connect

    repo = repo or here()
    handle: EngineHandle | None = connect(repo.aurora_dir)
    live = handle is not None
    if handle is None:
        from engine.session import read_only

        if not (repo.aurora_dir / "journal.db").exists():
            raise never_run()
        handle = read_only(repo)
    try:
        yield Reached(repo, handle, live)
    finally:
        handle.close()


def never_run() -> EngineError:
    """There is nothing to look at or to steer."""
    return EngineError("there has been no run in this repository yet", "`aurora run` starts one")


def last_state(repo: Repo) -> State:
    """All the journal tells of the last run, also while an engine is at work on it."""
    from engine.session import read_only

    reader = read_only(repo)
    try:
        if reader.machine is None:
            raise never_run()
        return reader.machine.state
    finally:
        reader.close()


def running_plan(repo: Repo) -> Plan:
    """The plan of the last run with every task that was added to it."""
    state = last_state(repo)
    return replace(state.plan, tasks=tuple(record.spec for record in state.tasks.values()))


def now() -> float:
    """Seconds since the epoch."""
    return time.time()
