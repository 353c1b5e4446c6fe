"""`go test`, told through `GOFLAGS` whatever script calls it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from engine.testers.tester import Answer, Call, Found, Narrowed, Ran, Tester, judged

TEST = re.compile(r"^--- (FAIL|PASS|SKIP): (\S+) \(")
PACKAGE = re.compile(r"^(?:FAIL\t(\S+)(?:\t| (\[.*\]))|(?:ok  |\?   )\t(\S+)\t)")
DIED = re.compile(r"^(?:panic: |fatal error: )")
BUILD_FAILED = " [build failed]"


@dataclass(slots=True)
class Package:
    """One package of a run. `built` is False when it does not compile, `whole` when every test had its turn."""

    name: str
    red: bool = False
    built: bool = True
    whole: bool = True
    failed: list[str] = field(default_factory=list)
    passed: list[str] = field(default_factory=list)


def packages(lines: Sequence[str]) -> list[Package]:
    """The packages in the order of their closing lines."""
    found: list[Package] = []
    here = Package("")
    for line in _plain(lines):
        if match := TEST.match(line):
            (here.failed if match[1] == "FAIL" else here.passed).append(match[2])
        elif DIED.match(line):
            here.whole = False
        elif match := PACKAGE.match(line):
            here.name, here.red = match[1] or match[3], bool(match[1])
            here.built = not match[2]
            found.append(here)
            here = Package("")
    return found


def _plain(lines: Sequence[str]) -> Iterator[str]:
    """The printed lines; those of `-json` events one package after the other, as they would be without it."""
    printed: dict[str, list[str]] = {}
    for line in lines:
        event = _event(line)
        if event is None:
            yield line
        elif event.get("Action") == "output":
            printed.setdefault(str(event.get("Package", "")), []).append(str(event.get("Output", "")))
    for texts in printed.values():
        yield from "".join(texts).split("\n")


def _event(line: str) -> dict[str, object] | None:
    if not line.startswith('{"'):
        return None
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and "Action" in event else None


def go_failures(lines: Sequence[str]) -> Found:
    """Top-level tests, as `package Test`, and packages that do not compile."""
    told = packages(lines)
    if not any(one.red for one in told):
        return None
    names = [name for one in told if one.red for name in _failed(one)]
    return names, len(names) + sum(one.red and not _failed(one) for one in told)


def _failed(package: Package) -> list[str]:
    if not package.built:
        return [f"{package.name}{BUILD_FAILED}"]
    return [f"{package.name} {test}" for test in dict.fromkeys(package.failed)]


def go_narrow(call: Call) -> Narrowed:
    """A pattern of the tests' names; the others are compiled, not run. Where the command has a pattern of its own, that
    one counts, and the wanted tests are not all seen."""
    tests = sorted({re.escape(name.split(" ")[1]) for name in call.names if not name.endswith(BUILD_FAILED)})
    flags = f"{call.env.get('GOFLAGS', '')} -test.v -test.run=^({'|'.join(tests)})$".strip()
    return Narrowed(call.command, {"GOFLAGS": flags})


def go_ran(answer: Answer) -> Ran:
    """Tests of a package that does not compile, or died before they had their turn, are not known."""
    told = packages(answer.text.split("\n"))
    by_name = {one.name: one for one in told}
    failed = {name for one in told for name in _failed(one)}
    passed = {f"{one.name} {test}" for one in told for test in one.passed}
    passed |= {f"{one.name}{BUILD_FAILED}" for one in told if one.built}

    def gone(name: str) -> bool:
        package = by_name.get(name.split(" ")[0])
        return bool(told) if package is None else package.built and package.whole

    return judged(answer.names, failed, passed, gone)


GO = Tester(go_failures, go_narrow, go_ran)
