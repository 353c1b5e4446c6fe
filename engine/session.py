"""Opening and closing engines: who owns a repository's run, beginning or continuing it, reading it without one."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import IO

from engine import effects as ef
from engine import events as ev
from engine import intents, surroundings
from engine.control import ControlServer
from engine.errors import AuroraError, EngineError
from engine.journal import Journal
from engine.landing import undo
from engine.machine import Machine
from engine.model import Attached, Snapshot, TaskState
from engine.plan import Plan
from engine.repo import Repo
from engine.resolving import resolve
from engine.runner import Runner
from engine.snapshot import SnapshotMaker
from engine.state import State
from engine.worktrees import Worktrees

EMPTY_RUN = ""


class EngineLock:
    """At most one engine per repository: an flock that dies with its process."""

    def __init__(self, folder: Path) -> None:
        self._file: IO[str] = (folder / "engine.lock").open("a+", encoding="ascii")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.seek(0)
            pid = self._file.read().strip() or "unknown"
            self._file.close()
            raise EngineError(
                f"an engine runs this repository already (pid {pid})", "`aurora status` shows what it does"
            ) from None
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()

    def release(self) -> None:
        """Let the next engine in."""
        self._file.close()


def worktrees_of(repo: Repo, plan: Plan) -> Worktrees:
    """The pool's worktrees: where the plan says, or beside the repository."""
    configured = plan.settings.worktrees
    root = repo.root / configured if configured else repo.root.parent / f"{repo.root.name}.aurora"
    return Worktrees(repo, Path(os.path.normpath(root)))


def replay(repo: Repo, journal: Journal, run: str) -> Machine:
    """The machine as it stood after the last event of a run."""
    machine = Machine()
    for _, event in journal.events(run):
        if isinstance(event, ev.RunStarted):
            event = replace(event, files=_files(repo, event.tip))
        machine.handle(event)
    return machine


def _files(repo: Repo, commit: str) -> tuple[str, ...]:
    with suppress(AuroraError):
        return repo.tracked_files(commit)
    return ()


def journal_of(repo: Repo) -> Journal:
    """The repository's journal."""
    return Journal(repo.aurora_dir / "journal.db")


def finished(state: State) -> bool:
    """True when every task landed or was dropped: the next `run` is a new one."""
    return all(record.state in (TaskState.LANDED, TaskState.DROPPED) for record in state.tasks.values())


