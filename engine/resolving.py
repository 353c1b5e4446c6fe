"""Settle the conflicts of a branch with what landed: by a rule, hunk by hunk, or by a person's own edits.

The result is a merge commit on the branch's side (parents: branch, landed), so it merges cleanly afterwards. Clean
hunks always merge as git merges them; only conflicting hunks are decided.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from engine.errors import RepoError
from engine.git import failure
from engine.merging import Merge, Stage, merge
from engine.repo import Repo

How = Literal["landed", "branch", "union"]
Chosen = tuple[str, str] | None
FAVOUR = {"landed": "--ours", "branch": "--theirs", "union": "--union"}
FILES = ("100644", "100755")
ONLY_BY_HAND = ("CONFLICT (file/directory)", "CONFLICT (distinct types)", "CONFLICT (submodule)")
MARKERS = (b"<<<<<<< ", b">>>>>>> ")
BINARY = 255


@dataclass(frozen=True, slots=True)
class Conflict:
    """One conflicted path and its three sides (None: not there). `merged` is the text with markers named after the
    sides, None when only a whole side can be taken (binary, deleted on one side, symlink, new on one side)."""

    path: str
    base: bytes | None
    landed: bytes | None
    branch: bytes | None
    merged: bytes | None


@dataclass(frozen=True, slots=True)
class Edit:
    """A resolution being made in `folder`: `texts` hold markers, for each of `wholes` lie `<path>~landed` and
    `<path>~branch` there, as far as they exist; the wanted one is renamed to `<path>`."""

    branch_commit: str
    onto: str
    folder: Path
    texts: tuple[str, ...]
    wholes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Sides:
    path: str
    base: Stage | None
    landed: Stage | None
    branch: Stage | None

    @property
    def stages(self) -> tuple[Stage, ...]:
        return tuple(stage for stage in (self.base, self.landed, self.branch) if stage is not None)

    @property
    def text(self) -> bool:
        """True when hunks can be merged: a file on both sides."""
        both = self.landed is not None and self.branch is not None
        return both and all(stage.mode in FILES for stage in self.stages)

    @property
    def mode(self) -> str:
        """The file mode of the result: the side that changed it wins, landed first."""
        if self.landed is None or self.branch is None:
            return next((stage.mode for stage in (self.landed, self.branch) if stage is not None), FILES[0])
        unchanged = self.base is not None and self.base.mode == self.landed.mode
        return self.branch.mode if unchanged else self.landed.mode


def resolve(repo: Repo, branch_commit: str, onto: str, how: str, message: str = "") -> str:
    """Merge `onto` into `branch_commit`, every conflicting hunk decided as `how` says: `landed`, `branch`, `union`.

    Where hunks make no sense (binary, deleted on one side) the whole side is taken; a union then keeps the one that
    exists. RepoError where no rule can decide; nothing is written to any ref.
    """
    if how not in FAVOUR:
        raise RepoError(f"`{how}` is no way to resolve a conflict", "use landed, branch, union, or edit")
    merged = merge(repo, onto, branch_commit)
    words = message or f"Merge landed work, conflicts settled by `{how}`"
    if merged.tree is not None:
        return repo.commit_tree(merged.tree, [branch_commit, onto], words)
    _refuse_by_hand(merged)
    chosen = {sides.path: _choose(repo, sides, how, merged) for sides in _by_path(merged)}
    return repo.commit_tree(_tree_with(repo, merged.draft, chosen), [branch_commit, onto], words)


def conflicts_of(
    repo: Repo, branch_commit: str, onto: str, *, landed: str = "landed", branch: str = "branch"
) -> tuple[Conflict, ...]:
    """The conflicted paths with their sides; markers are labelled with the names `landed` and `branch`."""
    merged = merge(repo, onto, branch_commit)
    if merged.tree is not None:
        return ()
    _refuse_by_hand(merged)
    labels = ("-L", landed, "-L", "base", "-L", branch)
    return tuple(_conflict(repo, sides, labels) for sides in _by_path(merged))


def settle(repo: Repo, branch_commit: str, onto: str, contents: Mapping[str, bytes | None], message: str = "") -> str:
    """The merge commit whose conflicted paths have these contents (None: no such file).

    RepoError when a path is missing or extra, or a conflict marker is left in one.
    """
    merged = merge(repo, onto, branch_commit)
    if merged.tree is not None:
        return repo.commit_tree(merged.tree, [branch_commit, onto], message or "Merge landed work")
    sides = {one.path: one for one in _by_path(merged)}
    if undecided := sorted(sides.keys() ^ contents.keys()):
        raise RepoError(f"not every conflict is settled: {', '.join(undecided[:3])}")
    chosen = {path: _written(repo, sides[path], content) for path, content in contents.items()}
    tree = _tree_with(repo, merged.draft, chosen)
    return repo.commit_tree(tree, [branch_commit, onto], message or "Merge landed work, conflicts settled by hand")


def start_edit(
    repo: Repo, branch_commit: str, onto: str, folder: Path, *, landed: str = "landed", branch: str = "branch"
) -> Edit:
    """Write the conflicted files into `folder` for an editor (see `Edit`)."""
    texts: list[str] = []
    wholes: list[str] = []
    for conflict in conflicts_of(repo, branch_commit, onto, landed=landed, branch=branch):
        file = folder / conflict.path
        file.parent.mkdir(parents=True, exist_ok=True)
        if conflict.merged is not None:
            file.write_bytes(conflict.merged)
            texts.append(conflict.path)
            continue
        wholes.append(conflict.path)
        for name, content in (("landed", conflict.landed), ("branch", conflict.branch)):
            if content is not None:
                _side(folder, conflict.path, name).write_bytes(content)
    return Edit(branch_commit, onto, folder, tuple(texts), tuple(wholes))


def finish_edit(repo: Repo, edit: Edit, message: str = "") -> str:
    """The merge commit of what now lies in the edit's folder; RepoError when a marker or a choice is left."""
    contents: dict[str, bytes | None] = {}
    for path in (*edit.texts, *edit.wholes):
        file = edit.folder / path
        contents[path] = file.read_bytes() if file.is_file() else None
        left = [side for side in ("landed", "branch") if _side(edit.folder, path, side).exists()]
        if contents[path] is None and path in edit.wholes and left:
            raise RepoError(f"{path} is not decided", f"rename {path}~{left[0]} to {path} to keep it, or delete it")
    return settle(repo, edit.branch_commit, edit.onto, contents, message)


