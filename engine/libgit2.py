"""Everything done with pygit2: point reads and drafts of merges, on a repository opened without a work tree.

A repository libgit2 cannot read right (see `readable`) is left to the git command. Each call opens its own
Repository (0.13 ms): libgit2 objects are not shared between threads. pygit2 is imported when first needed, since
that takes longer than the first frame may.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Signature:
    """Who and when: `time` in seconds since the epoch, `offset` in minutes east of UTC."""

    name: str
    email: str
    time: int
    offset: int


def open_bare(git_dir: Path) -> Any:
    """The pygit2 Repository of a git directory; pygit2.GitError when it cannot be opened."""
    import pygit2
    from pygit2.enums import RepositoryOpenFlag

    return pygit2.Repository(str(git_dir), RepositoryOpenFlag.BARE | RepositoryOpenFlag.NO_SEARCH)


def readable(git_dir: Path) -> bool:
    """True when libgit2 reads this repository as git does: it opens, and no objects are replaced or grafted."""
    import pygit2

    try:
        repository = open_bare(git_dir)
    except (pygit2.GitError, KeyError, ValueError):
        return False
    replaced = any(name.startswith("refs/replace/") for name in repository.references)
    return not replaced and not (git_dir / "info" / "grafts").exists()


def resolve(git_dir: Path, name: str) -> str | None:
    """The commit a full ref name or full object id stands for, None when libgit2 cannot tell."""
    import pygit2

    repository = open_bare(git_dir)
    try:
        found = repository.references[name] if name.startswith("refs/") else repository[name]
        return str(found.peel(pygit2.Commit).id)
    except (KeyError, ValueError, pygit2.GitError):
        return None


def tree_of(git_dir: Path, commit: str) -> str | None:
    """The tree of a commit given by its full id, None when it is not there."""
    try:
        return str(open_bare(git_dir)[commit].tree.id)
    except (KeyError, ValueError, AttributeError):
        return None


def merge_base(git_dir: Path, one: str, other: str) -> str | None:
    """The best common ancestor of two commits given by full id."""
    found = open_bare(git_dir).merge_base(one, other)
    return str(found) if found is not None else None


def is_ancestor(git_dir: Path, ancestor: str, commit: str) -> bool:
    """True when everything in `ancestor` is in `commit` too; both by full id. KeyError when one is not there."""
    return ancestor == commit or bool(open_bare(git_dir).descendant_of(commit, ancestor))


def write_commit(git_dir: Path, tree: str, parents: Iterable[str], message: str, who: Signature) -> str:
    """Write a commit; no ref moves."""
    import pygit2

    by = pygit2.Signature(who.name, who.email, who.time, who.offset, "utf-8")
    text = message.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return str(open_bare(git_dir).create_commit(None, by, by, text, tree, list(dict.fromkeys(parents))))


def draft_chain(
    git_dir: Path, base: str, branches: Iterable[tuple[str, str]], who: Signature
) -> list[tuple[str, str, str]]:
    """Merge (commit, message) pairs one after the other onto `base` as git probably would: (branch, merge, tree) of
    each, up to the first that is not plainly clean. Commits are written, no ref moves."""
    import pygit2

    repository = open_bare(git_dir)
    by = pygit2.Signature(who.name, who.email, who.time, who.offset, "utf-8")
    steps: list[tuple[str, str, str]] = []
    tip = base
    for branch, message in branches:
        tree = _clean_merge(repository, tip, branch)
        if tree is None:
            break
        tip = str(repository.create_commit(None, by, by, message, tree, [tip, branch]))
        steps.append((branch, tip, tree))
    return steps


def _clean_merge(repository: Any, ours: str, theirs: str) -> str | None:
    import pygit2

    if repository.merge_base(ours, theirs) in (None, repository[theirs].id):
        return None
    try:
        index = repository.merge_commits(ours, theirs)
        return None if index.conflicts else str(index.write_tree(repository))
    except pygit2.GitError:
        return None
