"""The real programs that run tests, and a small project for each: sixteen tests or so, some of which fail."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CAPTURES = HERE / "captures"
MODULES = os.environ.get("AURORA_TEST_MODULES", "")
"""A node_modules folder that holds jest and vitest; without it the two are passed over."""


REAL = bool(os.environ.get("AURORA_REAL_TESTERS"))
QUICK = ("go", "cargo", "node")
KEEP = bool(os.environ.get("AURORA_KEEP_CAPTURES"))
"""Write what the programs print to the captures, which the other tests of this folder read."""


@dataclass(frozen=True)
class Project:
    """A project copied into a folder of its own, with the command that runs its tests."""

    runner: str
    folder: Path
    command: str
    env: Mapping[str, str] = field(default_factory=dict)

    def run(self, command: str = "", more: Mapping[str, str] | None = None) -> tuple[int, str]:
        """Exit code and output."""
        kept = {
            k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "AURORA", "GOFLAGS", "NODE", "RUST"))
        }
        done = subprocess.run(
            command or self.command,
            shell=True,
            cwd=self.folder,
            env=kept | self.env | (more or {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout

    def write(self, name: str, text: str) -> None:
        """Write a file."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def project(runner: str, tmp_path: Path) -> Project:
    """The project of a program; skips where the program is not installed."""
    make = MAKERS[runner]
    return make(tmp_path / "project")


def capture(made: Project, output: str, name: str) -> None:
    """Keep what was printed, without the folder it was run in."""
    if KEEP:
        text = output.replace(str(made.folder), "/project").replace(str(Path.home()), "/home")
        (CAPTURES / f"{made.runner}.{name}.txt").write_text(text)


def _copied(name: str, folder: Path) -> Path:
    shutil.copytree(HERE / "projects" / name, folder)
    return folder


WORKS = {"go": "version", "cargo": "--version", "node": "--version", "mvn": "--version"}


def _needs(program: str) -> None:
    """Skip where a program is not installed, or is there and does not work."""
    if shutil.which(program) is None or subprocess.run([program, WORKS[program]], capture_output=True).returncode != 0:
        pytest.skip(f"{program} is not installed")


def _go(folder: Path) -> Project:
    _needs("go")
    return Project("go", _copied("go", folder), "go test ./...")


def _cargo(folder: Path) -> Project:
    _needs("cargo")
    env = {"CARGO_TARGET_DIR": str(folder.parent / "target"), "RUST_BACKTRACE": "0", "CARGO_NET_OFFLINE": "true"}
    return Project("cargo", _copied("cargo", folder), "cargo test --no-fail-fast", env)


def _node(folder: Path) -> Project:
    _needs("node")
    return Project("node", _copied("node", folder), "node --test")


def _javascript(runner: str, folder: Path, script: str) -> Project:
    if not MODULES:
        pytest.skip(f"{runner} is looked for in the folder that AURORA_TEST_MODULES names")
    _copied("js", folder)
    (folder / "node_modules").symlink_to(MODULES)
    (folder / "package.json").write_text(json.dumps({"name": "shop", "scripts": {"test": script}}))
    return Project(runner, folder, "npm test")


def _maven(folder: Path) -> Project:
    _needs("mvn")
    if not (Path.home() / ".m2/repository/org/apache/maven/plugins/maven-surefire-plugin/3.2.5").is_dir():
        pytest.skip("maven's test plug-in is not on this machine")
    return Project("junit", _copied("maven", folder), "mvn -o -q test")


MAKERS = {
    "go": _go,
    "cargo": _cargo,
    "node": _node,
    "jest": lambda folder: _javascript("jest", folder, "jest"),
    "vitest": lambda folder: _javascript("vitest", folder, "vitest run --globals"),
    "junit": _maven,
}
