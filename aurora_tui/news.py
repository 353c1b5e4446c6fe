"""Pure: what became different between two snapshots that the developer should hear of, wherever the focus is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from engine.model import Snapshot, TaskState, TaskView
from widgets.text import cut, flat, names

MOST_ASKED = 120
MOST_SPENT = 0.8
"""The share of a budget at which it is said that little is left."""
Severity = Literal["information", "warning", "error"]


@dataclass(frozen=True, slots=True)
class News:
    """One toast. `calls` when the developer is needed: the title and the bell say so too."""

    text: str
    severity: Severity = "information"
    calls: bool = False


def news(before: Snapshot | None, now: Snapshot) -> list[News]:
    """What happened, in the order of the plan. Nothing for the first snapshot."""
    if before is None or before.run != now.run:
        return []
    states = {task.id: task for task in before.tasks}
    told = [item for task in now.tasks if (item := _of_task(states.get(task.id), task)) is not None]
    landed = tuple(
        task.id for task in now.tasks if task.state is TaskState.LANDED and _was_other(states.get(task.id), task)
    )
    if landed:
        told.append(News(f"✓ landed: {names(landed, 4)}"))
    return [*told, *_of_run(before, now)]


def _was_other(before: TaskView | None, task: TaskView) -> bool:
    return before is not None and before.state is not task.state


def _of_task(before: TaskView | None, task: TaskView) -> News | None:
    if before is None:
        return News(f"{task.id} was added")
    if task.asks and task.asks != before.asks:
        return News(f"? {task.id} asks: {cut(flat(task.asks), MOST_ASKED)} (m answers)", "warning", calls=True)
    if task.breach and task.breach != before.breach:
        return News(f"≠ {task.id} changes the frozen contract {task.breach} (c rules on it)", "warning", calls=True)
    if not _was_other(before, task):
        return None
    if task.state is TaskState.FAILED:
        return News(f"✗ {task.id} failed: {flat(task.reason)}", "error", calls=True)
    if task.state is TaskState.CONFLICT and not task.breach:
        return News(f"≠ {task.id} is in conflict: {flat(task.reason)}", "warning", calls=True)
    if task.state is TaskState.PAUSED and not task.breach and task.reason.startswith("frozen"):
        return News(f"❄ {task.id} is {flat(task.reason)}", "warning", calls=True)
    if task.state in (TaskState.QUEUED, TaskState.RUNNING) and before.state in (TaskState.MERGING, TaskState.TESTING):
        return News(f"↺ {task.id} gets another try: the tests were red with it", "warning")
    return None


def _of_run(before: Snapshot, now: Snapshot) -> list[News]:
    told = []
    if now.merge.landing_blocked and not before.merge.landing_blocked:
        told.append(News(f"the landing waits: {flat(now.merge.landing_blocked)}", "warning", calls=True))
    if now.merge.target_red and not before.merge.target_red:
        told.append(News(f"the tests are red on {now.target} itself: nothing can land", "error", calls=True))
    if now.tasks and _over(now) and not _over(before):
        told.append(News(f"all {len(now.tasks)} tasks landed", calls=True))
    return [*told, *_of_contracts(before, now), *_of_profiles(before, now), *_of_money(before, now)]


def _of_contracts(before: Snapshot, now: Snapshot) -> list[News]:
    versions = {contract.name: contract.version for contract in before.contracts}
    mocks = {(c.name, mock.task): mock.state for c in before.contracts for mock in c.mocks}
    told = [
        News(f"❄ the contract {contract.name} is frozen as version {contract.version}")
        for contract in now.contracts
        if contract.version > versions.get(contract.name, contract.version)
    ]
    dead = [
        News(f"✗ the mock of {contract.name} for {mock.task} is dead: {flat(mock.words)}", "warning")
        for contract in now.contracts
        for mock in contract.mocks
        if mock.state == "dead" and mocks.get((contract.name, mock.task)) != "dead"
    ]
    return [*told, *dead]


def _of_profiles(before: Snapshot, now: Snapshot) -> list[News]:
    limits = {profile.name: profile.until for profile in before.profiles}
    words = {profile.name: profile.words for profile in before.profiles}
    stopped = [
        News(f"✗ {flat(profile.words)}", "error", calls=True)
        for profile in now.profiles
        if profile.limit == 0 and profile.until is None and profile.words and profile.words != words.get(profile.name)
    ]
    return stopped + [
        News(f"◔ {flat(profile.name)} has met a rate limit: {flat(profile.words)}", "warning")
        for profile in now.profiles
        if profile.until is not None and limits.get(profile.name) is None
    ]


def _of_money(before: Snapshot, now: Snapshot) -> list[News]:
    """Once when most of the run's budget is spent, and when all of it is."""
    was, share = _spent(before), _spent(now)
    spent = f"${now.cost:.2f}" if now.budget_usd is not None else f"{now.tokens:,} tokens"
    if was < 1.0 <= share:
        return [News(f"$ the budget is spent ({spent}): nothing new starts", "error", calls=True)]
    if was < MOST_SPENT <= share:
        return [News(f"$ {share:.0%} of the budget is spent ({spent})", "warning")]
    return []


def _spent(snapshot: Snapshot) -> float:
    """The share of the run's budget that is spent."""
    usd = snapshot.cost / snapshot.budget_usd if snapshot.budget_usd else 0.0
    tokens = snapshot.tokens / snapshot.budget_tokens if snapshot.budget_tokens else 0.0
    return max(usd, tokens)


def _over(snapshot: Snapshot) -> bool:
    return all(task.state is TaskState.LANDED for task in snapshot.tasks)
