"""Carries out the effects of one attempt: worktree, agent, pauses, capture, its own tests. Decides nothing."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from engine import effects as ef
from engine import events as ev
from engine import process
from engine.capture import capture
from engine.clients.hooking import Start, with_hook
from engine.clients.starting import attempt_environment, command_for, mock_environment, stream_of
from engine.contracts.environment import mock_modules
from engine.contracts.reading import read_contracts
from engine.contracts.records import ContractFiles
from engine.contracts.verifying import Place
from engine.doing_following import ERRORS, STREAM, Follower, extras_of, follower_of
from engine.errors import AuroraError
from engine.merging import merge_commit
from engine.model import Verdict
from engine.passing import Passing
from engine.resource_clash import clash_in
from engine.usage import read_usage, usage_file_of

if TYPE_CHECKING:
    from engine.runner import Runner

CLASH_PAUSES = (1.0, 5.0)
"""Seconds until a task's test that met a port or name in use is run again."""


@dataclass(slots=True)
class LiveAttempt:
    """What the engine holds of a running agent: its process, its clock, and the paths already reported."""

    effect: ef.StartAgent
    marker: str
    worktree: Path
    record: Path
    identity: process.Identity | None = None
    reported: set[str] = field(default_factory=set)
    passing: Passing = field(default_factory=Passing)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    signals: asyncio.Lock = field(default_factory=asyncio.Lock)
    running_since: float | None = None
    active: float = 0.0
    timed_out: bool = False
    looking: bool = False
    waiting: bool = False
    look_again: set[str] | None = None
    paths: set[str] = field(default_factory=set)
    measuring: bool = False
    measured: float = 0.0
    remarks: tuple[str, ...] = ()
    follower: Follower | None = None

    def clock(self, running: bool) -> None:
        """Start or stop counting active seconds."""
        now = time.monotonic()
        if self.running_since is not None:
            self.active += now - self.running_since
        self.running_since = now if running else None
        self.changed.set()

    @property
    def active_now(self) -> float:
        """Active seconds until now."""
        return self.active + (time.monotonic() - self.running_since if self.running_since is not None else 0.0)


