"""Everything that can happen, as frozen values: the only input of the machine and the only content of the journal.

Each event carries `at`, the moment it happened in seconds since the epoch; the machine knows no other clock.
Intents (`engine.intents`: what a person asks for) are events too. `engine.wire` turns all into JSON and back by their
class name.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.clients.reports import NO_USAGE, Usage
from engine.contracts.records import ContractFiles
from engine.model import Verdict
from engine.plan import Plan
from engine.pressure import CALM, Load


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """The base of all events."""

    at: float


# --- the run ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(Event):
    """A run begins. `landed` maps tasks that landed unchanged in an earlier run to their commit; `taken` are branch
    names that exist and are not Aurora's, `ours` those that are; `durations` are seconds past runs of a task took;
    `proven` are trees that were green in the same `surroundings` (see `engine.surroundings`) before; `files` is what
    exists at `tip` (not stored: read again from there); `versions` are the version and hash contracts had when they
    were frozen last; `load` is how the machine was found."""

    run: str
    plan: Plan
    repo: str
    tip: str
    landed: dict[str, str] = field(default_factory=dict)
    taken: tuple[str, ...] = ()
    ours: tuple[str, ...] = ()
    durations: dict[str, float] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    versions: dict[str, tuple[int, str]] = field(default_factory=dict)
    surroundings: str = ""
    proven: tuple[str, ...] = ()
    load: Load = CALM


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContinued(Event):
    """A new engine took over an unfinished run with the plan as it stands now. Every unfinished effect is redone, and
    verdicts of other `surroundings` count no more.

    `handed_over`: the same run only goes on without its screen, so what failed stays failed and a pause stays."""

    plan: Plan
    tip: str
    live_slots: tuple[str, ...] = ()
    handed_over: bool = False
    surroundings: str = ""
    proven: tuple[str, ...] = ()
    load: Load = CALM


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetMoved(Event):
    """The target is not where Aurora left it: somebody else committed to it."""

    commit: str


# --- one attempt --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptEvent(Event):
    """The base of everything that concerns one attempt; a late one (of an older attempt) is ignored."""

    task: str
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorktreeReady(AttemptEvent):
    """The worker's worktree is on the task's branch, at `start`; `base` is what its changes are measured from."""

    path: str
    base: str
    start: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorktreeFailed(AttemptEvent):
    """The worktree could not be prepared (disk, branch taken, setup command red)."""

    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentStarted(AttemptEvent):
    """The agent's supervisor runs (or was found running by a new engine: `adopted`). `remarks` are sentences about what
    does not hold for it."""

    pid: int
    start_ticks: int
    boot_id: str
    adopted: bool = False
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentPaused(AttemptEvent):
    """All `processes` of the agent are stopped."""

    processes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentExited(AttemptEvent):
    """The agent ended. `code` is its exit status (negative: the signal); `lost` when nobody could record it;
    `active` is how many seconds it ran without the pauses; `tail` the cleaned end of its output.

    `cost` and `tokens` are of the whole attempt, `estimated` when the price table had to say. `judged` when its stream
    was understood: then its exit status means nothing, `trouble` says why it could do no work (a `Trouble`; empty: it
    says itself that it is done), `trouble_words` in words, and `said` is its last message. `usage` is what its stream
    reported, from which that of a resumed conversation goes on."""

    code: int
    active: float = 0.0
    timed_out: bool = False
    lost: bool = False
    cost: float = 0.0
    tokens: int = 0
    tail: str = ""
    estimated: bool = False
    judged: bool = False
    trouble: str = ""
    trouble_words: str = ""
    said: str = ""
    usage: Usage = NO_USAGE


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionKnown(AttemptEvent):
    """The id under which the agent's conversation can be resumed."""

    session: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageCounted(AttemptEvent):
    """What the attempt has used until now, in all; a later one replaces an earlier one, up or down."""

    cost: float
    tokens: int
    estimated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentLimited(AttemptEvent):
    """The agent's provider makes it wait: `seconds`, or until the moment `until`, if it says so.

    `seen` counts what the attempt's stream told of this kind, so that a stream read again is not counted twice; 0 for
    what no stream told."""

    seen: int
    seconds: float | None = None
    until: float | None = None
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentRetries(AttemptEvent):
    """The agent's provider gave no answer for another reason than a limit, and the agent tries again by itself, in
    `seconds` if it says so. `words` tell what the provider does; `seen` as in `AgentLimited`."""

    seen: int
    words: str
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentGoesOn(AttemptEvent):
    """The provider answers again: the agent, which a limit or an error made wait, has gone on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentDenied(AttemptEvent):
    """The agent was not allowed an edit or a command; `seen` as in `AgentLimited`."""

    seen: int
    what: str
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentStuck(AttemptEvent):
    """The agent tries again and again what does not help (`trouble`: its key is refused, its money is spent, its
    provider gives no answer for minutes)."""

    trouble: str
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeCame(Event):
    """The moment of a `WakeAt` has come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesTouched(AttemptEvent):
    """Paths the attempt changed that were not reported before (relative, `/`-separated)."""

    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Remarked(AttemptEvent):
    """Something about the attempt a person may want to know; it changes nothing."""

    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteAsked(AttemptEvent):
    """The agent is about to edit `paths` (like those of FilesTouched) and stands still until it is answered. `outside`
    are paths that are no part of its worktree, `ignored` those of `paths` git ignores."""

    ask: str
    paths: tuple[str, ...]
    outside: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteAskEnded(AttemptEvent):
    """An ask has waited as long as it may, or nobody waits for its answer any more (`gone`)."""

    ask: str
    gone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WorktreeUpdated(AttemptEvent):
    """A frozen worker's worktree was brought up to date with `onto`; with `conflicts` nothing was changed."""

    onto: str
    conflicts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptCaptured(AttemptEvent):
    """All the attempt left is committed as `commit` and kept under `kept`; `paths` is what differs from its base.
    `warnings` are sentences about what could not be taken in (repositories inside the worktree, …), `contracts` the
    files of every contract in the commit, and what it changed of them."""

    commit: str
    kept: str
    paths: tuple[str, ...]
    added: int = 0
    removed: int = 0
    warnings: tuple[str, ...] = ()
    contracts: tuple[ContractFiles, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureFailed(AttemptEvent):
    """The attempt's work could not be committed; the worktree is left as it is."""

    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptTested(AttemptEvent):
    """The task's own `test` was run on its branch."""

    verdict: Verdict
    command: str
    seconds: float
    tail: str = ""


# --- merging, testing, landing --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ChainStep:
    """One merge of a chain: after it, `commit` (with `tree`) holds the base, all earlier steps and this task."""

    task: str
    branch_commit: str
    commit: str
    tree: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainBuilt(Event):
    """The chain of `candidate` was merged in memory.

    Tasks in `conflicts` (with their paths) do not merge with the base and were left out; those in `aside` conflict only
    with a branch before them in this chain, which has not landed yet. `changes` are the contracts whose files differ
    after a task's step from what they were before it.
    """

    candidate: str
    base: str
    base_tree: str
    steps: tuple[ChainStep, ...]
    conflicts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    aside: tuple[str, ...] = ()
    changes: dict[str, tuple[ContractFiles, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainFailed(Event):
    """The chain could not be built at all (git failed)."""

    candidate: str
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateTested(Event):
    """A verdict on exactly one tree.

    `failures` are the tests that are red, as far as the output names them; `narrowable` when it names all of them and
    they can be run by themselves. With `only` nothing else was run; those of them that are not there are `missing`.
    `surroundings` is "" where they changed during the run.
    """

    candidate: str
    commit: str
    tree: str
    verdict: Verdict
    seconds: float
    command: str = ""
    tail: str = ""
    failures: tuple[str, ...] = ()
    narrowable: bool = False
    runner: str = ""
    only: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    surroundings: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Landed(Event):
    """The target moved from `previous` to `commit`."""

    candidate: str
    commit: str
    previous: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LandingBlocked(Event):
    """The target cannot move yet (local changes in its checkout, …); it is retried until it can."""

    candidate: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Undone(Event):
    """The last landing was taken back: the target is at `commit`; `reverted` when by a revert commit."""

    landing: str
    commit: str
    reverted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoFailed(Event):
    """The last landing could not be taken back."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConflictResolved(Event):
    """A person (or a rule) settled the conflict: `commit` merges the task's branch with `onto`."""

    task: str
    commit: str
    onto: str
    how: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolutionProposed(Event):
    """The merge agent has proposed how `proposed` conflicts are settled; a person accepts them or not."""

    task: str
    proposed: int
    cost: float = 0.0
    tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolutionFailed(Event):
    """The resolution could not be applied; the task stays in conflict."""

    task: str
    reason: str
    cost: float = 0.0
    tokens: int = 0


# --- contracts ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractsRead(Event):
    """The files of every contract on the target at `commit`, and what changed of them since they were frozen."""

    commit: str
    contracts: tuple[ContractFiles, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MockReady(AttemptEvent):
    """The mock of a contract answers on `port` of this machine; its output is in `log`, relative to Aurora's folder."""

    contract: str
    port: int
    pid: int
    log: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MockFailed(AttemptEvent):
    """The mock of a contract did not become ready, or has ended: `words` say how, `tail` is the end of its output."""

    contract: str
    words: str
    tail: str = ""
    log: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MockFlooded(AttemptEvent):
    """The log of a mock grew too long: its middle was left out, the mock goes on."""

    contract: str


# --- heavy commands -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotRequested(Event):
    """A heavy command wants a slot. `owner` is a task id or what else runs it (`integration test`, `setup w1`)."""

    slot: str
    owner: str
    command: str
    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotFreed(Event):
    """The process of a heavy command ended, held or in line."""

    slot: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PressureChanged(Event):
    """The machine was looked at, and something is to be held back, let go or resized because of what was seen."""

    load: Load
