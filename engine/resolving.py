"""Merge commits that settle the conflicts of a branch with what landed: by one rule for all, or as was decided.

The result is a merge commit on the branch's side (parents: branch, landed), so it merges cleanly afterwards. Clean
hunks always merge as git merges them; only conflicting hunks are decided.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.conflict_files import Found
from engine.conflict_model import WHOLE, Conflict, ConflictFile, Decision, Kind, Settlement, SideFile, Take, decoded
from engine.conflict_text import marker_left, side_texts, size_for
from engine.errors import RepoError
from engine.git import failure
from engine.merging import Merge, Stage, merge
from engine.repo import Repo

Chosen = tuple[str, str] | None
FAVOUR = {"landed": "--ours", "branch": "--theirs", "union": "--union"}
FILES = ("100644", "100755")
ONLY_BY_HAND = ("CONFLICT (file/directory)", "CONFLICT (distinct ", "CONFLICT (submodule", "CONFLICT(directory rename")
BINARY = 255


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
    return repo.commit_tree(tree_with(repo, merged.draft, chosen), [branch_commit, onto], words)


# --- a settlement as a commit --------------------------------------------------------------------------------------


def settled_commit(repo: Repo, found: Found, settlement: Settlement, message: str) -> str:
    """The merge commit of a conflict whose every part is settled; no ref moves.

    RepoError when a conflict marker is left in what was written.
    """
    conflict, merged = found.conflict, found.merged
    contents = settlement.contents()
    for file in conflict.files:
        _refuse_markers(file, contents[file.path], conflict)
    chosen: dict[str, Chosen] = {stage.path: None for stage in merged.stages}
    apart = {file.related[0]: file for file in conflict.files if _two_names(file) and file.base is not None}
    for file in conflict.files:
        if file.path in apart and file.kind is Kind.CONTENT:
            continue
        chosen |= _entries(repo, file, settlement, contents, merged.draft)
    tree = tree_with(repo, merged.draft, chosen)
    return repo.commit_tree(tree, [conflict.branch_commit, conflict.onto], message)


def _two_names(file: ConflictFile) -> bool:
    return file.kind is Kind.RENAME_RENAME


def _refuse_markers(file: ConflictFile, content: bytes | None, conflict: Conflict) -> None:
    """Markers nobody settled, and those git itself leaves inside a side when renames collide."""
    if content is None or b"\0" in content:
        return
    lines = decoded(content)
    own = (f"<<<<<<< {conflict.onto}", f">>>>>>> {conflict.branch_commit}")
    left = marker_left(lines, side_texts(file), size_for(file)) or next((x for x in lines if x.startswith(own)), "")
    if left:
        raise RepoError(f"{file.path} still has conflict markers: {left.strip()}", "edit it, then finish again")


def _entries(
    repo: Repo, file: ConflictFile, settlement: Settlement, contents: Mapping[str, bytes | None], draft: str
) -> dict[str, Chosen]:
    """What becomes of the names of one conflict (None: no such file)."""
    whole = settlement.decisions.get((file.path, WHOLE))
    if file.kind is Kind.FILE_DIRECTORY:
        return _in_the_way(repo, file, whole, draft)
    if _two_names(file) and whole is not None:
        old = file.related[0] if file.base is not None else ""
        merged = contents.get(old) if old != file.path else None
        return _named(repo, file, whole.take, contents[file.path], merged)
    side = _side_taken(file, whole)
    if side is not None:
        return {file.path: (side.mode, side.blob)}
    content = contents[file.path]
    return {file.path: None if content is None else (_mode(file), _written(repo, content))}


def _side_taken(file: ConflictFile, whole: Decision | None) -> SideFile | None:
    sides = {Take.LANDED: file.landed, Take.BRANCH: file.branch, Take.BASE: file.base}
    return None if whole is None else sides.get(whole.take)


def _mode(file: ConflictFile) -> str:
    """The mode of what was merged or written: the side that changed it wins, landed first."""
    sides = [side for side in (file.landed, file.branch) if side is not None]
    modes = [side.mode for side in sides if side.mode in FILES] or [side.mode for side in sides] or [FILES[0]]
    unchanged = file.base is not None and file.base.mode == modes[0]
    return modes[-1] if unchanged else modes[0]


def _written(repo: Repo, content: bytes) -> str:
    return repo.git("hash-object", "-w", "--stdin", input=content).text


def _named(
    repo: Repo, file: ConflictFile, take: Take, content: bytes | None, merged: bytes | None
) -> dict[str, Chosen]:
    """A file with two new names: under one of them, under both, or gone. Its text was merged once for both names."""
    sides = {Take.LANDED: (file.landed,), Take.BRANCH: (file.branch,), Take.BOTH: (file.landed, file.branch)}
    if take is Take.EDITED:
        return {file.path: None if content is None else (_mode(file), _written(repo, content))}
    entries: dict[str, Chosen] = {}
    for side in sides.get(take, ()):
        text = merged if merged is not None else side.content if side is not None else None
        if side is not None and text is not None:
            mode = _mode(file) if side.mode in FILES else side.mode
            entries[side.path] = (mode, _written(repo, text))
        elif side is not None:
            entries[side.path] = (side.mode, side.blob)
    return entries


def _in_the_way(repo: Repo, file: ConflictFile, whole: Decision | None, draft: str) -> dict[str, Chosen]:
    """A file where the other side has a folder: one of them goes, or the file moves aside."""
    kept = file.landed or file.branch
    if whole is None or kept is None:
        return {}
    if whole.take is Take.BOTH:
        name = "landed" if file.landed is not None else "branch"
        return {_free(repo, f"{file.path}~{name}", draft): (kept.mode, kept.blob)}
    if _side_taken(file, whole) is None:
        return {}
    return dict.fromkeys(file.related) | {file.path: (kept.mode, kept.blob)}


def _free(repo: Repo, path: str, draft: str) -> str:
    taken = set(repo.tracked_files(draft))
    names = (path, *(f"{path}-{n}" for n in range(2, len(taken) + 3)))
    return next(name for name in names if name not in taken)


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
                "settle it by hand: `aurora resolve TASK` lists what is to be decided",
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


def tree_with(repo: Repo, tree: str, chosen: Mapping[str, Chosen]) -> str:
    """`tree` with these entries in place of what it has at their paths."""
    gone = "0" * len(tree)
    rows = [f"{entry[0]} {entry[1]}\t{path}" if entry else f"0 {gone}\t{path}" for path, entry in chosen.items()]
    rows.sort(key=lambda row: not row.startswith("0 "))  # a file's name is free before another takes it
    data = os.fsencode("".join(f"{row}\0" for row in rows))
    with tempfile.TemporaryDirectory(dir=repo.aurora_dir, prefix="index-") as folder:
        env = {"GIT_INDEX_FILE": Path(folder) / "index"}
        repo.git("read-tree", tree, env=env)
        repo.git("update-index", "-z", "--index-info", input=data, env=env)
        return repo.git("write-tree", env=env).text
