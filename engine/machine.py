"""The one decision-maker: `Machine.handle(event) -> effects`. Pure: no clock, no disk, no threads, no asyncio.

Modelled on dask.distributed's WorkerState: events in, instructions out, a table of legal changes, stories, invariants.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import Any

from engine import events as ev
from engine import (
    intents,
    rules_attempt,
    rules_budget,
    rules_collision,
    rules_contract,
    rules_intent,
    rules_locks,
    rules_merge,
    rules_mock,
    rules_pause,
    rules_pressure,
    rules_provider,
    rules_writes,
)
from engine.contracts.records import holder_of
from engine.effects import Effect
from engine.errors import Refused
from engine.model import TaskState
from engine.rules_continue import continue_run
from engine.rules_line import promote, start_ready
from engine.state import State, Step, TaskRecord

Rule = Callable[[State, Any], Iterator[Effect]]
IntentRule = Callable[[State, Any], Generator[Effect, None, str]]


def _on_slot_requested(state: State, event: ev.SlotRequested) -> Iterator[Effect]:
    state.slots.request(event.slot, event.owner, event.command, event.pid, event.at)
    yield from ()


def _on_slot_freed(state: State, event: ev.SlotFreed) -> Iterator[Effect]:
    state.slots.free(event.slot)
    yield from ()


RULES: dict[type[ev.Event], Rule] = {
    ev.RunContinued: continue_run,
    ev.TargetMoved: rules_merge.on_target_moved,
    ev.WorktreeReady: rules_attempt.on_worktree_ready,
    ev.WorktreeFailed: rules_attempt.on_worktree_failed,
    ev.AgentStarted: rules_attempt.on_agent_started,
    ev.AgentPaused: lambda state, event: _on_paused(state, event),
    ev.AgentExited: rules_attempt.on_agent_exited,
    ev.SessionKnown: rules_provider.on_session_known,
    ev.UsageCounted: rules_budget.on_usage_counted,
    ev.AgentLimited: rules_provider.on_agent_limited,
    ev.AgentRetries: rules_provider.on_agent_retries,
    ev.AgentGoesOn: rules_provider.on_agent_goes_on,
    ev.AgentDenied: rules_provider.on_agent_denied,
    ev.AgentStuck: rules_provider.on_agent_stuck,
    ev.TimeCame: rules_provider.on_time_came,
    ev.FilesTouched: rules_collision.on_files_touched,
    ev.Remarked: lambda state, event: _on_remarked(state, event),
    ev.WriteAsked: rules_writes.on_write_asked,
    ev.WriteAskEnded: rules_writes.on_write_ask_ended,
    ev.WorktreeUpdated: rules_collision.on_worktree_updated,
    ev.AttemptCaptured: rules_attempt.on_attempt_captured,
    ev.CaptureFailed: rules_attempt.on_capture_failed,
    ev.AttemptTested: rules_attempt.on_attempt_tested,
    ev.ChainBuilt: rules_merge.on_chain_built,
    ev.ChainFailed: rules_merge.on_chain_failed,
    ev.CandidateTested: rules_merge.on_candidate_tested,
    ev.Landed: rules_merge.on_landed,
    ev.LandingBlocked: rules_merge.on_landing_blocked,
    ev.Undone: rules_merge.on_undone,
    ev.UndoFailed: rules_merge.on_undo_failed,
    ev.ContractsRead: rules_contract.on_contracts_read,
    ev.MockReady: rules_attempt.on_mock_ready,
    ev.MockFailed: rules_attempt.on_mock_failed,
    ev.MockFlooded: rules_mock.on_mock_flooded,
    ev.ConflictResolved: rules_merge.on_conflict_resolved,
    ev.ResolutionFailed: rules_merge.on_resolution_failed,
    ev.ResolutionProposed: rules_merge.on_resolution_proposed,
    ev.SlotRequested: _on_slot_requested,
    ev.SlotFreed: _on_slot_freed,
    ev.PressureChanged: rules_pressure.on_pressure_changed,
}

INTENTS: dict[type[intents.Intent], IntentRule] = {
    intents.AddTask: rules_intent.add_task,
    intents.PauseTask: rules_intent.pause_task,
    intents.ResumeTask: rules_intent.resume_task,
    intents.PauseAll: rules_intent.pause_all,
    intents.ResumeAll: rules_intent.resume_all,
    intents.StopTask: rules_intent.stop_task,
    intents.RetryTask: rules_intent.retry_task,
    intents.DropTask: rules_intent.drop_task,
    intents.SetPriority: rules_intent.set_priority,
    intents.MoveTask: rules_intent.move_task,
    intents.SetWorkers: rules_intent.set_workers,
    intents.SettleCollision: rules_intent.settle_collision,
    intents.ReleaseLock: rules_locks.release_lock,
    intents.HandOverLock: rules_locks.hand_over_lock,
    intents.NarrowLock: rules_locks.narrow_lock,
    intents.MessageTask: rules_intent.message_task,
    intents.ResolveConflict: rules_intent.resolve_conflict,
    intents.AskMergeAgent: rules_intent.ask_merge_agent,
    intents.AmendContract: rules_contract.amend_contract,
    intents.RejectBreach: rules_contract.reject_breach,
    intents.UndoLanding: rules_intent.undo_landing,
    intents.Shutdown: rules_intent.shutdown,
}

_CHANGES_NO_TASK = (
    ev.FilesTouched, ev.Remarked, ev.WriteAsked, ev.WriteAskEnded, ev.AgentPaused, ev.SlotRequested, ev.SlotFreed,
    ev.AgentStarted,
    ev.SessionKnown, ev.UsageCounted, ev.AgentLimited, ev.AgentRetries, ev.AgentGoesOn, ev.AgentDenied,
    ev.AgentStuck, ev.TimeCame,
    ev.PressureChanged,
)  # fmt: skip


def _on_paused(state: State, event: ev.AgentPaused) -> Iterator[Effect]:
    state.tell(event.task, f"{event.processes} {'process' if event.processes == 1 else 'processes'} stopped")
    yield from ()


def _on_remarked(state: State, event: ev.Remarked) -> Iterator[Effect]:
    if rules_pause.current(state, event) is not None:
        state.tell(event.task, event.words)
    yield from ()


class Machine:
    """The state of one run and the only way to change it.

    `handle` returns the effects to carry out, in order. It raises Refused when an intent makes no sense (nothing is
    changed then) and InvalidTransition on a bug. `answer` is the sentence that answers the last intent.
    """

    def __init__(self) -> None:
        self._state: State | None = None
        self.answer = ""

    @property
    def state(self) -> State:
        """The state; Refused before the run began."""
        if self._state is None:
            raise Refused("there is no run yet", "`aurora run` starts one")
        return self._state

    def handle(self, event: ev.Event) -> list[Effect]:
        """Take one event in and say what is to be done."""
        if isinstance(event, ev.RunStarted):
            return self._begin(event)
        state = self.state
        state.at = max(state.at, event.at)
        effects: list[Effect] = []
        if isinstance(event, intents.Intent):
            self.answer = _collect(INTENTS[type(event)](state, event), effects)
        else:
            effects.extend(RULES[type(event)](state, event))
        state.version += 1
        effects.extend(self._pump(stale=not isinstance(event, _CHANGES_NO_TASK)))
        return effects

    def _begin(self, event: ev.RunStarted) -> list[Effect]:
        self._state = state = State.begin(event)
        rules_merge.be_in(state, event.surroundings, event.proven)
        for spec in event.plan.tasks:
            record = state.add_task(spec)
            if spec.id in event.landed:
                record.landed = event.landed[spec.id]
                record.state, record.reason = TaskState.LANDED, "landed unchanged in an earlier run"
                record.since = record.finished = event.at
        return list(self._pump(stale=True))

    def _pump(self, stale: bool) -> Iterator[Effect]:
        """Everything that may move by itself now, to a fixpoint."""
        state = self.state
        if stale:
            rules_locks.let_go(state)
            yield from rules_collision.thaw(state)
            promote(state)
            rules_merge.offer_released(state)
            yield from rules_mock.stop_mocks(state)
            self._refresh_levels()
        if not state.stopping:
            if stale:
                yield from rules_contract.look(state)
            yield from rules_pause.resume_workers(state)
            yield from rules_writes.settle_asks(state)
            yield from start_ready(state)
            yield from rules_provider.wake(state)
            yield from rules_merge.start_chain(state)
        yield from rules_pressure.grant_slots(state)
        yield from rules_intent.end_if_quiet(state)

    def _refresh_levels(self) -> None:
        state = self.state
        if len(state.levels) != len(state.tasks):
            state.levels = state.graph.bottom_levels({task: state.estimate(task) for task in state.tasks})

    def check(self) -> None:
        """The invariants; AssertionError when one does not hold."""
        state = self.state
        state.locks.check()
        rules_pressure.check(state)
        for record in state.tasks.values():
            running = record.state in (TaskState.RUNNING, TaskState.PAUSED)
            assert running == bool(record.attempt.worker) == (record.id in state.busy), record
            assert running == (record.attempt.step is not Step.NONE), record
            working = record.state is TaskState.RUNNING and record.attempt.step is Step.WORKING
            assert working == (record.attempt.active_at is not None), record
            assert (record.state is TaskState.QUEUED) == (record.id in state.ready), record
            assert running or not record.attempt.asks, record
            assert record.reason or record.state is TaskState.WAITING, record
            if running:
                needs = state.graph.needs(record.id)
                landed = [state.tasks[n].state is TaskState.LANDED or state.tasks[n].landed == "" for n in needs]
                assert all(landed), record
            if record.state in (TaskState.LANDED, TaskState.FAILED, TaskState.DROPPED):
                assert not state.locks.held_by(record.id), record
            if record.breach:
                assert running or record.state is TaskState.CONFLICT, record
                assert all(state.contracts[name].open_breach(record.id) for name in record.breach), record
            live = [mock for mock in record.attempt.mocks.values() if mock.state not in ("dead", "ended")]
            assert running or not live, record
            _check_money(record)
        spent = sum(record.tokens for record in state.tasks.values())
        assert spent == state.budget.spent_tokens, (spent, state.budget)
        workers = [record.attempt.worker for record in state.with_worker()]
        assert len(workers) == len(set(workers)), workers
        waiting = [task for task, _ in state.queue.waiting]
        assert len(waiting) == len(set(waiting)), waiting
        for task in waiting:
            assert state.tasks[task].state is TaskState.MERGING, state.tasks[task]
        for known in state.contracts.values():
            frozen = any(lock.holder == holder_of(known.name) for lock in state.locks.held())
            assert known.frozen == frozen, known
            assert not (known.frozen and known.problem), known
            assert not known.frozen or known.version, known


def _check_money(record: TaskRecord) -> None:
    assert record.attempt.tokens <= record.tokens, record
    assert not record.question or record.state is TaskState.FAILED, record
    assert bool(record.session) == bool(record.session_of[1]), record


def _collect(rule: Generator[Effect, None, str], effects: list[Effect]) -> str:
    while True:
        try:
            effects.append(next(rule))
        except StopIteration as done:
            return str(done.value)
