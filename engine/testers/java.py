"""Maven, and JUnit XML reports of any program, of which only the names are read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from xml.etree import ElementTree

from engine.testers.tester import Answer, Call, Narrowed, Ran, Tester, judged
from engine.text import clean

IN_CLASS = "::"
METHOD = re.compile(r"^(\w+)(?:\([^)]*\))?(?:\[\d+\])?$")


def cases(report: str) -> Iterator[tuple[str, str, bool]]:
    """Class, name, and whether it failed, of every test of a JUnit XML report; none when it is not one.

    A document type could define entities that grow without end: such a report is not read.
    """
    if "<!DOCTYPE" in report or "<!ENTITY" in report:
        return
    try:
        root = ElementTree.fromstring(report)
    except (ElementTree.ParseError, ValueError):
        return
    for case in root.iter("testcase"):
        red = case.find("failure") is not None or case.find("error") is not None
        yield _one_line(case.get("classname", "")), _one_line(case.get("name", "")), red


def _one_line(text: str) -> str:
    return clean(text).replace("\n", " ")


def junit_failures(report: str) -> list[str]:
    """Tests with a failure or an error, as `class::name`."""
    return [f"{group}{IN_CLASS}{name}" for group, name, red in cases(report) if red]


def maven_narrow(call: Call) -> Narrowed | None:
    """Classes and methods; each invocation of a parametrised test is named, all of them are run."""
    if not call.starts("mvn test", "./mvnw test", "mvn -q test", "mvn -o test", "mvn -o -q test", "mvn -q -o test"):
        return None
    if call.has("-Dtest"):
        return None
    wanted = {method for name in call.names if (method := _method(name))}
    if len({_method(name) for name in call.names}) != len(wanted):
        return None
    return Narrowed(call.written([*call.words, f"-Dtest={','.join(sorted(wanted))}", *NONE_IS_RIGHT]))


NONE_IS_RIGHT = ("-DfailIfNoTests=false", "-Dsurefire.failIfNoSpecifiedTests=false")


def _method(name: str) -> str:
    """`class#method`, "" when the name does not tell."""
    group, _, test = name.partition(IN_CLASS)
    match = METHOD.match(test)
    return f"{group}#{match[1]}" if match and re.fullmatch(r"[\w.$]+", group) else ""


def maven_ran(answer: Answer) -> Ran:
    """By the reports of this run. Without any and not green, it did not come to the tests."""
    told = [case for report in answer.reports for case in cases(report)]
    failed = {f"{group}{IN_CLASS}{name}" for group, name, red in told if red}
    passed = {f"{group}{IN_CLASS}{name}" for group, name, red in told if not red}
    return judged(answer.names, failed, passed - failed, lambda name: answer.green or bool(told))


JUNIT = Tester(lambda lines: None, maven_narrow, maven_ran)


def reported(reports: Sequence[str]) -> list[str]:
    """What failed by all these reports."""
    return [name for report in reports for name in junit_failures(report)]
