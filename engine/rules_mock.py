"""Pure rules: the mocks of contracts that are served to a consumer for as long as it has a worker."""

from __future__ import annotations

from collections.abc import Iterator

from engine import events as ev
from engine.contracts.records import MockRecord
from engine.effects import Effect, StartMock, StopMocks
from engine.rules_pause import current
from engine.state import State, TaskRecord

_WAITS = "waits for the mock of"


def serve_mocks(state: State, record: TaskRecord) -> Iterator[Effect]:
    """Start the mocks of the contracts a task consumes, before its agent."""
    wanted = [c.name for c in state.plan.contracts if c.mock and c.name in record.spec.consumes]
    for name in wanted:
        mock = record.attempt.mocks.setdefault(name, MockRecord())
        mock.state, mock.since = "starting", state.at
    if wanted:
        state.mocked[record.id] = record.attempt.number
        record.reason = f"{_WAITS} {', '.join(wanted)}"
    yield from serve_again(record)


def served(record: TaskRecord) -> None:
    """The agent has begun: it waits for no mock any more."""
    if record.reason.startswith(_WAITS):
        record.reason = f"on {record.attempt.worker}"


def serve_again(record: TaskRecord) -> Iterator[Effect]:
    """The effects that start (or adopt) the mocks an attempt has."""
    for name, mock in record.attempt.mocks.items():
        if mock.state not in ("dead", "ended"):
            yield start_mock(record, name)


def start_mock(record: TaskRecord, name: str) -> StartMock:
    """The effect that serves one mock."""
    attempt, mock = record.attempt, record.attempt.mocks[name]
    return StartMock(
        task=record.id,
        attempt=attempt.number,
        worker=attempt.worker,
        contract=name,
        port=mock.port,
        launch=mock.launch,
    )


def restart_mock(state: State, record: TaskRecord, name: str, words: str) -> StartMock:
    """Start a mock once more, on the port it had."""
    mock = record.attempt.mocks[name]
    mock.state, mock.words, mock.since, mock.pid = "restarting", words, state.at, 0
    mock.launch += 1
    mock.restarts += 1
    state.tell(record.id, f"the mock of {name} {words}; it is started again")
    return start_mock(record, name)


def lose_mock(state: State, record: TaskRecord, name: str, words: str) -> None:
    """A mock is not started any more unless a person says so."""
    mock = record.attempt.mocks[name]
    mock.state, mock.words, mock.since, mock.pid = "dead", words, state.at, 0
    state.tell(record.id, f"the mock of {name} {words}, twice")


def revive_mocks(state: State, record: TaskRecord) -> Iterator[Effect]:
    """A person lets a task go on: what died is started again."""
    for name, mock in record.attempt.mocks.items():
        if mock.state == "dead":
            yield restart_mock(state, record, name, mock.words)
            mock.restarts = 0


def stop_mocks(state: State) -> Iterator[Effect]:
    """End the mocks of attempts that have left their worker."""
    for task, attempt in list(state.mocked.items()):
        record = state.tasks[task]
        if task in state.busy and record.attempt.number == attempt:
            continue
        del state.mocked[task]
        if record.attempt.number == attempt:
            for mock in record.attempt.mocks.values():
                mock.state, mock.since, mock.pid = ("dead" if mock.state == "dead" else "ended"), state.at, 0
        yield StopMocks(task=task, attempt=attempt)


def on_mock_flooded(state: State, event: ev.MockFlooded) -> Iterator[Effect]:
    """A mock writes more than is kept."""
    record = current(state, event)
    mock = record.attempt.mocks.get(event.contract) if record else None
    if mock is not None:
        mock.words = "floods its log: the middle of it is left out"
        state.tell(event.task, f"the mock of {event.contract} {mock.words} ({mock.log})")
    yield from ()
