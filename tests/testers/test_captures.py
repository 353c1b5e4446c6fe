"""What the real programs printed (captures of the runs in `test_real_testers`), read without them."""

from __future__ import annotations

from pathlib import Path

import pytest
from real import CAPTURES
from test_real_testers import GO, RED, TEXT

from engine.failing_tests import Failures, failures
from engine.testers.table import TESTERS
from engine.testers.tester import Answer, Ran

LIB = {name for name in RED["cargo"] if name.startswith("shop: ")}
READ = {
    "go.full": RED["go"],
    "go.script": RED["go"],
    "go.events": RED["go"],
    "go.broken": {f"{GO} [build failed]", f"{TEXT} TestAdd", f"{TEXT} TestPanics"},
    "cargo.full": RED["cargo"],
    "cargo.first": LIB,
    "cargo.broken": {'compile `shop` (test "orders")'},
    "node.full": RED["node"],
    "node.spec": RED["node"],
    "jest.full": RED["jest"],
    "vitest.full": RED["vitest"],
}


def text_of(name: str) -> str:
    return (CAPTURES / f"{name}.txt").read_text()


@pytest.mark.parametrize("name", READ)
def test_captured_output_names_what_failed(name: str) -> None:
    runner = name.partition(".")[0]
    output = text_of(name)
    found = failures(output, folder=Path("/project"))
    assert found == Failures(runner, found.names, True)
    assert set(found.names) == READ[name]
    assert failures(output.replace("\n", "\r\n"), folder=Path("/project")) == found


@pytest.mark.parametrize("name", READ)
def test_output_without_its_end_or_with_a_name_less_is_not_complete(name: str) -> None:
    lines = text_of(name).split("\n")
    for part in range(0, len(lines), max(1, len(lines) // 25)):
        found = failures("\n".join(lines[:part]), folder=Path("/project"))
        assert not found.complete or set(found.names) <= READ[name]


def test_reports_of_maven_name_what_failed() -> None:
    reports = [(CAPTURES / f"junit.{name}.xml").read_text() for name in ("cart", "orders")]
    found = failures("[ERROR] There are test failures.", reports)
    assert found == Failures("junit", found.names, True)
    assert set(found.names) == RED["junit"]


def test_maven_is_read_by_its_reports_alone() -> None:
    reports = tuple((CAPTURES / f"junit.{name}.xml").read_text() for name in ("cart", "orders"))
    wanted = frozenset({"shop.CartTest::adds", "shop.CartTest::total", "shop.OrdersTest::gone"})
    read = TESTERS["junit"].ran
    told = Ran(("shop.CartTest::adds",), ("shop.OrdersTest::gone",), True)
    assert read(Answer("", wanted, False, Path(), reports)) == told
    assert not read(Answer("[ERROR] COMPILATION ERROR", wanted, False, Path())).told
