"""The watching process: one watchfiles watcher per root, told over stdin, telling over stdout, in JSON lines.

It is a process of its own because starting to watch a large tree holds the interpreter for seconds.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path

from watchfiles import Change, watch

STEP_MS, DEBOUNCE_MS = 20, 200


class Watched:
    """One root and the thread that watches it."""

    def __init__(self, name: str, root: str) -> None:
        self.name, self.root = name, Path(root)
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            batches = watch(
                self.root,
                watch_filter=None,
                step=STEP_MS,
                debounce=DEBOUNCE_MS,
                stop_event=self.stop,
                rust_timeout=200,
                yield_on_timeout=True,
                raise_interrupt=False,
                ignore_permission_denied=True,
            )
            if not self.root.is_dir():
                raise FileNotFoundError(self.root)
            for number, batch in enumerate(batches):
                if number == 0:
                    tell({"name": self.name, "ready": True})
                self._report(batch)
        except (OSError, RuntimeError) as error:
            tell({"name": self.name, "failed": str(error)})

    def _report(self, batch: set[tuple[Change, str]]) -> None:
        paths = set()
        for change, path in batch:
            paths |= self._below(Path(path)) if change is Change.added else {Path(path)}
        relative = {str(path.relative_to(self.root)) for path in paths if path.is_relative_to(self.root)}
        mine = sorted(path for path in relative if path != "." and path.split("/", 1)[0] != ".git")
        if mine:
            tell({"name": self.name, "paths": mine})

    def _below(self, path: Path) -> set[Path]:
        """A new directory's content: its own events were lost before it was watched."""
        if path.is_symlink() or not path.is_dir():
            return {path}
        return {Path(folder) / file for folder, _, files in os.walk(path) for file in files}


_OUT = threading.Lock()


def tell(message: dict[str, object]) -> None:
    """One line to the engine."""
    with _OUT:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()


def main() -> None:
    """Obey until stdin closes."""
    watched: dict[str, Watched] = {}
    for line in sys.stdin:
        order = json.loads(line)
        old = watched.pop(order["name"], None)
        if old is not None:
            old.stop.set()
        if "root" in order:
            watched[order["name"]] = Watched(order["name"], order["root"])
    for one in watched.values():
        one.stop.set()


if __name__ == "__main__":
    main()
