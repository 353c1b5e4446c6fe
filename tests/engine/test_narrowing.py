"""Named failing tests are found in real output and run again by themselves, through the project's own command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.failing_tests import failures
from engine.narrowing import can_narrow, narrow, ran

PYTEST = f"{sys.executable} -m pytest -p no:cacheprovider"
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
    done = subprocess.run(command, shell=True, cwd=folder, env=env, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


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


@pytest.mark.parametrize("options", ["", " -n 2", " -x"])
def test_only_the_named_tests_run(project: Path, tmp_path: Path, options: str) -> None:
    wanted = (*BAD[:2], "test_all.py::test_good", "test_all.py::test_gone", "test_later.py::test_new")
    narrowed = narrow(f"./run.sh{options}", "pytest", wanted, tmp_path, {}, project)
    assert narrowed is not None
    (project / "test_other.py").write_text(OTHER)
    code, output = run(narrowed.command, project, narrowed.env)
    answer = ran(narrowed, code == 0, output, wanted)
    assert answer.told
    stopped = options == " -x"
    assert set(answer.failed) == set(BAD[:1] if stopped else BAD[:2])
    assert set(answer.missing) >= {"test_all.py::test_gone", "test_later.py::test_new"}
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
    assert ran(narrowed, code == 0, output, found.names).failed == ("test_u.T.test_b",)
    assert (tmp_path / "ran").read_text() == "b"


@pytest.mark.parametrize(
    ("command", "runner", "names", "ends"),
    [
        ("go test ./...", "go", ["m/p TestA", "m/p TestB"], "-run '^(TestA|TestB)$'"),
        ("cargo test --all", "cargo", ["a::b", "c"], "-- --exact a::b c"),
        ("cargo test -- --test-threads=1", "cargo", ["a"], "--exact a"),
        ("cargo nextest run", "nextest", ["a::b"], "-E 'test(=a::b)'"),
        ("npx jest --ci", "jest", ["adds (1+1)"], "-t '^(adds \\(1\\+1\\))$'"),
        ("npx vitest run", "vitest", ["sum adds"], "-t '^(sum adds)$'"),
        (
            "mvn test",
            "junit",
            ["a.B::c"],
            "'-Dtest=a.B#c' -DfailIfNoTests=false -Dsurefire.failIfNoSpecifiedTests=false",
        ),
        ("./gradlew test", "junit", ["a.B::c"], "--tests a.B.c"),
    ],
)
def test_plain_commands_get_arguments(command: str, runner: str, names: list[str], ends: str, tmp_path: Path) -> None:
    narrowed = narrow(command, runner, names, tmp_path, {}, tmp_path)
    assert narrowed is not None
    assert narrowed.command == f"{command} {ends}"


@pytest.mark.parametrize(
    ("command", "runner", "names"),
    [
        ("make test", "go", ["p TestA"]),
        ("go test ./... && echo done", "go", ["p TestA"]),
        ("go test ./... | tee log", "go", ["p TestA"]),
        ("go test -run X ./...", "go", ["p TestA"]),
        ("npm test", "jest", ["a"]),
        ("prove -r t", "tap", ["a"]),
        ("mvn test", "junit", ["a b::c"]),
        ("pytest", "pytest", ["-x"]),
        ("pytest", "pytest", []),
        ("", "go", ["p TestA"]),
        ("go test 'unclosed", "go", ["p TestA"]),
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
    narrowed = narrow("npm test", "jest", ["a b"], tmp_path, {}, tmp_path)
    assert narrowed is not None
    assert narrowed.command == "npm test -- -t '^(a b)$'"
    (tmp_path / "package.json").write_text('{"scripts": {"test": "lint && jest"}}')
    assert narrow("npm test", "jest", ["a b"], tmp_path, {}, tmp_path) is None
