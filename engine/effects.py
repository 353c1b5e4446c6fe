"""Everything to be done, as frozen values: the only output of the machine, carried out by `engine.runner`.

Every effect is idempotent: after a crash the machine names the unfinished ones again and the runner redoes them.
The docstrings name the events that answer each effect.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from engine.clients.reports import NO_USAGE, Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """The base of all effects."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepareWorktree(Effect):
    """Put `worker`'s worktree on `branch`. The branch starts at `start`; when `onto` differs, `onto` is first merged
    into it in memory if that is clean. `new_branch` says the branch must not exist yet.

    Answered by WorktreeReady or WorktreeFailed."""

    task: str
    attempt: int
    worker: str
    branch: str
    start: str
    onto: str
    new_branch: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StartAgent(Effect):
    """Start the agent of an attempt, or adopt it if it already runs. `timeout` is active seconds.

    With `session` that conversation is resumed, and `short_prompt` is enough for it; it had used `used_before`. The
    agent may spend `max_usd` where its program can be told so. `shift`: how often it met ports that were taken.

    Answered by AgentStarted, then FilesTouched, SessionKnown, UsageCounted, AgentLimited, AgentRetries, AgentGoesOn,
    AgentDenied and AgentStuck any number of times, then AgentExited."""

    task: str
    attempt: int
    worker: str
    agent: str
    branch: str
    base: str
    prompt: str
    heavy: bool
    timeout: float | None
    session: str = ""
    short_prompt: str = ""
    used_before: Usage = NO_USAGE
    max_usd: float | None = None
    mocks: tuple[tuple[str, int], ...] = ()
    shift: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StartMock(Effect):
    """Serve the mock of `contract` to an attempt, or adopt the one that runs as this `launch`. `port` is the port it
    had before (0: any that is free).

    Answered by MockReady or MockFailed, later by MockFailed when it ends by itself."""

    task: str
    attempt: int
    worker: str
    contract: str
    port: int
    launch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StopMocks(Effect):
    """End the mocks of an attempt. Not answered."""

    task: str
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadContracts(Effect):
    """Look what the files of all contracts are at `commit`, and how they differ from `before` ("": from nothing).
    Answered by ContractsRead."""

    commit: str
    before: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseAgent(Effect):
    """Stop every process of the attempt, its mocks too. Answered by AgentPaused."""

    task: str
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeAgent(Effect):
    """Continue every process of the attempt and its mocks. Not answered."""

    task: str
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StopAgent(Effect):
    """Continue, terminate, after 5 s kill every process of the attempt. Answered by AgentExited."""

    task: str
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerWrite(Effect):
    """Let an agent make the edit it asked for, or tell it why it may not. Not answered."""

    task: str
    attempt: int
    ask: str
    allowed: bool
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateWorktree(Effect):
    """Merge `onto` into a frozen attempt's worktree, its changes committed first. Answered by WorktreeUpdated."""

    task: str
    attempt: int
    worker: str
    branch: str
    base: str
    onto: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureAttempt(Effect):
    """Commit what the attempt left and keep it under refs/aurora. Answered by AttemptCaptured or CaptureFailed."""

    task: str
    attempt: int
    worker: str
    branch: str
    base: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TestAttempt(Effect):
    """Run in the task's worktree, until something fails: the `check` of the contracts `checks`, its own tests, the
    `verify` of the contracts `verifies`. Answered by AttemptTested."""

    task: str
    attempt: int
    worker: str
    commands: tuple[str, ...]
    checks: tuple[str, ...] = ()
    verifies: tuple[str, ...] = ()
    shift: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildChain(Effect):
    """Merge `branches` (task, commit) one after the other onto `base` in memory.

    Answered by ChainBuilt, ChainFailed, or TargetMoved when the target is no longer at `target`."""

    candidate: str
    base: str
    target: str
    branches: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TestCandidate(Effect):
    """Check out `commit` in the test worktree of this lane and run checks (those of the contracts `contract_checks`
    too), the `verify` of the contracts `verifies` and the integration test, or `only` the named tests of this runner.
    Answered by CandidateTested."""

    candidate: str
    commit: str
    tree: str
    only: tuple[str, ...] = ()
    runner: str = ""
    lane: int = 0
    contract_checks: tuple[str, ...] = ()
    verifies: tuple[str, ...] = ()
    shift: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelTest(Effect):
    """End a test that is no longer wanted: `candidate` is a candidate or the task whose own test runs.

    Answered by AttemptTested for a task, not at all for a candidate."""

    candidate: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Land(Effect):
    """Move the target from `previous` to `commit`, trying again while its checkout is in the way; replaces any
    landing still waiting. Answered by LandingBlocked any number of times, then Landed or TargetMoved."""

    candidate: str
    commit: str
    previous: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelLanding(Effect):
    """Give up a landing that still waits. Not answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolve(Effect):
    """Merge `branch_commit` with `onto`, settling every conflict one way; `rules`: by what is remembered and by syntax,
    if that settles all. Answered by ConflictResolved or ResolutionFailed."""

    task: str
    branch_commit: str
    onto: str
    how: Literal["landed", "branch", "union", "edit", "rules"]
    commit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Propose(Effect):
    """Let the agent of profile `agent` propose how the conflict of `branch_commit` with `onto` is settled;
    `accept`: take what it proposes when nothing is left open. Answered by ResolutionProposed (and ConflictResolved) or
    ResolutionFailed."""

    task: str
    branch_commit: str
    onto: str
    agent: str
    accept: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelPropose(Effect):
    """End the agent that proposes a resolution. Not answered."""

    task: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeBack(Effect):
    """Undo a landing. Answered by Undone or UndoFailed."""

    landing: str
    previous: str
    tasks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantSlot(Effect):
    """Let a heavy command go on. Not answered (SlotFreed comes when its process ends)."""

    slot: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TellWaiting(Effect):
    """Tell a heavy command that it waits, and behind which commands, or `why` else. Not answered."""

    slot: str
    place: int
    behind: tuple[str, ...]
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WakeAt(Effect):
    """Say when the moment `at` has come; replaces an earlier one. Answered by TimeCame."""

    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EndEngine(Effect):
    """Leave the loop: everything that had to be stopped is stopped."""
