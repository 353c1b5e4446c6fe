"""What git says of a conflict, as data: every conflicted path with its kind, its three sides and its hunks.

Git's `merge-tree` decides what is in conflict and merges the rest; hunks come from `git merge-file --diff3` on the
three blobs, with markers of a length that no line of the file begins with. Nothing is written but loose objects.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from engine.conflict_hunks import merged_parts
from engine.conflict_model import Clean, Conflict, ConflictFile, Hunk, Kind, SideFile, Take, encoded
from engine.errors import RepoError
from engine.merging import Merge, Stage, merge
from engine.repo import Repo
from engine.text import clean

FILES = ("100644", "100755")
SYMLINK, SUBMODULE = "120000", "160000"
NAMES: dict[int, str] = {1: "base", 2: "landed", 3: "branch"}
SAYS_WHO = "%(trailers:key=Aurora-Task,valueonly,separator=%x00)"


@dataclass(frozen=True, slots=True)
class Found:
    """A conflict, and git's merge it was read from."""

    conflict: Conflict
    merged: Merge


def conflict_of(repo: Repo, task: str, branch_commit: str, tip: str) -> Found | None:
    """The conflict of a task's commit with `tip`, None when they merge cleanly. RepoError when git cannot merge."""
    merged = merge(repo, tip, branch_commit)
    if merged.tree is not None:
        return None
    files = _Reader(repo, task, branch_commit, tip, merged).files()
    base = repo.merge_base(tip, branch_commit) or ""
    named = _landed_by(repo, base, tip, files)
    told = tuple(_told(file, task, named.get(file.path, ())) for file in files)
    return Found(Conflict(task, branch_commit, tip, base, told), merged)


