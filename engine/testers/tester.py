"""What is known of one program that runs tests: which tests failed, how to run only some, what such a run said."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

Found = tuple[list[str], int] | None
"""Names, and how many failures the run itself counted; None when another program printed this."""
NOT_SIMPLE = re.compile(r"[;&|<>`$(){}\n\\*?#~]")
ASSIGNED = re.compile(r"^\w+=")
IN_FILE = " › "
"""Between a file and the name of a test in it."""


@dataclass(frozen=True, slots=True)
class Call:
    """A command that is to run only `names`, in `folder`. `words` are empty when it is more than one plain call;
    `scratch` is a folder of Aurora's for the files this needs."""

    command: str
    names: tuple[str, ...]
    folder: Path
    scratch: Path
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def words(self) -> list[str]:
        """The words of a plain call, without variables set before it."""
        return [word for word in self._all_words() if not ASSIGNED.match(word)]

    def _all_words(self) -> list[str]:
        if NOT_SIMPLE.search(self.command):
            return []
        try:
            return shlex.split(self.command)
        except ValueError:
            return []

    def starts(self, *calls: str) -> bool:
        """True when the words begin with those of one of `calls`."""
        words = self.words
        return any(words[: len(call.split())] == call.split() for call in calls)

    def has(self, *options: str) -> bool:
        """True when one of these options is among the words, with or without a value."""
        return any(word == option or word.startswith(f"{option}=") for word in self.words for option in options)

    def written(self, words: Sequence[str]) -> str:
        """The command with other words, and the variables it sets."""
        before = [word.partition("=") for word in self._all_words() if ASSIGNED.match(word)]
        return " ".join([*(f"{key}={shlex.quote(value)}" for key, _, value in before), shlex.join(words)])


@dataclass(frozen=True, slots=True)
class Narrowed:
    """A command and what its environment has besides. `files` are written before; `outcomes` is the file in which the
    run says how each test ended, if it does not print it."""

    command: str
    env: Mapping[str, str] = field(default_factory=dict)
    outcomes: Path | None = None
    files: Mapping[Path, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a narrowed run left behind: `text` is the file of outcomes or the output, `reports` JUnit XML files."""

    text: str
    names: frozenset[str]
    green: bool
    folder: Path
    reports: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ran:
    """What a narrowed run says of the wanted tests. `told` is False when it says nothing that can be relied on."""

    failed: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    told: bool = False


@dataclass(frozen=True, slots=True)
class Tester:
    """One program: `failures` reads the lines of a full run, `narrow` and `ran` make and read a run of some tests.

    `narrow` gives None where the command is not plainly a call of it, or its meaning is not known.
    """

    failures: Callable[[Sequence[str]], Found]
    narrow: Callable[[Call], Narrowed | None] = lambda call: None
    ran: Callable[[Answer], Ran] = lambda answer: Ran()


def judged(
    names: Collection[str], failed: Collection[str], passed: Collection[str], gone: Callable[[str], bool]
) -> Ran:
    """Every wanted test failed, was seen to pass, or is known not to be there; if not, the run tells nothing."""
    missing = [name for name in sorted(names) if name not in failed and name not in passed]
    if not all(gone(name) for name in missing):
        return Ran()
    return Ran(tuple(sorted(set(failed) & set(names))), tuple(missing), True)


def below(path: str, folder: Path) -> str:
    """A path as seen from the checkout; where that lies is another matter in every lane."""
    root = os.path.realpath(folder)
    return os.path.relpath(path, root) if path.startswith(f"{root}{os.sep}") else path


def in_file(file: str, test: str) -> str:
    """The name of a test in a file; the file alone when it could not be run."""
    return f"{file}{IN_FILE}{test}" if test and test != file else file


def last(lines: Sequence[str], pattern: re.Pattern[str]) -> int | None:
    """The number of the last line that matches."""
    return next((n for n in range(len(lines) - 1, -1, -1) if pattern.match(lines[n])), None)
