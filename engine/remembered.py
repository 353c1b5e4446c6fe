"""Remembered resolutions: what was decided of a conflict is found again when the same conflict comes back.

The idea is git's rerere: a conflict is known by its base and its sides, whichever of them landed. git's own store
needs an index and a work tree, which merges in memory do not have. The path counts too: without it, a short hunk
would be settled like any other short hunk of the repository.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from engine.conflict_model import WHOLE, ConflictFile, Decision, Key, Settlement, SideFile, Source, Take, taken
from engine.conflict_text import as_decision, digest, file_digest, hunk_digest, side_identity
from engine.half_done import write_atomically
from engine.repo import Repo

VERSION = 1
MOST = 10_000
BY_NAME = (Take.BOTH, Take.DELETE)


@dataclass(frozen=True, slots=True)
class Memory:
    """One remembered resolution: its id, the path, whose it was, when (seconds since the epoch), and what it says:
    the lines, or the side that is taken whole."""

    id: str
    path: str
    task: str
    at: float
    lines: tuple[str, ...] = ()
    whole: str = ""


@dataclass(frozen=True, slots=True)
class Remembered:
    """The store: one file per resolution, at most `most` of them. Kept across runs."""

    folder: Path
    most: int = MOST

    @staticmethod
    def of(repo: Repo) -> Remembered:
        """The store of a repository, shared by all its worktrees."""
        return Remembered(repo.aurora_dir / "remembered")

    def remember(self, file: ConflictFile, key: Key, decision: Decision, task: str) -> None:
        """Keep what was decided of one hunk or one whole file."""
        memory = _whole(file, decision, task) if key[1] == WHOLE else _hunk(file, key, decision, task)
        document = {"version": VERSION, "path": memory.path, "task": task, "at": memory.at}
        document |= {"lines": memory.lines, "whole": memory.whole}
        write_atomically(self._file(memory.id), json.dumps(document).encode())

    def remember_all(self, settlement: Settlement) -> None:
        """Keep every decision that stands; of a file decided as a whole only that."""
        for (path, number), decision in settlement.decisions.items():
            overruled = number != WHOLE and (path, WHOLE) in settlement.decisions
            if decision.accepted and not overruled:
                self.remember(settlement.conflict.file(path), (path, number), decision, settlement.conflict.task)
        self._keep_newest()

    def recall(self, file: ConflictFile, key: Key) -> Decision | None:
        """What was decided of this conflict before, as a proposal."""
        if key[1] == WHOLE:
            found = self._read(_whole_id(file))
            return None if found is None else _as_whole(file, found)
        hunk = next(one for one in file.hunks if one.number == key[1])
        found = self._read(_hunk_id(file, key))
        return None if found is None else as_decision(hunk, found.lines, Source.REMEMBERED, accepted=False)

    def proposals(self, settlement: Settlement, keys: Iterable[Key]) -> dict[Key, Decision]:
        """What is remembered of these keys, where nothing is decided; a whole file only when all its hunks are open."""
        found: dict[Key, Decision] = {}
        for key in keys:
            file = settlement.conflict.file(key[0])
            recalled = self.recall(file, key) if settlement.decision(key) is None else None
            if recalled is not None:
                found[key] = recalled
            elif file.parts and not any(path == key[0] for path, _ in settlement.decisions):
                recalled = self.recall(file, (file.path, WHOLE))
                found |= {} if recalled is None else {(file.path, WHOLE): recalled}
        return {key: one for key, one in found.items() if key[1] == WHOLE or (key[0], WHOLE) not in found}

    def forget(self, memory_id: str) -> bool:
        """Drop one; False when there is none of that id."""
        file = self._file(memory_id)
        if file.parent != self.folder or not file.exists():
            return False
        file.unlink(missing_ok=True)
        return True

    def forget_file(self, file: ConflictFile) -> int:
        """Drop all that is remembered of one file's conflict; how many there were."""
        ids = {_whole_id(file), *(_hunk_id(file, (file.path, hunk.number)) for hunk in file.hunks)}
        return sum(self.forget(one) for one in ids)

    def listing(self) -> tuple[Memory, ...]:
        """All of them, the newest first."""
        found = (self._read(file.stem) for file in self._files())
        return tuple(sorted((one for one in found if one is not None), key=lambda one: -one.at))

    # --- files ---

    def _file(self, memory_id: str) -> Path:
        return self.folder / f"{memory_id}.json"

    def _files(self) -> list[Path]:
        return list(self.folder.glob("[0-9a-f]*.json"))

    def _read(self, memory_id: str) -> Memory | None:
        try:
            document = json.loads(self._file(memory_id).read_bytes())
            if document["version"] != VERSION:
                return None
            lines = tuple(map(str, document["lines"]))
            path, task, whole = (str(document[name]) for name in ("path", "task", "whole"))
            return Memory(memory_id, path, task, float(document["at"]), lines, whole)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _keep_newest(self) -> None:
        files = self._files()
        if len(files) <= self.most:
            return
        ages: list[tuple[float, Path]] = []
        for file in files:
            with suppress(OSError):
                ages.append((file.stat().st_mtime, file))
        for _, file in sorted(ages)[: len(files) - self.most]:
            file.unlink(missing_ok=True)


# --- ids and forms ------------------------------------------------------------------------------------------------


def _hunk_id(file: ConflictFile, key: Key) -> str:
    hunk = next(one for one in file.hunks if one.number == key[1])
    return digest(file.path, hunk_digest(hunk))


def _whole_id(file: ConflictFile) -> str:
    return digest(file.path, file_digest(file))


def _hunk(file: ConflictFile, key: Key, decision: Decision, task: str) -> Memory:
    hunk = next(one for one in file.hunks if one.number == key[1])
    return Memory(_hunk_id(file, key), file.path, task, time.time(), taken(hunk, decision))


def _whole(file: ConflictFile, decision: Decision, task: str) -> Memory:
    """A side is remembered by what it is, so that it is found whichever side it is on next time."""
    if decision.take is Take.EDITED:
        return Memory(_whole_id(file), file.path, task, time.time(), decision.lines, str(Take.EDITED))
    if decision.take in BY_NAME:
        return Memory(_whole_id(file), file.path, task, time.time(), (), str(decision.take))
    return Memory(_whole_id(file), file.path, task, time.time(), (), side_identity(_sides(file)[decision.take]))


def _as_whole(file: ConflictFile, found: Memory) -> Decision | None:
    if found.whole == Take.EDITED:
        return Decision(Take.EDITED, found.lines, source=Source.REMEMBERED, accepted=False)
    by_name = [take for take in BY_NAME if take == found.whole]
    by_side = [take for take, side in _sides(file).items() if side_identity(side) == found.whole]
    take = next((take for take in (*by_name, *by_side) if take in file.offers), None)
    return None if take is None else Decision(take, source=Source.REMEMBERED, accepted=False)


def _sides(file: ConflictFile) -> dict[Take, SideFile | None]:
    return {Take.LANDED: file.landed, Take.BRANCH: file.branch, Take.BASE: file.base}
