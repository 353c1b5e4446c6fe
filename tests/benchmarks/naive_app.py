"""The app one would write first: a DataTable of all tasks, updated cell by cell, and a RichLog for every agent.

`naive_app.py FOLDER TASKS` follows all `*.log` files of a folder, as the real app does. `bare`: nothing.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from textual.app import App, ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import DataTable, Footer, Header, RichLog, Static


class Bare(App[None]):
    """The least a Textual app can be."""

    def compose(self) -> ComposeResult:
        """One line."""
        yield Static("first frame")


class Naive(App[None]):
    """One widget for everything, one call for every line."""

    BINDINGS = [("q", "quit", "quit")]  # noqa: RUF012

    def __init__(self, folder: Path, tasks: int) -> None:
        super().__init__()
        self.folder, self.tasks = folder, tasks
        self.places: dict[Path, int] = {}

    def compose(self) -> ComposeResult:
        """Clock, table, logs."""
        yield Header(show_clock=True)
        yield DataTable(cursor_type="row")
        with VerticalScroll():
            for number in range(16):
                yield RichLog(id=f"log{number}")
        yield Footer()

    def on_mount(self) -> None:
        """Fill the table, look 10 times a second."""
        table = self.query_one(DataTable)
        table.styles.height = 18
        for number in range(16):
            self.query_one(f"#log{number}").styles.height = 4
        self.columns = table.add_columns("task", "state", "time", "says")
        for number in range(self.tasks):
            table.add_row(f"t{number}", "queued", "0s", "", key=f"t{number}")
        table.focus()
        self.set_interval(0.1, self.follow)

    def follow(self) -> None:
        """Read what is new in every log, line by line."""
        table = self.query_one(DataTable)
        for number, path in enumerate(sorted(self.folder.glob("*.log"))[:16]):
            with path.open("rb") as file:
                file.seek(self.places.get(path, 0))
                data = file.read()
            self.places[path] = self.places.get(path, 0) + len(data)
            for line in data.decode(errors="replace").splitlines():
                self.query_one(f"#log{number}", RichLog).write(line)
                table.update_cell(f"t{number}", self.columns[3], line[:40])
            table.update_cell(f"t{number}", self.columns[2], f"{time.monotonic():.0f}s")


if __name__ == "__main__":
    (Bare() if sys.argv[1] == "bare" else Naive(Path(sys.argv[1]), int(sys.argv[2]))).run()
