"""What branches change in frozen contracts, read once each on the thread of the diffs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from typing import TYPE_CHECKING

from engine.diff_model import BranchDiff, branch_diff
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

    def want(self, breaches: Iterable[BreachView]) -> None:
        """Read these, unless they were; one of an agent still at work has no commit to read."""
        for breach in breaches:
            if breach.commit and breach not in self._asked:
                self._asked.add(breach)
                self._work.submit(self._read, breach)

    def _read(self, breach: BreachView) -> None:
        from engine.diffing import committed

        try:
            files = committed(self._repo, breach.base, breach.commit)
            mine = tuple(file for file in files if {file.key, file.old_key} & set(breach.paths))
            diff = branch_diff(breach.task, mine, live=False, at=time.time())
        except AuroraError as error:
            diff = branch_diff(breach.task, (), live=False, at=time.time(), error=str(error))
        self.found = {**self.found, breach: diff}
        self._on_news()
