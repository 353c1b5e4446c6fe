"""Merging in memory: verdicts, chains and their confirmation. No work tree is touched and no ref moves.

Git's own merge (`git merge-tree --write-tree`) has the last word on every step. Chains are drafted with pygit2 where
that is allowed (in small repositories) and the whole draft is confirmed by one git process;
from the first step where the two differ, git alone goes on and its answer stands. Merge attributes (`merge=union`)
come from the base's own .gitattributes, not from anybody's checkout.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from engine import libgit2
from engine.errors import GitError
from engine.events import ChainStep
from engine.git import GitResult, failure
from engine.repo import Repo

DRAFT_LIMIT = 1000
ATTRIBUTES = ":(top,glob)**/.gitattributes"
MERGE_TREE = ("merge-tree", "--write-tree", "-z", "--allow-unrelated-histories")


@dataclass(frozen=True, slots=True)
class Stage:
    """One side of a conflicted path in git's index: 1 base, 2 ours, 3 theirs."""

    mode: str
    blob: str
    number: int
    path: str


@dataclass(frozen=True, slots=True)
class Merge:
    """The outcome of one merge: `tree` when clean, otherwise the conflicted paths, git's draft tree with markers, the
    sides of each path, and what git calls each conflict, with the paths that are part of it."""

    tree: str | None
    conflicts: tuple[str, ...] = ()
    draft: str = ""
    stages: tuple[Stage, ...] = field(default=())
    kinds: tuple[tuple[str, tuple[str, ...]], ...] = ()


def merge(repo: Repo, ours: str, theirs: str, *, rules: str = "") -> Merge:
    """Git's merge of two commits; the merge attributes are those of the commit `rules` (default: `ours`)."""
    return _merge(repo, ours, theirs, attributes(repo, rules or ours).folder)


def merge_commit(repo: Repo, ours: str, theirs: str, message: str) -> str | None:
    """A merge commit (parents `ours`, `theirs`) that no ref holds yet, None when they conflict."""
    merged = merge(repo, ours, theirs)
    return None if merged.tree is None else repo.commit_tree(merged.tree, [ours, theirs], message)


def build_chain(
    repo: Repo, base: str, branches: Iterable[tuple[str, str]], message: Callable[[str], str]
) -> tuple[tuple[ChainStep, ...], dict[str, tuple[str, ...]], tuple[str, ...]]:
    """Merge (task, commit) pairs one after the other onto `base`: the steps; the paths of branches that conflict with
    the base; the branches that conflict only with others of the chain.

    Each step is a merge commit of (what is merged so far, branch). A branch with a conflict is left out. A branch
    that is contained already is a step that adds no commit.
    """
    rules = attributes(repo, base)
    todo = list(branches)
    steps = _drafted(repo, base, todo, message, rules)
    conflicts: dict[str, tuple[str, ...]] = {}
    aside: list[str] = []
    write = _writer(repo)
    tip, tree = (steps[-1].commit, steps[-1].tree) if steps else (base, repo.tree_of(base))
    for task, commit in todo[len(steps) :]:
        if repo.is_ancestor(commit, tip):
            steps.append(ChainStep(task, commit, tip, tree))
            continue
        merged = _merge(repo, tip, commit, rules.folder)
        if merged.tree is None:
            with_base = merged if tip == base else _merge(repo, base, commit, rules.folder)
            if with_base.tree is None:
                conflicts[task] = with_base.conflicts
            else:
                aside.append(task)
            continue
        tip, tree = write(merged.tree, (tip, commit), message(task)), merged.tree
        steps.append(ChainStep(task, commit, tip, tree))
    return tuple(steps), conflicts, tuple(aside)


def _writer(repo: Repo) -> Callable[[str, tuple[str, str], str], str]:
    """Writes merge commits, in this process where that can be done: who commits is asked of git once."""
    if not repo.libgit2:
        return lambda tree, parents, message: repo.commit_tree(tree, parents, message)
    who = cache(repo.signature)

    def write(tree: str, parents: tuple[str, str], message: str) -> str:
        return libgit2.write_commit(repo.git_dir, tree, parents, _ended(message), who())

    return write


def _drafted(
    repo: Repo, base: str, todo: Sequence[tuple[str, str]], message: Callable[[str], str], rules: Attributes
) -> list[ChainStep]:
    """The first steps of the chain as pygit2 made them, as far as git confirms them."""
    if len(todo) < 2 or not rules.draftable or not repo.libgit2:
        return []
    pairs = [(commit, _ended(message(task))) for task, commit in todo]
    drafts = libgit2.draft_chain(repo.git_dir, base, pairs, repo.signature())
    tips = [base, *(tip for _, tip, _ in drafts)]
    answers = confirmed(repo, [(tip, branch) for tip, (branch, _, _) in zip(tips, drafts, strict=False)], rules)
    steps: list[ChainStep] = []
    for (task, branch), (_, tip, tree), answer in zip(todo, drafts, answers, strict=False):
        if answer != tree:
            break
        steps.append(ChainStep(task, branch, tip, tree))
    return steps