# --- paths --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Reader:
    """Reads the files of one conflict; trees and blobs are asked for at most once."""

    repo: Repo
    task: str
    branch_commit: str
    tip: str
    merged: Merge
    trees: dict[str, dict[str, tuple[str, str]]] = field(default_factory=dict)

    @cached_property
    def stages(self) -> dict[str, dict[int, Stage]]:
        """The stages of each conflicted path by their number."""
        found: dict[str, dict[int, Stage]] = {}
        for stage in self.merged.stages:
            found.setdefault(stage.path, {})[stage.number] = stage
        return found

    @cached_property
    def base(self) -> str:
        return self.repo.merge_base(self.tip, self.branch_commit) or ""

    @cached_property
    def blobs(self) -> dict[str, bytes]:
        """The content of every blob among the stages."""
        return _read_blobs(self.repo, {s.blob for s in self.merged.stages if s.mode != SUBMODULE})

    def files(self) -> tuple[ConflictFile, ...]:
        """Every conflict: those of names first taken out of the stages, then what is left path by path."""
        found: list[ConflictFile] = []
        for kind, paths in self.merged.kinds:
            found.extend(self._named(kind, paths))
        found.extend(self._plain(path, stages) for path, stages in self.stages.items() if set(stages) != {1})
        return tuple(sorted(found, key=lambda file: (file.path, file.kind)))

    def _named(self, kind: str, paths: tuple[str, ...]) -> Iterator[ConflictFile]:
        """The conflicts that are about names; what they settle is no longer among the stages."""
        if kind == "CONFLICT (rename/rename)" and self._renamed_apart(paths):
            yield from self._rename_rename(*paths)
        elif kind == "CONFLICT (file/directory)" and paths[0] in self.stages:
            yield self._file_directory(*paths)
        elif kind == "CONFLICT (distinct modes)":
            yield self._distinct(paths)
        elif kind == "CONFLICT (directory rename suggested)" and len(self.stages.get(paths[0], ())) == 1:
            yield self._location(*paths)
        elif "split" in kind and not set(paths) & self.stages.keys():
            yield ConflictFile(paths[0], Kind.FILE_DIRECTORY, offers=(Take.BOTH,), words="split")

    def _renamed_apart(self, paths: tuple[str, ...]) -> bool:
        return len(paths) == 3 and [set(self.stages.get(path, ())) for path in paths] == [{1}, {2}, {3}]

    def _rename_rename(self, old: str, landed_path: str, branch_path: str) -> Iterator[ConflictFile]:
        """One file, two new names. Git's stages hold its own merge, so the sides are read from the commits."""
        for path in (old, landed_path, branch_path):
            del self.stages[path]
        base, landed = self._at(self.base, old), self._at(self.tip, landed_path)
        branch = self._at(self.branch_commit, branch_path)
        related = (old, landed_path, branch_path)
        parts = merged_parts(self.repo, base, landed, branch) if _all_files(landed, branch) else ()
        if any(isinstance(part, Hunk) for part in parts):
            yield ConflictFile(old, Kind.CONTENT, base, landed, branch, parts, words="renamed", related=related[1:])
        elif parts and landed and branch:
            content = encoded(tuple(line for part in parts if isinstance(part, Clean) for line in part.lines))
            landed, branch = replace(landed, content=content), replace(branch, content=content)
        offers = (Take.LANDED, Take.BRANCH, Take.BOTH, Take.DELETE)
        yield ConflictFile(landed_path, Kind.RENAME_RENAME, base, landed, branch, (), offers, related=related)

    def _file_directory(self, moved: str, path: str) -> ConflictFile:
        """A file on one side where the other has a folder."""
        stages = self.stages.pop(moved)
        sides = {NAMES[n]: self._side(stage, path) for n, stage in stages.items()}
        inside = tuple(name for name in self.repo.tracked_files(self.merged.draft) if name.startswith(f"{path}/"))
        file_side = Take.LANDED if "landed" in sides else Take.BRANCH
        other = Take.BRANCH if file_side is Take.LANDED else Take.LANDED
        offers = (Take.BOTH, file_side, other)
        return ConflictFile(path, Kind.FILE_DIRECTORY, *_three(sides), (), offers, related=inside)

    def _distinct(self, paths: tuple[str, ...]) -> ConflictFile:
        """A file on one side where the other has a symbolic link or a submodule."""
        path = min(paths, key=len).partition("~")[0] if len(paths) > 2 else min(paths, key=len)
        sides: dict[str, SideFile] = {}
        for name in paths:
            for number, stage in self.stages.pop(name, {}).items():
                sides[NAMES[number]] = self._side(stage, path)
        modes = {side.mode for side in sides.values()}
        kind = Kind.SUBMODULE if SUBMODULE in modes else Kind.SYMLINK
        return ConflictFile(path, kind, *_three(sides), (), _offers(sides))

    def _location(self, new: str, old: str) -> ConflictFile:
        """A file one side put into a folder that the other side renamed: two names for one file."""
        ((number, stage),) = self.stages.pop(new).items()
        mine, moved = self._side(stage, old), self._side(stage, new)
        sides = {"landed": moved, "branch": mine} if number == 3 else {"landed": mine, "branch": moved}
        offers = (Take.LANDED, Take.BRANCH) if number == 3 else (Take.BRANCH, Take.LANDED)
        return ConflictFile(
            new, Kind.RENAME_RENAME, None, sides["landed"], sides["branch"], (), (*offers, Take.DELETE), related=(old,)
        )

    # --- one path ---

    def _plain(self, path: str, stages: dict[int, Stage]) -> ConflictFile:
        """A path whose sides stand at the same place."""
        sides = {NAMES[number]: self._side(stage, "") for number, stage in stages.items()}
        sides = {name: replace(side, path=self._own_path(name, side, path)) for name, side in sides.items()}
        base, landed, branch = _three(sides)
        kind = self._kind(path, base, landed, branch)
        parts: tuple[Clean | Hunk, ...] = ()
        if kind in (Kind.CONTENT, Kind.ADD_ADD):
            parts = merged_parts(self.repo, base, landed, branch, hunks=True)
            kind = kind if parts else Kind.BINARY
        return ConflictFile(path, kind, base, landed, branch, parts, _offers(sides))

    def _kind(self, path: str, base: SideFile | None, landed: SideFile | None, branch: SideFile | None) -> Kind:
        told = {kind for kind, paths in self.merged.kinds if path in paths}
        modes = {side.mode for side in (base, landed, branch) if side is not None}
        if SUBMODULE in modes:
            return Kind.SUBMODULE
        if landed is None or branch is None:
            return Kind.RENAME_DELETE if "CONFLICT (rename/delete)" in told else Kind.MODIFY_DELETE
        if SYMLINK in modes:
            return Kind.SYMLINK
        if landed.blob == branch.blob:
            return Kind.MODE
        if "CONFLICT (binary)" in told:
            return Kind.BINARY
        return Kind.CONTENT if base is not None else Kind.ADD_ADD

    def _side(self, stage: Stage, path: str) -> SideFile:
        content = None if stage.mode == SUBMODULE else self.blobs[stage.blob]
        return SideFile(stage.mode, stage.blob, content, path)

    def _own_path(self, name: str, side: SideFile, path: str) -> str:
        """Where a side's own commit has this object: elsewhere when the other side renamed the file."""
        tree = self._tree({"base": self.base, "landed": self.tip, "branch": self.branch_commit}[name])
        if path in tree or not tree:
            return path
        return next((one for one, (_, blob) in tree.items() if blob == side.blob), path)

    def _at(self, commit: str, path: str) -> SideFile | None:
        mode, blob = self._tree(commit).get(path, ("", ""))
        if not blob:
            return None
        content = None if mode == SUBMODULE else _read_blobs(self.repo, {blob})[blob]
        return SideFile(mode, blob, content, path)

    def _tree(self, commit: str) -> dict[str, tuple[str, str]]:
        if commit and commit not in self.trees:
            rows = self.repo.git("ls-tree", "-r", "-z", "--full-tree", commit).fields
            split = (row.partition("\t") for row in rows)
            self.trees[commit] = {path: (info.split(" ")[0], info.split(" ")[2]) for info, _, path in split}
        return self.trees.get(commit, {})


