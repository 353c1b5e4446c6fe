"""The lock table: which task may edit which files.

Claims are granted all at once when a task is dispatched, so no task waits while it holds (no deadlock). Two globs
that could meet only in a file that does not exist are both granted; the first to write such a file owns it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count
from operator import attrgetter

from engine.model import LockMode
from engine.path_trie import Rivals
from engine.patterns import FileIndex, Pattern, view

_order = attrgetter("order", "lock.pattern")


@dataclass(frozen=True, slots=True)
class Claim:
    """What a task asks for: a pattern (see `engine.patterns`) and a mode."""

    pattern: str
    mode: LockMode


@dataclass(frozen=True, slots=True)
class Lock:
    """What a task holds. `since` is in seconds since the epoch; `grown` when taken by writing, not declared."""

    pattern: str
    mode: LockMode
    holder: str
    since: float
    grown: bool


@dataclass(frozen=True, slots=True)
class Blocker:
    """Why `pattern` cannot be granted: `holder` holds (or has `reserved`) `held`."""

    pattern: str
    holder: str
    held: str
    reserved: bool


class Write(StrEnum):
    """What an edit of a path means for the table."""

    OWN = "own"
    GROWN = "grown"
    SHARED = "shared"
    COLLISION = "collision"


@dataclass(frozen=True, slots=True)
class WriteResult:
    """The outcome of an edit; at a collision `holder` holds `held`."""

    outcome: Write
    holder: str = ""
    held: str = ""


@dataclass(eq=False, slots=True)
class _Held:
    """A lock or a reservation, with what only the table needs.

    `optimistic`: all its paths are shared by all, it stands in nobody's way. `excepted`: paths (views) others took
    from it. `beside`: holders a person let it edit beside.
    """

    lock: Lock
    pattern: Pattern
    order: int
    optimistic: bool = False
    excepted: set[str] = field(default_factory=set)
    beside: set[str] = field(default_factory=set)

    @property
    def mode(self) -> LockMode:
        return self.lock.mode

    @property
    def holder(self) -> str:
        return self.lock.holder

    def covers(self, seen: str) -> bool:
        """Whether this lock speaks for a path (a view)."""
        return not self.lost(seen) and self.pattern.regex.fullmatch(seen) is not None

    def lost(self, seen: str) -> bool:
        """Whether the path (a view) or a directory above it was taken from this lock."""
        return any(f"{seen}/".startswith(f"{taken}/") for taken in self.excepted)

    def tolerates(self, other: _Held) -> bool:
        """Whether both may edit one path: both shared, or one was let in beside the other."""
        both_share = self.mode is LockMode.SHARED and other.mode is LockMode.SHARED
        return both_share or other.holder in self.beside or self.holder in other.beside


@dataclass(frozen=True, slots=True)
class _Around:
    """The locks that matter to one task's edit of one path.

    `mine` let the task edit; `others` are all of other tasks that speak for the path or lie below it, and `written`
    those of them that are on it precisely; `precise` when one of `mine` is.
    """

    mine: tuple[_Held, ...]
    others: tuple[_Held, ...]
    written: tuple[_Held, ...]
    precise: bool

    def tolerated(self, other: _Held) -> bool:
        """Whether any lock of the task may stand beside `other`."""
        return any(held.tolerates(other) for held in self.mine)

    @property
    def in_the_way(self) -> _Held | None:
        """The lock that forbids the edit: whoever wrote the path first wins, then whoever claimed it."""
        if self.mine:
            return next((other for other in self.written if not self.tolerated(other)), None)
        return next((other for other in (*self.written, *self.others) if other.mode is not LockMode.SHARED), None)


class LockTable:
    """All locks and reservations. `files` exist already; paths that match `shared` are optimistic for everybody.

    Modes: exclusive is incompatible with everything of other tasks; shared only with shared; reads only with reads.
    """

    def __init__(self, files: Iterable[str] = (), shared: Iterable[str] = ()) -> None:
        self._shared = tuple(Pattern.parse(text) for text in shared)
        self.files = FileIndex(path for path in files if not self._is_shared(path))
        self._order = count()
        self._held: dict[str, dict[tuple[str, LockMode], _Held]] = {}
        self._locks: Rivals[_Held] = Rivals(self.files)
        self._reserved: dict[str, tuple[_Held, ...]] = {}
        self._frozen: dict[str, tuple[_Held, ...]] = {}
        self._wanted: Rivals[_Held] = Rivals(self.files)

    # --- asking and granting ----------------------------------------------------------------------------------

    def conflicts(self, task: str, claims: Sequence[Claim]) -> tuple[Blocker, ...]:
        """What stands in the way of granting all `claims` to `task` now; changes nothing.

        Of two reservations only the older one blocks, or both tasks would wait for ever.
        """
        return tuple(blocker for claim in dict.fromkeys(claims) for blocker in self._blockers(task, claim))

    def _blockers(self, task: str, claim: Claim) -> list[Blocker]:
        pattern = Pattern.parse(claim.pattern)
        held = self._in_the_way(self._locks, task, pattern, claim.mode)
        wanted = self._in_the_way(self._wanted, task, pattern, claim.mode)
        if not (held or wanted) or self._has(task, claim) or self._is_optimistic(pattern):
            return []
        own = self._reserved.get(task)
        older = [entry for entry in wanted if not own or entry.order < own[0].order]
        return [_blocker(claim, entry, False) for entry in held] + [_blocker(claim, entry, True) for entry in older]

    def _in_the_way(self, entries: Rivals[_Held], task: str, pattern: Pattern, mode: LockMode) -> list[_Held]:
        rivals = [
            entry for entry in entries.of(pattern, mode) if entry.lock.holder != task and not _gave_up(entry, pattern)
        ]
        return sorted(rivals, key=_order) if len(rivals) > 1 else rivals

    def grant(self, task: str, claims: Sequence[Claim], at: float) -> None:
        """Give `task` all claims at once and end its reservation; ValueError when `conflicts` names any blocker."""
        if blockers := self.conflicts(task, claims):
            first = blockers[0]
            raise ValueError(f"{task} cannot have `{first.pattern}`: {first.holder} has `{first.held}`")
        self.unreserve(task)
        for claim in claims:
            if not self._has(task, claim):
                self._add(task, Pattern.parse(claim.pattern), claim.mode, at)

    def reserve(self, task: str, claims: Sequence[Claim], at: float) -> None:
        """Keep later grants of overlapping claims from others; a task that had a reservation keeps its turn."""
        before = self._reserved.get(task, ())
        order = before[0].order if before else next(self._order)
        self._forget_reservation(task)
        locks = [Lock(claim.pattern, claim.mode, task, at, grown=False) for claim in dict.fromkeys(claims)]
        patterns = [Pattern.parse(lock.pattern) for lock in locks]
        self._reserved[task] = tuple(
            _Held(lock, pattern, order, self._is_optimistic(pattern))
            for lock, pattern in zip(locks, patterns, strict=True)
        )
        for entry in self._reserved[task]:
            self._wanted.add(entry)

    def unreserve(self, task: str) -> None:
        """End the task's reservation, if it has one."""
        if task in self._reserved:
            self._forget_reservation(task)
            del self._reserved[task]

    def _forget_reservation(self, task: str) -> None:
        for entry in self._reserved.get(task, ()):
            self._wanted.remove(entry)

    # --- edits ------------------------------------------------------------------------------------------------

    def write(self, task: str, path: str, at: float) -> WriteResult:
        """`task` edited `path`: say whose it is, and let the task's locks grow when it is free."""
        if (frozen := self._frozen_for(task, path)) is not None:
            return _collision(frozen)
        around = self._around(task, path)
        if self._is_shared(path):
            return self._write_shared(task, path, at, around)
        result = self._write_own(task, path, at, around) if around.mine else self._write_new(task, path, at, around)
        if result.outcome is not Write.COLLISION:
            self.add_files((path,))
        return result

    def _write_shared(self, task: str, path: str, at: float, around: _Around) -> WriteResult:
        if around.mine:
            return WriteResult(Write.OWN)
        self._add(task, Pattern.exact(path), LockMode.SHARED, at, grown=True)
        return WriteResult(Write.SHARED)

    def look(self, task: str, path: str) -> WriteResult:
        """What `write` would answer; changes nothing."""
        if (frozen := self._frozen_for(task, path)) is not None:
            return _collision(frozen)
        around = self._around(task, path)
        shared = self._is_shared(path)
        if not shared and (other := around.in_the_way) is not None:
            return _collision(other)
        if around.mine:
            return WriteResult(Write.OWN)
        return WriteResult(Write.SHARED if shared or around.others else Write.GROWN)

    def _write_own(self, task: str, path: str, at: float, around: _Around) -> WriteResult:
        """Whoever wrote the path first wins; where others' globs cover it too, this edit is recorded as the first."""
        if (other := around.in_the_way) is not None:
            return _collision(other)
        contested = any(other.mode is not LockMode.READS and not around.tolerated(other) for other in around.others)
        if contested and not around.precise:
            exclusive = any(held.mode is LockMode.EXCLUSIVE for held in around.mine)
            mode = LockMode.EXCLUSIVE if exclusive else LockMode.SHARED
            self._add(task, Pattern.exact(path), mode, at, grown=True)
        return WriteResult(Write.OWN)

    def _write_new(self, task: str, path: str, at: float, around: _Around) -> WriteResult:
        if (other := around.in_the_way) is not None:
            return _collision(other)
        mode = LockMode.SHARED if around.others else LockMode.EXCLUSIVE
        self._add(task, Pattern.exact(path), mode, at, grown=True)
        return WriteResult(Write.SHARED if around.others else Write.GROWN)

    def allow(self, task: str, path: str, at: float) -> None:
        """Let `task` edit `path` beside those who hold it now, from here on."""
        others = {other.holder for other in self._around(task, path).others}
        self._add(task, Pattern.exact(path), LockMode.SHARED, at, grown=True).beside.update(others)

    def take(self, task: str, path: str, at: float) -> tuple[str, ...]:
        """Give `path` and all below it to `task` alone; the holders that lost it. Their patterns stay, without it."""
        if self._is_shared(path):
            self.write(task, path, at)
            return ()
        around = self._around(task, path)
        losing = [*around.others, *self._only_below(task, path, around)]
        for other in losing:
            self._give_up(other, view(path))
        exact = Pattern.exact(path)
        self._drop(task, (exact.text, LockMode.SHARED))
        self._add(task, exact, LockMode.EXCLUSIVE, at, grown=True)
        self.add_files((path,))
        return tuple(dict.fromkeys(other.holder for other in losing))

    def _only_below(self, task: str, path: str, around: _Around) -> list[_Held]:
        """Other tasks' globs (`a/`, `*.md`) that speak for files below a path, though not for the path itself."""
        seen = view(path)
        below = [one for one in self.files.below(seen) if one != seen]
        above, _ = self._locks.trie.around(seen.split("/")) if below else ([], [])
        return [
            entry
            for entry in above
            if entry.holder != task and entry not in around.others and any(entry.covers(one) for one in below)
        ]

    def _give_up(self, held: _Held, seen: str) -> None:
        """Take the path (a view) and all below it from a lock, and the lock itself when nothing else is left of it."""
        if f"{'/'.join(held.pattern.prefix)}/".startswith(f"{seen}/"):
            self._drop(held.holder, (held.lock.pattern, held.mode))
        else:
            held.excepted.add(seen)

    def _around(self, task: str, path: str) -> _Around:
        seen = view(path)
        above, within = self._locks.trie.around(seen.split("/"))
        covering = [entry for entry in above if entry.covers(seen)]
        written = [entry for entry in within if entry.holder != task and not entry.lost(seen)]
        others = [entry for entry in covering if entry.holder != task] + written
        precise = [entry for entry in within if _lets_edit(entry, task, seen)]
        mine = precise + [entry for entry in covering if _lets_edit(entry, task, seen)]
        others.sort(key=_order)
        literal = tuple(entry for entry in written if entry.pattern.literal)
        return _Around(tuple(mine), tuple(others), literal, bool(precise))

    # --- frozen for everybody ---------------------------------------------------------------------------------

    def freeze(self, holder: str, patterns: Iterable[str], at: float, permitted: Iterable[str] = ()) -> None:
        """Nobody but the tasks `permitted` may edit what these patterns cover. Claims are granted all the same: one
        that covers frozen files among others is free to edit the others."""
        parsed = [Pattern.parse(text) for text in patterns]
        before = {entry.lock.pattern: entry for entry in self._frozen.get(holder, ())}
        if set(before) == {pattern.text for pattern in parsed}:
            return
        self._frozen[holder] = tuple(
            _Held(Lock(p.text, LockMode.READS, holder, at, grown=False), p, next(self._order), beside=set(permitted))
            for p in parsed
        )

    def unfreeze(self, holder: str) -> None:
        """What `holder` had frozen is free again."""
        self._frozen.pop(holder, None)

    def permit(self, holder: str, task: str) -> None:
        """Let one task edit what `holder` has frozen."""
        for entry in self._frozen.get(holder, ()):
            entry.beside.add(task)

    def forbid(self, holder: str, task: str) -> None:
        """Take that back."""
        for entry in self._frozen.get(holder, ()):
            entry.beside.discard(task)

    def _frozen_for(self, task: str, path: str) -> _Held | None:
        seen = view(path)
        entries = (entry for own in self._frozen.values() for entry in own)
        return next((entry for entry in entries if task not in entry.beside and entry.covers(seen)), None)

    # --- by hand ----------------------------------------------------------------------------------------------

    def hand_over(self, task: str, to: str, lock: Lock, at: float) -> None:
        """Move one lock to another task as it is: same mode, same exceptions."""
        self._replace(task, lock, to, Pattern.parse(lock.pattern), at)

    def narrow(self, task: str, lock: Lock, narrower: Pattern, at: float) -> None:
        """Replace one lock of a task by a pattern within it."""
        self._replace(task, lock, task, narrower, at)

    def _replace(self, task: str, lock: Lock, to: str, pattern: Pattern, at: float) -> None:
        """Whoever edited beside the old lock edits beside the new one."""
        old = self._held[task][(lock.pattern, lock.mode)]
        near = [entry for own in self._held.values() for entry in own.values()]
        beside = {entry.holder for entry in near if task in entry.beside} | old.beside
        had = (pattern.text, lock.mode) in self._held.get(to, {})
        self._drop(task, (lock.pattern, lock.mode))
        new = self._add(to, pattern, lock.mode, at, grown=lock.grown or to != task)
        new.excepted = new.excepted & old.excepted if had else set(old.excepted)
        new.beside |= beside - {to}

    # --- letting go and looking -------------------------------------------------------------------------------

    def release(self, task: str, pattern: str | None = None) -> bool:
        """Take one pattern from `task`, or all its locks and its reservation; whether there was anything to take."""
        keys = [key for key in self._held.get(task, ()) if pattern is None or key[0] == pattern]
        reserved = pattern is None and task in self._reserved
        for key in keys:
            self._drop(task, key)
        if reserved:
            self.unreserve(task)
        return bool(keys) or reserved

    def held(self) -> tuple[Lock, ...]:
        """All locks, the oldest first."""
        entries = [entry for own in self._held.values() for entry in own.values()]
        entries += [entry for own in self._frozen.values() for entry in own]
        return tuple(entry.lock for entry in sorted(entries, key=_order))

    def held_by(self, task: str) -> tuple[Lock, ...]:
        """The locks of one task, the oldest first."""
        return tuple(entry.lock for entry in self._held.get(task, {}).values())

    def holders(self) -> tuple[str, ...]:
        """The tasks that hold any lock."""
        return tuple(self._held)

    def reserved(self) -> tuple[str, ...]:
        """The tasks that have a reservation, the oldest first."""
        return tuple(self._reserved)

    def add_files(self, paths: Iterable[str]) -> None:
        """These files exist now."""
        fresh = [path for path in paths if path not in self.files and not self._is_shared(path)]
        views = self.files.add(fresh)
        self._locks.files_added(views)
        self._wanted.files_added(views)

    def check(self) -> None:
        """AssertionError when the table contradicts itself or a file has two exclusive holders."""
        entries = [entry for own in self._held.values() for entry in own.values()]
        assert {id(entry) for entry in self._locks.trie.check()} == {id(entry) for entry in entries}
        wanted = [entry for own in self._reserved.values() for entry in own]
        assert {id(entry) for entry in self._wanted.trie.check()} == {id(entry) for entry in wanted}
        files: dict[tuple[str, ...], list[_Held]] = {}
        for entry in entries:
            if entry.pattern.literal and not entry.optimistic:
                files.setdefault(entry.pattern.prefix, []).append(entry)
        for path, holders in files.items():
            assert not _quarrel(holders), f"{'/'.join(path)} is held by {[entry.holder for entry in holders]}"

    # --- the parts --------------------------------------------------------------------------------------------

    def _has(self, task: str, claim: Claim) -> bool:
        own = self._held.get(task, {})
        return (claim.pattern, claim.mode) in own or (claim.pattern, LockMode.EXCLUSIVE) in own

    def _is_shared(self, path: str) -> bool:
        return any(pattern.matches(path) for pattern in self._shared)

    def _is_optimistic(self, pattern: Pattern) -> bool:
        """Whether all the pattern covers is shared by all: the same language, or its directory is shared."""
        top, same = "/".join(pattern.prefix), pattern.regex.pattern
        return any(shared.regex.fullmatch(top) or shared.regex.pattern == same for shared in self._shared)

    def _add(self, task: str, pattern: Pattern, mode: LockMode, at: float, *, grown: bool = False) -> _Held:
        """The lock of `task`, new unless it has it already. On optimistic paths every lock is a shared one."""
        optimistic = self._is_optimistic(pattern)
        own = self._held.setdefault(task, {})
        lock = Lock(pattern.text, LockMode.SHARED if optimistic else mode, task, at, grown)
        key = (lock.pattern, lock.mode)
        if key not in own:
            own[key] = entry = _Held(lock, pattern, next(self._order), optimistic)
            self._locks.add(entry)
        return own[key]

    def _drop(self, task: str, key: tuple[str, LockMode]) -> None:
        own = self._held.get(task, {})
        if (entry := own.pop(key, None)) is None:
            return
        self._locks.remove(entry)
        if not own:
            del self._held[task]


def _blocker(claim: Claim, entry: _Held, reserved: bool) -> Blocker:
    return Blocker(claim.pattern, entry.holder, entry.lock.pattern, reserved)


def _collision(entry: _Held) -> WriteResult:
    return WriteResult(Write.COLLISION, entry.holder, entry.lock.pattern)


def _lets_edit(entry: _Held, task: str, seen: str) -> bool:
    return entry.holder == task and entry.mode is not LockMode.READS and entry.covers(seen)


def _gave_up(entry: _Held, pattern: Pattern) -> bool:
    """Whether all that is asked was taken from this lock before, or it never stands in the way."""
    return entry.optimistic or (pattern.literal and entry.lost(pattern.witness))


def _quarrel(holders: list[_Held]) -> bool:
    """Whether two different tasks hold one path and neither may edit beside the other."""
    return any(
        a.holder != b.holder and not a.tolerates(b) and LockMode.EXCLUSIVE in (a.mode, b.mode)
        for a in holders
        for b in holders
    )
