"""Real conflicts for the conflict screen: three files with nine hunks, and files that have none."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from engine.conflict_desk import Desk
from engine.repo import Repo

NUMBERS = range(1, 41)
Files = dict[str, str | bytes | None]


def git(root: Path, *args: str) -> str:
    """Git as a person would run it."""
    done = subprocess.run(["git", *args], cwd=root, capture_output=True, text=True, check=True)
    return done.stdout.rstrip("\n")


def module(name: str, side: str = "", **changed: str) -> str:
    """A file of forty lines, some changed: module("cart", n3="…")."""
    lines = [changed.get(f"n{n}", f"    total_{n} = {name}.sum({n})") for n in NUMBERS]
    return f"def {name}():\n" + "\n".join(lines) + "\n"


def sides(name: str, who: str) -> str:
    """One side's version of a module: three places in conflict, one of its own."""
    own = {"stock": "n36", "ui": "n18"}[who]
    return module(
        name,
        n3=f"    price = {name}.price(currency='{'EUR' if who == 'stock' else 'USD'}')",
        n12=f"    # {who}\n    rows = load_{who}()\n    rows.sort(key={who}_order)",
        n27=f"    return {name}.render({who}=True, width=80)",
        **{own: f"    {who}_alone = True"},
    )


MODULES = ("cart", "models", "orders")
BASE: Files = {f"shop/{name}.py": module(name) for name in MODULES}
LANDED: Files = {f"shop/{name}.py": sides(name, "stock") for name in MODULES}
BRANCH: Files = {f"shop/{name}.py": sides(name, "ui") for name in MODULES}
MORE: tuple[Files, Files, Files] = (
    {"logo.bin": b"\0one", "notes.txt": "old\n"},
    {"logo.bin": b"\0landed", "notes.txt": None},
    {"logo.bin": b"\0branch", "notes.txt": "new\n"},
)


def commit(root: Path, files: Files, message: str, start: str = "") -> str:
    """A commit of these changes on a detached head."""
    if start:
        git(root, "checkout", "-q", "--detach", start)
    for name, content in files.items():
        path = root / name
        if content is None:
            path.unlink(missing_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    git(root, "add", "-A")
    git(root, "-c", "user.name=Ada", "-c", "user.email=ada@example.com", "commit", "-q", "--allow-empty", "-m", message)
    return git(root, "rev-parse", "HEAD")


def conflict_in(root: Path, extra: bool = True) -> tuple[Repo, str, str]:
    """A repository with task `ui` in conflict with what `stock` landed: (repository, branch commit, tip)."""
    root.mkdir(parents=True, exist_ok=True)
    git(root, "init", "-q", "-b", "main")
    for name, value in (("user.name", "Ada"), ("user.email", "ada@example.com")):
        git(root, "config", name, value)
    before, there, here = MORE if extra else ({}, {}, {})
    base = commit(root, BASE | before, "start")
    landed = commit(root, LANDED | there, "Count the stock\n\nAurora-Task: stock\n", base)
    branch = commit(root, BRANCH | here, "Show it", base)
    git(root, "checkout", "-q", "--detach", landed)
    git(root, "branch", "-f", "main", landed)
    return Repo.open(root), branch, landed


def desk_in(root: Path, extra: bool = True) -> Desk:
    """The desk of that conflict."""
    repo, branch, landed = conflict_in(root, extra)
    return Desk.open(repo, "r1", "ui", branch, landed)


def env_with_editor(root: Path, script: str) -> dict[str, str]:
    """An environment whose editor is a shell script that gets the file as $1."""
    editor = root / "editor.sh"
    editor.write_text(f"#!/bin/sh\n{script}\n")
    editor.chmod(0o755)
    return {**os.environ, "VISUAL": str(editor)}
