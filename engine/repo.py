"""The repository: where it is, what its refs and commits say. Reads, and refs under refs/aurora; no checkouts."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from engine import libgit2
from engine.errors import GitError, RepoError
from engine.git import GitResult, failure, git, require_git
from engine.libgit2 import Signature

OWNER_FILE = ".repository"
FALLBACK_NAME, FALLBACK_EMAIL = "Aurora", "aurora@localhost"
FULL_ID = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?$")
IDENT = re.compile(r"(?P<name>.*) <(?P<email>.*)> (?P<time>\d+) (?P<sign>[+-])(?P<hours>\d\d)(?P<minutes>\d\d)$")


@dataclass(frozen=True)
class Repo:
    """One repository. `root` is the user's checkout, `git_dir` the common git directory of all its worktrees."""

    root: Path
    git_dir: Path

    @staticmethod
    def open(path: Path) -> Repo:
        """The repository `path` is in; RepoError with a hint when Aurora cannot work on it.

        From inside one of Aurora's own worktrees it is the repository these belong to.
        """
        require_git()
        root, git_dir = _locate(path)
        owner = owner_of(root.parent)
        repo = owner if owner is not None and owner.git_dir == git_dir else Repo(root, git_dir)
        if repo.git("rev-parse", "--verify", "-q", "HEAD^{commit}", cwd=repo.root, check=False).code != 0:
            raise RepoError("the repository has no commit yet", "make a first commit, then start Aurora again")
        return repo

    def git(
        self,
        *args: str,
        input: bytes | None = None,
        check: bool = True,
        env: Mapping[str, str | os.PathLike[str]] | None = None,
        cwd: Path | None = None,
    ) -> GitResult:
        """Run git on the objects and refs (no work tree), or in the checkout `cwd` when given."""
        if cwd is not None:
            return git(*args, cwd=cwd, input=input, check=check, env=env)
        return git(*args, cwd=self.git_dir, input=input, check=check, env={"GIT_DIR": self.git_dir, **(env or {})})

    @property
    def aurora_dir(self) -> Path:
        """Aurora's own folder in the git directory, only for this user; made on demand."""
        folder = self.git_dir / "aurora"
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    @cached_property
    def libgit2(self) -> bool:
        """True when pygit2 reads this repository as git does."""
        return libgit2.readable(self.git_dir)

    # --- reading ---

    def current_branch(self) -> str:
        """The branch checked out at `root`; RepoError when HEAD is detached."""
        found = self.git("symbolic-ref", "-q", "--short", "HEAD", cwd=self.root, check=False)
        if found.code != 0:
            raise RepoError("HEAD is detached: no branch is checked out", "switch to a branch, or set `target:`")
        return found.text

    def resolve(self, rev: str) -> str:
        """The commit `rev` stands for; RepoError when there is none."""
        if self.libgit2 and (rev.startswith("refs/") or FULL_ID.match(rev)):
            known = libgit2.resolve(self.git_dir, rev)
            if known is not None:
                return known
        found = self.git("rev-parse", "--verify", "-q", "--end-of-options", f"{rev}^{{commit}}", check=False)
        if found.code != 0:
            raise RepoError(f"there is no commit `{rev.removeprefix('refs/heads/')}` in this repository")
        return found.text

    def find(self, ref: str) -> str | None:
        """What a full ref name points at, None when it does not exist."""
        found = self.git("rev-parse", "--verify", "-q", "--end-of-options", ref, check=False)
        return found.text if found.code == 0 else None

    def tree_of(self, commit: str) -> str:
        """The tree id of a commit."""
        known = libgit2.tree_of(self.git_dir, commit) if self.libgit2 and FULL_ID.match(commit) else None
        return known or self.git("rev-parse", "--verify", "--end-of-options", f"{commit}^{{tree}}").text

    def refs(self, prefix: str) -> dict[str, str]:
        """Full names below `prefix` (ending in `/`, or a whole name) and the object each points at."""
        out = self.git("for-each-ref", "--format=%(refname)%00%(objectname)").lines
        pairs = (line.split("\0") for line in out)
        return {name: commit for name, commit in pairs if name.startswith(prefix)}

    def branches(self) -> frozenset[str]:
        """The short names of all local branches."""
        return frozenset(name.removeprefix("refs/heads/") for name in self.refs("refs/heads/"))

    def tracked_files(self, commit: str) -> tuple[str, ...]:
        """All paths of a commit, in git's order."""
        return self.git("ls-tree", "-r", "-z", "--name-only", "--full-tree", commit).fields

    def changed_paths(self, before: str, after: str) -> tuple[str, ...]:
        """Paths that differ between two commits or trees; a renamed file counts with both names."""
        return self.git("diff-tree", "-r", "-z", "--no-renames", "--name-only", before, after).fields

    def numstat(self, before: str, after: str) -> tuple[int, int]:
        """Lines added and removed between two commits; binary files count nothing."""
        rows = self.git("diff-tree", "-r", "-z", "-M", "--numstat", before, after).fields
        counts = [row.split("\t") for row in rows if row.count("\t") >= 2]
        return (
            sum(int(added) for added, *_ in counts if added.isdigit()),
            sum(int(removed) for _, removed, *_ in counts if removed.isdigit()),
        )

    def diff_text(self, before: str, after: str, paths: Iterable[str] = ()) -> bytes:
        """The unified diff between two commits, limited to `paths` when given. No external diff program runs."""
        limit = [f":(top,literal){path}" for path in paths]
        return self.git(
            "diff-tree", "-r", "-p", "-M", "--no-ext-diff", "--no-textconv", before, after, "--", *limit
        ).out

    def merge_base(self, one: str, other: str) -> str | None:
        """The best common ancestor, None for unrelated histories."""
        if self.libgit2 and FULL_ID.match(one) and FULL_ID.match(other):
            return libgit2.merge_base(self.git_dir, one, other)
        found = self.git("merge-base", "--end-of-options", one, other, check=False)
        return found.lines[0] if found.code == 0 else None

    def is_ancestor(self, ancestor: str, commit: str) -> bool:
        """True when everything in `ancestor` is in `commit` too, also when they are the same."""
        if self.libgit2 and FULL_ID.match(ancestor) and FULL_ID.match(commit):
            with suppress(KeyError, ValueError):
                return libgit2.is_ancestor(self.git_dir, ancestor, commit)
        result = self.git("merge-base", "--is-ancestor", "--end-of-options", ancestor, commit, check=False)
        if result.code > 1:
            raise failure(("merge-base",), result)
        return result.code == 0

    # --- writing: objects, and refs by compare-and-swap ---

    def identity(self) -> dict[str, str]:
        """Environment that makes commits the user's, or Aurora's where no name and e-mail are configured."""
        for kind in ("GIT_AUTHOR_IDENT", "GIT_COMMITTER_IDENT"):
            if self.git("-c", "user.useConfigOnly=true", "var", kind, check=False).code != 0:
                who = {"NAME": FALLBACK_NAME, "EMAIL": FALLBACK_EMAIL}
                return {f"GIT_{r}_{k}": v for r in ("AUTHOR", "COMMITTER") for k, v in who.items()}
        return {}

    def signature(self) -> Signature:
        """The committer at this moment."""
        found = IDENT.match(self.git("var", "GIT_COMMITTER_IDENT", env=self.identity()).text)
        if found is None:
            raise RepoError("git does not say who commits", "set user.name and user.email")
        minutes = int(found["hours"]) * 60 + int(found["minutes"])
        offset = -minutes if found["sign"] == "-" else minutes
        return Signature(found["name"], found["email"], int(found["time"]), offset)

    def commit_tree(self, tree: str, parents: Iterable[str], message: str) -> str:
        """Write a commit; no ref moves, no hook runs, nothing is signed."""
        words = [word for parent in dict.fromkeys(parents) for word in ("-p", parent)]
        text = message if message.endswith("\n") else f"{message}\n"
        data = text.encode("utf-8", "surrogateescape")
        return self.git("commit-tree", tree, *words, "-F", "-", input=data, env=self.identity()).text

    def move_ref(self, ref: str, new: str, old: str | None, why: str = "aurora") -> bool:
        """Point `ref` at `new` if it still is at `old` (None: if it does not exist); False when it is not.

        GitError when it cannot move for another reason (a lock, a name in the way).
        """
        zero = "0" * len(new)
        result = self.git("update-ref", "-m", why, "--create-reflog", ref, new, old or zero, check=False)
        if result.code == 0:
            return True
        if self.find(ref) != old:
            return False
        raise failure(("update-ref",), result)

    def keep(self, ref: str, commit: str) -> None:
        """Make `ref` (below refs/aurora) hold `commit`; what it held before is rescued unless `commit` contains it."""
        for _ in range(10):
            old = self.find(ref)
            if old == commit:
                return
            if old is not None and not self.is_ancestor(old, commit):
                self.rescue(old)
            if self.move_ref(ref, commit, old, "aurora: keep"):
                return
        raise RepoError(f"{ref} keeps changing under Aurora's hands")

    def rescue(self, commit: str) -> str:
        """Keep a commit nothing else keeps, under refs/aurora/rescue/<its id>; returns that ref."""
        ref = f"refs/aurora/rescue/{commit}"
        self.move_ref(ref, commit, None, "aurora: rescue")
        return ref

    def is_kept(self, commit: str) -> bool:
        """True when some ref contains the commit."""
        found = self.git("for-each-ref", "--count=1", "--format=%(refname)", f"--contains={commit}", check=False)
        return found.code == 0 and bool(found.out.strip())


