"""The lock table: who holds what, who waits for it; below it the slots for heavy commands and their line."""

from __future__ import annotations

from engine.model import LockMode, LockView, SlotView, Snapshot
from widgets.columns import GAP, Column, widest
from widgets.look import Piece
from widgets.moment import Moment, lock_key
from widgets.table_view import TableView
from widgets.text import duration, flat, many

MODES = {LockMode.EXCLUSIVE: "excl", LockMode.SHARED: "shared", LockMode.READS: "reads"}
PATTERN, MODE, SINCE = 18, 6, 6
"""Cells for a pattern at the least, a mode and a time."""
SLOT = "slot\0"
OF_CONTRACT = "contract "
"""How a contract is named among the holders of locks."""


class LockPane(TableView):
    """Locks somebody waits for come first."""

    moment: Moment | None = None
    filter_text = ""
    _shown_for: tuple[Snapshot | None, str] = (None, "")

    def show(self, moment: Moment) -> None:
        """Another moment of the run."""
        known, self._shown_for = self._shown_for, (moment.snapshot, self.filter_text)
        self.moment = moment
        snapshot = moment.snapshot
        if known[0] is snapshot and known[1] == self.filter_text:
            self.paint_changes()
            return
        wanted = self.filter_text.lower()
        locks = [lock for lock in snapshot.locks if not wanted or self._matches(lock, wanted)]
        locks.sort(key=lambda lock: (-len(lock.waiters), lock.pattern, lock.holder))
        self._locks = {lock_key(lock): lock for lock in locks}
        self._slots = {SLOT + slot.id: slot for slot in snapshot.slots}
        self.set_columns(self._columns(snapshot))
        self.set_keys([*self._locks, *self._slots])
        waiting = {task for lock in snapshot.locks for task in lock.waiters}
        held = sum(1 for slot in snapshot.slots if slot.held)
        heavy = f" · heavy {held} of {snapshot.slots_limit}" if snapshot.slots else ""
        asking = {task for lock in snapshot.locks for task, _ in lock.asking}
        at_file = f", {len(asking)} at a file" if asking else ""
        waits = f", {many(len(waiting), 'task')} waiting{at_file}" if waiting else ""
        self.set_note(f"{many(len(snapshot.locks), 'lock')}{waits}{heavy}" if self.keys else "")

    @staticmethod
    def _matches(lock: LockView, wanted: str) -> bool:
        return any(wanted in text.lower() for text in (lock.pattern, lock.holder, *lock.waiters))

    def empty_text(self) -> str:
        """Nothing is held, or nothing matches."""
        if self.filter_text:
            return f"No lock matches “{self.filter_text}”. Esc shows all."
        return "No file is locked. A task locks the files it claims when it starts." if self.moment else ""

    def on_resize(self) -> None:
        """Another room for patterns and for those who wait."""
        if self.moment is not None:
            self.set_columns(self._columns(self.moment.snapshot))

    def _columns(self, snapshot: Snapshot) -> tuple[Column, ...]:
        """Those who wait get the room their names take, patterns what is left of it."""
        locks = snapshot.locks
        modes = snapshot.slots or any(lock.mode is not LockMode.EXCLUSIVE for lock in locks)
        holders = [*(_holder(lock.holder) for lock in locks), *(slot.owner for slot in snapshot.slots)]
        patterns = [*(_pattern(lock) for lock in locks), *(_command(slot) for slot in snapshot.slots)]
        holder = widest(holders, 6, 14)
        waiters = any(lock.waiters for lock in locks) or any(not slot.held for slot in snapshot.slots)
        behind = widest(map(_waiters, locks), 9, 40) if waiters else 0
        mode, since = MODE if modes else 0, SINCE
        left = self.page_width - holder - behind - 2 * GAP
        beside = left - mode - since - 2 * GAP
        most = beside if beside >= PATTERN else max(PATTERN, left)
        return (
            Column("pattern", widest(patterns, 12, most) if waiters else PATTERN, stretch=not waiters, path=True),
            Column("mode", mode, drop=3),
            Column("holder", holder),
            Column("since", since, right=True, drop=1),
            Column("waiters", 9 if waiters else 0, stretch=bool(waiters)),
        )

    @property
    def selected_lock(self) -> LockView | None:
        """The lock under the cursor."""
        return self._locks.get(self.selected_key) if self.selected_key and self.moment else None

    @property
    def selected_task(self) -> str:
        """The holder of the lock, or the owner of the slot, under the cursor; none where that is no task."""
        lock, slot = self.selected_lock, self._slots.get(self.selected_key or "") if self.moment else None
        name = lock.holder if lock is not None else slot.owner if slot is not None else ""
        return name if self.moment is not None and name in self.moment.tasks else ""

    def cells(self, key: str) -> list[Piece]:
        """A lock or a heavy slot."""
        return self._slot_cells(self._slots[key]) if key in self._slots else self._lock_cells(self._locks[key])

    def _lock_cells(self, lock: LockView) -> list[Piece]:
        assert self.moment is not None
        stuck = lock.holder_paused and bool(lock.waiters)
        holder = f"‖ {lock.holder}" if lock.holder_paused else _holder(lock.holder)
        return [
            (_pattern(lock), "strong" if lock.waiters else ""),
            (MODES[lock.mode], "dim"),
            (holder, "warn" if lock.holder_paused else "live"),
            (duration(self.moment.now - lock.since), "dim"),
            (_waiters(lock) + (" (paused holder)" if stuck else ""), "warn"),
        ]

    def _slot_cells(self, slot: SlotView) -> list[Piece]:
        assert self.moment is not None
        behind = "" if slot.held else f"○ {slot.place} in line"
        return [
            (_command(slot), "" if slot.held else "dim"),
            ("heavy", "dim"),
            (slot.owner, "live" if slot.held else "dim"),
            (duration(self.moment.now - slot.since), "dim"),
            (behind or "holds a slot", "dim"),
        ]


def _holder(name: str) -> str:
    """A task by its name; a frozen contract, which is no task, with the sign of what is frozen."""
    return f"❄ {name.removeprefix(OF_CONTRACT)}" if name.startswith(OF_CONTRACT) else name


def _waiters(lock: LockView) -> str:
    """Who waits, and at which file an agent stands."""
    fan_out = f"{len(lock.waiters)}: " if len(lock.waiters) > 1 else ""
    asked = dict(lock.asking)
    named = (f"◔ {task} at {asked[task]}" if task in asked else task for task in lock.waiters)
    return f"→ {fan_out}{', '.join(named)}" if lock.waiters else ""


def _pattern(lock: LockView) -> str:
    return lock.pattern + (" (grown)" if lock.grown else "")


def _command(slot: SlotView) -> str:
    return f"⚙ {flat(slot.command)}"
