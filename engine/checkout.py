"""One of Aurora's work trees and its private git directory.

Every command names both, so whatever an agent does to the `.git` file (delete it, run `git init`), no command of ours
ever lands in another repository. Nothing here loses content: what is not committed is photographed first.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from engine.errors import RepoError
from engine.git import GitResult, git
from engine.repo import Repo, owner_of

OPERATIONS = {
    "rebase-merge": "rebase",
    "rebase-apply": "rebase",
    "MERGE_HEAD": "merge",
    "CHERRY_PICK_HEAD": "cherry-pick",
    "REVERT_HEAD": "revert",
    "BISECT_START": "bisect",
}
FEW_PATHS = 100
"""So many paths are named to git; with more it looks at everything, which is quicker then."""
LARGEST_MEASURED = 1 << 20
LEFTOVERS = ("rebase-merge", "rebase-apply", "sequencer", "AUTO_MERGE", "MERGE_MODE", "MERGE_MSG", "SQUASH_MSG")


@dataclass(frozen=True, slots=True)
class Status:
    """What differs from HEAD. `untracked` are files, `embedded` folders with a repository of their own in them."""

    tracked: tuple[str, ...] = ()
    unmerged: tuple[str, ...] = ()
    untracked: tuple[str, ...] = ()
    embedded: tuple[str, ...] = ()
    submodules: tuple[str, ...] = ()

    @property
    def clean(self) -> bool:
        """True when HEAD's commit holds everything but ignored files."""
        return self == Status()


