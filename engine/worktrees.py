"""The pool's worktrees: made once, kept warm, re-used; beside the repository, never inside it.

A worktree is never emptied before what is in it is kept: whatever HEAD's commit does not hold is photographed to
refs/aurora/rescue/<commit>, and repositories an agent made inside it are moved to `<root>/.rescued/`.
"""

from __future__ import annotations

import fcntl
import glob
import os
import re
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.checkout import Checkout, checkout_at, checkouts, git_dir_for, head_of, linked, rebased_in
from engine.errors import RepoError
from engine.git import git
from engine.repo import OWNER_FILE, Repo, owner_of
from engine.updating import MergeResult, merge_into

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*$")
SCRATCH = "aurora-scratch"
RESCUED = ".rescued"
STARTED = "aurora: start"
RESCUE_MESSAGE = "Left in a worktree when it was needed again"


class Worktrees:
    """The worktrees of one repository below `root`, by worker name. Safe to use from several threads."""

    def __init__(self, repo: Repo, root: Path | None = None) -> None:
        self.repo = repo
        self.root = Path(os.path.realpath(root if root is not None else default_root(repo)))

    def path(self, name: str) -> Path:
        """Where the worktree of that name is or would be."""
        return self.root / name

    def names(self) -> tuple[str, ...]:
        """The worktrees git knows below the root, also one whose folder was deleted."""
        return tuple(sorted(tree.name for _, tree in linked(self.repo) if tree.parent == self.root))

    def prepare(self, name: str, branch: str, start: str, *, new_branch: bool) -> Path:
        """Put the worktree of that name on `branch` at commit `start`, clean but for ignored files; its path.

        RepoError when `new_branch` and the branch exists (unless an interrupted prepare just made it), when another
        checkout has it, or when the folder is not Aurora's. Nothing that lies in the worktree is lost.
        """
        ref = f"refs/heads/{branch}"
        with self._alone():
            self._check_branch(ref, start, new_branch)
            checkout = self._found_or_made(name, start)
        self._empty(checkout, start)
        with self._alone():
            self._let_go(ref, checkout)
            self._take_branch(checkout, ref, start, new_branch)
        return checkout.path

    def prepare_detached(self, name: str, commit: str) -> Path:
        """Put a worktree for tests on `commit`, on no branch. What tests leave in it is not kept."""
        with self._alone():
            checkout = self._found_or_made(name, commit)
        self._empty(checkout, commit)
        (checkout.git_dir / SCRATCH).touch()
        return checkout.path

    def touched(self, path: Path, base: str, only: Collection[str] = ()) -> tuple[str, ...]:
        """Paths in the worktree that differ from `base`, committed or not, new ones too, ignored ones not; of these
        `only` the given ones and what is below them, if any are given."""
        return checkout_at(path).touched(base, only)

    def ignored(self, path: Path, paths: Collection[str]) -> tuple[str, ...]:
        """Those of `paths` git ignores in a worktree; tracked ones never are."""
        asked = os.fsencode("\0".join(paths))
        return git("check-ignore", "-z", "--stdin", cwd=path, input=asked, check=False).fields

    def measure(self, path: Path, base: str, paths: Collection[str]) -> tuple[int, int]:
        """Lines added and removed since `base` in these paths of a worktree."""
        return checkout_at(path).measure(base, paths)

    def merge_into(self, path: Path, base: str, onto: str, message: str) -> MergeResult:
        """Merge `onto` into a worktree nothing runs in (see `engine.updating`)."""
        return merge_into(checkout_at(path), base, onto, message)

    def remove(self, name: str) -> None:
        """Remove the worktree, keeping what is not committed as `prepare` does; its branch stays."""
        git_dir = git_dir_for(self.repo, self.path(name))
        if git_dir is None:
            return
        checkout = Checkout(self.repo, self.path(name), git_dir)
        if any((git_dir / "modules").glob("*")):
            raise RepoError(
                f"{checkout.path} has submodules whose commits live only there", "`git worktree remove --force` it"
            )
        if checkout.path.is_dir():
            self._rescue(checkout)
            self._set_aside(checkout)
        else:
            self._rescue_head(checkout)
        with self._alone():
            self.repo.git("worktree", "remove", "--force", "--force", str(checkout.path))

    # --- finding and making ---

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One thread of one process at a time: `git worktree add` and moves of branches race."""
        with (self.repo.aurora_dir / "worktrees.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _found_or_made(self, name: str, start: str) -> Checkout:
        if NAME.match(name) is None:
            raise RepoError(f"`{name}` is no name for a worktree", "use letters, digits, `-` and `_`")
        self._own_root()
        path = self.path(name)
        git_dir = git_dir_for(self.repo, path)
        if git_dir is not None and path.is_dir() and _whole(git_dir):
            _restore_link(path, git_dir, self.root / RESCUED)
            return Checkout(self.repo, path, git_dir)
        if git_dir is not None:
            self._forget(Checkout(self.repo, path, git_dir))
        return self._make(path, start)

    def _own_root(self) -> None:
        """Make the root and note whose it is; RepoError when it is another repository's or inside a git directory."""
        owner = owner_of(self.root)
        if owner is not None and owner.git_dir != self.repo.git_dir and owner.git_dir.exists():
            raise RepoError(
                f"{self.root} holds the worktrees of {owner.root}", "set `worktrees:` in aurora.yaml to another folder"
            )
        if self.root.resolve().is_relative_to(self.repo.git_dir.resolve()):
            raise RepoError("worktrees cannot live inside .git", "set `worktrees:` in aurora.yaml to another folder")
        if owner != self.repo:
            self.root.mkdir(parents=True, exist_ok=True)
            note = b"\0".join(os.fsencode(path) for path in (self.repo.root, self.repo.git_dir))
            (self.root / OWNER_FILE).write_bytes(note + b"\0")

    def _make(self, path: Path, start: str) -> Checkout:
        if path.is_symlink() or (path.exists() and not (path.is_dir() and not any(path.iterdir()))):
            raise RepoError(
                f"{path} exists and is not a worktree of this repository",
                "move it away, or set `worktrees:` in aurora.yaml to another folder",
            )
        self.repo.git("worktree", "add", "-f", "--no-checkout", "--detach", "--", str(path), start)
        git_dir = git_dir_for(self.repo, path)
        if git_dir is None:
            raise RepoError(f"git made no worktree at {path}")
        return Checkout(self.repo, path, git_dir)

    def _forget(self, checkout: Checkout) -> None:
        """Drop git's record of a worktree whose folder was deleted or whose making was cut short."""
        if checkout.path.is_dir() and any(child.name != ".git" for child in checkout.path.iterdir()):
            raise RepoError(f"git's record of {checkout.path} is damaged", "move the folder away; `git worktree prune`")
        self._rescue_head(checkout)
        shutil.rmtree(checkout.git_dir)
        shutil.rmtree(checkout.path, ignore_errors=True)

    # --- keeping and emptying ---

    def _empty(self, checkout: Checkout, start: str) -> None:
        """Keep what is there (unless only tests ran in it), then make it exactly `start` plus ignored files."""
        checkout.clear_dead_locks()
        scratch = (checkout.git_dir / SCRATCH).exists()
        if (checkout.git_dir / "index").exists() and not scratch:
            self._rescue(checkout)
            self._set_aside(checkout)
        checkout.end_operation()
        self._forget_bytecode(checkout, start)
        checkout.git("checkout", "-q", "-f", "--detach", start)
        if not scratch:
            self._set_aside(checkout)
        checkout.git("clean", "-dq", "-ff" if scratch else "-f")
        (checkout.git_dir / SCRATCH).unlink(missing_ok=True)
        self._settle(checkout)

    def _forget_bytecode(self, checkout: Checkout, start: str) -> None:
        """Remove what Python compiled of the files that are about to change. It knows a source by size and second: one
        of the same size, written in the second it was compiled in, would be taken for the one before."""
        for path in checkout.git("diff", "--name-only", "-z", start, "--", "*.py", check=False).fields:
            source = checkout.path / path
            for compiled in (source.parent / "__pycache__").glob(f"{glob.escape(source.stem)}.*.pyc"):
                compiled.unlink(missing_ok=True)

    def _settle(self, checkout: Checkout) -> None:
        """Let git note which files are unchanged (racily clean files are read again until it may)."""
        checkout.git("status", "--porcelain", "--untracked-files=no")

    def _rescue(self, checkout: Checkout) -> None:
        commit, _ = checkout.photograph(RESCUE_MESSAGE)
        if commit != checkout.head():
            self.repo.rescue(commit)
        self._rescue_head(checkout)

    def _rescue_head(self, checkout: Checkout) -> None:
        head = checkout.head()
        if head is not None and checkout.branch() is None and not self.repo.is_kept(head):
            self.repo.rescue(head)

    def _set_aside(self, checkout: Checkout) -> None:
        """Move repositories an agent made in the worktree away: git would neither keep nor remove them."""
        for path in checkout.status().embedded:
            _move_aside(checkout.path / path, self.root / RESCUED, checkout.path.name)

    # --- branches ---

    def _check_branch(self, ref: str, start: str, new_branch: bool) -> None:
        branch = _short(ref)
        if branch.startswith("-") or self.repo.git("check-ref-format", ref, check=False).code != 0:
            raise RepoError(f"`{branch}` is no valid branch name")
        holder = _holder(self.repo, ref, self.root)
        if holder is not None:
            raise RepoError(f"the branch {branch} is checked out in {holder}", "switch that checkout to another branch")
        if new_branch and not self._free(ref, start):
            raise RepoError(f"the branch {branch} exists already", "delete or rename it, or set `branch_prefix:`")

    def _free(self, ref: str, start: str) -> bool:
        """True when the branch does not exist, or an interrupted prepare made it and nothing was committed on it."""
        now = self.repo.find(ref)
        if now is None:
            return True
        entries = self.repo.git("log", "--walk-reflogs", "--format=%gs", ref, "--", check=False).lines
        return now == start and entries[-1:] == (STARTED,)

    def _let_go(self, ref: str, checkout: Checkout) -> None:
        """Detach another worktree of ours that still sits idle on the branch."""
        for git_dir, tree in linked(self.repo):
            if git_dir != checkout.git_dir and head_of(git_dir) == ref and tree.parent == self.root:
                Checkout(self.repo, tree, git_dir).detach()

    def _take_branch(self, checkout: Checkout, ref: str, start: str, new_branch: bool) -> None:
        """Point the branch at `start` by compare-and-swap, then HEAD at the branch."""
        old = self.repo.find(ref)
        if new_branch and not self._free(ref, start):
            raise RepoError(f"the branch {_short(ref)} was just made by somebody else")
        if old is not None and not self.repo.is_ancestor(old, start):
            self.repo.rescue(old)
        if old != start and not self.repo.move_ref(ref, start, old, STARTED):
            raise RepoError(f"the branch {_short(ref)} moved meanwhile", "try again")
        checkout.attach(ref)


