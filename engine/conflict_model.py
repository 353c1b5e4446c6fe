"""Pure: a branch's conflict with landed work as data, and how a person (or a rule) settles it, hunk by hunk.

A `Conflict` is what git says and never changes; a `Settlement` holds what was decided, with undo and redo. Text is
`str` decoded as UTF-8 with `surrogateescape` (so any bytes survive); lines keep their line endings. The three sides
are called base (the common ancestor), landed (what is in the target) and branch (what the task did).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Literal

Side = Literal["base", "landed", "branch"]
Lines = tuple[str, ...]
Key = tuple[str, int]


class Kind(StrEnum):
    """What is in conflict at one path."""

    CONTENT = "content"
    ADD_ADD = "add/add"
    MODIFY_DELETE = "modify/delete"
    RENAME_RENAME = "rename/rename"
    RENAME_DELETE = "rename/delete"
    BINARY = "binary"
    MODE = "mode"
    SYMLINK = "symlink"
    SUBMODULE = "submodule"
    FILE_DIRECTORY = "file/directory"


NAMES_ONLY = (Kind.SUBMODULE, Kind.FILE_DIRECTORY)
"""Conflicts that have no text anybody could write."""


class Take(StrEnum):
    """Which lines a hunk's result is made of, or what becomes of a whole file.

    For a hunk: `landed`, `branch`, `both` (landed first), `both reversed` (branch first), `neither`, `base`,
    `lines` (picked one by one) and `edited` (written by hand). For a whole file: `landed`, `branch`, `base` take that
    side as it is, `delete` leaves no file, `edited` writes it by hand, `both` keeps two files (renames: each under its
    own name)."""

    LANDED = "landed"
    BRANCH = "branch"
    BOTH = "both"
    BOTH_REVERSED = "both reversed"
    NEITHER = "neither"
    BASE = "base"
    LINES = "lines"
    EDITED = "edited"
    DELETE = "delete"


class Source(StrEnum):
    """Who decided. What an agent decided is only proposed until a person accepts it."""

    PERSON = "person"
    REMEMBERED = "remembered"
    SYNTAX = "syntax-aware merge"
    AGENT = "merge agent"


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of one hunk or one whole file. `lines` are the result when `take` is `lines` or `edited`; `picked`
    the lines picked, in the order they stand in the result, when it is `lines`."""

    take: Take
    lines: Lines = ()
    picked: tuple[tuple[Side, int], ...] = ()
    source: Source = Source.PERSON
    accepted: bool = True


@dataclass(frozen=True, slots=True)
class Hunk:
    """One conflicting part of a file: the lines of each side. `number` counts from 0 within the file. `line` is where
    it begins in the landed and in the branch file (from 1)."""

    number: int
    base: Lines
    landed: Lines
    branch: Lines
    landed_line: int = 1
    branch_line: int = 1

    def side(self, side: Side) -> Lines:
        """The lines of one side."""
        return {"base": self.base, "landed": self.landed, "branch": self.branch}[side]


@dataclass(frozen=True, slots=True)
class Clean:
    """Lines between hunks: git merged them, nobody decides them."""

    lines: Lines


@dataclass(frozen=True, slots=True)
class SideFile:
    """One side of a path: its mode in git's octal form, its object id, its content (None: a submodule's commit)."""

    mode: str
    blob: str
    content: bytes | None
    path: str = ""


@dataclass(frozen=True, slots=True)
class ConflictFile:
    """One conflicted path. `parts` are its text in order, with at least one hunk, when it can be settled hunk by hunk;
    empty when only a whole side can be taken. `offers` are the whole-file decisions that make sense, the first being
    what most would take. `words` says in one sentence what each side did. `landed_by` names the landed tasks that
    touched it (empty: somebody outside the run)."""

    path: str
    kind: Kind
    base: SideFile | None = None
    landed: SideFile | None = None
    branch: SideFile | None = None
    parts: tuple[Clean | Hunk, ...] = ()
    offers: tuple[Take, ...] = (Take.LANDED, Take.BRANCH)
    words: str = ""
    landed_by: tuple[str, ...] = ()
    related: tuple[str, ...] = ()

    @property
    def hunks(self) -> tuple[Hunk, ...]:
        """The conflicting parts, in order."""
        return tuple(part for part in self.parts if isinstance(part, Hunk))