@dataclass(frozen=True, slots=True)
class Checkout:
    """A work tree (`path`) of `repo` with its own HEAD and index in `git_dir`."""

    repo: Repo
    path: Path
    git_dir: Path

    def git(
        self,
        *args: str,
        check: bool = True,
        index: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> GitResult:
        """Run git in this work tree, on another index file if `index` is given."""
        if not self.path.is_dir():
            raise RepoError(f"the worktree {self.path} is gone", "what was committed on its branch is still there")
        where: dict[str, str | Path] = {"GIT_DIR": self.git_dir, "GIT_WORK_TREE": self.path, **(env or {})}
        if index is not None:
            where["GIT_INDEX_FILE"] = index
        return git(*args, cwd=self.path, check=check, env=where)

    # --- what it is on ---

    def head(self) -> str | None:
        """HEAD's commit, None on a branch without one."""
        found = self.repo.git(
            "rev-parse", "--verify", "-q", "HEAD^{commit}", check=False, env={"GIT_DIR": self.git_dir}
        )
        return found.text if found.code == 0 else None

    def branch(self) -> str | None:
        """The full ref name HEAD is on, None when it is detached."""
        return head_of(self.git_dir)

    def operation(self) -> str:
        """The unfinished git operation (`rebase`, `merge`, …), empty when there is none."""
        return operation_in(self.git_dir)

    def status(self) -> Status:
        """What differs from HEAD. Takes no lock, so an agent's own git commands are never in its way."""
        asked = self.git(
            "status",
            "--porcelain=v2",
            "-z",
            "--untracked-files=all",
            "--no-renames",
            "--ignore-submodules=none",
            env={"GIT_OPTIONAL_LOCKS": "0"},
        )
        return _parse_status(asked.fields)

    def touched(self, base: str, only: Collection[str] = ()) -> tuple[str, ...]:
        """Paths whose content differs from `base`, committed or not, untracked ones too, ignored ones not."""
        calm = {"GIT_OPTIONAL_LOCKS": "0"}
        limit = ["--", *(f":(top,literal){path}" for path in only)] if 0 < len(only) <= FEW_PATHS else []
        changed = self.git(
            *("diff", "--name-only", "-z", "--no-renames", "--no-ext-diff", "--ignore-submodules=dirty", base, *limit),
            env=calm,
        ).fields
        new = self.git("ls-files", "-z", "--others", "--exclude-standard", *limit, env=calm).fields
        paths = {path.rstrip("/") for path in (*changed, *new)}
        return tuple(sorted(path for path in paths if not only or _within(path, only)))

    def measure(self, base: str, paths: Collection[str]) -> tuple[int, int]:
        """Lines added and removed since `base` in these paths, committed or not; files git does not know count whole
        (up to `LARGEST_MEASURED` bytes each), binary ones nothing. Nothing is written."""
        if not paths:
            return 0, 0
        calm = {"GIT_OPTIONAL_LOCKS": "0"}
        limit = ["--", *(f":(top,literal){path}" for path in paths)]
        rows = self.git("diff", "--numstat", "-z", "--no-renames", "--no-ext-diff", base, *limit, env=calm).fields
        counts = [row.split("\t") for row in rows if row.count("\t") >= 2]
        new = self.git("ls-files", "-z", "--others", "--exclude-standard", *limit, env=calm).fields
        added = sum(int(count[0]) for count in counts if count[0].isdigit())
        removed = sum(int(count[1]) for count in counts if count[1].isdigit())
        return added + sum(_lines_in(self.path / path) for path in new), removed

    # --- recording ---

    def stage_all(self, embedded: Collection[str], index: Path | None = None) -> str:
        """Put everything but ignored files and `embedded` repositories into the index; its tree. RepoError if a file
        cannot be read."""
        but = [f":(top,literal,exclude){path}" for path in embedded]
        added = self.git("add", "-A", "--sparse", "--ignore-errors", "--", ":/", *but, check=False, index=index)
        if added.code != 0:
            lines = [line for line in added.err.splitlines() if line.startswith(("error: ", "fatal: "))]
            words = "; ".join(line.partition(": ")[2] for line in lines[:3]) or added.err.strip()
            raise RepoError(
                f"not everything in {self.path} can be kept: {words}",
                "make it readable for git, or remove it; nothing was removed by Aurora",
            )
        return self.git("write-tree", index=index).text

    def photograph(self, message: str) -> tuple[str, Status]:
        """A commit on top of HEAD of everything as it is, made beside the index: nothing in the work tree, index or
        refs changes. HEAD itself when nothing differs."""
        status = self.status()
        head = self.head()
        if status.clean and head is not None:
            return head, status
        with self.spare_index() as index:
            tree = self.stage_all(status.embedded, index)
        if head is not None and tree == self.repo.tree_of(head):
            return head, status
        return self.repo.commit_tree(tree, [head] if head else [], message), status

    @contextmanager
    def spare_index(self) -> Iterator[Path]:
        """A copy of the index to work on."""
        with tempfile.TemporaryDirectory(dir=self.repo.aurora_dir, prefix="index-") as folder:
            spare = Path(folder) / "index"
            if (self.git_dir / "index").exists():
                shutil.copy2(self.git_dir / "index", spare)
            yield spare

    # --- putting in order ---

    def clear_dead_locks(self) -> None:
        """Remove the locks a killed git left on this work tree and its branch; RepoError while a git runs in it."""
        locks = [self.git_dir / "index.lock", self.git_dir / "HEAD.lock"]
        branch = self.branch()
        if branch is not None:
            locks.append(self.repo.git_dir / f"{branch}.lock")
        left = [lock for lock in locks if lock.exists()]
        if left and git_runs_in(self.path):
            raise RepoError(f"a git command still runs in {self.path}", "it is tried again when that has ended")
        for lock in left:
            lock.unlink(missing_ok=True)

    def end_operation(self) -> None:
        """Forget an unfinished rebase, merge, …; the files stay as they are, an autostash goes to the stash."""
        if not self.operation():
            return
        self.git("rebase", "--quit", check=False)
        for name in (*OPERATIONS, *LEFTOVERS):
            _remove(self.git_dir / name)
        for left in self.git_dir.glob("BISECT_*"):
            _remove(left)

    def detach(self) -> None:
        """Let go of the branch; files and index stay as they are."""
        head = self.head()
        if self.branch() is None or head is None:
            return
        self.repo.git("update-ref", "--no-deref", "HEAD", head, env={"GIT_DIR": self.git_dir})

    def attach(self, branch: str) -> None:
        """Put HEAD on the full ref name `branch`; files, index and refs stay as they are."""
        env = {"GIT_DIR": self.git_dir}
        self.repo.git("symbolic-ref", "-m", "aurora: attach", "HEAD", branch, env=env)


def checkout_at(path: Path) -> Checkout:
    """The Checkout of one of Aurora's worktrees, found without trusting what lies in it; RepoError if it is none."""
    repo = owner_of(path.parent)
    git_dir = None if repo is None else git_dir_for(repo, path)
    if repo is None or git_dir is None:
        raise RepoError(
            f"{path} is not one of Aurora's worktrees (any more)", "`git worktree list` shows what git knows"
        )
    return Checkout(repo, path, git_dir)


def git_dir_for(repo: Repo, path: Path) -> Path | None:
    """The private git directory that belongs to the work tree at `path`, None when git knows none."""
    wanted = os.path.realpath(path)
    return next((git_dir for git_dir, tree in linked(repo) if os.path.realpath(tree) == wanted), None)


def linked(repo: Repo) -> Iterator[tuple[Path, Path]]:
    """All linked worktrees of a repository: (private git directory, work tree)."""
    for note in sorted((repo.git_dir / "worktrees").glob("*/gitdir")):
        try:
            target = os.fsdecode(note.read_bytes()).rstrip("\n")
        except OSError:
            continue
        yield note.parent, Path(os.path.normpath(note.parent / target)).parent


def checkouts(repo: Repo) -> list[tuple[Path, Path]]:
    """Every checkout of a repository, the main one first: (git directory of its HEAD, work tree)."""
    others = list(linked(repo))
    if all(os.path.realpath(tree) != os.path.realpath(repo.root) for _, tree in others):
        return [(repo.git_dir, repo.root), *others]
    if repo.git("config", "--bool", "core.bare", check=False).text == "true":
        return others
    configured = repo.git("config", "core.worktree", check=False).text
    return [(repo.git_dir, Path(os.path.normpath(repo.git_dir / (configured or "..")))), *others]


def operation_in(git_dir: Path) -> str:
    """The unfinished operation recorded in a git directory, empty when there is none."""
    return next((words for name, words in OPERATIONS.items() if (git_dir / name).exists()), "")


def head_of(git_dir: Path) -> str | None:
    """The full ref name a git directory's HEAD is on, None when it is detached or unreadable."""
    try:
        text = os.fsdecode((git_dir / "HEAD").read_bytes())
    except OSError:
        return None
    return text.removeprefix("ref: ").rstrip("\n") if text.startswith("ref: ") else None


def rebased_in(git_dir: Path) -> str | None:
    """The full ref name a rebase in this git directory will move, None when there is no rebase."""
    for folder in ("rebase-merge", "rebase-apply"):
        try:
            return os.fsdecode((git_dir / folder / "head-name").read_bytes()).rstrip("\n")
        except OSError:
            continue
    return None


def git_runs_in(path: Path) -> bool:
    """True when a living git process works in this folder."""
    inside = os.path.realpath(path)
    for process in psutil.process_iter():
        try:
            if process.name().startswith("git") and _below(process.cwd(), inside):
                return process.status() != psutil.STATUS_ZOMBIE
        except (psutil.Error, OSError):
            continue
    return False


def _below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _within(path: str, only: Collection[str]) -> bool:
    if path in only:
        return True
    parts = path.split("/")
    return any("/".join(parts[:depth]) in only for depth in range(1, len(parts)))


def _lines_in(path: Path) -> int:
    """How many lines a new file adds; none for a binary or huge one, or one that is gone."""
    with suppress(OSError):
        if path.is_file() and not path.is_symlink() and path.stat().st_size <= LARGEST_MEASURED:
            data = path.read_bytes()
            return 0 if b"\0" in data else data.count(b"\n") + (0 if data.endswith(b"\n") or not data else 1)
    return 0


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _parse_status(fields: tuple[str, ...]) -> Status:
    """`git status --porcelain=v2 -z --no-renames`; see git-status(1)."""
    tracked: list[str] = []
    unmerged: list[str] = []
    untracked: list[str] = []
    embedded: list[str] = []
    submodules: list[str] = []
    for field in fields:
        kind, _, rest = field.partition(" ")
        if kind == "?":
            (embedded if rest.endswith("/") else untracked).append(rest.rstrip("/"))
        elif kind == "u":
            unmerged.append(rest.split(" ", 9)[-1])
        elif kind == "1":
            _, kind_of, *_ = rest.split(" ")
            path = rest.split(" ", 7)[-1]
            (submodules if kind_of.startswith("S") else tracked).append(path)
    return Status(tuple(tracked), tuple(unmerged), tuple(untracked), tuple(embedded), tuple(submodules))
