"""Pure: the semaphore of CPU-heavy commands, with its line."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Asked:
    """A command that holds or wants a slot. `at` is seconds since the epoch when it asked (or was granted)."""

    slot: str
    owner: str
    command: str
    pid: int
    at: float


@dataclass(slots=True)
class SlotLine:
    """`limit` slots, granted first come first served. The slots of a suspended (paused) owner do not count."""

    limit: int
    _held: dict[str, Asked] = field(default_factory=dict)
    _line: dict[str, Asked] = field(default_factory=dict)
    _suspended: set[str] = field(default_factory=set)
    _returning: list[str] = field(default_factory=list)

    def request(self, slot: str, owner: str, command: str, pid: int, at: float) -> None:
        """Join the line."""
        if slot not in self._held:
            self._line[slot] = Asked(slot, owner, command, pid, at)

    def free(self, slot: str) -> None:
        """A holder ended or somebody left the line; unknown ids are ignored."""
        self._held.pop(slot, None)
        self._line.pop(slot, None)

    def suspend(self, owner: str) -> None:
        """The owner is paused: what it holds uses no processor."""
        self._suspended.add(owner)
        if owner in self._returning:
            self._returning.remove(owner)

    def resume(self, owner: str) -> bool:
        """Count the owner's slots again. False when there is no room; it then goes before the line."""
        if owner not in self._suspended:
            return True
        wanted = sum(asked.owner == owner for asked in self._held.values())
        if wanted and wanted > self._room():
            if owner not in self._returning:
                self._returning.append(owner)
            return False
        self._suspended.discard(owner)
        if owner in self._returning:
            self._returning.remove(owner)
        return True

    def forget(self, owner: str) -> None:
        """The owner has ended: it neither pauses nor returns."""
        self._suspended.discard(owner)
        if owner in self._returning:
            self._returning.remove(owner)

    def _room(self) -> int:
        return self.limit - sum(asked.owner not in self._suspended for asked in self._held.values())

    def grants(self) -> tuple[str, ...]:
        """Move as many as fit from the line to the holders; their ids."""
        granted: list[str] = []
        for slot, asked in list(self._line.items()):
            if self._returning or self._room() <= 0:
                break
            if asked.owner in self._suspended:
                continue
            del self._line[slot]
            self._held[slot] = asked
            granted.append(slot)
        return tuple(granted)

    def held(self) -> tuple[Asked, ...]:
        """The holders, oldest first."""
        return tuple(self._held.values())

    def line(self) -> tuple[Asked, ...]:
        """Those who wait, the next one first."""
        return tuple(self._line.values())

    def place(self, slot: str) -> int:
        """The place in the line from 1; 0 when it is not in line."""
        return next((n for n, waiting in enumerate(self._line, 1) if waiting == slot), 0)

    def behind(self, slot: str) -> tuple[str, ...]:
        """What is held or waits before a slot in line, as `command (owner)`."""
        ahead = [*self._held.values()]
        for waiting, asked in self._line.items():
            if waiting == slot:
                break
            ahead.append(asked)
        return tuple(f"{asked.command} ({asked.owner})" for asked in ahead)

    def set_limit(self, limit: int) -> None:
        """Change the number of slots; holders beyond it finish first."""
        self.limit = limit

    def check(self) -> None:
        """No id holds and waits at once; AssertionError otherwise."""
        assert not self._held.keys() & self._line.keys()
