"""Pure: which tests failed, read from what the test run printed or from its JUnit XML files.

The runner is recognised by its own summary, no setting is needed. Names are only believed when the summary counts as
many failures as there are names: output cut short or imitated by a test then names nobody.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

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


def failures(output: str, junit: Sequence[str] = ()) -> Failures:
    """What failed, by the printed summary, else by the XML reports. Never raises; names are cleaned."""
    lines = clean(output[-SUMMARY_BYTES:]).split("\n")
    for runner, read in READERS.items():
        found = read(lines)
        if found is not None:
            names, count = found
            return _checked(runner, names, count)
    reported = [name for report in junit for name in junit_failures(report)]
    return _checked("junit", reported, len(reported)) if reported else Failures()


def _checked(runner: str, names: Iterable[str], count: int) -> Failures:
    distinct = tuple(dict.fromkeys(name for name in names if name.strip()))
    complete = 0 < len(distinct) == count and len(distinct) <= MOST_NAMES
    return Failures(runner, distinct[:MOST_NAMES], complete)


Found = tuple[list[str], int] | None
"""Names, and how many failures the run itself counted; None when another runner printed this."""

PYTEST_END = re.compile(r"^(?:=+ )?(?=.*\b(?:failed|errors?)\b)((?:\d+ [a-z]+,? ?)+) in [\d.:]+s?\b.*$")
PYTEST_NAME = re.compile(r"^(?:FAILED|ERROR) (\S[^\[]*?(?:\[.*?\](?= - |$))?)(?: - .*)?$")


def pytest_failures(lines: Sequence[str]) -> Found:
    """The short summary at the end of a run of pytest."""
    end = _last(lines, PYTEST_END)
    if end is None:
        return None
    match = PYTEST_END.match(lines[end])
    assert match
    count = sum(int(n) for n in re.findall(r"(\d+) (?:failed|errors?)\b", match[1]))
    start = max((n for n in range(end) if "short test summary info" in lines[n]), default=end)
    found = [PYTEST_NAME.match(line) for line in lines[start:end]]
    return [match[1].strip() for match in found if match and ".py" in match[1]], count


UNITTEST_END = re.compile(r"^FAILED \((?:[a-z ]+=\d+(?:, )?)+\)$")
UNITTEST_NAME = re.compile(r"^(?:FAIL|ERROR): (\w+) \(([\w.]+)\)")


def unittest_failures(lines: Sequence[str]) -> Found:
    """The headings above each traceback of unittest. Modules that cannot be imported cannot be named."""
    end = _last(lines, UNITTEST_END)
    if end is None:
        return None
    count = sum(int(n) for n in re.findall(r"(?:failures|errors)=(\d+)", lines[end]))
    found = [match for line in lines[:end] if (match := UNITTEST_NAME.match(line))]
    named = [(m[1], m[2]) for m in found if "_FailedTest" not in m[2] and m[1] not in ("setUpClass", "setUpModule")]
    return [group if group.endswith(f".{name}") else f"{group}.{name}" for name, group in named], count


GO_TEST = re.compile(r"^--- FAIL: (\S+) \(")
GO_PACKAGE = re.compile(r"^FAIL\t(\S+)(?:\t| \[)(.*)$")


def go_failures(lines: Sequence[str]) -> Found:
    """Top-level tests of `go test`, as `package Test`; also of its `-json` events."""
    plain = list(_go_lines(lines))
    found: list[str] = []
    here: list[str] = []
    broken = packages = 0
    for line in plain:
        if match := GO_TEST.match(line):
            here.append(match[1])
        elif match := GO_PACKAGE.match(line):
            packages += 1
            found += [f"{match[1]} {name}" for name in dict.fromkeys(here)]
            broken += not here
            here = []
        elif line.startswith("ok  \t"):
            here = []
    return (found, len(dict.fromkeys(found)) + broken) if packages else None


def _go_lines(lines: Sequence[str]) -> Iterator[str]:
    for line in lines:
        if not line.startswith('{"'):
            yield line
            continue
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict) and event.get("Action") == "output":
            yield str(event.get("Output", "")).rstrip("\n")


CARGO_TEST = re.compile(r"^test (\S+)(?: - .*)? \.\.\. FAILED$")
CARGO_END = re.compile(r"^test result: FAILED\. \d+ passed; (\d+) failed;")
NEXTEST = re.compile(r"^\s*FAIL \[\s*[\d.]+s\] (?:\([\s\d/]+\) )?(\S+) (\S+)$")
NEXTEST_END = re.compile(r"^\s*Summary \[.*\b(\d+) failed")


def cargo_failures(lines: Sequence[str]) -> Found:
    """`cargo test`: the lines that end in FAILED."""
    counts = [int(match[1]) for line in lines if (match := CARGO_END.match(line))]
    if not counts:
        return None
    return [match[1] for line in lines if (match := CARGO_TEST.match(line))], sum(counts)


def nextest_failures(lines: Sequence[str]) -> Found:
    """`cargo nextest run`: its FAIL lines; the summary repeats them."""
    end = _last(lines, NEXTEST_END)
    if end is None:
        return None
    match = NEXTEST_END.match(lines[end])
    return [found[2] for line in lines if (found := NEXTEST.match(line))], int(match[1]) if match else 0


JEST_END = re.compile(r"^Tests:\s+(\d+) failed,")
JEST_NAME = re.compile(r"^\s*● (.+ › .+|\S.*)$")
VITEST_END = re.compile(r"^\s*Tests\s+(\d+) failed\b")
VITEST_NAME = re.compile(r"^\s*(?:FAIL|×)\s+(?:\|[^|]+\| )?(\S+\.[cm]?[jt]sx?)\s+> (.+)$")


def jest_failures(lines: Sequence[str]) -> Found:
    """The bullets of jest, as `suite name`."""
    end = _last(lines, JEST_END)
    if end is None:
        return None
    match = JEST_END.match(lines[end])
    bullets = [found[1] for line in lines[:end] if (found := JEST_NAME.match(line))]
    names = [" ".join(name.split(" › ")) for name in bullets if name != "Console"]
    return names, int(match[1]) if match else 0


def vitest_failures(lines: Sequence[str]) -> Found:
    """The FAIL lines of vitest, as `suite name`."""
    end = _last(lines, VITEST_END)
    if end is None:
        return None
    match = VITEST_END.match(lines[end])
    found = [m[2] for line in lines[:end] if (m := VITEST_NAME.match(line))]
    return [" ".join(re.sub(r" \d+ms$", "", name).split(" > ")) for name in found], int(match[1]) if match else 0


TAP_LINE = re.compile(r"^(not )?ok\b\s*(\d+)?\s*(?:- )?(.*?)(\s+#\s*(?:TODO|SKIP)\b.*)?$", re.IGNORECASE)
TAP_PLAN = re.compile(r"^1\.\.(\d+)")


def tap_failures(lines: Sequence[str]) -> Found:
    """`not ok` at the top level of TAP, those to do or skipped left out; a plan that was not kept is not complete."""
    plan = next((int(match[1]) for line in lines if (match := TAP_PLAN.match(line))), None)
    results = [match for line in lines if (match := TAP_LINE.match(line))]
    if plan is None or not results:
        return None
    names = [match[3] or match[2] or "" for match in results if match[1] and not match[4]]
    return (names, len(names) + abs(plan - len(results))) if names else None


READERS: dict[str, Callable[[Sequence[str]], Found]] = {
    "pytest": pytest_failures,
    "unittest": unittest_failures,
    "go": go_failures,
    "cargo": cargo_failures,
    "nextest": nextest_failures,
    "jest": jest_failures,
    "vitest": vitest_failures,
    "tap": tap_failures,
}


def junit_failures(report: str) -> list[str]:
    """Tests with a failure or an error in a JUnit XML report, as `class::name`; none when it is not one.

    A document type could define entities that grow without end: such a report is not read.
    """
    if "<!DOCTYPE" in report or "<!ENTITY" in report:
        return []
    try:
        root = ElementTree.fromstring(report)
    except (ElementTree.ParseError, ValueError):
        return []
    cases = [
        case for case in root.iter("testcase") if case.find("failure") is not None or case.find("error") is not None
    ]
    return [clean(f"{case.get('classname', '')}::{case.get('name', '')}").replace("\n", " ") for case in cases]


def _last(lines: Sequence[str], pattern: re.Pattern[str]) -> int | None:
    return next((n for n in range(len(lines) - 1, -1, -1) if pattern.match(lines[n])), None)
