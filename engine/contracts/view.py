"""Pure: contracts as the snapshot shows them."""

from __future__ import annotations

from engine.contracts.records import ContractRecord
from engine.model import BreachView, ContractView, MockView, TaskState
from engine.plan import Contract
from engine.state import State, Step, TaskRecord

_NOT_BEGUN = (TaskState.WAITING, TaskState.QUEUED)


def contract_views(state: State) -> tuple[ContractView, ...]:
    """Every contract of the plan, in its order."""
    return tuple(_view(state, c, state.contracts[c.name]) for c in state.plan.contracts if c.name in state.contracts)


def _view(state: State, contract: Contract, known: ContractRecord) -> ContractView:
    records = state.tasks.values()
    return ContractView(
        name=contract.name,
        kind=contract.kind,
        files=contract.files,
        by=contract.by,
        frozen=known.frozen,
        version=known.version,
        digest=known.digest,
        since=known.since,
        reason=_reason(state, contract, known),
        implementers=tuple(r.id for r in records if contract.name in r.spec.implements),
        consumers=tuple(r.id for r in records if contract.name in r.spec.consumes),
        check=contract.check or "",
        mock=contract.mock or "",
        verify=contract.verify or "",
        serve=contract.serve or "",
        mocks=tuple(view for r in records for view in _mocks(r, contract.name)),
        breaches=tuple(
            BreachView(b.task, b.attempt, b.paths, b.base, b.commit, b.since, b.state) for b in known.breaches
        ),
    )


def _mocks(record: TaskRecord, name: str) -> list[MockView]:
    mock = record.attempt.mocks.get(name)
    if mock is None:
        return []
    log, words = mock.log, mock.words
    worker = record.attempt.worker
    return [MockView(record.id, worker, mock.port, mock.pid, mock.state, mock.since, mock.launch - 1, log, words)]


def _reason(state: State, contract: Contract, known: ContractRecord) -> str:
    """Where a contract stands, in words."""
    if known.problem:
        return known.problem
    if known.frozen:
        return f"frozen as version {known.version}"
    author = state.tasks.get(contract.by)
    if author is None:
        return f"nobody writes it: there is no task {contract.by}"
    if author.state is TaskState.LANDED:
        return "written; it is looked at"
    if author.state in _NOT_BEGUN:
        return f"not written yet: {author.id} is {author.state}"
    if author.state in (TaskState.RUNNING, TaskState.PAUSED):
        return "written; it is checked" if author.attempt.step is Step.TESTING else f"{author.id} writes it"
    if author.state in (TaskState.MERGING, TaskState.TESTING):
        return f"written and checked; frozen when {author.id} lands"
    return f"not frozen: {author.id} is {author.state} ({author.reason})"
