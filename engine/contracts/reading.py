"""Reads the files of contracts in a commit from git: their hash, what is missing, and what differs from before."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from engine.contracts.records import ContractFiles
from engine.git import git
from engine.patterns import Pattern
from engine.plan import Contract
from engine.repo import Repo
from engine.text import clean

MOST_DIFF = 6_000
EMPTY_BLOBS = frozenset(
    {"e69de29bb2d1d6434b8b29ae775ad8c2e48c5391", "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813"}
)
"""The object ids of an empty file, by git's two hashes."""
_LEFT_OUT = "\n… (the rest of the diff is left out)"
Blobs = dict[str, str]


def read_contracts(
    repo: Repo, contracts: Sequence[Contract], commit: str, before: str = "", *, with_diff: bool = True
) -> tuple[ContractFiles, ...]:
    """The files of each contract in `commit`; with `before`, also what differs from that commit."""
    if not contracts:
        return ()
    now, old = _blobs(repo, commit), _blobs(repo, before) if before else {}
    return tuple(_read(repo, contract, now, old, commit, before if with_diff else "") for contract in contracts)


def changed_contracts(repo: Repo, contracts: Sequence[Contract], before: str, after: str) -> tuple[ContractFiles, ...]:
    """The contracts whose files differ between two commits."""
    if not contracts:
        return ()
    paths = repo.changed_paths(before, after)
    touched = [c for c in contracts if any(pattern.matches(p) for pattern in _patterns(c) for p in paths)]
    return tuple(one for one in read_contracts(repo, touched, after, before) if one.changed)


def files_in(worktree: Path, contract: Contract) -> tuple[Path, ...]:
    """The files of a contract in a worktree, as git knows them or would take them in."""
    out = git("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--full-name", cwd=worktree).out
    names = sorted({os.fsdecode(name) for name in out.split(b"\0") if name})
    patterns = _patterns(contract)
    found = (worktree / name for name in names if any(pattern.matches(name) for pattern in patterns))
    return tuple(path for path in found if path.is_file())


def _patterns(contract: Contract) -> list[Pattern]:
    return [Pattern.parse(text) for text in contract.files]


def _blobs(repo: Repo, commit: str) -> Blobs:
    rows = repo.git("ls-tree", "-r", "-z", "--full-tree", commit).fields
    pairs = (row.partition("\t") for row in rows)
    return {path: entry.split()[2] for entry, _, path in pairs}


def _read(repo: Repo, contract: Contract, now: Blobs, old: Blobs, commit: str, before: str) -> ContractFiles:
    patterns = _patterns(contract)
    paths = tuple(sorted(path for path in now if any(pattern.matches(path) for pattern in patterns)))
    full = [path for path in paths if now[path] not in EMPTY_BLOBS]
    missing = tuple(pattern.text for pattern in patterns if not any(pattern.matches(path) for path in full))
    gone = (path for path in old if path not in now and any(pattern.matches(path) for pattern in patterns))
    changed = (*(path for path in paths if old.get(path) != now[path]), *gone) if old else ()
    diff = _cut(repo.diff_text(before, commit, changed)) if changed and before else ""
    return ContractFiles(contract.name, _digest(now, paths), paths, missing, tuple(sorted(changed)), diff)


def _digest(blobs: Blobs, paths: Sequence[str]) -> str:
    if not paths:
        return ""
    return hashlib.sha256("".join(f"{path}\0{blobs[path]}\n" for path in paths).encode()).hexdigest()[:16]


def _cut(diff: bytes) -> str:
    text = clean(diff)
    if len(text) <= MOST_DIFF:
        return text
    return text[:MOST_DIFF].rpartition("\n")[0] + _LEFT_OUT
