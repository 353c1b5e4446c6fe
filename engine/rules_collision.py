"""Pure rules: undeclared writes. A free path is added to the claim, a held one freezes the worker until it is free."""

from __future__ import annotations

from collections.abc import Iterator

from engine import events as ev
from engine.contracts.records import contract_of
from engine.effects import Effect, StopAgent, UpdateWorktree
from engine.locks import Write
from engine.rules_breach import note_live
from engine.rules_pause import current, hold, unhold
from engine.state import Ending, Hold, State, Step, TaskRecord


def on_files_touched(state: State, event: ev.FilesTouched) -> Iterator[Effect]:
    """Undeclared writes: grow the claim where the path is free, collide where it is not."""
    record = current(state, event)
    if record is None:
        return
    yield from write_all(state, record, event.paths)


def write_all(state: State, record: TaskRecord, paths: tuple[str, ...]) -> Iterator[Effect]:
    for path in paths:
        record.attempt.touched.add(path)
        result = state.locks.write(record.id, path, state.at)
        state.locks_version += 1
        if result.outcome is Write.GROWN:
            state.tell(record.id, f"took {path}, which it had not declared")
        elif result.outcome is Write.COLLISION:
            yield from _collide(state, record, path, result.holder)


def _collide(state: State, record: TaskRecord, path: str, holder: str) -> Iterator[Effect]:
    policy = state.plan.settings.on_collision
    working = record.attempt.step in (Step.STARTING, Step.WORKING)
    if contract_of(holder) and working and policy != "stop":
        note_live(state, record, path, holder)
    if policy == "stop" and working:
        record.attempt.ending = Ending.COLLIDED
        record.attempt.exit_words = f"it changed {path}, which {holder} holds (on_collision: stop)"
        yield StopAgent(task=record.id, attempt=record.attempt.number)
    elif policy == "allow" or not working or state.would_deadlock(record.id, holder):
        let_both_edit(state, record, path, holder)
    else:
        record.attempt.collisions[path] = holder
        state.tell(record.id, f"changed {path}, which {holder} holds")
        yield from hold(state, record, Hold.COLLISION, collision_words(record))


def collision_words(record: TaskRecord) -> str:
    """Why a frozen worker is frozen."""
    return "frozen: changed " + ", ".join(f"{p}, held by {h}" for p, h in sorted(record.attempt.collisions.items()))


def let_both_edit(state: State, record: TaskRecord, path: str, holder: str) -> None:
    """Both may edit the path; this task's merge then waits for the other's landing (unless that waits for this).

    What a contract has frozen is not let go by this: whoever changed it is stopped before it merges."""
    record.attempt.collisions.pop(path, None)
    if contract_of(holder):
        state.locks.permit(holder, record.id)
        return
    state.locks.allow(record.id, path, state.at)
    state.locks_version += 1
    ordered = not state.would_deadlock(record.id, holder)
    if ordered:
        record.merge_after.add(holder)
    words = f"; merges after {holder}" if ordered else f"; {holder} waits for this task, so both go on"
    state.tell(record.id, f"edits {path} beside {holder}: a conflict is likely{words}")


def thaw(state: State) -> Iterator[Effect]:
    """After locks were released: let frozen workers go on whose paths are free, brought up to date first."""
    for record in state.with_worker():
        attempt = record.attempt
        if not attempt.collisions:
            continue
        waited = set(attempt.collisions.values())
        for path in list(attempt.collisions):
            _try_again(state, record, path)
        state.locks_version += 1
        freed = sorted(waited - set(attempt.collisions.values()))
        attempt.thawed = f"goes on: {', '.join(freed)} let go of what it changed" if freed else attempt.thawed
        if attempt.collisions:
            record.reason = collision_words(record)
        elif attempt.step is Step.WORKING and attempt.ending is Ending.NONE:
            yield from bring_up_to_date(state, record)
        else:
            unhold(state, record, Hold.COLLISION)


def _try_again(state: State, record: TaskRecord, path: str) -> None:
    """Take a path a frozen worker waits for, if it is free; another task may have been quicker."""
    collisions = record.attempt.collisions
    result = state.locks.write(record.id, path, state.at)
    if result.outcome is not Write.COLLISION:
        del collisions[path]
        return
    del collisions[path]
    if state.would_deadlock(record.id, result.holder):
        let_both_edit(state, record, path, result.holder)
    else:
        collisions[path] = result.holder
        if contract_of(result.holder):
            note_live(state, record, path, result.holder)


def bring_up_to_date(state: State, record: TaskRecord) -> Iterator[Effect]:
    """Merge what landed into a held worker's worktree before it goes on."""
    if record.attempt.base == state.tip:
        unhold(state, record, Hold.COLLISION)
        return
    record.attempt.step = Step.UPDATING
    record.attempt.onto = state.tip
    record.reason = "is brought up to date with what landed"
    yield update(record)


def update(record: TaskRecord) -> UpdateWorktree:
    """The effect that merges the tip into a frozen attempt's worktree."""
    attempt = record.attempt
    return UpdateWorktree(
        task=record.id,
        attempt=attempt.number,
        worker=attempt.worker,
        branch=record.branch,
        base=attempt.base,
        onto=attempt.onto,
    )


def on_worktree_updated(state: State, event: ev.WorktreeUpdated) -> Iterator[Effect]:
    """The frozen worker has (or cannot have) the landed work: it goes on either way."""
    record = current(state, event)
    if record is None or record.attempt.step is not Step.UPDATING:
        return
    record.attempt.step = Step.WORKING
    if event.conflicts:
        state.tell(record.id, f"could not be brought up to date: conflict in {', '.join(event.conflicts[:3])}")
    else:
        record.attempt.base = event.onto
        state.tell(record.id, "brought up to date with what landed")
    unhold(state, record, Hold.COLLISION)
    if record.attempt.ending is not Ending.NONE:
        yield StopAgent(task=record.id, attempt=event.attempt)
