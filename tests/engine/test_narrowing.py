"""Named failing tests are found in real output and run again by themselves, through the project's own command."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

import pytest

from engine.failing_tests import failures
from engine.narrowing import can_narrow, narrow
from engine.narrowing import ran as read
from engine.testers.table import TESTERS
from engine.testers.tester import Narrowed, Ran

PYTEST = f"{sys.executable} -m pytest -p no:cacheprovider -p xdist"
TESTS = """
import pathlib, pytest
def ran(name): (pathlib.Path(__file__).parent / "ran").open("a").write(name + "\\n")
def test_good(): ran("good")
def test_bad(): ran("bad"); assert 1 == 2, "FAILED test_all.py::test_good - an imitation"
@pytest.mark.parametrize("x", ["a b", "c - d", "é[1]"])
def test_many(x): ran(x); assert x == "a b"
class TestGroup:
    def test_inner(self): ran("inner"); raise ValueError
"""
OTHER = "import nothing_of_that_name\ndef test_never(): pass\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose tests are run by a script."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "test_all.py").write_text(TESTS)
    (folder / "run.sh").write_text(f'#!/bin/sh\necho testing\nexec {PYTEST} -q "$@"\n')
    (folder / "run.sh").chmod(0o755)
    return folder


def run(command: str, folder: Path, more: dict[str, str] | None = None) -> tuple[int, str]:
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "AURORA"))} | (more or {})
    env["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    done = subprocess.run(command, shell=True, cwd=folder, env=env, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def ran(
    narrowed: Narrowed, green: bool, output: str, names: Collection[str], runner: str = "pytest", folder: Path = Path()
) -> Ran:
    return read(runner, narrowed, green, output, names, folder)


BAD = (
    "test_all.py::test_bad",
    "test_all.py::test_many[c - d]",
    "test_all.py::test_many[\\xe9[1]]",
    "test_all.py::TestGroup::test_inner",
)


@pytest.mark.parametrize("options", ["", " -v", " -n 2", " --tb=no", " --color=yes", " -rA"])
def test_pytest_names_its_failures(project: Path, options: str) -> None:
    code, output = run(f"./run.sh{options}", project)
    assert code == 1
    found = failures(output)
    assert (found.runner, set(found.names), found.complete) == ("pytest", set(BAD), True)


def test_a_file_that_cannot_be_imported_is_named(project: Path) -> None:
    (project / "test_other.py").write_text(OTHER)
    found = failures(run("./run.sh", project)[1])
    assert (found.names, found.complete) == (("test_other.py",), True)


@pytest.mark.parametrize("options", ["", " -n 2", " -x", " -n 1 --maxfail=1"])
def test_only_the_named_tests_run(project: Path, tmp_path: Path, options: str) -> None:
    wanted = (*BAD[:2], "test_all.py::test_good", "test_all.py::test_gone", "test_later.py::test_new")
    narrowed = narrow(f"./run.sh{options}", "pytest", wanted, tmp_path, {}, project)
    assert narrowed is not None
    (project / "test_other.py").write_text(OTHER)
    code, output = run(narrowed.command, project, narrowed.env)
    answer = ran(narrowed, code == 0, output, wanted)
    assert answer.told
    assert set(answer.failed) == set(BAD[:2]), "-x would leave the second out: it would pass for not red"
    assert set(answer.missing) == {"test_all.py::test_gone", "test_later.py::test_new"}
    done = set((project / "ran").read_text().split("\n")) - {""}
    assert done <= {"good", "bad", "c - d"}
    assert "bad" in done


def test_a_file_that_is_whole_again_passes(project: Path, tmp_path: Path) -> None:
    (project / "test_other.py").write_text(OTHER)
    again = narrow("./run.sh", "pytest", ("test_other.py",), tmp_path, {}, project)
    assert again is not None
    assert ran(again, False, run(again.command, project, again.env)[1], ("test_other.py",)).failed == ("test_other.py",)
    (project / "test_other.py").write_text("def test_never(): raise SystemError\n")
    again = narrow("./run.sh", "pytest", ("test_other.py",), tmp_path, {}, project)
    assert again is not None
    answer = ran(again, False, run(again.command, project, again.env)[1], ("test_other.py",))
    assert (answer.told, answer.failed, answer.missing) == (True, (), ())
    assert not (project / "ran").exists()


def test_a_run_that_never_reaches_pytest_tells_nothing(project: Path, tmp_path: Path) -> None:
    narrowed = narrow("exit 1", "pytest", BAD, tmp_path, {}, project)
    assert narrowed is not None
    assert not ran(narrowed, False, run(narrowed.command, project, narrowed.env)[1], BAD).told
    (project / "conftest.py").write_text("raise RuntimeError\n")
    broken = narrow("./run.sh", "pytest", BAD, tmp_path, {}, project)
    assert broken is not None
    assert not ran(broken, False, run(broken.command, project, broken.env)[1], BAD).told


def test_a_pytest_inside_a_test_is_left_alone(project: Path, tmp_path: Path) -> None:
    call = f"assert subprocess.call('{PYTEST} -q test_in.py', shell=True) == 0"
    (project / "test_outer.py").write_text(f"import subprocess\ndef test_a(): pass\ndef test_runs(): {call}\n")
    (project / "test_in.py").write_text("def test_inside(): pass\n")
    narrowed = narrow("./run.sh", "pytest", ("test_outer.py::test_runs",), tmp_path, {}, project)
    assert narrowed is not None
    code, output = run(narrowed.command, project, narrowed.env)
    assert (code, ran(narrowed, True, output, ("test_outer.py::test_runs",)).failed) == (0, ())


def test_unittest_by_name(tmp_path: Path) -> None:
    (tmp_path / "test_u.py").write_text(
        "import unittest, pathlib\n"
        "class T(unittest.TestCase):\n"
        "    def test_a(self): pathlib.Path('ran').open('a').write('a')\n"
        "    def test_b(self): pathlib.Path('ran').open('a').write('b'); self.fail('no')\n"
        "    def test_c(self): raise OSError\n"
    )
    command = f"{sys.executable} -m unittest"
    found = failures(run(command, tmp_path)[1])
    assert (found.runner, set(found.names), found.complete) == (
        "unittest",
        {"test_u.T.test_b", "test_u.T.test_c"},
        True,
    )
    (tmp_path / "ran").unlink()
    narrowed = narrow(command, "unittest", ("test_u.T.test_b",), tmp_path, {}, tmp_path)
    assert narrowed is not None
    code, output = run(narrowed.command, tmp_path)
    answer = ran(narrowed, code == 0, output, ("test_u.T.test_b", "test_u.T.test_x"), "unittest")
    assert (answer.failed, answer.missing) == (("test_u.T.test_b",), ("test_u.T.test_x",))
    assert (tmp_path / "ran").read_text() == "b"


@pytest.mark.parametrize(
    ("command", "runner", "names", "narrowed"),
    [
        ("cargo test --all", "cargo", ["x: a::b", "c"], "cargo test --no-fail-fast --all -- --exact a::b c"),
        (
            "A='b c' cargo test -- --test-threads=1",
            "cargo",
            ["a"],
            "A='b c' cargo test --no-fail-fast -- --test-threads=1 --exact a",
        ),
        ("cargo test", "cargo", ["x doc: src/lib.rs - a"], "cargo test --no-fail-fast -- 'src/lib.rs - a'"),
        ("cargo test --lib", "cargo", ["compile `x` (lib test)"], "cargo test --no-run --lib"),
        ("cargo nextest run", "nextest", ["a::b"], "cargo nextest run --no-fail-fast -E 'test(=a::b)'"),
        (
            "npx jest --ci",
            "jest",
            ["here.js › adds (1+1)"],
            "npx jest --ci --json --outputFile=OUT -t '^(adds(?: [›>])? \\(1\\+1\\))$' here.js",
        ),
        ("npx jest", "jest", ["here.js", "here.js › a"], "npx jest --json --outputFile=OUT here.js"),
        ("npx jest", "jest", ["gone.js › a"], ":"),
        (
            "npx vitest run",
            "vitest",
            ["here.js › sum adds"],
            "npx vitest run --reporter=default --reporter=json --outputFile.json=OUT"
            " -t '^(sum(?: [›>])? adds)$' here.js",
        ),
        ("node --test here.js", "node", ["here.js › a"], "node --test --test-reporter=tap here.js"),
        ("node --test", "node", ["gone.js › a"], ":"),
        (
            "mvn test",
            "junit",
            ["a.B::c(int)[1]", "a.B::c(int)[2]"],
            "mvn test '-Dtest=a.B#c' -DfailIfNoTests=false -Dsurefire.failIfNoSpecifiedTests=false",
        ),
    ],
)
def test_plain_commands_get_arguments(
    command: str, runner: str, names: list[str], narrowed: str, tmp_path: Path
) -> None:
    (tmp_path / "here.js").touch()
    made = narrow(command, runner, names, tmp_path, {}, tmp_path)
    assert made is not None
    assert made.command.replace(str(tmp_path / "only/outcomes.json"), "OUT") == narrowed


def test_go_is_told_through_its_environment(tmp_path: Path) -> None:
    names = ["m/p TestA", "m/q TestA", "m/q TestB", "m/r [build failed]"]
    made = narrow("make test | tee log", "go", names, tmp_path, {"GOFLAGS": "-count=1"}, tmp_path)
    assert made is not None
    assert (made.command, made.env) == (
        "make test | tee log",
        {"GOFLAGS": "-count=1 -test.v -test.run=^(TestA|TestB)$"},
    )


@pytest.mark.parametrize(
    ("command", "runner", "names"),
    [
        ("make test", "cargo", ["a"]),
        ("cargo test && echo done", "cargo", ["a"]),
        ("cargo test | tee log", "cargo", ["a"]),
        ("cargo test -q", "cargo", ["a"]),
        ("cargo test 'unclosed", "cargo", ["a"]),
        ("cargo test", "cargo", ["a", "compile `x` (lib)"]),
        ("npm test", "jest", ["a"]),
        ("npx jest --bail", "jest", ["a"]),
        ("npx jest -t x", "jest", ["a"]),
        ("node --test --test-reporter=tap", "node", ["a"]),
        ("node --test --test-reporter tap", "node", ["a"]),
        ("./gradlew test", "junit", ["a.B::c"]),
        ("mvn -Dtest=X test", "junit", ["a.B::c"]),
        ("prove -r t", "tap", ["a"]),
        ("mvn test", "junit", ["a b::c"]),
        ("pytest", "pytest", ["-x"]),
        ("pytest", "pytest", []),
        ("", "go", ["p TestA"]),
    ],
)
def test_what_is_not_plain_is_left_alone(command: str, runner: str, names: list[str], tmp_path: Path) -> None:
    assert not can_narrow(command, runner, names, tmp_path)
    assert narrow(command, runner, names, tmp_path, {}, tmp_path) is None


def test_names_cannot_become_commands(tmp_path: Path) -> None:
    evil = "x'; touch hacked; echo '"
    narrowed = narrow("cargo test", "cargo", [evil], tmp_path, {}, tmp_path)
    assert narrowed is not None
    run(narrowed.command.replace("cargo test", "echo"), tmp_path)
    assert not (tmp_path / "hacked").exists()


def test_an_npm_script_that_is_plainly_a_runner(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text('{"scripts": {"test": "jest --ci"}}')
    (tmp_path / "x.js").touch()
    narrowed = narrow("npm test", "jest", ["x.js › a"], tmp_path, {}, tmp_path)
    assert narrowed is not None
    assert narrowed.command == f"npm test -- --json --outputFile={tmp_path}/only/outcomes.json -t '^(a)$' x.js"
    (tmp_path / "package.json").write_text('{"scripts": {"test": "lint && jest"}}')
    assert narrow("npm test", "jest", ["x.js › a"], tmp_path, {}, tmp_path) is None


NOTHING_RAN = {
    "pytest": "",
    "unittest": "",
    "go": "no Go files\n",
    "cargo": "error: no such command\n",
    "nextest": "",
    "jest": "",
    "vitest": '{"testResults": [{}]}',
    "node": "Could not find it\n",
    "junit": "",
    "tap": "1..0\n",
}


@pytest.mark.parametrize("runner", TESTERS)
def test_a_run_in_which_a_wanted_test_was_not_seen_says_nothing(runner: str, tmp_path: Path) -> None:
    (tmp_path / "a.js").touch()
    outcomes = tmp_path / "outcomes"
    outcomes.write_text(NOTHING_RAN[runner])
    for narrowed in (Narrowed("x"), Narrowed("x", outcomes=outcomes)):
        assert not ran(narrowed, False, NOTHING_RAN[runner], ["a.js › x"], runner, tmp_path).told
        green = ran(narrowed, True, NOTHING_RAN[runner], ["a.js › x"], runner, tmp_path)
        assert not green.failed
        assert not green.told or green.missing
