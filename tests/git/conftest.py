"""Fixtures of the git tests: settings of their own, and a fresh laboratory."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from git_lab import Lab


@pytest.fixture(autouse=True)
def _own_git_settings(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the machine's user or of a surrounding git reaches a test."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    settings = tmp_path_factory.getbasetemp() / "gitconfig"
    if not settings.exists():
        settings.write_text(
            "[user]\n\tname = Ada\n\temail = ada@example.org\n[init]\n\tdefaultBranch = main\n\ttemplateDir =\n"
            '[core]\n\tfsync = none\n[gc]\n\tauto = 0\n[protocol "file"]\n\tallow = always\n'
        )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


@pytest.fixture
def lab(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """A repository with one commit: a.txt (ten lines), dir/b.txt, and *.ign ignored; copied from one made once."""
    template = tmp_path_factory.getbasetemp() / "template"
    if not template.exists():
        template.mkdir()
        made = Lab(template)
        made.git("init", "-q")
        lines = "".join(f"line {n}\n" for n in range(10))
        made.commit({"a.txt": lines, "dir/b.txt": "b\n", ".gitignore": "*.ign\n"})
    shutil.copytree(template, tmp_path / "repo")
    return Lab(tmp_path / "repo")


@pytest.fixture
def tree(lab: Lab) -> Path:
    """A worktree on a branch of its own at `main`."""
    return lab.worktrees.prepare("w1", "feat/a", lab.at("main"), new_branch=True)