@dataclass(frozen=True, slots=True)
class Conflict:
    """All conflicts of one task's `branch_commit` with `onto` (the landed side)."""

    task: str
    branch_commit: str
    onto: str
    base: str
    files: tuple[ConflictFile, ...]

    def file(self, path: str) -> ConflictFile:
        """The file at a path; KeyError when it is not in conflict."""
        found = next((one for one in self.files if one.path == path), None)
        if found is None:
            raise KeyError(path)
        return found

    def decision_keys(self) -> Iterator[Key]:
        """What is to be decided, in order: (path, hunk), or (path, WHOLE) for a file without hunks."""
        for file in self.files:
            yield from ((file.path, hunk.number) for hunk in file.hunks) if file.parts else ((file.path, WHOLE),)


WHOLE = -1


@dataclass(slots=True)
class Settlement:
    """What has been decided so far of one conflict. Every change goes through `decide` and can be undone.

    `decisions` maps (path, hunk number) or (path, WHOLE) to a decision; one for the WHOLE of a file that has hunks
    overrides those of its hunks."""

    conflict: Conflict
    decisions: dict[Key, Decision] = field(default_factory=dict)
    past: list[dict[Key, Decision]] = field(default_factory=list)
    future: list[dict[Key, Decision]] = field(default_factory=list)

    # --- deciding ---

    def decide(self, key: Key, decision: Decision | None) -> None:
        """Decide a hunk or a whole file (None: leave it open again). ValueError when that makes no sense there."""
        self.decide_all({key: decision})

    def decide_all(self, wanted: Mapping[Key, Decision | None]) -> None:
        """Decide several at once: one step to undo."""
        for key, decision in wanted.items():
            if decision is not None:
                self._check(key, decision)
        after = dict(self.decisions)
        for key, decision in wanted.items():
            if decision is None:
                after.pop(key, None)
            else:
                after[key] = decision
            if key[1] != WHOLE:
                after.pop((key[0], WHOLE), None)
        if after != self.decisions:
            self.past.append(self.decisions)
            self.future.clear()
            self.decisions = after

    def toggle_line(self, key: Key, side: Side, line: int) -> None:
        """Pick or unpick one line of a side. Picked lines stand in the order they are picked."""
        now = self.decisions.get(key)
        picked = list(now.picked) if now is not None and now.take is Take.LINES else self._as_picked(key, now)
        entry = (side, line)
        picked.remove(entry) if entry in picked else picked.append(entry)
        hunk = self.hunk(key)
        lines = tuple(hunk.side(which)[index] for which, index in picked)
        self.decide(key, Decision(Take.LINES, lines, tuple(picked)))

    def accept(self, key: Key) -> None:
        """Take a proposed decision as one's own."""
        proposed = self.decisions.get(key)
        if proposed is not None and not proposed.accepted:
            self.decide(key, replace(proposed, accepted=True))

    def undo(self) -> bool:
        """Take the last step back; False when there is none."""
        if not self.past:
            return False
        self.future.append(self.decisions)
        self.decisions = self.past.pop()
        return True

    def redo(self) -> bool:
        """Do the last undone step again; False when there is none."""
        if not self.future:
            return False
        self.past.append(self.decisions)
        self.decisions = self.future.pop()
        return True

    # --- looking ---

    def hunk(self, key: Key) -> Hunk:
        """The hunk of a key; KeyError when there is none."""
        found = next((hunk for hunk in self.conflict.file(key[0]).hunks if hunk.number == key[1]), None)
        if found is None:
            raise KeyError(key)
        return found

    def decision(self, key: Key) -> Decision | None:
        """What was decided of a hunk, by itself or with its whole file."""
        return self.decisions.get((key[0], WHOLE)) or self.decisions.get(key)

    def settled(self, key: Key) -> bool:
        """True when it is decided, and a proposal accepted."""
        decision = self.decision(key)
        return decision is not None and decision.accepted

    def open_keys(self) -> tuple[Key, ...]:
        """What is still to be decided, in order."""
        return tuple(key for key in self.conflict.decision_keys() if not self.settled(key))

    def hunk_lines(self, key: Key) -> Lines | None:
        """The result of one hunk, None while it is open. Proposals count as they stand."""
        decision = self.decisions.get(key)
        return None if decision is None else taken(self.hunk(key), decision)

    def contents(self) -> dict[str, bytes | None]:
        """The result of every path that is settled by its text (None: no file). ValueError while something is open."""
        if still := self.open_keys():
            raise ValueError(f"not every conflict is settled: {', '.join(sorted({path for path, _ in still}))}")
        return {file.path: self._content(file) for file in self.conflict.files}

    # --- inside ---

    def _as_picked(self, key: Key, now: Decision | None) -> list[tuple[Side, int]]:
        """Picking starts from what was taken so far."""
        hunk = self.hunk(key)
        orders: dict[Take, tuple[Side, ...]] = {
            Take.LANDED: ("landed",),
            Take.BRANCH: ("branch",),
            Take.BASE: ("base",),
            Take.BOTH: ("landed", "branch"),
            Take.BOTH_REVERSED: ("branch", "landed"),
        }
        order = orders.get(now.take, ()) if now is not None else ()
        return [(side, index) for side in order for index in range(len(hunk.side(side)))]

    def _check(self, key: Key, decision: Decision) -> None:
        file = self.conflict.file(key[0])
        if key[1] == WHOLE:
            by_hand = decision.take is Take.EDITED and file.kind not in NAMES_ONLY
            if not by_hand and decision.take not in file.offers:
                raise ValueError(f"{file.path}: `{decision.take}` makes no sense for a {file.kind} conflict")
            return
        self.hunk(key)
        if decision.take is Take.DELETE:
            raise ValueError("a hunk cannot be deleted as a file: take `neither`")

    def _content(self, file: ConflictFile) -> bytes | None:
        whole = self.decisions.get((file.path, WHOLE))
        if whole is not None:
            return _whole(file, whole)
        lines: list[str] = []
        for part in file.parts:
            if isinstance(part, Clean):
                lines.extend(part.lines)
            else:
                lines.extend(taken(part, self.decisions[file.path, part.number]))
        return encoded(join_lines(lines))


