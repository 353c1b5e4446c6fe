"""The watching process: watchers per root, told over stdin, telling over stdout, in JSON lines.

    {"name": "w1", "root": "/…"}  watch          {"name": "w1", "ready": true}      changes are seen from now on
    {"name": "w1"}                do not          {"name": "w1", "paths": ["a/b"]}   changed; [] = look for yourself
                                                  {"name": "w1", "failed": "…"}      not watched (any more)

It is a process of its own because starting to watch a large tree holds the interpreter for seconds.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path

from watchfiles import Change
from watchfiles._rust_notify import RustNotify

from engine.watch_area import NoWatches, Share, area_of, ignores

STEP_MS, DEBOUNCE_MS = 20, 200
SETTLE_MS, IDLE_MS = 500, 60_000
MANY = 1000
"""More changed paths than this are not named: looking at everything is cheaper."""


SHARE = Share()
REBUILD_EVERY = 1.0
"""Seconds between two new starts of watching a root at the least."""


class Watched:
    """One root and the threads that watch it, started anew when directories come that must (not) be watched."""

    def __init__(self, name: str, root: str) -> None:
        self.name, self.root = name, Path(os.path.realpath(root))
        self._stop, self._changed = threading.Event(), threading.Event()
        self._over = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    def end(self) -> None:
        """Watch it no longer."""
        self._stop.set()
        self._changed.set()
        self._over.set()

    def _run(self) -> None:
        told: dict[str, object] = {"ready": True}
        try:
            while not self._stop.is_set():
                self._changed.clear()
                self._begin()
                self._tell(told)
                told = {"paths": []}
                self._changed.wait()
                self._stop.wait(REBUILD_EVERY)
        except (OSError, RuntimeError, NoWatches) as error:
            self._fail(error)
        SHARE.give_back(self.name)

    def _begin(self) -> None:
        """Watch the directories there are now, and only then those of before no longer."""
        area = area_of(self.root)
        SHARE.take(self.name, area.count)
        opened = [
            (notifier(paths, whole), not whole) for paths, whole in ((area.trees, True), (area.single, False)) if paths
        ]
        before, self._over = self._over, threading.Event()
        if self._stop.is_set():
            self._over.set()
        for notify, single in opened:
            threading.Thread(target=self._watch, args=(notify, single, self._over), daemon=True).start()
        before.set()

    def _watch(self, notify: RustNotify, single: bool, over: threading.Event) -> None:
        try:
            with notify:
                self._follow(notify, single, over)
        except (OSError, RuntimeError) as error:
            if not over.is_set():
                self._fail(error)

    def _fail(self, error: Exception) -> None:
        self._tell({"failed": str(error)})
        self.end()

    def _tell(self, message: dict[str, object]) -> None:
        if not self._stop.is_set():
            tell({"name": self.name, **message})

    def _follow(self, notify: RustNotify, single: bool, over: threading.Event) -> None:
        """Report batches until it is over. New directories are looked at twice: at once, and when long watched.

        What is written into a directory before it is watched makes no event.
        """
        new: set[Path] = set()
        while not over.is_set():
            batch = notify.watch(DEBOUNCE_MS, STEP_MS, SETTLE_MS if new else IDLE_MS, over)
            if isinstance(batch, set):
                added = new_directories(Path(path) for change, path in batch if change == Change.added)
                self._report({Path(path) for _, path in batch} | files_below(added))
                if added and (single or ignores(self.root, sorted(added))):
                    self._changed.set()
                new |= added
            else:
                self._report(files_below(new))
                new = set()

    def _report(self, paths: set[Path]) -> None:
        relative = {path.relative_to(self.root) for path in real_paths(paths) if path.is_relative_to(self.root)}
        mine = sorted(str(path) for path in relative if path.parts and ".git" not in path.parts)
        if mine:
            self._tell({"paths": mine if len(mine) <= MANY else []})


def notifier(paths: Sequence[str], whole: bool) -> RustNotify:
    """Watch directories (as `whole` trees, or each alone) from now on; OSError or RuntimeError when that cannot be.

    Watchfiles can leave out directories that may not be read, but then hides a reached limit too: only if need be.
    """
    try:
        return RustNotify(list(paths), False, False, 0, whole, False)
    except PermissionError:
        return RustNotify(list(paths), False, False, 0, whole, True)


def new_directories(added: Iterable[Path]) -> set[Path]:
    """The topmost real directories among `added`."""
    found: set[Path] = set()
    for path in sorted(added):
        if found.isdisjoint(path.parents) and ".git" not in path.parts and path.is_dir() and not path.is_symlink():
            found.add(path)
    return found


def files_below(directories: set[Path]) -> set[Path]:
    """All that is in directories, except directories."""
    found: set[Path] = set()
    for top in directories:
        for folder, below, files in os.walk(top):
            links = [name for name in below if os.path.islink(os.path.join(folder, name))]
            found.update(Path(folder, name) for name in (*files, *links))
    return found


def real_paths(paths: Iterable[Path]) -> set[Path]:
    """Where files are: watchfiles follows links to directories, and tells a file by the way it was found last.

    What was in a directory that is gone is told as that directory.
    """
    found: set[Path] = set()
    folders: dict[Path, str] = {}
    for path in paths:
        if path.parent not in folders:
            while not path.parent.is_dir():
                path = path.parent
            folders[path.parent] = os.path.realpath(path.parent)
        found.add(Path(folders[path.parent], path.name))
    return found


_OUT = threading.Lock()


def tell(message: dict[str, object]) -> None:
    """One line to the engine; without an engine this process ends."""
    with _OUT:
        try:
            sys.stdout.write(json.dumps(message) + "\n")
            sys.stdout.flush()
        except OSError:
            os._exit(0)


def main() -> None:
    """Obey until stdin closes."""
    watched: dict[str, Watched] = {}
    for line in sys.stdin:
        order = json.loads(line)
        old = watched.pop(order["name"], None)
        if old is not None:
            old.end()
        if "root" in order:
            watched[order["name"]] = Watched(order["name"], order["root"])
    os._exit(0)


if __name__ == "__main__":
    main()
