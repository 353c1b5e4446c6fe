"""Composes what an agent is told: the task's own words, how to work here, and why an earlier attempt failed (pure)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from engine.contracts.kinds import mock_module
from engine.contracts.records import variable_name
from engine.plan import Contract, TaskSpec

MAX_FAILURES = 3
MAX_FAILURE_CHARACTERS = 6_000
MAX_LISTED = 30
CONTINUED = "Your branch already holds the work of an earlier attempt at this task. Look at it, and go on from there."
RESUMED = "Go on with your task from where you were, and finish it. The files are as you left them, unless told above."
RULE_OF_EDITS = (
    "A file nobody holds becomes yours when you edit it. An edit of a held one is refused with its holder's name, or "
    "stops you until it is free: do the rest of your work first, then try again; do not get around it by a command."
)
_FENCE = re.compile(r"`{3,}")


def compose(
    spec: TaskSpec,
    *,
    claims: Sequence[str],
    held_by_others: Sequence[tuple[str, str]],
    failures: Sequence[str],
    note: str,
    landed_since: Sequence[str],
    contracts: Sequence[Contract],
    continued: bool = False,
    mocks: Mapping[str, int] = MappingProxyType({}),
    amends: Collection[str] = (),
) -> str:
    """The whole prompt of one attempt.

    `claims` are the patterns the task holds, `held_by_others` (pattern, holder); `failures` the outputs of failed
    attempts, oldest first, of which the last three are shown; `landed_since` ids of tasks merged after it began;
    `continued` says that the branch holds the work of an attempt before; `mocks` are the ports contracts are mocked on,
    `amends` the frozen contracts the task may change."""
    rules = _rules(spec, claims, held_by_others, _contracts(spec, contracts, mocks, amends))
    before = [CONTINUED] if continued and not failures else []
    sections = (
        [spec.prompt.strip()],
        _section("Note from the developer", [note.strip()] if note.strip() else []),
        _section(
            "Working rules",
            [_bullets(rules)],
        ),
        _section("Work so far", before),
        _section("Landed since this task began", [_named(landed_since)] if landed_since else []),
        _section("The last attempt failed", list(_failed(failures))),
    )
    return "\n\n".join(text for section in sections for text in section) + "\n"


def resumed(
    *,
    failures: Sequence[str],
    note: str,
    landed_since: Sequence[str],
    held_by_others: Sequence[tuple[str, str]],
) -> str:
    """What an agent is told that knows its task already, since its conversation goes on; arguments as in `compose`."""
    held = [f"- Held by other tasks now, do not touch: {_holders(held_by_others)}."] if held_by_others else []
    sections = (
        _section("Note from the developer", [note.strip()] if note.strip() else []),
        _section("Landed since this task began", [_named(landed_since)] if landed_since else []),
        _section("Working rules", held),
        _section("The last attempt failed", list(_failed(failures))),
    )
    told = [text for section in sections for text in section]
    return "\n\n".join([*told, RESUMED]) + "\n"


def _section(title: str, body: list[str]) -> list[str]:
    return [f"## {title}", *body] if body else []


def _bullets(lines: Iterator[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _named(names: Sequence[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:MAX_LISTED])
    more = len(names) - MAX_LISTED
    return f"{shown} and {more} more" if more > 0 else shown


def _rules(
    spec: TaskSpec, claims: Sequence[str], held_by_others: Sequence[tuple[str, str]], contracts: Iterator[str]
) -> Iterator[str]:
    yield "You work alone in a git worktree of your own; other tasks work on the same repository at the same time."
    yield from _paths(spec, claims)
    if held_by_others:
        yield f"Held by other tasks, do not touch: {_holders(held_by_others)}."
    yield RULE_OF_EDITS
    yield from contracts
    if spec.test:
        yield f"`{spec.test}` must pass when you are done."
    yield "Stay on this branch. Commit your work or leave it uncommitted, both are fine. Do not push."
    yield "Nobody can answer questions: decide, and finish the task."


def _paths(spec: TaskSpec, claims: Sequence[str]) -> Iterator[str]:
    shared = [pattern for pattern in claims if pattern in spec.shared]
    own = [pattern for pattern in claims if pattern not in spec.shared and pattern not in spec.reads]
    if own:
        yield f"Edit only: {_named(own)}."
    if shared:
        yield f"Others may edit these too, so keep changes there small: {_named(shared)}."
    if spec.reads:
        yield f"Read but do not edit: {_named(spec.reads)}."


def _holders(held: Sequence[tuple[str, str]]) -> str:
    shown = ", ".join(f"`{pattern}` ({holder})" for pattern, holder in held[:MAX_LISTED])
    more = len(held) - MAX_LISTED
    return f"{shown} and {more} more" if more > 0 else shown


def _contracts(
    spec: TaskSpec, contracts: Sequence[Contract], mocks: Mapping[str, int], amends: Collection[str]
) -> Iterator[str]:
    for contract in contracts:
        yield _contract(spec, contract, mocks.get(contract.name, 0))
        if contract.name in amends:
            checked = f"; `{contract.check}` must pass" if contract.check else ""
            yield f"The developer allowed you to change the contract {contract.name}{checked}."


def _contract(spec: TaskSpec, contract: Contract, port: int) -> str:
    files = _named(contract.files)
    if contract.by == spec.id:
        checked = f"; `{contract.check}` must pass" if contract.check else ""
        return f"You write the contract {contract.name} in {files}: others will build on it as it stands{checked}."
    if contract.name in spec.implements:
        checked = f"; `{contract.verify}` must pass" if contract.verify else ""
        return f"Implement the contract {contract.name} ({files}) exactly; it is frozen, do not edit it{checked}."
    variable = variable_name(contract.name)
    if contract.name in spec.consumes:
        served = f"; {_mock_words(contract, port, variable)}" if port else ""
        return f"Rely only on the contract {contract.name} ({files}); it is frozen, do not edit it{served}."
    return f"The contract {contract.name} ({files}) is frozen, do not edit it."


def _mock_words(contract: Contract, port: int, variable: str) -> str:
    if mock_module(contract, Path()) is not None:
        return f"a mock of it is the Python module at $AURORA_MOCK_{variable}, with a class MockX for every interface X"
    return f"a mock of it answers at http://127.0.0.1:{port} ($AURORA_MOCK_{variable})"


def _failed(failures: Sequence[str]) -> Iterator[str]:
    """The latest failures with their output fenced; the branch still holds the work they were about."""
    if not failures:
        return
    yield "Your branch still has that work. Find the cause in this output and fix it:"
    for failure in failures[-MAX_FAILURES:]:
        yield _fenced(_end_of(failure.strip()))


def _end_of(text: str) -> str:
    """The first line (what failed) and as much of the end as fits."""
    if len(text) <= MAX_FAILURE_CHARACTERS:
        return text
    first = text.partition("\n")[0][:200]
    return f"{first}\n…\n{text[-MAX_FAILURE_CHARACTERS:].partition(chr(10))[2] or text[-MAX_FAILURE_CHARACTERS:]}"


def _fenced(text: str) -> str:
    longest = max((len(run) for run in _FENCE.findall(text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}\n{text}\n{fence}"
