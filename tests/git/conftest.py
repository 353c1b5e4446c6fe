"""Fixtures of the git tests: settings of their own, and a fresh laboratory."""

from __future__ import annotations

import os
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
def lab(tmp_path: Path) -> Lab:
    """A repository with one commit: a.txt (ten lines), dir/b.txt, and *.ign ignored."""
    root = tmp_path / "repo"
    root.mkdir()
    made = Lab(root)
    made.git("init", "-q")
    made.commit({"a.txt": "".join(f"line {n}\n" for n in range(10)), "dir/b.txt": "b\n", ".gitignore": "*.ign\n"})
    return made
