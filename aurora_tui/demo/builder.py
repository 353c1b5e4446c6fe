"""Builds the demo: a small web shop in a git repository of its own, its plan, and its agent beside it."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from engine.errors import RepoError

_HERE = Path(__file__).parent
_END = ".tmpl"
_NAME = "boreal"
_DEVELOPER = {"user.name": "Robin Lindqvist", "user.email": "robin@boreal.example"}
_LOCAL = {
    "commit.gpgsign": "false",
    "core.hooksPath": ".git/hooks",
    "core.autocrlf": "false",
    "core.fsmonitor": "false",
}


@dataclass(frozen=True, slots=True)
class Demo:
    """Where the demo lies: `folder` holds the repository `repo`, in it its `plan`, and beside it `agent`."""

    folder: Path
    repo: Path
    plan: Path
    agent: Path


def build(folder: Path, speed: float = 1.0) -> Demo:
    """Make the demo in `folder`, which need not exist; its agents take 1/`speed` of the time people like to watch.

    Raises RepoError when there is a demo already, or git cannot be used.
    """
    demo = Demo(folder, folder / _NAME, folder / _NAME / "aurora.yaml", folder / "agent" / "agent.py")
    if demo.repo.exists():
        raise RepoError(f"{demo.repo} exists already", "choose another folder for the demo")
    _unpack(_HERE / "shop", demo.repo)
    _unpack(_HERE / "plays", demo.agent.parent / "plays")
    shutil.copyfile(_HERE / "agent.py", demo.agent)
    _write_plan(demo, speed)
    _commit(demo.repo)
    return demo


def _unpack(source: Path, target: Path) -> None:
    """Copy a tree of templates, without the ending that keeps them from being taken for our own files."""
    for template in sorted(source.rglob(f"*{_END}")):
        path = target / template.relative_to(source).with_suffix("")
        path = path.with_name(".gitignore") if path.name == "gitignore" else path
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(template, path)


def _write_plan(demo: Demo, speed: float) -> None:
    """Fill in the commands: they name this Python, for nothing else is sure to exist."""
    python = shlex.quote(sys.executable)
    contract = f"{python} -I -m engine.contracts.openapi"
    commands = {
        "@AGENT@": f"exec {python} -I {shlex.quote(str(demo.agent.resolve()))} --speed {speed:g} {{prompt_file}}",
        "@TEST@": f"{python} -B -m unittest -q",
        "@CHECK@": f"{contract} check --quick contracts/orders.yaml",
        "@VERIFY@": f"{contract} verify --quick contracts/orders.yaml",
        "@SERVE@": f"exec {python} -B -m shop $AURORA_PORT",
    }
    text = demo.plan.read_text(encoding="utf-8")
    for mark, command in commands.items():
        text = text.replace(mark, json.dumps(command, ensure_ascii=False))
    demo.plan.write_text(text, encoding="utf-8")


def _commit(repo: Path) -> None:
    """Make the folder a repository with one commit by a developer who does not exist."""
    _git(repo, "init", "-q", "-b", "main", "--template=")
    for key, value in {**_DEVELOPER, **_LOCAL}.items():
        _git(repo, "config", key, value)
    _git(repo, "add", "-A")
    _git(repo, "commit", "-q", "-m", "Boreal, a small tea shop for long nights")


def _git(repo: Path, *arguments: str) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    try:
        done = subprocess.run(["git", *arguments], cwd=repo, env=environment, capture_output=True, text=True)
    except FileNotFoundError:
        raise RepoError("git is not installed", "install git 2.38 or newer") from None
    if done.returncode:
        raise RepoError(f"git {arguments[0]} failed in the demo: {done.stderr.strip()}")