class LocalEngine:
    """An engine in this process, on its own thread. See `EngineHandle` for the methods front ends use."""

    def __init__(
        self,
        runner: Runner,
        first: ev.RunStarted | ev.RunContinued,
        lock: EngineLock,
        then: Sequence[ev.Event] = (),
    ) -> None:
        self._runner = runner
        self._lock = lock
        self._callbacks: list[Callable[[], None]] = []
        self._ready = threading.Event()
        self._ended = threading.Event()
        runner.on_published = self._published
        self._thread = threading.Thread(target=self._live, args=(first, then), name="aurora-engine", daemon=True)
        self._thread.start()
        self._ready.wait()
        self._server = None if self._ended.is_set() else ControlServer(runner.repo.aurora_dir, self, self._tell)
        if self._server is not None:
            self._server.start()

    def _live(self, first: ev.RunStarted | ev.RunContinued, then: Sequence[ev.Event]) -> None:
        try:
            asyncio.run(self._runner.run(first, then))
        except BaseException as error:  # noqa: BLE001 - reported by wait()
            self._runner.failure = self._runner.failure or error
        finally:
            self._ended.set()
            self._ready.set()
            self._lock.release()
            self._tell()

    def _published(self) -> None:
        self._ready.set()
        self._tell()

    def _tell(self) -> None:
        for callback in self._callbacks:
            callback()

    def send(self, intent: intents.Intent) -> Future[str]:
        """Hand an intent over."""
        return self._runner.send(intent)

    def snapshot(self) -> Snapshot:
        """The latest published state."""
        latest = self._runner.latest
        if latest is None:
            raise EngineError("the engine did not start") from self._runner.failure
        return latest

    def on_dirty(self, callback: Callable[[], None]) -> None:
        """Call back when there is a newer snapshot."""
        self._callbacks.append(callback)

    def story(self, task: str) -> tuple[str, ...]:
        """The events of one task in words."""
        return story_of(self._runner.machine.state, task)

    def events_since(self, seq: int) -> tuple[tuple[int, str, str], ...]:
        """Journal rows after `seq`."""
        return rows_since(self._runner.repo, seq)

    def attached(self) -> tuple[Attached, ...]:
        """Who watches from other terminals."""
        return self._server.attached() if self._server is not None else ()

    def wait(self, timeout: float | None = None) -> bool:
        """Block until the engine has ended; raises what made it fail."""
        over = self._ended.wait(timeout)
        if over:
            self._close_server()
            if self._runner.failure is not None:
                raise _explained(self._runner.failure, self._runner.repo) from self._runner.failure
        return over

    def close(self) -> None:
        """Detach: the engine ends, agents go on."""
        if not self._ended.is_set():
            self.send(intents.Shutdown(at=time.time(), mode="detach"))
            self._ended.wait(10)
        self._close_server()

    def _close_server(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None


def _explained(failure: BaseException, repo: Repo) -> AuroraError:
    if isinstance(failure, AuroraError):
        return failure
    return EngineError(
        f"the engine stopped on an unexpected error: {failure!r}",
        f"all work is kept; `aurora run` goes on; details in {repo.aurora_dir / 'error.log'}",
    )


def story_of(state: State, task: str) -> tuple[str, ...]:
    """The lines of a task's story, oldest first."""
    state.record(task)
    return tuple(state.stories.get(task, ()))


def rows_since(repo: Repo, seq: int) -> tuple[tuple[int, str, str], ...]:
    """Journal rows after `seq`, read on a connection of the caller's own."""
    journal = journal_of(repo)
    try:
        return journal.rows_since(seq)
    finally:
        journal.close()


def start_engine(repo: Repo, plan: Plan, *, fresh: bool = False, handed_over: bool = False) -> LocalEngine:
    """Begin a run, or continue the unfinished one; `handed_over` by an engine that only lost its screen. EngineError
    when another engine has the repository."""
    lock = EngineLock(repo.aurora_dir)
    try:
        journal = journal_of(repo)
        worktrees = worktrees_of(repo, plan)
        runs = journal.runs()
        machine = replay(repo, journal, runs[-1]) if runs else Machine()
        tip = repo.resolve(f"refs/heads/{plan.settings.target}")
        if runs and fresh and machine.state.busy:
            lock = _end_old_agents(repo, worktrees, machine, journal, tip, lock)
        if runs and not fresh and not finished(machine.state):
            first: ev.RunStarted | ev.RunContinued = _continued(plan, tip, journal, handed_over)
        else:
            first = _new_run(repo, plan, tip, journal, machine if runs and not fresh else None)
            machine = Machine()
        return LocalEngine(Runner(repo, worktrees, machine, journal), first, lock)
    except BaseException:
        lock.release()
        raise


def _end_old_agents(
    repo: Repo, worktrees: Worktrees, machine: Machine, journal: Journal, tip: str, lock: EngineLock
) -> EngineLock:
    """`--fresh` over a run whose agents live: stop them first, their work is kept."""
    continued = _continued(machine.state.plan, tip, journal)
    stop = intents.Shutdown(at=time.time(), mode="stop")
    LocalEngine(Runner(repo, worktrees, machine, journal), continued, lock, [stop]).wait(60)
    return EngineLock(repo.aurora_dir)


def _continued(plan: Plan, tip: str, journal: Journal, handed_over: bool = False) -> ev.RunContinued:
    here, proven = _known(plan, journal)
    at = time.time()
    return ev.RunContinued(at=at, plan=plan, tip=tip, handed_over=handed_over, surroundings=here, proven=proven)


def _known(plan: Plan, journal: Journal) -> tuple[str, tuple[str, ...]]:
    """The surroundings of tests, and the trees that were green in them before; none where there are contracts: what is
    verified for them depends on more than the tree."""
    here = surroundings.digest(plan)
    return here, () if plan.contracts else journal.proven(here, time.time() - surroundings.BELIEVED)


def _new_run(repo: Repo, plan: Plan, tip: str, journal: Journal, before: Machine | None) -> ev.RunStarted:
    """A new run; what landed unchanged in the one before counts as landed."""
    landed: dict[str, str] = {}
    if before is not None:
        records = before.state.tasks
        for spec in plan.tasks:
            old = records.get(spec.id)
            if old is not None and old.landed and old.spec.fingerprint == spec.fingerprint:
                landed[spec.id] = old.landed
    ours, taken = _existing(repo, plan.settings.branch_prefix)
    here, proven = _known(plan, journal)
    return ev.RunStarted(
        at=time.time(),
        run=f"r{len(journal.runs()) + 1}",
        plan=plan,
        repo=repo.root.name,
        tip=tip,
        landed=landed,
        taken=taken,
        ours=ours,
        durations=_durations(before),
        files=repo.tracked_files(tip),
        versions=_versions(before),
        surroundings=here,
        proven=proven,
    )


def _versions(before: Machine | None) -> dict[str, tuple[int, str]]:
    """The version and hash of every contract that was frozen in the run before."""
    known = before.state.contracts.values() if before is not None else ()
    return {one.name: (one.version, one.digest) for one in known if one.version}


def _existing(repo: Repo, prefix: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Branches under our prefix: those whose newest commit is one we keep (ours to use again), and all others."""
    kept = frozenset(repo.refs("refs/aurora/").values())
    heads = repo.refs(f"refs/heads/{prefix}")
    names = {name.removeprefix("refs/heads/"): commit for name, commit in heads.items()}
    ours = tuple(sorted(name for name, commit in names.items() if commit in kept))
    return ours, tuple(sorted(name for name in names if name not in ours))


def _durations(before: Machine | None) -> dict[str, float]:
    if before is None:
        return {}
    return {
        task: record.active / record.attempts
        for task, record in before.state.tasks.items()
        if record.attempts and record.active
    }


NEEDS_ENGINE = (
    intents.PauseTask, intents.ResumeTask, intents.StopTask, intents.Shutdown, intents.PauseAll, intents.ResumeAll,
    intents.AskMergeAgent,
)  # fmt: skip


class Reader:
    """A run without an engine: the journal's replay. Intents are stored; the next engine carries them out, except
    resolving and undoing, which happen at once."""

    def __init__(self, repo: Repo) -> None:
        self._repo = repo
        self._journal = journal_of(repo)
        runs = self._journal.runs()
        self.machine = replay(repo, self._journal, runs[-1]) if runs else None
        self.run = runs[-1] if runs else EMPTY_RUN

    def snapshot(self) -> Snapshot:
        """The state after the last event; EngineError when there was never a run."""
        return SnapshotMaker().make(self._machine().state)

    def _machine(self) -> Machine:
        if self.machine is None:
            raise EngineError("there has been no run in this repository yet", "`aurora run` starts one")
        return self.machine

    def on_dirty(self, callback: Callable[[], None]) -> None:
        """Nothing changes without an engine."""

    def story(self, task: str) -> tuple[str, ...]:
        """The events of one task in words."""
        return story_of(self._machine().state, task)

    def events_since(self, seq: int) -> tuple[tuple[int, str, str], ...]:
        """Journal rows after `seq`."""
        return self._journal.rows_since(seq)

    def attached(self) -> tuple[Attached, ...]:
        """Nobody watches a journal."""
        return ()

    def send(self, intent: intents.Intent) -> Future[str]:
        """Apply an intent to the stored run."""
        answer: Future[str] = Future()
        try:
            answer.set_result(self._apply(intent))
        except AuroraError as error:
            answer.set_exception(error)
        return answer

    def _apply(self, intent: intents.Intent) -> str:
        machine = self._machine()
        if isinstance(intent, NEEDS_ENGINE):
            raise EngineError("no engine runs here", "`aurora run` goes on with the run")
        lock = EngineLock(self._repo.aurora_dir)
        try:
            batch: list[ev.Event] = []
            if not machine.state.stopping:
                batch.append(intents.Shutdown(at=time.time(), mode="detach"))
                machine.handle(batch[0])
            batch.append(replace(intent, at=time.time()))
            effects = machine.handle(batch[-1])
            words = machine.answer
            for effect in effects:
                event = self._at_once(effect)
                if event is not None:
                    batch.append(event)
                    machine.handle(event)
            self._journal.append(machine.state.run, batch)
        finally:
            lock.release()
        for event in batch:
            if isinstance(event, ev.ResolutionFailed | ev.UndoFailed):
                raise EngineError(event.reason)
            if isinstance(event, ev.Undone):
                how = f"by the commit {event.commit[:9]}" if event.reverted else f"by moving back to {event.commit[:9]}"
                return f"{words.removesuffix(' is being undone')} is undone {how}"
        return f"{words}; `aurora run` goes on with it" if isinstance(intent, intents.ResolveConflict) else words

    def _at_once(self, effect: ef.Effect) -> ev.Event | None:
        """What needs no engine."""
        at = time.time()
        try:
            if isinstance(effect, ef.Resolve):
                commit = effect.commit or resolve(self._repo, effect.branch_commit, effect.onto, effect.how)
                self._repo.keep(f"refs/aurora/{self.run}/{effect.task}/resolved-{commit[:9]}", commit)
                return ev.ConflictResolved(at=at, task=effect.task, commit=commit, onto=effect.onto, how=effect.how)
            if isinstance(effect, ef.TakeBack):
                target = self._machine().state.plan.settings.target
                commit, reverted = undo(self._repo, target, effect.landing, effect.previous)
                return ev.Undone(at=at, landing=effect.landing, commit=commit, reverted=reverted)
        except AuroraError as error:
            if isinstance(effect, ef.Resolve):
                return ev.ResolutionFailed(at=at, task=effect.task, reason=str(error))
            return ev.UndoFailed(at=at, reason=str(error))
        return None

    def close(self) -> None:
        """Close the journal."""
        self._journal.close()


def read_only(repo: Repo) -> Reader:
    """The last run as its journal tells it."""
    return Reader(repo)


def events_as_json(rows: Sequence[tuple[int, str, str]]) -> list[str]:
    """Journal rows as one JSON object each: the event's fields with `seq` and `event`."""
    return [json.dumps({"seq": seq, "event": kind, **json.loads(body)}) for seq, kind, body in rows]