def _three(sides: dict[str, SideFile]) -> tuple[SideFile | None, SideFile | None, SideFile | None]:
    return sides.get("base"), sides.get("landed"), sides.get("branch")


def _all_files(*sides: SideFile | None) -> bool:
    return all(side is not None and side.mode in FILES for side in sides)


def _offers(sides: dict[str, SideFile]) -> tuple[Take, ...]:
    """Every side there is; first the one that still has the file."""
    order = (Take.LANDED, Take.BRANCH) if "landed" in sides else (Take.BRANCH, Take.LANDED)
    return (*order, Take.BASE) if "base" in sides else order


def _read_blobs(repo: Repo, wanted: set[str]) -> dict[str, bytes]:
    """The content of blobs, by one process. RepoError when one is not here."""
    out = repo.git("cat-file", "--batch", input="".join(f"{blob}\n" for blob in sorted(wanted)).encode()).out
    found: dict[str, bytes] = {}
    at = 0
    while at < len(out):
        end = out.index(b"\n", at)
        blob, kind, *size = out[at:end].decode().split(" ")
        if not size:
            raise RepoError(f"the object {blob} is {kind}", "fetch what is missing, then try again")
        found[blob] = out[end + 1 : end + 1 + int(size[0])]
        at = end + 2 + int(size[0])
    return found


# --- who did what -------------------------------------------------------------------------------------------------


def _landed_by(repo: Repo, base: str, tip: str, files: Sequence[ConflictFile]) -> dict[str, tuple[str, ...]]:
    """For each file the tasks whose landings since `base` touched one of its names, the last one first."""
    names = {file.path: _names(file) for file in files}
    limit = [f":(top,literal){name}" for name in sorted({name for group in names.values() for name in group})]
    span = f"{base}..{tip}" if base else tip
    words = ("log", "-z", "--first-parent", "-m", "--no-renames", "--name-only", f"--format=%x01{SAYS_WHO}%x02")
    out = os.fsdecode(repo.git(*words, span, "--", *limit).out)
    touched: list[tuple[str, set[str]]] = []
    for entry in out.split("\x01")[1:]:
        who, _, paths = entry.partition("\x02")
        touched.append((clean(who).split("\0")[-1].strip(), set(paths.strip("\0\n").split("\0"))))
    return {
        path: tuple(dict.fromkeys(who for who, paths in touched if who and _touches(paths, group)))
        for path, group in names.items()
    }


