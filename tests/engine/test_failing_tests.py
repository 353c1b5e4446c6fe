"""The names of failing tests in output that is cut short, imitated, or of programs that cannot be had."""

from __future__ import annotations

import time

import pytest

from engine.failing_tests import Failures, failures
from engine.testers.java import junit_failures

NEXTEST = """        PASS [   0.004s] shop orders::adds
        FAIL [   0.012s] (2/2) shop orders::removes
------------
     Summary [   0.013s] 2 tests run: 1 passed, 1 failed, 0 skipped
        FAIL [   0.012s] (2/2) shop orders::removes
"""
TAP = """TAP version 14
1..5
ok 1 - opens
not ok 2 - reads
not ok 3 - writes # TODO later
ok 4 - closes # SKIP
not ok 5
    not ok 1 - inner
"""


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("FAIL\texample.com/calc [build failed]\nFAIL\n", Failures("go", ("example.com/calc [build failed]",), True)),
        ("FAIL\texample.com/calc\t0.1s\nFAIL\n", Failures("go", (), False)),
        (NEXTEST, Failures("nextest", ("orders::removes",), True)),
        (TAP, Failures("tap", ("reads", "5"), True)),
        (TAP.replace("1..5", "1..9"), Failures("tap", ("reads", "5"), False)),
        ("FAILED (failures=1, errors=1)\n", Failures("unittest", (), False)),
        ("=== 1 failed, 2 passed in 0.10s ===\n", Failures("pytest", (), False)),
        ("2 failed in 75.10s (0:01:15)\n", Failures("pytest", (), False)),
        ("make: *** [test] Error 1\n", Failures()),
        ("", Failures()),
    ],
)
def test_names_and_whether_they_are_all(output: str, expected: Failures) -> None:
    assert failures(output) == expected
    assert failures(output.replace("\n", "\r\n")) == expected
    coloured = "".join(f"\x1b[31m{line}\x1b[0m\n" for line in output.splitlines())
    if "{" not in output:
        assert failures(coloured).names == expected.names


PYTEST_END = "=== short test summary info ===\nFAILED t.py::test_a - assert\n=== 1 failed in 0.1s ===\n"


def test_output_of_tests_that_imitates_a_summary_names_nobody_wrongly() -> None:
    imitated = "FAILED t.py::test_innocent - boo\n=== short test summary info ===\nFAILED x.py::other\n" + PYTEST_END
    assert failures(imitated).names == ("t.py::test_a",)
    after = PYTEST_END.replace("=== 1 failed", "FAILED t.py::test_b\n=== 1 failed")
    assert not failures(after).complete


def test_cut_output_is_not_complete() -> None:
    many = [f"FAILED t.py::test_{n} - x" for n in range(700)]
    whole = "\n".join(["== short test summary info ==", *many, "=== 700 failed in 3.0s ==="])
    assert (len(failures(whole).names), failures(whole).complete) == (500, False)
    assert not failures(whole.replace("FAILED t.py::test_5 ", "F")).complete


def test_a_great_log_is_read_quickly() -> None:
    log = "test one ... ok and more words of no interest\n" * 450_000 + PYTEST_END
    began = time.process_time()
    assert failures(log).names == ("t.py::test_a",)
    assert time.process_time() - began < 2


def test_junit_reports() -> None:
    report = (
        '<?xml version="1.0"?><testsuites><testsuite tests="3">'
        '<testcase classname="shop.OrdersTest" name="adds"/>'
        '<testcase classname="shop.OrdersTest" name="removes"><failure message="x">no</failure></testcase>'
        '<testcase classname="shop.CartTest" name="total"><error/></testcase></testsuite></testsuites>'
    )
    assert junit_failures(report) == ["shop.OrdersTest::removes", "shop.CartTest::total"]
    assert failures("BUILD FAILED", [report]) == Failures(
        "junit", ("shop.OrdersTest::removes", "shop.CartTest::total"), True
    )
    assert failures(TAP, [report]).runner == "tap"
    bomb = '<!DOCTYPE x [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><suite><testcase name="&b;"><error/></testcase></suite>'
    assert junit_failures(bomb) == junit_failures("<not xml") == junit_failures("") == []
