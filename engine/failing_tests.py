"""Pure: which tests failed, read from what the test run printed or from its JUnit XML files.

The program is recognised by its own summary, no setting is needed. Names are only believed when the summary counts as
many failures as there are names: output cut short or imitated by a test then names nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.testers.java import reported
from engine.testers.table import TESTERS
from engine.testers.tester import IN_FILE, below, in_file
from engine.text import clean

MOST_NAMES = 500
SUMMARY_BYTES = 4_000_000
"""Failures are listed at the end; more of a log is not looked through."""


@dataclass(frozen=True, slots=True)
class Failures:
    """The tests of a `runner` ("" when none is recognised) that failed; `complete` when these are all of them."""

    runner: str = ""
    names: tuple[str, ...] = ()
    complete: bool = False


def failures(output: str, junit: Sequence[str] = (), folder: Path = Path()) -> Failures:
    """What failed, by the printed summary, else by the XML reports. Never raises; names are cleaned, and files of the
    checkout `folder` named as seen from there."""
    lines = clean(output[-SUMMARY_BYTES:]).split("\n")
    for runner, tester in TESTERS.items():
        found = tester.failures(lines)
        if found is not None:
            names, count = found
            return _checked(runner, [_seen_from(folder, name) for name in names], count)
    names = reported(junit)
    return _checked("junit", names, len(names)) if names else Failures()


def _seen_from(folder: Path, name: str) -> str:
    file, _, test = name.partition(IN_FILE)
    return in_file(below(file, folder), below(test, folder))


def _checked(runner: str, names: Iterable[str], count: int) -> Failures:
    """Two tests of one name are one: it is run again for both."""
    named = [name for name in names if name.strip()]
    distinct = tuple(dict.fromkeys(named))
    complete = 0 < len(named) == count and len(distinct) <= MOST_NAMES
    return Failures(runner, distinct[:MOST_NAMES], complete)