def _side(folder: Path, path: str, side: str) -> Path:
    return folder / f"{path}~{side}"


# --- deciding one path --------------------------------------------------------------------------------------------


def _by_path(merged: Merge) -> list[_Sides]:
    found: dict[str, dict[int, Stage]] = {path: {} for path in merged.conflicts}
    for stage in merged.stages:
        found[stage.path][stage.number] = stage
    return [_Sides(path, sides.get(1), sides.get(2), sides.get(3)) for path, sides in found.items()]


def _refuse_by_hand(merged: Merge) -> None:
    """Some conflicts are about names, not content: no rule may decide them."""
    for kind, paths in merged.kinds:
        if kind.startswith(ONLY_BY_HAND) or any(s.mode == "160000" for s in merged.stages):
            what = kind.removeprefix("CONFLICT ").strip("()")
            raise RepoError(
                f"a {what} conflict at {', '.join(paths[:2])} cannot be settled by a rule",
                "merge the target into the branch in a checkout of your own, then retry the task",
            )


def _choose(repo: Repo, sides: _Sides, how: str, merged: Merge) -> Chosen:
    if sides.text and (sides.base is not None or how == "union"):
        content = _merge_file(repo, sides, (FAVOUR[how],))
        if content is not None:
            return sides.mode, repo.git("hash-object", "-w", "--stdin", input=content).text
    if sides.landed is not None and sides.branch is not None:
        if how == "union":
            raise RepoError(f"{sides.path} is not text: a union of both sides makes no sense", "choose one side")
        return _entry(sides.landed if how == "landed" else sides.branch)
    only = sides.landed or sides.branch
    if only is None or how == "union":
        return _entry(only)
    if sides.base is None and not _renamed_twice(merged, sides.path):
        return _entry(only)
    return _entry(sides.landed if how == "landed" else sides.branch)


def _entry(stage: Stage | None) -> Chosen:
    return None if stage is None else (stage.mode, stage.blob)


def _renamed_twice(merged: Merge, path: str) -> bool:
    """True when both sides renamed one file differently and `path` is one of the new names."""
    return any(kind == "CONFLICT (rename/rename)" and path in paths for kind, paths in merged.kinds)


def _conflict(repo: Repo, sides: _Sides, labels: Sequence[str]) -> Conflict:
    merged = _merge_file(repo, sides, labels) if sides.text else None
    base, landed, branch = (_blob(repo, stage) for stage in (sides.base, sides.landed, sides.branch))
    return Conflict(sides.path, base, landed, branch, merged)


def _blob(repo: Repo, stage: Stage | None) -> bytes | None:
    return None if stage is None else repo.git("cat-file", "blob", stage.blob).out


def _merge_file(repo: Repo, sides: _Sides, options: Sequence[str]) -> bytes | None:
    """Git's three-way merge of one text file, None when it is binary."""
    with tempfile.TemporaryDirectory(dir=repo.aurora_dir, prefix="merge-") as folder:
        names = []
        for name, stage in (("landed", sides.landed), ("base", sides.base), ("branch", sides.branch)):
            names.append(str(Path(folder) / name))
            Path(names[-1]).write_bytes(_blob(repo, stage) or b"")
        result = repo.git("merge-file", "-p", *options, *names, check=False)
    if result.code == BINARY and "binary" in result.err:
        return None
    if result.code == BINARY:
        raise failure(("merge-file",), result)
    return result.out


def _written(repo: Repo, sides: _Sides, content: bytes | None) -> Chosen:
    """The tree entry of what a person wrote; a side taken whole keeps its mode. RepoError when a marker is left."""
    if content is None:
        return None
    known = [(stage, _blob(repo, stage) or b"") for stage in sides.stages[::-1]]
    same = next((stage for stage, old in known if old == content and not sides.text), None)
    before = {line for _, old in known for line in old.splitlines()}
    if any(line.startswith(MARKERS) and line not in before for line in content.splitlines()):
        raise RepoError(f"{sides.path} still has conflict markers", "settle every hunk, then finish again")
    mode = same.mode if same is not None else sides.mode
    return mode, repo.git("hash-object", "-w", "--stdin", input=content).text


def _tree_with(repo: Repo, tree: str, chosen: Mapping[str, Chosen]) -> str:
    """`tree` with these entries in place of what it has at their paths."""
    gone = "0" * len(tree)
    rows = [f"{entry[0]} {entry[1]}\t{path}" if entry else f"0 {gone}\t{path}" for path, entry in chosen.items()]
    data = os.fsencode("".join(f"{row}\0" for row in rows))
    with tempfile.TemporaryDirectory(dir=repo.aurora_dir, prefix="index-") as folder:
        env = {"GIT_INDEX_FILE": Path(folder) / "index"}
        repo.git("read-tree", tree, env=env)
        repo.git("update-index", "-z", "--index-info", input=data, env=env)
        return repo.git("write-tree", env=env).text
