"""Pure: the semaphore of CPU-heavy commands, with its line."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Asked:
    """A command that holds or wants a slot. `at` is when it asked, in seconds since the epoch."""

    slot: str
    owner: str
    command: str
    pid: int
    at: float


@dataclass(slots=True)
class SlotLine:
    """`limit` slots, granted first come first served. The slots of a suspended (paused) owner do not count.

    An owner that wants to go on but finds no room is returning: it keeps asking, and nobody in line passes it.
    """

    limit: int
    _held: dict[str, Asked] = field(default_factory=dict)
    _line: dict[str, Asked] = field(default_factory=dict)
    _suspended: set[str] = field(default_factory=set)
    _returning: list[str] = field(default_factory=list)

    def request(self, slot: str, owner: str, command: str, pid: int, at: float) -> None:
        """Join the line; one that holds a slot or is in line already stays where it is."""
        if slot not in self._held and slot not in self._line:
            self._line[slot] = Asked(slot, owner, command, pid, at)

    def free(self, slot: str) -> None:
        """A holder ended or somebody left the line; unknown ids are ignored."""
        self._line.pop(slot, None)
        asked = self._held.pop(slot, None)
        if asked is not None and asked.owner in self._returning and not self._wants(asked.owner):
            self._go_on(asked.owner)

    def suspend(self, owner: str) -> None:
        """The owner is paused: what it holds uses no processor, what it wants is passed over."""
        self._suspended.add(owner)
        if owner in self._returning:
            self._returning.remove(owner)

    def resume(self, owner: str) -> bool:
        """Count the owner's slots again. False when there is no room yet: ask again, the line waits for it.

        An owner with more slots than there can ever be goes on when nobody else runs, so it cannot block for ever.
        """
        if owner not in self._suspended:
            return True
        wanted = self._wants(owner)
        if wanted and not self._may_return(owner, wanted):
            if owner not in self._returning:
                self._returning.append(owner)
            return False
        self._go_on(owner)
        return True

    def forget(self, owner: str) -> None:
        """The owner has ended: it neither pauses nor returns."""
        self._go_on(owner)

    def _wants(self, owner: str) -> int:
        return sum(asked.owner == owner for asked in self._held.values())

    def _may_return(self, owner: str, wanted: int) -> bool:
        before = self._returning[: self._returning.index(owner)] if owner in self._returning else self._returning
        return not before and (wanted <= self._room() or not self.running())

    def _go_on(self, owner: str) -> None:
        self._suspended.discard(owner)
        if owner in self._returning:
            self._returning.remove(owner)

    def running(self) -> int:
        """How many holders use a processor: those whose owner is not paused."""
        return sum(asked.owner not in self._suspended for asked in self._held.values())

    def _room(self) -> int:
        return self.limit - self.running()

    def grants(self, pressed: bool = False) -> tuple[str, ...]:
        """Move as many as fit from the line to the holders; their ids. On a pressed machine one runs at a time."""
        if not self._line or self._returning:
            return ()
        free = self._free(pressed)
        granted = tuple(slot for slot, asked in self._line.items() if asked.owner not in self._suspended)[:free]
        for slot in granted:
            self._held[slot] = self._line.pop(slot)
        return granted

    def _free(self, pressed: bool) -> int:
        room = max(0, self._room())
        return min(room, 0 if self.running() else 1) if pressed else room

    def stalls(self) -> bool:
        """True when somebody could go on, none does, and there is no reason for it: a bug of whoever grants."""
        waiting = any(asked.owner not in self._suspended for asked in self._line.values())
        return waiting and not self._returning and not self.running() and self._room() > 0

    def held_back(self, pressed: bool) -> bool:
        """True when there is room for somebody in line, but the machine is pressed."""
        return pressed and bool(self._line) and not self._returning and self._room() > 0

    def held(self) -> tuple[Asked, ...]:
        """The holders, in the order they got their slots."""
        return tuple(self._held.values())

    def line(self) -> tuple[Asked, ...]:
        """Those who wait, the next one first."""
        return tuple(self._line.values())

    def place(self, slot: str) -> int:
        """The place in the line from 1; 0 when it is not in line."""
        return next((n for n, waiting in enumerate(self._line, 1) if waiting == slot), 0)

    def behind(self, slot: str) -> tuple[str, ...]:
        """What a slot in line waits for, as `command (owner)`: holders first, then those before it in line."""
        place = self.place(slot)
        if not place:
            return ()
        ahead = [*self._held.values(), *list(self._line.values())[: place - 1]]
        passed = self._suspended.difference(self._returning)
        return tuple(f"{asked.command} ({asked.owner})" for asked in ahead if asked.owner not in passed)

    def set_limit(self, limit: int) -> None:
        """Change the number of slots; holders beyond it finish first."""
        self.limit = limit

    def check(self) -> None:
        """The invariants; AssertionError when one does not hold."""
        assert not self._held.keys() & self._line.keys(), "an id holds a slot and waits for one"
        assert self._suspended.issuperset(self._returning), "an owner that goes on is still returning"
        assert len(set(self._returning)) == len(self._returning), "an owner is returning twice"
        assert all(self._wants(owner) for owner in self._returning), "an owner without a slot holds up the line"
