"""jest and vitest: what failed is read from what they print; a narrowed run writes their JSON report."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.testers.tester import (
    IN_FILE,
    NOT_SIMPLE,
    Answer,
    Call,
    Found,
    Narrowed,
    Ran,
    Tester,
    below,
    in_file,
    judged,
    last,
)

SPECIAL = re.compile(r"[.*+?^${}()|\[\]\\]")
JEST_SUITES = re.compile(r"^Test Suites:\s+(\d+) failed,")
JEST_TESTS = re.compile(r"^Tests:\s+(?:(\d+) failed, )?.*\b\d+ total$")
JEST_FILE = re.compile(r"^\s*FAIL (?:.+ )?(\S+\.[cm]?[jt]sx?)(?: \([\d.]+ m?s\))?$")
JEST_NAME = re.compile(r"^  ● (\S.*)$")
NO_SUITE = "Test suite failed to run"
SUMMARY_OF_ALL = "Summary of all failing tests"


def jest_failures(lines: Sequence[str]) -> Found:
    """The bullets below each file, as `file › suite name`; the file alone where it could not be loaded."""
    end = last(lines, JEST_SUITES)
    if end is None:
        return None
    match = JEST_SUITES.match(lines[end])
    assert match
    counted = next((found for line in lines[end:] if (found := JEST_TESTS.match(line))), None)
    start = max((n for n in range(end) if lines[n] == SUMMARY_OF_ALL), default=0)
    file, names = "", []
    for line in lines[start:end]:
        if found := JEST_FILE.match(line):
            file = os.path.normpath(found[1])
        elif (found := JEST_NAME.match(line)) and found[1] not in ("Console",):
            names.append(in_file(file, "" if found[1] == NO_SUITE else _joined(found[1])))
    with_tests = {name.partition(IN_FILE)[0] for name in names if IN_FILE in name}
    return names, int(counted[1] or 0) + int(match[1]) - len(with_tests) if counted else 0


VITEST_FILES = re.compile(r"^\s*Test Files\s+(\d+) failed\b")
VITEST_COUNT = re.compile(r"^[⎯\s]*Failed (?:Suites|Tests) (\d+)\b")
VITEST_NAME = re.compile(r"^\s*FAIL\s+(?:\|[^|]+\| )?(\S+\.[cm]?[jt]sx?)(?:\s+> (.+)|\s+\[ .+ \])$")


def vitest_failures(lines: Sequence[str]) -> Found:
    """The FAIL lines, as `file › suite name`; the file alone where it or a whole suite could not be set up."""
    end = last(lines, VITEST_FILES)
    if end is None:
        return None
    names, suites = [], False
    for line in lines[:end]:
        if VITEST_COUNT.match(line):
            suites = "Suites" in line
        elif found := VITEST_NAME.match(line):
            names.append(in_file(found[1], "" if suites else _joined(found[2] or "")))
    return names, sum(int(found[1]) for line in lines[:end] if (found := VITEST_COUNT.match(line)))


def _joined(printed: str) -> str:
    """The full name as both match it; a sign between suites may as well be part of a name."""
    return printed.replace(" › ", " ").replace(" > ", " ")


# --- a run of some tests ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Program:
    """How one of the two is called, and the options of its JSON report."""

    calls: tuple[str, ...]
    report: Callable[[str], list[str]]


JEST_PROGRAM = Program(("jest", "npx jest", "yarn jest"), lambda file: ["--json", f"--outputFile={file}"])
VITEST_PROGRAM = Program(
    ("vitest run", "npx vitest run", "yarn vitest run"),
    lambda file: ["--reporter=default", "--reporter=json", f"--outputFile.json={file}"],
)
SCRIPTS = ("npm test", "npm run test", "yarn test", "pnpm test")
OWN = ("-t", "--testNamePattern", "--json", "--outputFile", "--reporter", "--bail", "-b")
"""Options with which the command has its own idea of what to run or to report."""


def _narrow(call: Call, program: Program) -> Narrowed | None:
    """A pattern of the full names, and the files they are in. Nothing is run where none of the files is there."""
    words = call.words
    if not (call.starts(*program.calls) or (call.starts(*SCRIPTS) and plain_script(call.folder, program.calls))):
        return None
    if call.has(*OWN) or any(word.startswith("--bail") for word in words):
        return None
    files = present(call)
    if not files:
        return Narrowed(":")
    out = call.scratch / "outcomes.json"
    options = program.report(str(out))
    tests = sorted({name.partition(IN_FILE)[2] for name in call.names})
    if "" not in tests:
        options += ["-t", f"^({'|'.join(map(_pattern, tests))})$"]
    return Narrowed(call.written([*words, *dashes(call), *options, *files]), outcomes=out)


def _pattern(test: str) -> str:
    return SPECIAL.sub(lambda match: f"\\{match[0]}", test).replace(" ", "(?: [›>])? ")


def dashes(call: Call) -> list[str]:
    """npm passes on only what stands behind two dashes."""
    return ["--"] if call.words[0] == "npm" and "--" not in call.words else []


def present(call: Call) -> list[str]:
    """The files of the wanted tests that are there."""
    files = sorted({name.partition(IN_FILE)[0] for name in call.names})
    return [file for file in files if (call.folder / file).exists()]


def plain_script(folder: Path, calls: Sequence[str]) -> bool:
    """True when the `test` script of the package is one plain call of these."""
    try:
        script = json.loads((folder / "package.json").read_text(encoding="utf-8"))["scripts"]["test"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    if not isinstance(script, str) or NOT_SIMPLE.search(script):
        return False
    return any(script.split()[: len(call.split())] == call.split() for call in calls)


def json_ran(answer: Answer) -> Ran:
    """Both reports have the form of jest's. A test that was passed over is known not to be wanted, or not to be run."""
    try:
        suites = json.loads(answer.text)["testResults"] if answer.text else []
        told = [_suite(suite, answer.folder) for suite in suites]
    except (ValueError, KeyError, TypeError):
        return Ran()
    status = {name: one for names in told for name, one in names}
    failed = [name for name, one in status.items() if one == "failed"]
    passed = [name for name, one in status.items() if one == "passed"]

    def gone(name: str) -> bool:
        file = name.partition(IN_FILE)[0]
        if file not in status:
            return not (answer.folder / file).exists()
        return status[file] == "passed" or (status[file] == "unknown" and name not in status)

    return judged(answer.names, failed, passed, gone)


def _suite(suite: dict[str, object], folder: Path) -> list[tuple[str, str]]:
    """The file itself first, then its tests. Where tests of it failed, it is not known whether it failed besides."""
    file = below(str(suite["name"]), folder)
    results = suite["assertionResults"]
    assert isinstance(results, list)
    tests = [(in_file(file, _joined(str(one["fullName"]))), str(one["status"])) for one in results]
    by_tests = any(status == "failed" for _, status in tests)
    itself = "passed" if suite["status"] != "failed" else "unknown" if by_tests else "failed"
    return [(file, itself), *tests]


JEST = Tester(jest_failures, lambda call: _narrow(call, JEST_PROGRAM), json_ran)
VITEST = Tester(vitest_failures, lambda call: _narrow(call, VITEST_PROGRAM), json_ran)