class AgentJobs:
    """The jobs of all attempts."""

    def __init__(self, runner: Runner) -> None:
        self.runner = runner
        self.live: dict[str, LiveAttempt] = {}

    # --- worktree ---

    async def prepare(self, effect: ef.PrepareWorktree) -> None:
        """PrepareWorktree → WorktreeReady | WorktreeFailed."""
        try:
            start, base = await asyncio.to_thread(self._starting_point, effect)
            path = await asyncio.to_thread(
                self.runner.worktrees.prepare, effect.worker, effect.branch, start, new_branch=effect.new_branch
            )
            await self.runner.workplaces.set_up(effect.worker, path, effect.task)
        except (AuroraError, OSError) as error:
            self.runner.post(
                ev.WorktreeFailed(at=time.time(), task=effect.task, attempt=effect.attempt, error=str(error))
            )
            return
        self.runner.post(
            ev.WorktreeReady(
                at=time.time(), task=effect.task, attempt=effect.attempt, path=str(path), base=base, start=start
            )
        )

    def _starting_point(self, effect: ef.PrepareWorktree) -> tuple[str, str]:
        """Where the branch starts and what its changes are measured from: a fix attempt gets the landed work merged
        in when that is clean."""
        repo = self.runner.repo
        if effect.start == effect.onto:
            return effect.start, effect.onto
        if repo.is_ancestor(effect.onto, effect.start):
            return effect.start, effect.onto
        merged = merge_commit(repo, effect.start, effect.onto, f"Merge landed work into {effect.branch}")
        if merged is None:
            return effect.start, repo.merge_base(effect.start, effect.onto) or effect.start
        return merged, effect.onto

    # --- agent ---

    async def start(self, effect: ef.StartAgent) -> None:
        """StartAgent → AgentStarted, AgentExited."""
        live = self._live(effect)
        try:
            async with AsyncExitStack() as stack:
                adopted = await asyncio.to_thread(process.adopt, live.record)
                await self.runner.mocks.settled(effect.task)
                inherits = await self._heavy_slot(effect, adopted is not None, stack)
                identity = await asyncio.to_thread(self._launch, live, inherits)
                live.identity = identity
                if adopted is not None:
                    live.active = self.runner.machine.state.tasks[effect.task].attempt.active_until(time.time())
                live.clock(running=True)
                self._announce(live, adopted is not None)
                await self._until_exit(live)
        except (AuroraError, OSError) as error:
            self._report_exit(live, 127, lost=False, tail=str(error))
        finally:
            self.live.pop(effect.task, None)
            self.runner.watching.remove(effect.worker)

    def _live(self, effect: ef.StartAgent) -> LiveAttempt:
        run = self.runner.machine.state.run
        record = self.runner.run_folder / f"{effect.task}.{effect.attempt}"
        live = LiveAttempt(
            effect=effect,
            marker=f"{run}.{record.name}.{process.place_of(record)}",
            worktree=self.runner.worktrees.path(effect.worker),
            record=record,
        )
        self.live[effect.task] = live
        return live

    async def _heavy_slot(self, effect: ef.StartAgent, adopted: bool, stack: AsyncExitStack) -> bool:
        """A task marked heavy holds a slot for all its agent's life; True when it does."""
        if not effect.heavy or adopted:
            return False
        await stack.enter_async_context(self.runner.slots.slot(effect.task, f"task {effect.task}"))
        return True

    def _launch(self, live: LiveAttempt, has_slot: bool) -> process.Identity:
        effect = live.effect
        prompt_file = live.record.with_name(live.record.name + ".prompt")
        prompt_file.write_text(effect.prompt, encoding="utf-8")
        profile = self.runner.settings.profile(effect.agent)
        extras = extras_of(effect, live.record, profile, self.runner.machine.state.started)
        prompt = effect.short_prompt if extras.resume else effect.prompt
        argv, extra = command_for(profile, prompt=prompt, prompt_file=prompt_file, extras=extras)
        env = self.runner.workplaces.environment(effect.worker, effect.task, effect.shift) | extra
        env |= self._about(effect, prompt_file)
        env |= mock_modules(self.runner.machine.state.plan.contracts, effect.mocks, env["TMPDIR"])
        env |= self.runner.writes.environment(live.worktree)
        if has_slot:
            env["AURORA_SLOT"] = effect.task
        if profile.preset and process.recorded(live.record) is None:
            begun = with_hook(profile.preset, Start(argv), self.runner.writes.place(live, env), env)
            argv, env, live.remarks = begun.argv, env | begun.env, begun.remarks
        spec = process.LaunchSpec(
            record=live.record,
            command=argv,
            cwd=live.worktree,
            env=env,
            marker=live.marker,
            keeps=self.runner.mocks.lifeline(effect.task, effect.attempt),
        )
        if stream_of(profile):
            out, errors = (process.file_of(live.record, kind) for kind in (STREAM, ERRORS))
            spec = replace(spec, log=out, errors=errors)
        return process.launch(spec)

    def _about(self, effect: ef.StartAgent, prompt_file: Path) -> dict[str, str]:
        state = self.runner.machine.state
        spec = state.tasks[effect.task].spec
        wanted = {*spec.implements, *spec.consumes}
        return attempt_environment(
            run=state.run,
            task=effect.task,
            attempt=effect.attempt,
            branch=effect.branch,
            worker=effect.worker,
            prompt_file=prompt_file,
            usage_file=usage_file_of(prompt_file),
            contracts=[c for c in state.plan.contracts if c.name in wanted or c.by == spec.id],
            mocks=effect.mocks,
            worktree=self.runner.worktrees.path(effect.worker),
        )

    def _announce(self, live: LiveAttempt, adopted: bool) -> None:
        identity, effect = live.identity, live.effect
        assert identity is not None
        self.runner.watching.add(effect.worker, live.worktree)
        self.runner.post(
            ev.AgentStarted(
                at=time.time(),
                task=effect.task,
                attempt=effect.attempt,
                pid=identity.pid,
                start_ticks=identity.start_ticks,
                boot_id=identity.boot_id,
                adopted=adopted,
                remarks=live.remarks,
            )
        )

    async def _until_exit(self, live: LiveAttempt) -> None:
        assert live.identity is not None
        self._follow(live)
        watch_time = None
        if live.effect.timeout is not None:
            watch_time = self.runner.pool.start(self._stop_when_over(live, live.effect.timeout))
        try:
            ended = await process.wait_exit(live.identity, live.record)
        finally:
            if watch_time is not None:
                await self.runner.pool.cancel(watch_time)
        if ended is None:
            await asyncio.to_thread(process.stop, live.identity, live.marker)
        live.clock(running=False)
        if live.follower is not None:
            await live.follower.finish()
        log = live.record.with_name(live.record.name + ".log")
        tail = await asyncio.to_thread(process.tail, log)
        self._report_exit(live, ended.code if ended else -9, lost=ended is None, tail=tail)

    def _follow(self, live: LiveAttempt) -> None:
        """Read what the agent prints while it runs, if its stream is understood."""
        if process.file_of(live.record, STREAM).exists() and stream_of(self.runner.settings.profile(live.effect.agent)):
            live.follower = follower_of(
                self.runner, live.effect, live.record, live.worktree, lambda: live.running_since is not None
            )
            self.runner.pool.start(live.follower.follow())

    def _report_exit(self, live: LiveAttempt, code: int, *, lost: bool, tail: str) -> None:
        cost, tokens = read_usage(usage_file_of(live.record.with_name(live.record.name + ".prompt")))
        exited = ev.AgentExited(
            at=time.time(),
            task=live.effect.task,
            attempt=live.effect.attempt,
            code=code,
            active=round(live.active, 3),
            timed_out=live.timed_out,
            lost=lost,
            cost=cost,
            tokens=tokens,
            tail=tail,
        )
        self.runner.post(exited if live.follower is None else live.follower.judged(exited))

    async def _stop_when_over(self, live: LiveAttempt, limit: float) -> None:
        """End the agent after `limit` active seconds; the clock stands still while it is paused."""
        while (left := limit - live.active_now) > 0:
            live.changed.clear()
            try:
                await asyncio.wait_for(live.changed.wait(), left if live.running_since is not None else None)
            except TimeoutError:
                continue
        live.timed_out = True
        await self._stop(live)

    def _still(self, effect: ef.PauseAgent | ef.ResumeAgent | ef.StopAgent) -> LiveAttempt | None:
        """The attempt a signal is meant for, if it is the one that runs."""
        live = self.live.get(effect.task)
        return live if live is not None and live.effect.attempt == effect.attempt else None

    async def pause(self, effect: ef.PauseAgent) -> None:
        """PauseAgent → AgentPaused."""
        live = self._still(effect)
        if live is None or live.identity is None:
            return
        async with live.signals:
            count = await asyncio.to_thread(process.pause, live.identity, live.marker)
            await self.runner.mocks.pause(effect.task)
            live.clock(running=False)
        self.runner.post(ev.AgentPaused(at=time.time(), task=effect.task, attempt=effect.attempt, processes=count))

    async def resume(self, effect: ef.ResumeAgent) -> None:
        """ResumeAgent."""
        live = self._still(effect)
        if live is not None and live.identity is not None:
            async with live.signals:
                await self.runner.mocks.resume(effect.task)
                live.clock(running=True)
                await asyncio.to_thread(process.resume, live.identity, live.marker)

    async def stop(self, effect: ef.StopAgent) -> None:
        """StopAgent; the agent's own job reports its end."""
        live = self._still(effect)
        if live is not None:
            await self._stop(live)

    async def _stop(self, live: LiveAttempt) -> None:
        if live.identity is not None:
            await asyncio.to_thread(process.stop, live.identity, live.marker)

    async def update(self, effect: ef.UpdateWorktree) -> None:
        """UpdateWorktree → WorktreeUpdated."""
        path = self.runner.worktrees.path(effect.worker)
        message = f"Merge landed work into {effect.branch}"
        live = self.live.get(effect.task)
        try:
            async with live.signals if live is not None else nullcontext():
                merged = await asyncio.to_thread(
                    self.runner.worktrees.merge_into, path, effect.base, effect.onto, message
                )
            conflicts = merged.conflicts
        except AuroraError as error:
            conflicts = (str(error),)
        self.runner.post(
            ev.WorktreeUpdated(
                at=time.time(), task=effect.task, attempt=effect.attempt, onto=effect.onto, conflicts=conflicts
            )
        )

    # --- afterwards ---

    async def capture(self, effect: ef.CaptureAttempt) -> None:
        """CaptureAttempt → AttemptCaptured | CaptureFailed."""
        run = self.runner.machine.state.run
        keep = f"refs/aurora/{run}/{effect.task}/{effect.attempt}"
        try:
            got = await asyncio.to_thread(
                capture,
                self.runner.worktrees.path(effect.worker),
                branch=effect.branch,
                base=effect.base,
                keep_ref=keep,
                message=effect.title,
                trailers={"Aurora-Task": effect.task, "Aurora-Run": run, "Aurora-Attempt": str(effect.attempt)},
            )
        except AuroraError as error:
            self.runner.post(
                ev.CaptureFailed(at=time.time(), task=effect.task, attempt=effect.attempt, error=str(error))
            )
            return
        if got.unfinished:
            words = f"the agent left a {got.unfinished} unfinished; what there was is kept under {keep}"
            self.runner.post(ev.CaptureFailed(at=time.time(), task=effect.task, attempt=effect.attempt, error=words))
            return
        self.runner.post(
            ev.AttemptCaptured(
                at=time.time(),
                task=effect.task,
                attempt=effect.attempt,
                commit=got.commit,
                kept=keep,
                paths=got.paths,
                added=got.added,
                removed=got.removed,
                warnings=tuple(got.warnings),
                contracts=await asyncio.to_thread(self._contracts, got.commit, effect.base),
            )
        )

    def _contracts(self, commit: str, base: str) -> tuple[ContractFiles, ...]:
        return read_contracts(self.runner.repo, self.runner.machine.state.plan.contracts, commit, base)

    async def test(self, effect: ef.TestAttempt) -> None:
        """TestAttempt → AttemptTested."""
        await self.runner.mocks.settled(effect.task)
        path = self.runner.worktrees.path(effect.worker)
        log = self.runner.run_folder / f"{effect.task}.{effect.attempt}.test.log"
        started = time.monotonic()
        verdict, command = Verdict.ERROR, ""
        try:
            for again, pause in enumerate((*CLASH_PAUSES, None)):
                log.unlink(missing_ok=True)
                env = self._test_environment(effect, effect.shift + again)
                place = Place(effect.worker, path, env, log, f"test-{effect.task}")
                verdict, command = await self.runner.contracts.test_attempt(effect, place)
                if pause is None or verdict is not Verdict.FAILED or not clash_in(process.tail(log)):
                    break
                await asyncio.sleep(pause)
        finally:
            self._report_test(effect, verdict, command, time.monotonic() - started, process.tail(log))

    def _test_environment(self, effect: ef.TestAttempt, shift: int) -> dict[str, str]:
        env = self.runner.workplaces.environment(effect.worker, effect.task, shift) | {"AURORA_TASK": effect.task}
        served = self.runner.mocks.ports(effect.task)
        modules = mock_modules(self.runner.machine.state.plan.contracts, served, env["TMPDIR"])
        return env | mock_environment(served) | modules

    def _report_test(self, effect: ef.TestAttempt, verdict: Verdict, command: str, seconds: float, tail: str) -> None:
        self.runner.post(
            ev.AttemptTested(
                at=time.time(),
                task=effect.task,
                attempt=effect.attempt,
                verdict=verdict,
                command=command,
                seconds=round(seconds, 3),
                tail=tail,
            )
        )
