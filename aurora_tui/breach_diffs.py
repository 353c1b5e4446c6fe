"""What branches change in frozen contracts, read once each on the thread of the diffs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from pathlib import Path
from typing import TYPE_CHECKING

from engine.diff_model import BranchDiff, FileDiff, branch_diff
from engine.errors import AuroraError
from engine.model import BreachView

if TYPE_CHECKING:
    from engine.repo import Repo


class BreachDiffs:
    """`found` holds the diff of each breach that was asked for, as soon as it is read; `on_news` is told then."""

    def __init__(self, work: Executor, repo: Repo, on_news: Callable[[], None]) -> None:
        self.found: dict[BreachView, BranchDiff] = {}
        self._asked: set[BreachView] = set()
        self._work = work
        self._repo = repo
        self._on_news = on_news

    def want(self, breaches: Iterable[tuple[BreachView, Path | None]]) -> None:
        """Read these, unless they were: from the commit, or from the worktree where an agent was frozen at it."""
        for breach, worktree in breaches:
            if breach not in self._asked and (breach.commit or worktree is not None):
                self._asked.add(breach)
                self._work.submit(self._read, breach, worktree)

    def _read(self, breach: BreachView, worktree: Path | None) -> None:
        try:
            diff = branch_diff(breach.task, self._files(breach, worktree), live=False, at=time.time())
        except AuroraError as error:
            diff = branch_diff(breach.task, (), live=False, at=time.time(), error=str(error))
        self.found = {**self.found, breach: diff}
        self._on_news()

    def _files(self, breach: BreachView, worktree: Path | None) -> tuple[FileDiff, ...]:
        from engine.diffing import committed, working

        if not breach.commit and worktree is not None:
            return working(worktree, breach.base, breach.paths)
        files = committed(self._repo, breach.base, breach.commit)
        return tuple(file for file in files if {file.key, file.old_key} & set(breach.paths))
