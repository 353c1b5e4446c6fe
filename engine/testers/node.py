"""`node --test`, and TAP of any other program, of which only the names are read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from engine.testers.javascript import SCRIPTS, dashes, plain_script, present
from engine.testers.tester import IN_FILE, Answer, Call, Found, Narrowed, Ran, Tester, below, in_file, judged

LINE = re.compile(r"^(\s*)(not )?ok\b\s*(\d+)?\s*(?:- )?(.*?)(\s+# (?:TODO|SKIP)\b.*)?$", re.IGNORECASE)
PLAN = re.compile(r"^1\.\.(\d+)")
TOTAL = re.compile(r"^(?:#|ℹ) (tests|suites|fail|cancelled) (\d+)$")
DETAIL = re.compile(r"^\s+(location|type|failureType): '(.*)'$")
PLACE = re.compile(r"^(.*?):\d+:\d+$")
SPEC_PLACE = re.compile(r"^test at (.*):\d+:\d+$")
SPEC_NAME = re.compile(r"^✖ (.*?)(?: \([\d.]+ms\))?(?: # (TODO|SKIP)\b.*)?$")
BY_CHILDREN = "subtestsFailed"


@dataclass(slots=True)
class Point:
    """One line of TAP with what stands below it."""

    name: str
    red: bool
    place: str = ""
    type: str = ""
    cause: str = ""


def points(lines: Sequence[str]) -> Iterator[Point]:
    """The tests of a run in TAP that were neither skipped nor still to do, at every depth."""
    point: Point | None = None
    for line in lines:
        if match := LINE.match(line):
            if point is not None:
                yield point
            point = None if match[5] else Point(match[4].replace("\\#", "#"), bool(match[2]))
        elif point is not None and (match := DETAIL.match(line)):
            if match[1] == "location":
                point.place = _file(match[2])
            elif match[1] == "type":
                point.type = match[2]
            else:
                point.cause = match[2]
    if point is not None:
        yield point


def _file(place: str) -> str:
    match = PLACE.match(place)
    return match[1] if match else ""


def node_failures(lines: Sequence[str]) -> Found:
    """The tests that failed by themselves, as `file › name`, in either of its two usual formats."""
    totals = {match[1]: int(match[2]) for line in lines if (match := TOTAL.match(line))}
    if not {"tests", "suites", "fail", "cancelled"} <= totals.keys():
        return None
    counted = totals["fail"] + totals["cancelled"]
    red = [point for point in points(lines) if point.red and point.place]
    if red:
        names = [in_file(point.place, point.name) for point in red if point.cause != BY_CHILDREN]
        tests = sum(point.type != "suite" for point in red)
        return (names, len(names) if tests == counted else 0) if counted else None
    names = list(_spec(lines))
    return (names, len(names)) if names and counted else None


def _spec(lines: Sequence[str]) -> Iterator[str]:
    """The list at the end of the format for people."""
    file = ""
    for line in lines:
        if match := SPEC_PLACE.match(line):
            file = match[1]
        elif file and (match := SPEC_NAME.match(line)):
            if not match[2]:
                yield in_file(file, match[1])
            file = ""


def node_narrow(call: Call) -> Narrowed | None:
    """The files of the tests are run as a whole: a pattern means another thing in every version."""
    if call.starts("node --test"):
        own = [word for word in call.words[2:] if not (call.folder / word).exists()]
    elif call.starts(*SCRIPTS) and plain_script(call.folder, ("node --test",)):
        own = call.words[2:]
    else:
        return None
    if call.has("--test-reporter") or any(not word.startswith("-") for word in own):
        return None
    files = present(call)
    if not files:
        return Narrowed(":")
    words = [*call.words[:2], *own, *dashes(call), "--test-reporter=tap", *files]
    return Narrowed(call.written(words))


def node_ran(answer: Answer) -> Ran:
    """Only a test that fails says where it stands: one that passes is known by its name."""
    lines = answer.text.split("\n")
    ended = any(TOTAL.match(line) for line in lines)
    told = list(points(lines))
    failed = {
        in_file(below(point.place, answer.folder), below(point.name, answer.folder))
        for point in told
        if point.red and point.cause != BY_CHILDREN
    }
    green = {point.name for point in told if not point.red}

    def there(file: str) -> bool:
        return (answer.folder / file).exists()

    def passed(name: str) -> bool:
        file, _, test = name.partition(IN_FILE)
        return there(file) and (test in green if test else ended and file not in failed)

    def gone(name: str) -> bool:
        file = name.partition(IN_FILE)[0]
        return not there(file) or (ended and file not in failed)

    return judged(answer.names, failed, {name for name in answer.names if passed(name)}, gone)


def tap_failures(lines: Sequence[str]) -> Found:
    """`not ok` at the top level of TAP, those to do or skipped left out; a plan that was not kept is not complete."""
    plan = next((int(match[1]) for line in lines if (match := PLAN.match(line))), None)
    results = [match for line in lines if (match := LINE.match(line)) and not match[1]]
    if plan is None or not results:
        return None
    names = [match[4] or match[3] or "" for match in results if match[2] and not match[5]]
    return (names, len(names) + abs(plan - len(results))) if names else None


NODE = Tester(node_failures, node_narrow, node_ran)
TAP = Tester(tap_failures)
