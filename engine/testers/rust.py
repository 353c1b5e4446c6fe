"""`cargo test`, and `cargo nextest run` as its documentation describes it (it was not at hand to be run)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.testers.tester import Answer, Call, Found, Narrowed, Ran, Tester, judged, last

RUNNING = re.compile(r"^\s*Running .*\((?:.*/)?([^/]+?)(?:-[0-9a-f]{16})?(?:\.exe)?\)$")
DOC_TESTS = re.compile(r"^\s*Doc-tests (\S+)$")
LINE = re.compile(r"^test (.+?)(?: - (?:should panic|compile fail|compile))? \.\.\. (ok|FAILED|ignored)")
END = re.compile(r"^test result: (?:ok|FAILED)\. \d+ passed; (\d+) failed;")
NOT_COMPILED = re.compile(r"^error: could not compile (`[^`]+` \([^)]*\))")
ALL_RAN = re.compile(r"^error: \d+ targets? failed:")
DOC_LINE = re.compile(r" \(line \d+\)$")
IN_TARGET = ": "
COMPILES = "compile "


@dataclass(slots=True)
class Target:
    """One program of tests. `listed` are the names in the list at its end, `ended` once that was printed."""

    name: str
    failed: int = 0
    listed: list[str] = field(default_factory=list)
    passed: list[str] = field(default_factory=list)
    ended: bool = False


def targets(lines: Sequence[str]) -> list[Target]:
    """The programs that ran, in their order."""
    found = [Target("")]
    listing: list[str] = []
    for line in lines:
        here = found[-1]
        if match := RUNNING.match(line):
            found.append(Target(match[1]))
        elif match := DOC_TESTS.match(line):
            found.append(Target(f"{match[1]} doc"))
        elif match := END.match(line):
            here.failed, here.listed, here.ended = int(match[1]), [_bare(name) for name in listing], True
            listing = []
            found += [Target("")] if not here.name else []
        elif line == "failures:":
            listing = []
        elif line.startswith("    "):
            listing.append(line[4:])
        elif match := LINE.match(line):
            if match[2] != "FAILED":
                here.passed.append(_bare(match[1]))
        elif line:
            listing = []
    return [one for one in found if one.ended or one.name]


def _bare(name: str) -> str:
    """A documentation test without its line, which differs from branch to branch."""
    return DOC_LINE.sub("", name)


def _name(target: Target, test: str) -> str:
    return f"{target.name}{IN_TARGET}{test}" if target.name else test


def _not_compiled(lines: Sequence[str]) -> list[str]:
    found = (match[1] for line in lines if (match := NOT_COMPILED.match(line)))
    return list(dict.fromkeys(f"{COMPILES}{what}" for what in found))


def cargo_failures(lines: Sequence[str]) -> Found:
    """The lists of failures, as `program: test`; where nothing could be run, what does not compile."""
    red = [one for one in targets(lines) if one.failed]
    if not red:
        broken = _not_compiled(lines)
        return (broken, len(broken)) if broken else None
    return [_name(one, test) for one in red for test in one.listed], sum(one.failed for one in red)


def cargo_narrow(call: Call) -> Narrowed | None:
    """Names are exact, but for documentation tests, whose names end in a line number. All programs get their turn."""
    words = call.words
    if not call.starts("cargo test") or call.has("-q", "--quiet", "--format"):
        return None
    own, theirs = words[2:], []
    if "--" in own:
        own, theirs = own[: own.index("--")], own[own.index("--") + 1 :]
    if all(name.startswith(COMPILES) for name in call.names):
        return Narrowed(call.written([*words[:2], "--no-run", *own]))
    if any(name.startswith(COMPILES) for name in call.names):
        return None
    own = own if "--no-fail-fast" in own else ["--no-fail-fast", *own]
    tests = sorted({name.partition(IN_TARGET)[2] or name for name in call.names})
    exact = [] if any(" - " in test for test in tests) else ["--exact"]
    return Narrowed(call.written([*words[:2], *own, "--", *theirs, *exact, *tests]))


def cargo_ran(answer: Answer) -> Ran:
    """A program that died before its end says nothing of its tests."""
    lines = answer.text.split("\n")
    broken = _not_compiled(lines)
    if any(name.startswith(COMPILES) for name in answer.names):
        return judged(answer.names, broken, answer.names if answer.green else (), lambda name: False)
    told = targets(lines)
    failed = {_name(one, test) for one in told for test in one.listed}
    passed = {_name(one, test) for one in told for test in one.passed}
    every_one = answer.green or any(ALL_RAN.match(line) for line in lines)
    whole = bool(told) and every_one and not broken and all(one.ended and len(one.listed) == one.failed for one in told)
    return judged(answer.names, failed, passed, lambda name: whole)


NEXTEST = re.compile(r"^\s*(FAIL|PASS) \[\s*[\d.]+s\] (?:\([\s\d/]+\) )?(\S+) (\S+)$")
NEXTEST_END = re.compile(r"^\s*Summary \[.*\b(\d+) tests? run:(?:.*\b(\d+) failed)?")


def nextest_failures(lines: Sequence[str]) -> Found:
    """Its FAIL lines, which the summary repeats."""
    end = last(lines, NEXTEST_END)
    match = NEXTEST_END.match(lines[end]) if end is not None else None
    if match is None or not match[2]:
        return None
    found = [told for line in lines[: end or 0] if (told := NEXTEST.match(line))]
    return [told[3] for told in found if told[1] == "FAIL"], int(match[2])


def nextest_narrow(call: Call) -> Narrowed | None:
    """A filter expression of the exact names."""
    if not call.starts("cargo nextest run") or "--" in call.words or call.has("-E", "--filterset"):
        return None
    names = " + ".join(f"test(={name})" for name in call.names)
    return Narrowed(call.written([*call.words, "--no-fail-fast", "-E", names]))


def nextest_ran(answer: Answer) -> Ran:
    """Every test has its line."""
    lines = answer.text.split("\n")
    told = [match for line in lines if (match := NEXTEST.match(line))]
    failed = {match[3] for match in told if match[1] == "FAIL"}
    passed = {match[3] for match in told if match[1] == "PASS"}
    return judged(answer.names, failed, passed - failed, lambda name: last(lines, NEXTEST_END) is not None)


CARGO = Tester(cargo_failures, cargo_narrow, cargo_ran)
CARGO_NEXTEST = Tester(nextest_failures, nextest_narrow, nextest_ran)
