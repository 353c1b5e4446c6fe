"""The diff of a worktree while an agent writes to it, on a thread of its own."""

from __future__ import annotations

import asyncio
import os
import stat
import threading
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path, PurePosixPath

from engine.checkout import checkout_at
from engine.diff_model import BranchDiff, FileDiff, FileStatus, branch_diff
from engine.diff_parse import LINES_OF_ALL, within
from engine.diffing import working
from engine.errors import AuroraError, RepoError
from engine.text import clean
from engine.watch import POLL_EVERY, Watcher

SWEEP_EVERY = 10.0
AT_MOST_EVERY = 0.2
"""Seconds from one look to the next; after a look that took longer there is a pause as long."""
AGAIN_AFTER = 1.0
"""Seconds to the next look after one that failed; twice as long after each further one, `SWEEP_EVERY` at most."""
CLOSE_WITHIN = 10.0
DECIDES_MUCH = frozenset({".gitignore", ".gitattributes"})
"""A change of one of these may change what is said about every file."""

Mark = tuple[int, ...] | None
UNSURE: Mark = ()


class LiveDiff:
    """Follows what differs from `base` in one of Aurora's worktrees; `on_change` is called from its thread.

    `on_change` must not wait for the thread that closes this.
    """

    def __init__(self, worktree: Path, base: str, task: str, on_change: Callable[[], None]) -> None:
        self._task = task
        self._on_change = on_change
        self._known = KnownFiles(worktree, base)
        self._latest: BranchDiff | None = None
        self._waiting: frozenset[str] | None = None
        self._failures = 0
        self._sweep_every = SWEEP_EVERY
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="aurora-live-diff", daemon=True)

    @property
    def latest(self) -> BranchDiff | None:
        """What was seen last, None before the first look is over. Files that stayed the same are the same objects."""
        return self._latest

    def start(self) -> None:
        """Look, and follow from now on."""
        if not self._closed.is_set():
            self._thread.start()

    def close(self) -> None:
        """Follow no longer; the thread and its watching process have ended afterwards. From any thread, repeatable."""
        self._closed.set()
        loop = self._loop
        if loop is not None:
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(self._end)
        if self._thread.ident is not None and threading.current_thread() is not self._thread:
            self._thread.join(CLOSE_WITHIN)

    def _end(self) -> None:
        self._stop.set()
        self._wake.set()

    def _run(self) -> None:
        asyncio.run(self._main())

    async def _main(self) -> None:
        self._stop, self._wake = asyncio.Event(), asyncio.Event()
        self._loop = asyncio.get_running_loop()
        if self._closed.is_set():
            return
        watcher = Watcher(self._heard)
        try:
            self._watch(watcher, self._loop)
            await self._follow()
        finally:
            watcher.close()

    def _watch(self, watcher: Watcher, loop: asyncio.AbstractEventLoop) -> None:
        """Be told what changes; where that cannot be had, look as often as the watcher would without inotify."""
        try:
            watcher.start(loop)
            watcher.add(self._task, self._known.worktree)
        except Exception:  # noqa: BLE001 - the diff is followed without it
            self._sweep_every = POLL_EVERY

    def _heard(self, name: str, paths: frozenset[str]) -> None:
        """Paths that changed, or none: then any may have."""
        before = self._waiting
        self._waiting = paths if before is None else before | paths if before and paths else frozenset()
        self._wake.set()

    async def _follow(self) -> None:
        """Look, rest, wait. The loop has nothing else to do, so git is waited for on it."""
        self._waiting = frozenset()
        while not self._stop.is_set():
            paths, self._waiting = self._waiting or frozenset(), None
            if self._failures:  # the paths of the look that failed were not read
                paths = frozenset()
            self._wake.clear()
            began = time.monotonic()
            self._look(paths)
            took = time.monotonic() - began
            await _within(max(AT_MOST_EVERY - took, took), self._stop)
            await _within(self._until_next(), self._wake)

    def _until_next(self) -> float:
        if not self._failures:
            return self._sweep_every
        return min(AGAIN_AFTER * 2.0 ** min(self._failures - 1, 16), SWEEP_EVERY)

    def _look(self, paths: Collection[str]) -> None:
        before = self._latest
        try:
            changed, error = self._known.look(paths), ""
            self._failures = 0
        except (AuroraError, OSError) as problem:
            changed, error = False, clean(str(problem))
            self._failures += 1
        except Exception as problem:  # noqa: BLE001 - shown in the pane, and looked at again
            changed, error = False, clean(f"the diff could not be read: {type(problem).__name__}: {problem}")
            self._failures += 1
        if before is not None and not changed and before.error == error:
            return
        files = () if error else self._known.in_order()
        self._latest = branch_diff(self._task, files, live=True, at=time.time(), error=error)
        if not self._closed.is_set():
            self._on_change()


