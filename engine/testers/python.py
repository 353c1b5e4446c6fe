"""pytest, told through its environment whatever script calls it, and unittest."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

from engine.testers import pytest_only
from engine.testers.tester import Answer, Call, Found, Narrowed, Ran, Tester, judged, last

PLUGIN = "aurora_only"
PYTEST_END = re.compile(r"^(?:=+ )?(?=.*\b(?:failed|errors?)\b)((?:\d+ [a-z]+,? ?)+) in [\d.:]+s?\b.*$")
PYTEST_NAME = re.compile(r"^(?:FAILED|ERROR) (\S[^\[]*?(?:\[.*?\](?= - |$))?)(?: - .*)?$")


def pytest_failures(lines: Sequence[str]) -> Found:
    """The short summary at the end of a run of pytest."""
    end = last(lines, PYTEST_END)
    if end is None:
        return None
    match = PYTEST_END.match(lines[end])
    assert match
    count = sum(int(n) for n in re.findall(r"(\d+) (?:failed|errors?)\b", match[1]))
    start = max((n for n in range(end) if "short test summary info" in lines[n]), default=end)
    found = [PYTEST_NAME.match(line) for line in lines[start:end]]
    return [match[1].strip() for match in found if match and ".py" in match[1]], count


def pytest_narrow(call: Call) -> Narrowed:
    """A plug-in beside a file of names; it writes down how each of them ended."""
    wanted = call.scratch / "names.json"
    paths = [str(call.scratch), *([call.env["PYTHONPATH"]] if call.env.get("PYTHONPATH") else [])]
    options = f"{call.env.get('PYTEST_ADDOPTS', '')} -p {PLUGIN}".strip()
    return Narrowed(
        call.command,
        {"PYTHONPATH": ":".join(paths), "PYTEST_ADDOPTS": options, pytest_only.WANTED: str(wanted)},
        Path(f"{wanted}.out"),
        {
            call.scratch / f"{PLUGIN}.py": Path(pytest_only.__file__).read_text(encoding="utf-8"),
            wanted: json.dumps(sorted(call.names)),
        },
    )


def pytest_ran(answer: Answer) -> Ran:
    """A test that failed once (in its body, its set-up or on another worker) failed."""
    told = [_pair(line) for line in answer.text.splitlines()]
    if ("", "end") not in told:
        return Ran()
    failed = {name for name, outcome in told if outcome == "failed"}
    return judged(answer.names, failed, {name for name, _ in told}, lambda name: True)


def _pair(line: str) -> tuple[str, str]:
    try:
        name, outcome = json.loads(line)
    except (ValueError, TypeError):
        return "?", ""
    return str(name), str(outcome)


UNITTEST_END = re.compile(r"^FAILED \((?:[a-z ]+=\d+(?:, )?)+\)$")
UNITTEST_HEAD = re.compile(r"^(?:FAIL|ERROR): (\w+) \(([\w.]+)\)")
UNITTEST_LINE = re.compile(r"^(\w+) \(([\w.]+)\)")
UNITTEST_RAN = re.compile(r"^Ran \d+ tests? in ")


def unittest_failures(lines: Sequence[str]) -> Found:
    """The headings above each traceback of unittest, one for each sub-test. Modules that cannot be imported cannot be
    named."""
    end = last(lines, UNITTEST_END)
    if end is None:
        return None
    count = sum(int(n) for n in re.findall(r"(?:failures|errors)=(\d+)", lines[end]))
    found = [match for line in lines[:end] if (match := UNITTEST_HEAD.match(line))]
    named = [m for m in found if "_FailedTest" not in m[2] and m[1] not in ("setUpClass", "setUpModule")]
    return [_unittest_name(match) for match in named], count


def _unittest_name(match: re.Match[str]) -> str:
    """`module.Class.test`; before Python 3.11 the test is not part of what stands in brackets."""
    name, group = match[1], match[2]
    return group if group.endswith(f".{name}") else f"{group}.{name}"


def unittest_narrow(call: Call) -> Narrowed | None:
    """Every name is a pattern; -v makes the run say which tests it had."""
    words = call.words
    if not words or not re.fullmatch(r"python[\d.]*", Path(words[0]).name) or words[1:3] != ["-m", "unittest"]:
        return None
    return Narrowed(call.written([*words, "-v", *(word for name in call.names for word in ("-k", name))]))


def unittest_ran(answer: Answer) -> Ran:
    """Each test has a line of its own, and a heading more when it failed."""
    lines = answer.text.split("\n")
    if last(lines, UNITTEST_RAN) is None:
        return Ran()
    failed = {_unittest_name(match) for line in lines if (match := UNITTEST_HEAD.match(line))}
    seen = {_unittest_name(match) for line in lines if (match := UNITTEST_LINE.match(line))}
    whole = not any("_FailedTest" in name or name.endswith(("setUpClass", "setUpModule")) for name in failed)
    return judged(answer.names, failed, seen, lambda name: whole)


PYTEST = Tester(pytest_failures, pytest_narrow, pytest_ran)
UNITTEST = Tester(unittest_failures, unittest_narrow, unittest_ran)
