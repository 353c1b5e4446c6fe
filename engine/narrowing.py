"""How to run only some tests with the project's own command, and what such a run says of each.

Nothing is added to a command whose meaning is not known, and a run that was not seen to have had every wanted test
says nothing: a pattern that matches none would otherwise pass for green.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from engine.testers.table import TESTERS
from engine.testers.tester import Answer, Call, Narrowed, Ran
from engine.text import clean

MOST_LETTERS = 100_000
"""Of a command: the system takes no longer ones."""


def can_narrow(command: str, runner: str, names: Collection[str], folder: Path) -> bool:
    """True when `narrow` will do."""
    return _narrowed(Call(command, tuple(sorted(names)), folder, folder), runner) is not None


def narrow(
    command: str, runner: str, names: Sequence[str], scratch: Path, env: Mapping[str, str], folder: Path
) -> Narrowed | None:
    """The command and environment that run only `names`; None when that cannot be had.

    `scratch` is a folder of Aurora's for the files that takes, `folder` the checkout the command runs in.
    """
    ours = scratch / "only"
    narrowed = _narrowed(Call(command, tuple(sorted(names)), folder, ours, env), runner)
    if narrowed is not None:
        shutil.rmtree(ours, ignore_errors=True)
        ours.mkdir(parents=True)
        for file, text in narrowed.files.items():
            file.write_text(text, encoding="utf-8")
    return narrowed


def _narrowed(call: Call, runner: str) -> Narrowed | None:
    if runner not in TESTERS or not call.names or any(name.startswith("-") or "\n" in name for name in call.names):
        return None
    if not call.command.strip() or sum(map(len, call.names)) > MOST_LETTERS:
        return None
    return TESTERS[runner].narrow(call)


def ran(
    runner: str,
    narrowed: Narrowed,
    green: bool,
    output: str,
    names: Collection[str],
    folder: Path,
    reports: Sequence[str] = (),
) -> Ran:
    """Who failed and who is not there, by the outcomes written down, by what was printed or by the reports."""
    text = _read(narrowed.outcomes) if narrowed.outcomes is not None else clean(output)
    return TESTERS[runner].ran(Answer(text, frozenset(names), green, folder, tuple(reports)))


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
