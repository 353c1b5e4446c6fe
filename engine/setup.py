"""Whether a worktree's `setup` commands must run: once, and again when its lock files change."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

LOCK_FILES = (
    "package-lock.json",
    "yarn.lock",
    "pnpm-lock.yaml",
    "bun.lock",
    "poetry.lock",
    "uv.lock",
    "pdm.lock",
    "Pipfile.lock",
    "requirements.txt",
    "pyproject.toml",
    "Cargo.lock",
    "go.sum",
    "Gemfile.lock",
    "composer.lock",
)


@dataclass(frozen=True, slots=True)
class SetupState:
    """Remembers in `record` for which lock files the commands last succeeded in `worktree`."""

    record: Path
    worktree: Path
    commands: Sequence[str]

    def done(self) -> bool:
        """True when the commands succeeded for exactly the lock files that are there now."""
        try:
            return self.record.read_text(encoding="ascii") == self._digest()
        except OSError:
            return False

    def mark(self) -> None:
        """Remember that the commands succeeded."""
        self.record.parent.mkdir(parents=True, exist_ok=True)
        self.record.write_text(self._digest(), encoding="ascii")

    def _digest(self) -> str:
        digest = hashlib.sha256(repr((str(self.worktree), tuple(self.commands))).encode())
        for name in LOCK_FILES:
            file = self.worktree / name
            if file.is_file():
                digest.update(name.encode() + b"\0" + file.read_bytes())
        return digest.hexdigest()
