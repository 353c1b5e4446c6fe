"""How the screen gets its engine: started here, found running, or built for the demo. Runs after the first frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.handle import EngineHandle
    from engine.model import TestRunView
    from engine.plan import Plan
    from engine.repo import Repo
    from engine.session import LocalEngine
    from engine.worktrees import Worktrees


@dataclass(frozen=True, slots=True)
class Opened:
    """An engine and its repository. `own` is the engine when it lives in this process."""

    repo: Repo
    handle: EngineHandle
    worktrees: Worktrees
    own: LocalEngine | None = None
    note: str = ""
    aurora_dir: Path = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "aurora_dir", self.repo.aurora_dir)

    def log_of(self, run: str, task: str, attempt: int) -> Path:
        """Where the output of an attempt lies."""
        return self.aurora_dir / "runs" / run / f"{task}.{attempt}.log"

    def test_log_of(self, run: str, test: TestRunView) -> Path:
        """Where the output of a test of the merge queue lies."""
        return self.aurora_dir / "runs" / run / f"{test.candidate}.{test.commit[:9]}.test.log"


Opener = Callable[[], Opened]


def open_run(plan: str | None = None, workers: int | None = None, fresh: bool = False) -> Opened:
    """The run of this repository: an engine that is at work already is attached to, otherwise one is started."""
    from aurora_tui.cli.reaching import here, load
    from engine.control import connect

    repo = here()
    found = connect(repo.aurora_dir)
    if found is not None:
        return _attached(repo, found, f"attached to the engine that was running already (pid {found.pid})")
    return start(repo, load(repo, plan, workers), fresh=fresh)


def start(repo: Repo, plan: Plan, *, fresh: bool = False) -> Opened:
    """Start an engine on a plan, in this process."""
    from engine.session import start_engine, worktrees_of

    engine = start_engine(repo, plan, fresh=fresh)
    return Opened(repo, engine, worktrees_of(repo, plan), engine)


def open_attached(read_only: bool) -> Opened:
    """The engine another terminal started. EngineError when there is none."""
    from aurora_tui.cli.reaching import here
    from engine.control import connect
    from engine.errors import EngineError

    repo = here()
    found = connect(repo.aurora_dir, read_only=read_only)
    if found is None:
        raise EngineError(
            "no engine runs in this repository", "`aurora` starts one, `aurora status` shows the last run"
        )
    return _attached(repo, found)


def _attached(repo: Repo, handle: EngineHandle, note: str = "") -> Opened:
    from aurora_tui.cli.reaching import running_plan
    from engine.session import worktrees_of

    return Opened(repo, handle, worktrees_of(repo, running_plan(repo)), None, note)
