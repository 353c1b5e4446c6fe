"""The real programs: their failing tests are named, and only those run again.

Where go, cargo or node is installed, each is run once by every run of the suite. The rest, jest, vitest and Maven are
run with AURORA_REAL_TESTERS=1 in the environment (jest and vitest also need AURORA_TEST_MODULES).
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pytest
from real import MAKERS, QUICK, REAL, Project, capture, project

from engine.failing_tests import Failures, failures
from engine.narrowing import narrow
from engine.narrowing import ran as read
from engine.test_names import _reports, run_begins
from engine.testers.tester import Ran

pytestmark = pytest.mark.slow
at_length = pytest.mark.skipif(not REAL, reason="the real programs are run at length with AURORA_REAL_TESTERS=1")
GO, TEXT = "example.com/shop/calc", "example.com/shop/text"
RED: dict[str, set[str]] = {
    "go": {f"{GO} {test}" for test in ("TestAddTwo", "TestTable", "TestDeep", "TestUmlautÄ", "TestParallelTwo")}
    | {f"{GO} FuzzAdd", f"{GO} ExampleAdd", f"{TEXT} TestAdd", f"{TEXT} TestPanics"},
    "cargo": {f"shop: tests::{test}" for test in ("adds_more", "deep::adds", "panics", "panics_else")}
    | {"carts: adds", "orders: prints", "orders: removes", "shop doc: src/lib.rs - add"},
    "node": {f"a.test.js › {test}" for test in ("adds (1+1) [x]", "subtracts", "é 'q' \"d\" # hash", "child")}
    | {f"b.test.js › {test}" for test in ("adds", "one", "two", "hooks")}
    | {"c.test.js"},
    "junit": {f"shop.OrdersTest::{test}" for test in ("addsMore", "spaced", "many(String)[1]", "many(String)[3]")}
    | {"shop.OrdersTest::removes", "shop.OrdersTest$Inner::deep", "shop.CartTest::adds"},
}
SUM = ("sum subtracts", "sum adds (1+1) [x] $ ^", 'sum deep inside it\'s "quoted" & é', "sum each 2 is 3", "top level")
BOTH = {f"sum.test.js › {test}" for test in SUM} | {"cart.test.js › sum adds", "cart.test.js › a b", "broken.test.js"}
RED["jest"] = BOTH | {"cart.test.js › hooks one", "cart.test.js › hooks two"}
RED["vitest"] = BOTH | {"cart.test.js"}
"""vitest names the file of a suite whose hook failed, jest the tests in it."""
SOME: dict[str, tuple[str, ...]] = {
    "go": (f"{GO} TestTable", f"{GO} TestAdd", f"{TEXT} TestAdd", f"{TEXT} TestGone", "example.com/shop/none TestX"),
    "cargo": ("carts: adds", "orders: adds", "shop: tests::deep::adds", "shop: tests::gone", "none: adds"),
    "node": ("b.test.js › adds", "b.test.js › gone", "later.test.js › new", "later.test.js"),
    "jest": ("sum.test.js › sum subtracts", "cart.test.js › sum subtracts", "cart.test.js › gone", "none.test.js › x"),
    "vitest": ("sum.test.js › sum subtracts", "cart.test.js › sum subtracts", "cart.test.js › gone", "none.test.js"),
    "junit": ("shop.CartTest::adds", "shop.CartTest::total", "shop.CartTest::gone", "shop.None::none"),
}
"""Of each two or three that are there, the first red, the second green, and two that are not there."""


def full(made: Project, tmp_path: Path, command: str = "", name: str = "full") -> Failures:
    """Run all tests; what is read from that."""
    since = run_begins(tmp_path)
    code, output = made.run(command)
    assert code != 0
    capture(made, output, name)
    return failures(output, list(_reports(made.folder, since)), made.folder)


def again(made: Project, tmp_path: Path, names: Collection[str], command: str = "") -> tuple[Ran, str]:
    """Run only these; what is read from that, and what was printed."""
    narrowed = narrow(command or made.command, made.runner, tuple(names), tmp_path, made.env, made.folder)
    assert narrowed is not None
    since = run_begins(tmp_path)
    code, output = made.run(narrowed.command, narrowed.env)
    reports = list(_reports(made.folder, since))
    return read(made.runner, narrowed, code == 0, output, names, made.folder, reports), output


@pytest.fixture(params=MAKERS)
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Project:
    """The project of each program."""
    if request.param not in QUICK and not REAL:
        pytest.skip(f"{request.param} is run with AURORA_REAL_TESTERS=1")
    return project(request.param, tmp_path)


def test_failing_tests_are_named_and_run_again(made: Project, tmp_path: Path) -> None:
    found = full(made, tmp_path)
    assert found == Failures(made.runner, found.names, True)
    assert set(found.names) == RED[made.runner]
    wanted = RED[made.runner] - {"cart.test.js"}
    assert again(made, tmp_path, wanted)[0] == Ran(tuple(sorted(wanted)), (), True)


@at_length
def test_a_few_tests_some_of_which_are_not_there(made: Project, tmp_path: Path) -> None:
    wanted = SOME[made.runner]
    answer, output = again(made, tmp_path, wanted)
    red = {name for name in wanted if name in RED[made.runner]}
    there = {"orders: adds", f"{GO} TestAdd", "cart.test.js › sum subtracts", "shop.CartTest::total"} | red
    assert answer == Ran(tuple(sorted(red)), tuple(sorted(set(wanted) - there)), True)
    assert "TestPanics" not in output
    assert "addsMore" not in output


@at_length
@pytest.mark.parametrize("command", ["./run.sh", "go test -json ./..."])
def test_go_through_a_script_and_as_events(command: str, tmp_path: Path) -> None:
    made = project("go", tmp_path)
    made.write("run.sh", "#!/bin/sh\ngo vet ./calc && go build ./... && go test ./...\n")
    (made.folder / "run.sh").chmod(0o755)
    assert set(full(made, tmp_path, command, "script" if "run" in command else "events").names) == RED["go"]
    wanted = (f"{TEXT} TestAdd", f"{TEXT} TestGood1")
    assert again(made, tmp_path, wanted, command)[0] == Ran((f"{TEXT} TestAdd",), (), True)


@at_length
def test_go_package_that_does_not_compile(tmp_path: Path) -> None:
    made = project("go", tmp_path)
    made.write("calc/calc.go", "package calc\n\nfunc Sum(a, b int) int { return a + b }\n")
    found = full(made, tmp_path, name="broken")
    broken = f"{GO} [build failed]"
    assert set(found.names) == {broken, f"{TEXT} TestAdd", f"{TEXT} TestPanics"}
    assert found.complete
    assert again(made, tmp_path, [broken, f"{TEXT} TestGood1"])[0] == Ran((broken,), (), True)
    assert not again(made, tmp_path, [f"{GO} TestAdd"])[0].told
    made.write("calc/calc.go", "package calc\n\nfunc Add(a, b int) int { return a + b }\n")
    assert again(made, tmp_path, [broken])[0] == Ran((), (), True)


@at_length
def test_go_tests_that_had_no_turn_are_not_green(tmp_path: Path) -> None:
    made = project("go", tmp_path)
    assert not again(made, tmp_path, [f"{TEXT} TestPanics", f"{TEXT} TestAfter"])[0].told


@at_length
def test_cargo_stops_at_the_first_red_program_unless_told(tmp_path: Path) -> None:
    made = project("cargo", tmp_path)
    found = full(made, tmp_path, "cargo test", "first")
    assert found.complete
    assert set(found.names) == {name for name in RED["cargo"] if name.startswith("shop: ")}
    answer, _ = again(made, tmp_path, ["orders: removes", "carts: adds"], "cargo test -- --test-threads=1")
    assert answer == Ran(("carts: adds", "orders: removes"), (), True)


@at_length
def test_cargo_package_that_does_not_compile(tmp_path: Path) -> None:
    made = project("cargo", tmp_path)
    made.write("tests/orders.rs", "#[test] fn removes() { assert!(shop::nothing() == 1) }\n")
    found = full(made, tmp_path, name="broken")
    broken = 'compile `shop` (test "orders")'
    assert (found.names, found.complete) == ((broken,), True)
    assert again(made, tmp_path, [broken])[0] == Ran((broken,), (), True)
    assert not again(made, tmp_path, ["carts: adds", "carts: gone"])[0].told
    made.write("tests/orders.rs", "#[test] fn removes() { assert!(false) }\n")
    answer, output = again(made, tmp_path, [broken])
    assert answer == Ran((), (), True)
    assert "running" not in output


@at_length
def test_a_documentation_test_is_found_where_it_moved_to(tmp_path: Path) -> None:
    made = project("cargo", tmp_path)
    source = (made.folder / "src/lib.rs").read_text()
    made.write("src/lib.rs", f"//! One.\n//! Two.\n{source}")
    doc = "shop doc: src/lib.rs - add"
    assert again(made, tmp_path, [doc])[0] == Ran((doc,), (), True)


@at_length
def test_node_in_the_format_for_people(tmp_path: Path) -> None:
    made = project("node", tmp_path)
    assert set(full(made, tmp_path, "node --test --test-reporter=spec", "spec").names) == RED["node"]
    made.write("package.json", '{"scripts": {"test": "node --test"}}')
    assert again(made, tmp_path, ["c.test.js"], "npm test")[0] == Ran(("c.test.js",), (), True)
    made.write("c.test.js", "")
    assert again(made, tmp_path, ["c.test.js"])[0] == Ran((), (), True)


@at_length
def test_maven_reports_of_an_earlier_run_say_nothing(tmp_path: Path) -> None:
    made = project("junit", tmp_path)
    assert full(made, tmp_path).names
    made.write("src/test/java/shop/CartTest.java", "package shop; class CartTest { nonsense }\n")
    assert full(made, tmp_path, name="broken") == Failures()
    assert not again(made, tmp_path, ["shop.CartTest::adds"])[0].told