def owner_of(worktrees_root: Path) -> Repo | None:
    """The repository whose worktrees live in this folder, by the note Aurora leaves there."""
    try:
        root, git_dir = (worktrees_root / OWNER_FILE).read_bytes().split(b"\0")[:2]
    except (OSError, ValueError):
        return None
    return Repo(Path(os.fsdecode(root)), Path(os.fsdecode(git_dir)))


def _locate(path: Path) -> tuple[Path, Path]:
    if not path.is_dir():
        raise RepoError(f"there is no folder {path}")
    asked = git(
        "rev-parse", "--is-inside-work-tree", "--path-format=absolute", "--git-common-dir", cwd=path, check=False
    )
    if asked.code != 0:
        raise _unusable(path, asked)
    inside, _, git_dir = os.fsdecode(asked.out).removesuffix("\n").partition("\n")
    if inside != "true":
        raise RepoError(f"{path} has no work tree (a bare repository, or inside .git)", "start Aurora in a checkout")
    root = git("rev-parse", "--path-format=absolute", "--show-toplevel", cwd=path).out
    return Path(os.fsdecode(root.removesuffix(b"\n"))), Path(git_dir)


def _unusable(path: Path, asked: GitResult) -> RepoError:
    if "not a git repository" in asked.err:
        return RepoError(f"{path} is not in a git repository", "`git init`, or change to your repository's folder")
    if "dubious ownership" in asked.err:
        return RepoError(
            f"git does not trust {path}: it belongs to another user", "see `git help config`, safe.directory"
        )
    return GitError(f"git cannot read the repository at {path}", stderr=asked.err, code=asked.code)