def _short(ref: str) -> str:
    return ref.removeprefix("refs/heads/")


def default_root(repo: Repo) -> Path:
    """`../<repository>.aurora`."""
    return repo.root.parent / f"{repo.root.name}.aurora"


def _holder(repo: Repo, ref: str, root: Path) -> Path | None:
    """A checkout that is not ours and is on the branch, or is rebasing it."""
    others = [(git_dir, tree) for git_dir, tree in checkouts(repo) if tree.parent != root]
    return next((tree for git_dir, tree in others if ref in (head_of(git_dir), rebased_in(git_dir))), None)


def _whole(git_dir: Path) -> bool:
    """False when the making of the worktree was cut short."""
    return (git_dir / "HEAD").exists() and (git_dir / "commondir").exists()


def _restore_link(path: Path, git_dir: Path, rescued: Path) -> None:
    """Make `.git` point at our git directory again; a repository an agent put there is moved away."""
    link = path / ".git"
    wanted = f"gitdir: {git_dir}\n".encode()
    if link.is_file() and not link.is_symlink():
        content = link.read_bytes()
        target = path / os.fsdecode(content.removeprefix(b"gitdir: ").rstrip(b"\n"))
        if content.startswith(b"gitdir: ") and os.path.realpath(target) == os.path.realpath(git_dir):
            return
    if link.exists() or link.is_symlink():
        _move_aside(link, rescued, path.name)
    link.write_bytes(wanted)


def _move_aside(path: Path, rescued: Path, name: str) -> None:
    """Move `path` to a new place below `rescued`."""
    number = 1
    while True:
        folder = rescued / f"{name}-{number}"
        try:
            folder.mkdir(parents=True)
            break
        except FileExistsError:
            number += 1
    shutil.move(path, folder / path.name)
