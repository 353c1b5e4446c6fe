"""A plug-in for the pytest of any project: run only the tests Aurora names and write down how each one ended.

It is copied beside a file of names and loaded by `PYTEST_ADDOPTS`, so that it works through wrapper scripts. It
imports nothing of Aurora and keeps to what Python 3.8 and pytest 7 know.
"""

import json
import os
from pathlib import Path
from typing import Any, Optional

WANTED = "AURORA_ONLY"
"""Environment: the JSON file of the names; the outcomes are appended to `<that file>.out`, one JSON array each."""


class Only:
    """Selects and reports. A name without `::` is a file that could not be collected."""

    def __init__(self, config: Any) -> None:
        self.config = config
        self.path = os.environ[WANTED]
        self.names = frozenset(json.loads(Path(self.path).read_text(encoding="utf-8")))
        self.files = frozenset(name.split("::")[0] for name in self.names)
        self.reports = not hasattr(config, "workerinput")

    def tell(self, name: str, outcome: str) -> None:
        """Append one outcome."""
        if self.reports:
            with open(self.path + ".out", "a", encoding="utf-8") as file:
                file.write(json.dumps([name, outcome]) + "\n")

    def pytest_ignore_collect(self, collection_path: Any) -> Optional[bool]:  # noqa: UP045 (runs on old Pythons, too)
        """Files without a wanted test are not even imported."""
        if collection_path.suffix != ".py" or collection_path.name in ("conftest.py", "__init__.py"):
            return None
        try:
            name = collection_path.relative_to(self.config.rootpath).as_posix()
        except ValueError:
            return None
        return None if name in self.files else True

    def pytest_collectreport(self, report: Any) -> None:
        """A file that cannot be collected."""
        if report.nodeid in self.names:
            self.tell(report.nodeid, "failed" if report.failed else "passed")

    def pytest_collection_modifyitems(self, config: Any, items: Any) -> None:
        """Everything else is deselected."""
        kept = [item for item in items if item.nodeid in self.names]
        left = [item for item in items if item.nodeid not in self.names]
        if left:
            config.hook.pytest_deselected(items=left)
        items[:] = kept

    def pytest_runtest_logreport(self, report: Any) -> None:
        """The end of a test, or a failure on the way there."""
        if report.failed:
            self.tell(report.nodeid, "failed")
        elif report.when == "teardown":
            self.tell(report.nodeid, "passed")

    def pytest_sessionfinish(self, exitstatus: Any) -> None:
        """The run came to its end."""
        if int(exitstatus) in (0, 1, 2, 5):
            self.tell("", "end")


def pytest_configure(config: Any) -> None:
    """Begin, unless this is a pytest that a test of the project started itself. Every wanted test gets its turn, even
    where the first failure would end the run."""
    if os.environ.get(WANTED):
        config.option.maxfail = 0
        config.pluginmanager.register(Only(config), "aurora-only")
    if not getattr(config.option, "numprocesses", None):
        os.environ.pop(WANTED, None)
