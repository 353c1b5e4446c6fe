"""The diff of a branch: between two commits, or of a worktree an agent is writing to. Reads only."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from engine.checkout import Checkout, checkout_at
from engine.diff_model import FileDiff, FileStatus
from engine.diff_parse import parse_diff, shown_path
from engine.git import GitResult, failure, git
from engine.repo import Repo

__all__ = ["committed", "parse_diff", "working"]

Item = TypeVar("Item")

FILE_BYTES = 1_000_000
"""A file that is larger, before or after, is `too large`."""
ALL_BYTES = 32_000_000
"""So are the files after this many bytes in all, so that a diff always fits into memory."""
AT_A_TIME = 500
"""Paths for one command line."""
TRIES = 3
PATCH = ("-p", "-M", "--no-ext-diff", "--no-textconv", "--full-index", "--no-color", "-U3")
NO_OBJECT = "0"


@dataclass(frozen=True, slots=True)
class _Entry:
    """A path before and after: modes and object ids are empty where there was or is no file, `size` is the larger."""

    key: str
    mode: str = ""
    oid: str = ""
    new_oid: str = ""
    size: int = 0
    exists: bool = True


def committed(repo: Repo, before: str, after: str) -> tuple[FileDiff, ...]:
    """What changed between two commits, in git's order. GitError when one of them is not there."""
    entries = _changed_entries(repo, before, after)
    small, large = _within_limits(entries)
    said = [_too_large(entry) for entry in large if entry.oid != entry.new_oid]
    if not large:
        return parse_diff(_patch(repo, before, after, ()))
    for some in _portions([entry.key for entry in small]):
        said.extend(parse_diff(_patch(repo, before, after, some)))
    return _in_order(said)


def working(worktree: Path, base: str, paths: Collection[str]) -> tuple[FileDiff, ...]:
    """What differs from `base` in one of Aurora's worktrees among `paths` (files, or directories with all in them).

    Committed or not, new files too, ignored ones not. Neither the worktree nor its index is written to or waited
    for: git compares the files with an index of its own, which holds these paths as they are in `base`. RepoError when
    the worktree is gone.
    """
    return _Look(checkout_at(worktree), base).files(paths)


# --- limits ---


def _within_limits(entries: Iterable[_Entry]) -> tuple[list[_Entry], list[_Entry]]:
    """Those to compare line by line, and those that are too large or come after too many."""
    small: list[_Entry] = []
    large: list[_Entry] = []
    budget = ALL_BYTES
    for entry in entries:
        fits = entry.size <= min(FILE_BYTES, budget)
        budget -= entry.size if fits else 0
        (small if fits else large).append(entry)
    return small, large


def _too_large(entry: _Entry) -> FileDiff:
    word = FileStatus.MODIFIED if entry.oid and entry.exists else FileStatus.ADDED
    word = word if entry.exists else FileStatus.DELETED
    note = f"{entry.size / 1e6:,.1f} MB; the file was {word}"
    return FileDiff(path=shown_path(entry.key), status=FileStatus.TOO_LARGE, note=note, key=entry.key)


def _portions(items: list[Item]) -> Iterator[list[Item]]:
    for start in range(0, len(items), AT_A_TIME):
        yield items[start : start + AT_A_TIME]


def _in_order(files: Iterable[FileDiff]) -> tuple[FileDiff, ...]:
    return tuple(sorted(files, key=lambda file: os.fsencode(file.key)))


# --- between commits ---


def _patch(repo: Repo, before: str, after: str, keys: Iterable[str]) -> bytes:
    literal = {"GIT_LITERAL_PATHSPECS": "1"}
    return repo.git("diff-tree", "-r", *PATCH, "--end-of-options", before, after, "--", *keys, env=literal).out


def _changed_entries(repo: Repo, before: str, after: str) -> list[_Entry]:
    fields = iter(
        repo.git(
            "diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-abbrev", "--end-of-options", before, after
        ).fields
    )
    entries = [_raw_entry(record, next(fields)) for record in fields]
    sizes = _sizes(repo, {oid for entry in entries for oid in (entry.oid, entry.new_oid) if oid})
    return [replace(entry, size=max(sizes.get(entry.oid, 0), sizes.get(entry.new_oid, 0))) for entry in entries]


def _raw_entry(record: str, key: str) -> _Entry:
    """`:100644 100755 <oid> <oid> M`; see git-diff(1), "Raw output format"."""
    mode, _, old, new, _ = record.removeprefix(":").split(" ")
    return _Entry(
        key, mode, old.strip(NO_OBJECT) and old, new.strip(NO_OBJECT) and new, exists=bool(new.strip(NO_OBJECT))
    )


def _sizes(repo: Repo, oids: Collection[str]) -> dict[str, int]:
    """Bytes of each object."""
    asked = "".join(f"{oid}\n" for oid in sorted(oids)).encode()
    rows = (line.split(" ") for line in repo.git("cat-file", "--batch-check", input=asked).lines)
    return {row[0]: int(row[2]) for row in rows if len(row) == 3}


# --- in a worktree ---


