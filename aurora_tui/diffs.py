"""The diff of the task that is shown: live while its agent works, from its commit afterwards."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from aurora_tui.breach_diffs import BreachDiffs
from engine.diff_model import BranchDiff, branch_diff
from engine.errors import AuroraError
from engine.model import TaskState, TaskView
from engine.text import clean

if TYPE_CHECKING:
    from engine.live_diff import LiveDiff
    from engine.repo import Repo
    from engine.worktrees import Worktrees

AGAIN_AFTER = 2.0
"""Seconds until a diff that could not be followed or read is tried once more."""
WITH_WORKER = (TaskState.RUNNING, TaskState.PAUSED)


@dataclass(frozen=True, slots=True)
class Source:
    """Where a task's diff comes from: a worktree while it is live, otherwise a commit; from `base` on."""

    task: str
    base: str
    worktree: Path | None = None
    commit: str = ""


class Diffs:
    """One diff at a time. `on_news` is told from any thread when `latest` is another one."""

    def __init__(self, repo: Repo, worktrees: Worktrees, on_news: Callable[[], None]) -> None:
        self.latest: BranchDiff | None = None
        self._repo = repo
        self._worktrees = worktrees
        self._on_news = on_news
        self._source: Source | None = None
        self._again_at: float | None = None
        self._live: LiveDiff | None = None
        self._work = ThreadPoolExecutor(1, "aurora-diff")
        self._closing: list[threading.Thread] = []
        self.breaches = BreachDiffs(self._work, repo, on_news)

    def source_of(self, task: TaskView | None) -> Source | None:
        """Where the task's diff is to be found now; None when it has changed nothing yet."""
        if task is None:
            return None
        worktree = self.worktree_of(task)
        if worktree is not None and task.base:
            return Source(task.id, task.base, worktree=worktree)
        return Source(task.id, task.base, commit=task.commit) if task.commit else None

    def worktree_of(self, task: TaskView | None) -> Path | None:
        """Where its agent is at work, None when it is not."""
        at_work = task is not None and task.state in WITH_WORKER
        return self._worktrees.path(task.worker) if task is not None and at_work and task.worker else None

    def want(self, task: TaskView | None) -> None:
        """Show this task's diff from now on."""
        source = self.source_of(task)
        if source == self._source and not self._again():
            return
        if source is None or self._source is None or source.task != self._source.task:
            self.latest = None
        self._source, self._again_at = source, None
        self._let_go()
        if source is None:
            self._on_news()
        else:
            self._work.submit(self._get, source)

    def _again(self) -> bool:
        return self._again_at is not None and time.monotonic() >= self._again_at

    def close(self) -> None:
        """Follow nothing any more; no process is left behind."""
        self._source = None
        self._work.shutdown(cancel_futures=True)
        self._let_go()
        for thread in self._closing:
            thread.join(3)

    def _let_go(self) -> None:
        live, self._live = self._live, None
        if live is not None:
            thread = threading.Thread(target=live.close, name="aurora-diff-close", daemon=True)
            self._closing = [other for other in self._closing if other.is_alive()] + [thread]
            thread.start()

    # --- on the diff thread ---

    def _get(self, source: Source) -> None:
        """Follow or read it; what goes wrong is shown instead of it, and it is tried again."""
        try:
            (self._read if source.worktree is None else self._follow)(source)
        except Exception as problem:  # noqa: BLE001 - nobody waits for this thread's answer
            if source == self._source:
                error = clean(f"the diff cannot be shown: {type(problem).__name__}: {problem}")
                self.latest = branch_diff(source.task, (), live=False, at=time.time(), error=error)
                self._again_at = time.monotonic() + AGAIN_AFTER
                self._on_news()
                reminder = threading.Timer(AGAIN_AFTER, self._on_news)
                reminder.daemon = True
                reminder.start()

    def _follow(self, source: Source) -> None:
        if source != self._source:
            return
        from engine.live_diff import LiveDiff

        assert source.worktree is not None
        live = LiveDiff(source.worktree, source.base, source.task, lambda: self._live_news(source))
        self._live = live
        live.start()
        if source != self._source:
            self._let_go()

    def _live_news(self, source: Source) -> None:
        live = self._live
        if live is not None and source == self._source:
            self.latest = live.latest
            self._on_news()

    def _read(self, source: Source) -> None:
        if source != self._source:
            return
        diff = self._committed(source)
        if source == self._source:
            self.latest = diff
            self._on_news()

    def _committed(self, source: Source) -> BranchDiff:
        from engine.diffing import committed

        try:
            base = source.base or self._repo.merge_base("HEAD", source.commit) or source.commit
            files = committed(self._repo, base, source.commit)
        except AuroraError as error:
            return branch_diff(source.task, (), live=False, at=time.time(), error=str(error))
        return branch_diff(source.task, files, live=False, at=time.time())
