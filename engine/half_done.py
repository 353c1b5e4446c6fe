"""Half-done resolutions on disk: what was decided, with its history, as JSON that any bytes survive."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias

from engine.conflict_model import WHOLE, Conflict, Decision, Key, Settlement, Source, Take
from engine.conflict_text import file_digest, hunk_digest

VERSION = 2
MOST_STEPS = 200
State = dict[Key, Decision]
Step: TypeAlias = "dict[Key, Decision | None]"


@dataclass(frozen=True, slots=True)
class HalfDone:
    """One task's half-done work. `states` are all steps in order, `now` is the present one; `digests` say what was in
    conflict at each key, so that a decision finds its hunk again when the target has moved."""

    branch_commit: str
    onto: str
    states: tuple[State, ...] = ({},)
    now: int = 0
    digests: Mapping[Key, str] = field(default_factory=dict)


def digests_of(conflict: Conflict) -> dict[Key, str]:
    """What is in conflict at each key, the WHOLE of every file included."""
    found: dict[Key, str] = {}
    for file in conflict.files:
        found[file.path, WHOLE] = file_digest(file)
        for hunk in file.hunks:
            found[file.path, hunk.number] = f"{hunk_digest(hunk)}:{hunk.landed == max(hunk.landed, hunk.branch)}"
    return found


def half_done_of(settlement: Settlement) -> HalfDone:
    """A settlement as it is kept, with its last steps."""
    past, future = settlement.past[-MOST_STEPS:], settlement.future[-MOST_STEPS:]
    states = (*past, settlement.decisions, *future[::-1])
    conflict = settlement.conflict
    return HalfDone(conflict.branch_commit, conflict.onto, states, len(past), digests_of(conflict))


def settlement_of(conflict: Conflict, kept: HalfDone | None) -> Settlement:
    """The settlement of a conflict with all that was decided of the very same hunks and files before."""
    if kept is None:
        return Settlement(conflict)
    moved = _moves(kept.digests, digests_of(conflict))
    states = [{moved[key]: one for key, one in state.items() if key in moved} for state in kept.states]
    past = [state for state, after in pairwise(states[: kept.now + 1]) if state != after]
    rest = states[kept.now :]
    future = [state for before, state in pairwise(rest) if state != before]
    return Settlement(conflict, states[kept.now], past, future[::-1])


def _moves(before: Mapping[Key, str], after: Mapping[Key, str]) -> dict[Key, Key]:
    """Where each key of the old conflict is in the new one: in the same file, the same conflict, in order."""
    places: dict[tuple[str, str], list[Key]] = {}
    for key, digest in after.items():
        places.setdefault((key[0], digest), []).append(key)
    moved: dict[Key, Key] = {}
    for key, digest in before.items():
        if here := places.get((key[0], digest)):
            moved[key] = here.pop(0)
    return moved


# --- the file -----------------------------------------------------------------------------------------------------


def write_half_done(path: Path, kept: HalfDone) -> None:
    """Write it by rename; of each step only what it changed."""
    steps = [_encoded(_step(a, b)) for a, b in pairwise(kept.states)]
    document = {
        "version": VERSION,
        "branch_commit": kept.branch_commit,
        "onto": kept.onto,
        "first": _encoded(kept.states[0]),
        "steps": steps,
        "now": kept.now,
        "digests": [[*key, digest] for key, digest in kept.digests.items()],
    }
    write_atomically(path, json.dumps(document).encode())


def read_half_done(path: Path) -> HalfDone | None:
    """What was kept, None when there is nothing that can be read."""
    try:
        document = json.loads(path.read_bytes())
        if document["version"] != VERSION:
            return None
        states = [_applied({}, _decoded(document["first"]))]
        for step in document["steps"]:
            states.append(_applied(states[-1], _decoded(step)))
        digests = {(path, number): digest for path, number, digest in document["digests"]}
        now = range(len(states))[document["now"]]
        return HalfDone(document["branch_commit"], document["onto"], tuple(states), now, digests)
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return None


def write_atomically(path: Path, data: bytes) -> None:
    """Replace a file at once: whoever reads it sees the old or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


def _step(before: State, after: State) -> Step:
    gone: Step = dict.fromkeys(before.keys() - after.keys())
    return gone | {key: decision for key, decision in after.items() if before.get(key) != decision}


def _applied(before: State, step: Step) -> State:
    together: Step = {**before, **step}
    return {key: decision for key, decision in together.items() if decision is not None}


def _encoded(step: Mapping[Key, Decision | None]) -> list[object]:
    return [[*key, None if decision is None else encoded_decision(decision)] for key, decision in step.items()]


def _decoded(rows: list[list[object]]) -> Step:
    return {(str(row[0]), int(str(row[1]))): None if row[2] is None else decoded_decision(row[2]) for row in rows}


def encoded_decision(decision: Decision) -> list[object]:
    """A decision as plain values."""
    return [decision.take, decision.lines, decision.picked, decision.source, decision.accepted]


def decoded_decision(row: object) -> Decision:
    """The decision of `encoded_decision`; ValueError or TypeError when it is none."""
    if not isinstance(row, list):
        raise ValueError("not a decision")
    take, lines, picked, source, accepted = row
    chosen = tuple((side, int(line)) for side, line in picked)
    return Decision(Take(take), tuple(map(str, lines)), chosen, Source(source), bool(accepted))