@dataclass(frozen=True, slots=True)
class _Look:
    """One comparison of a worktree with a commit."""

    checkout: Checkout
    base: str

    def files(self, paths: Collection[str]) -> tuple[FileDiff, ...]:
        """The changed files among `paths`."""
        if not paths:
            return ()
        before = self._before(sorted(paths))
        entries = [self._known(entry) for entry in before.values()]
        entries += [_Entry(key, size=self._size(key) or 0) for key in self._new(set(paths) - before.keys())]
        small, large = _within_limits(sorted(entries, key=lambda entry: os.fsencode(entry.key)))
        said = [_too_large(entry) for some in _portions(large) for entry in self._differing(some)]
        for some in self._separable(small):
            said.extend(self._compare(some))
        return _in_order(said)

    def _git(
        self,
        *args: str,
        index: Path | None = None,
        input: bytes | None = None,
        check: bool = True,
        literal: bool = True,
    ) -> GitResult:
        env: dict[str, str | Path] = {
            "GIT_DIR": self.checkout.git_dir,
            "GIT_WORK_TREE": self.checkout.path,
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_LITERAL_PATHSPECS": str(int(literal)),
        }
        if index is not None:
            env["GIT_INDEX_FILE"] = index
        return git(*args, cwd=self.checkout.path, env=env, input=input, check=check)

    def _before(self, paths: list[str]) -> dict[str, _Entry]:
        """What `base` has at and below the paths."""
        found: dict[str, _Entry] = {}
        for some in _portions(paths):
            listed = self._git("ls-tree", "-r", "-z", "-l", "--full-tree", self.base, "--", *some)
            entries = (_tree_entry(field) for field in listed.fields)
            found.update((entry.key, entry) for entry in entries)
        return found

    def _known(self, entry: _Entry) -> _Entry:
        size = self._size(entry.key)
        return replace(entry, size=max(entry.size, size or 0), exists=size is not None)

    def _size(self, key: str) -> int | None:
        """Bytes of a file or link, 0 for a directory, None when there is nothing."""
        try:
            info = os.lstat(self.checkout.path / key)
        except OSError:
            return None
        return 0 if stat.S_ISDIR(info.st_mode) else info.st_size

    def _new(self, paths: Collection[str]) -> list[str]:
        """The files among and below the paths that git would add, or has added."""
        folders = [path for path in paths if (self.checkout.path / path).is_dir()]
        below = self.checkout.touched(self.base, folders) if folders else ()
        found = [path for path in sorted({*paths, *below}) if self._is_file(path)]
        if not found:
            return []
        asked = os.fsencode("".join(f"./{path}\0" for path in found))  # so that `:x` is a name, not magic
        ignored = self._git("check-ignore", "-z", "--stdin", input=asked, check=False, literal=False)
        if ignored.code > 1:
            raise failure(("check-ignore",), ignored)
        return sorted(set(found) - {path.removeprefix("./") for path in ignored.fields})

    def _is_file(self, key: str) -> bool:
        """True for a file or link that is neither behind a link nor in a repository of its own."""
        path = self.checkout.path / key
        try:
            mode = os.lstat(path).st_mode
        except OSError:
            return False
        above = [parent for parent in path.parents if parent.is_relative_to(self.checkout.path)][:-1]
        inside = any(parent.is_symlink() or (parent / ".git").exists() for parent in above)
        return (stat.S_ISREG(mode) or stat.S_ISLNK(mode)) and not inside

    def _separable(self, entries: list[_Entry]) -> Iterator[list[_Entry]]:
        """All entries at once, but those below a path that was a file (or the other way about) on their own: no index
        can hold `a` and `a/b`."""
        keys = {entry.key for entry in entries if entry.oid}
        above = {parent for key in keys for parent in _parents(key)}
        odd = [one for one in entries if not one.oid and (one.key in above or not keys.isdisjoint(_parents(one.key)))]
        yield [entry for entry in entries if entry not in odd]
        yield odd

    def _compare(self, entries: list[_Entry]) -> tuple[FileDiff, ...]:
        if not entries:
            return ()
        with tempfile.TemporaryDirectory(dir=self.checkout.repo.aurora_dir, prefix="index-") as folder:
            index = Path(folder) / "index"
            listed = "".join(f"{entry.mode} {entry.oid}\t{entry.key}\0" for entry in entries if entry.oid)
            self._git("update-index", "-z", "--index-info", index=index, input=os.fsencode(listed))
            self._intend([entry.key for entry in entries if not entry.oid], index)
            return parse_diff(self._git("diff-files", *PATCH, "--ignore-submodules=dirty", index=index).out)

    def _intend(self, keys: list[str], index: Path) -> None:
        """Have git see new files as added. One that vanishes meanwhile makes git refuse all, so it is asked again."""
        for _ in range(TRIES):
            keys = [key for key in keys if self._is_file(key)]
            if not keys or self._intended(keys, index):
                return
        for key in keys:
            self._intended([key], index)

    def _intended(self, keys: list[str], index: Path) -> bool:
        asked = os.fsencode("".join(f"{key}\0" for key in keys))
        added = self._git(
            "add",
            "-N",
            "-f",
            "--sparse",
            "--pathspec-from-file=-",
            "--pathspec-file-nul",
            index=index,
            input=asked,
            check=False,
        )
        return added.code == 0

    def _differing(self, entries: list[_Entry]) -> list[_Entry]:
        """Those of the files that are not compared line by line whose content is not as in `base`."""
        both = [entry.key for entry in entries if entry.oid and entry.exists]
        hashed = self._git("hash-object", "--", *both, check=False).lines if both else ()
        now = dict(zip(both, hashed, strict=False))
        return [entry for entry in entries if not entry.oid or now.get(entry.key) != entry.oid]


def _tree_entry(field: str) -> _Entry:
    """`100644 blob <oid>    <size>\t<path>`; see git-ls-tree(1)."""
    about, _, key = field.partition("\t")
    mode, _, oid, size = about.split()
    return _Entry(key, mode, oid, size=int(size) if size.isdigit() else 0)


def _parents(key: str) -> Iterator[str]:
    while "/" in key:
        key = key.rpartition("/")[0]
        yield key