async def _within(seconds: float, event: asyncio.Event) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)


class KnownFiles:
    """What is known of the changed files of a worktree, and how each looked on disk when it was read."""

    def __init__(self, worktree: Path, base: str) -> None:
        self.worktree = worktree
        self._base = base
        self._files: dict[str, FileDiff] = {}
        self._marks: dict[str, Mark] = {}

    def in_order(self) -> tuple[FileDiff, ...]:
        """The changed files in git's order; those after very many lines without their lines."""
        files: list[FileDiff] = []
        budget = LINES_OF_ALL
        for key in sorted(self._files, key=os.fsencode):
            files.append(within(self._files[key], budget))
            budget -= sum(len(hunk.lines) for hunk in files[-1].hunks)
        return tuple(files)

    def look(self, paths: Collection[str] = ()) -> bool:
        """Read the given paths again (none: whatever is not as it was); True when that changed anything.

        RepoError when the worktree is gone.
        """
        if not self.worktree.is_dir():
            raise RepoError(f"the worktree {self.worktree} is gone", "what was committed on its branch is still there")
        everything = not DECIDES_MUCH.isdisjoint(PurePosixPath(path).name for path in paths)
        if not paths or everything:
            paths = self._stale(everything)
        return bool(paths) and self._read(self._with_partners(set(paths)))

    def _stale(self, everything: bool) -> set[str]:
        touched = set(checkout_at(self.worktree).touched(self._base))
        known = self._marks.keys()
        return {path for path in touched | known if everything or path not in touched or self._moved_on(path)}

    def _moved_on(self, path: str) -> bool:
        mark = self._mark(path)
        return mark == UNSURE or self._marks.get(path, UNSURE) != mark

    def _mark(self, path: str) -> Mark:
        """What changes when a file is written to; None when there is none, UNSURE for a directory."""
        try:
            info = os.lstat(self.worktree / path)
        except OSError:
            return None
        if stat.S_ISDIR(info.st_mode):
            return UNSURE
        return (info.st_mtime_ns, info.st_ctime_ns, info.st_size, info.st_ino, info.st_mode)

    def _with_partners(self, paths: set[str]) -> set[str]:
        """With all files that may be two halves of a renaming, where one of `paths` may be one of them too."""
        gone = None in self._marks.values() or any(self._mark(path) is None for path in paths)
        settled = (FileStatus.MODIFIED, FileStatus.MODE)
        loose = {key for file in self._files.values() if file.status not in settled for key in _keys(file)}
        unsettled = any(path not in self._files or path in loose for path in paths)
        return paths | loose if gone and unsettled else paths

    def _read(self, paths: set[str]) -> bool:
        marks = {path: self._mark(path) for path in paths}
        found = {file.key: file for file in working(self.worktree, self._base, paths)}
        before = self._files
        kept = {key: file for key, file in before.items() if not any(_in(one, paths) for one in _keys(file))}
        same = {key: before[key] for key, file in found.items() if before.get(key) == file}
        self._files = kept | found | same
        keys = {key for file in self._files.values() for key in _keys(file)}
        self._marks = {key: marks.get(key, self._marks.get(key, UNSURE)) for key in keys}
        return len(kept) + len(same) != len(before) or len(found) != len(same)


def _keys(file: FileDiff) -> tuple[str, ...]:
    return (file.key, file.old_key) if file.old_key else (file.key,)


def _in(key: str, paths: Collection[str]) -> bool:
    return key in paths or any(str(parent) in paths for parent in PurePosixPath(key).parents)