def _names(file: ConflictFile) -> set[str]:
    sides = {side.path for side in (file.base, file.landed, file.branch) if side is not None and side.path}
    return {file.path, *sides, *file.related}


def _touches(paths: set[str], names: set[str]) -> bool:
    return any(path in names or any(path.startswith(f"{name}/") for name in names) for path in paths)


def _told(file: ConflictFile, task: str, landed_by: tuple[str, ...]) -> ConflictFile:
    """The file with who landed on it, and a sentence of what each side did."""
    landed = f"{', '.join(landed_by[:3])} (landed)" if landed_by else "the target"
    return replace(file, landed_by=landed_by, words=_sentence(file, landed, clean(task)))


def _sentence(file: ConflictFile, landed: str, task: str) -> str:
    match file.kind:
        case Kind.CONTENT:
            return f"{landed} and {task} changed the same {_places(len(file.hunks))}{_renames(file)}."
        case Kind.ADD_ADD:
            return f"{landed} and {task} each added this file, and they differ in {_places(len(file.hunks))}."
        case Kind.MODIFY_DELETE | Kind.RENAME_DELETE:
            did = "renamed" if file.kind is Kind.RENAME_DELETE else "changed"
            keeper, deleter = (landed, task) if file.landed is not None else (task, landed)
            return f"{keeper} {did} it, {deleter} deleted it."
        case Kind.RENAME_RENAME:
            return _two_names(file, landed, task)
        case Kind.BINARY:
            return f"{landed} and {task} both changed this binary file: only one of the two can stay."
        case Kind.MODE:
            modes = (file.landed.mode if file.landed else "", file.branch.mode if file.branch else "")
            return f"{landed} and {task} gave it different modes: {modes[0]} and {modes[1]}."
        case Kind.SYMLINK:
            return f"{_a(file.landed, landed)}; {_a(file.branch, task)}."
        case Kind.SUBMODULE:
            return f"{_a(file.landed, landed)}; {_a(file.branch, task)}. One of them is taken whole."
        case Kind.FILE_DIRECTORY:
            return _in_the_way(file, landed, task)


def _places(count: int) -> str:
    return "place" if count == 1 else f"{count} places"


def _renames(file: ConflictFile) -> str:
    return ", and each renamed the file (its name is a decision of its own)" if file.words == "renamed" else ""


def _two_names(file: ConflictFile, landed: str, task: str) -> str:
    names = [clean(side.path) if side is not None else "?" for side in (file.landed, file.branch)]
    if file.base is None:
        mover, adder = (landed, task) if file.path == (file.landed.path if file.landed else "") else (task, landed)
        return f"{adder} put a file into a folder that {mover} renamed: {names[0]} or {names[1]}."
    return f"{landed} renamed it to {names[0]}, {task} to {names[1]}."


def _a(side: SideFile | None, who: str) -> str:
    if side is None:
        return f"{who} deleted it"
    if side.mode == SUBMODULE:
        return f"{who} has the submodule at {side.blob[:9]}"
    if side.mode == SYMLINK:
        return f"{who} has a link to {clean(side.content or b'')}"
    return f"{who} has a file"


def _in_the_way(file: ConflictFile, landed: str, task: str) -> str:
    if file.words == "split":
        return f"This folder was split into several by one side; what the other ({landed} or {task}) added stays here."
    has, folder = (landed, task) if file.landed is not None else (task, landed)
    return f"{has} has a file here, {folder} a folder; both keeps the folder and the file under another name."