def _ended(message: str) -> str:
    return message if message.endswith("\n") else f"{message}\n"


def confirmed(repo: Repo, pairs: Sequence[tuple[str, str]], rules: Attributes) -> list[str | None]:
    """Git's tree for each pair of commits (None: conflict), by one process."""
    if not pairs:
        return []
    asked = "".join(f"{ours} {theirs}\n" for ours, theirs in pairs).encode()
    words = (*MERGE_TREE, "--stdin", "--name-only", "--no-messages")
    fields = iter(_in_rules(repo, words, rules.folder, asked).fields)
    answers: list[str | None] = []
    for status in fields:
        tree = next(fields)
        while next(fields):
            pass
        answers.append(tree if status == "1" else None)
    return answers


# --- one merge ----------------------------------------------------------------------------------------------------


def _merge(repo: Repo, ours: str, theirs: str, folder: Path) -> Merge:
    result = _in_rules(repo, (*MERGE_TREE, "--messages", ours, theirs), folder)
    if result.code == 0:
        return Merge(result.fields[0])
    return _parse_conflict(result.fields)


def _in_rules(repo: Repo, words: tuple[str, ...], folder: Path, data: bytes | None = None) -> GitResult:
    """Run merge-tree with `folder` as the work tree: it reads .gitattributes there, and nothing else."""
    result = repo.git(
        *words, input=data, check=False, cwd=folder, env={"GIT_DIR": repo.git_dir, "GIT_WORK_TREE": folder}
    )
    if result.code not in (0, 1):
        raise failure(words, result)
    return result


def _parse_conflict(fields: Sequence[str]) -> Merge:
    """`git merge-tree --write-tree -z`: tree, stages, empty field, then (count, paths, type, message)*."""
    split = fields.index("", 1)
    stages = tuple(_stage(entry) for entry in fields[1:split])
    rest = list(fields[split + 1 :])
    named: list[tuple[str, tuple[str, ...]]] = []
    while rest:
        count = int(rest[0])
        named.append((rest[count + 1], tuple(rest[1 : count + 1])))
        del rest[: count + 3]
    serious = tuple((kind, paths) for kind, paths in named if kind.startswith("CONFLICT"))
    conflicts = {stage.path for stage in stages} or {path for _, paths in serious for path in paths}
    if not conflicts:
        raise GitError("`git merge-tree` reports a conflict but names no path")
    return Merge(None, tuple(sorted(conflicts)), fields[0], stages, serious)


def _stage(entry: str) -> Stage:
    info, _, path = entry.partition("\t")
    mode, blob, number = info.split(" ")
    return Stage(mode, blob, int(number), path)


# --- merge attributes ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Attributes:
    """A folder that holds only the .gitattributes files of one commit; `draftable` when pygit2 may draft its merges."""

    folder: Path
    draftable: bool


def attributes(repo: Repo, commit: str) -> Attributes:
    """The merge attributes of a commit. Folders are named by content and shared by all commits with equal files."""
    found = repo.git("grep", "-l", "-z", "--full-name", "-e", "", commit, "--", ATTRIBUTES, check=False)
    if found.code > 1:
        raise failure(("grep",), found)
    paths = [os.fsdecode(entry).partition(":")[2] for entry in found.out.split(b"\0")[:-1]]
    files = {path: repo.git("cat-file", "blob", f"{commit}:{path}").out for path in paths}
    simple = not any(word in content for content in files.values() for word in (b"merge", b"binary", b"eol", b"text"))
    return Attributes(_folder(repo, files), simple and _tracked(repo) <= DRAFT_LIMIT)


def _tracked(repo: Repo) -> int:
    """About how many files there are: the entries of the checkout's index; many when there is none."""
    try:
        with (repo.git_dir / "index").open("rb") as file:
            head = file.read(12)
    except OSError:
        return DRAFT_LIMIT + 1
    return int.from_bytes(head[8:12], "big") if head[:4] == b"DIRC" else DRAFT_LIMIT + 1


def _folder(repo: Repo, files: dict[str, bytes]) -> Path:
    digest = hashlib.sha256(repr(sorted(files.items())).encode("utf-8", "surrogateescape")).hexdigest()[:16]
    folder = repo.aurora_dir / "attributes" / digest
    if not (folder / ".complete").exists():
        for path, content in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".complete").touch()
    return folder