def taken(hunk: Hunk, decision: Decision) -> Lines:
    """The lines a decision makes of a hunk."""
    match decision.take:
        case Take.LANDED:
            return hunk.landed
        case Take.BRANCH:
            return hunk.branch
        case Take.BASE:
            return hunk.base
        case Take.BOTH:
            return join_lines(hunk.landed + hunk.branch)
        case Take.BOTH_REVERSED:
            return join_lines(hunk.branch + hunk.landed)
        case Take.NEITHER | Take.DELETE:
            return ()
        case Take.LINES | Take.EDITED:
            return decision.lines


def join_lines(lines: Lines | list[str]) -> Lines:
    """The lines with a line ending wherever another line follows (a file's last line may have none)."""
    ending = "\r\n" if any(line.endswith("\r\n") for line in lines) else "\n"
    last = len(lines) - 1
    return tuple(line if index == last or line.endswith("\n") else line + ending for index, line in enumerate(lines))


def decoded(content: bytes) -> Lines:
    """The lines of a file; only line feeds end a line."""
    text = content.decode("utf-8", "surrogateescape")
    lines = [line + "\n" for line in text.split("\n")]
    lines[-1] = lines[-1][:-1]
    return tuple(lines if lines[-1] else lines[:-1])


def encoded(lines: Lines) -> bytes:
    """The bytes of lines made by `decoded`."""
    return "".join(lines).encode("utf-8", "surrogateescape")


def _whole(file: ConflictFile, decision: Decision) -> bytes | None:
    if decision.take is Take.EDITED:
        return encoded(decision.lines)
    if decision.take is Take.DELETE:
        return None
    sides = {Take.LANDED: file.landed, Take.BRANCH: file.branch, Take.BASE: file.base}
    side = sides.get(decision.take)
    return side.content if side is not None else None
