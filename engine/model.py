"""What the engine shows: task states and the frozen `Snapshot` every front end draws from.

Only plain values live here (strings, numbers, tuples), so a snapshot crosses a socket unchanged. Times are seconds
since the epoch, durations are seconds, money is US dollars, commits are full hexadecimal object ids.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class TaskState(StrEnum):
    """Where a task stands. `landed`, `failed` and `dropped` are final until a person (or a new run) reopens them."""

    WAITING = "waiting"
    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    MERGING = "merging"
    TESTING = "testing"
    LANDED = "landed"
    CONFLICT = "conflict"
    FAILED = "failed"
    DROPPED = "dropped"

    @property
    def final(self) -> bool:
        """True when nothing more happens by itself."""
        return self in (TaskState.LANDED, TaskState.FAILED, TaskState.DROPPED)


class LockMode(StrEnum):
    """`exclusive`: one holder. `shared`: several may edit, the merge decides. `reads`: nobody may edit while held."""

    EXCLUSIVE = "exclusive"
    SHARED = "shared"
    READS = "reads"


class Verdict(StrEnum):
    """The outcome of testing one tree."""

    PASSED = "passed"
    FAILED = "failed"
    TIMEOUT = "timeout"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class TaskView:
    """One task. `queue_place` counts from 1 and is 0 when the task is not queued; `estimate` is its expected time.

    `paths`, `added` and `removed` are of the work so far while an agent is at it. `base` is the commit the attempt's
    changes are measured from, `level` the seconds of the longest chain of dependents that begins with this task.
    `failure` is what was red the last time its conflict was settled, `resolving` who settles it at this moment,
    `proposed` how much a merge agent proposes. `asks` is what the agent asked or refused when it ended without work
    (answered by a message), `estimated` says that `cost` comes from the price table and not from the agent. `breach`
    is the frozen contract its branch changes, while nobody has ruled on that. `waits` says what an agent at work waits
    for (a file it asked for, its provider), `until` when what the task or its agent waits for may be over."""

    id: str
    prompt: str
    state: TaskState
    reason: str
    since: float
    agent: str
    priority: int
    attempt: int
    branch: str
    worker: str
    after: tuple[str, ...]
    needs: tuple[str, ...]
    held_by: tuple[str, ...]
    claims: tuple[str, ...]
    queue_place: int
    started: float | None
    finished: float | None
    active: float
    commit: str
    landed: str
    paths: tuple[str, ...]
    added: int
    removed: int
    cost: float
    tokens: int
    estimate: float
    blocks: int
    conflicts: tuple[str, ...]
    kept: tuple[str, ...]
    base: str = ""
    level: float = 0.0
    failure: str = ""
    resolving: str = ""
    proposed: int = 0
    asks: str = ""
    estimated: bool = False
    breach: str = ""
    waits: str = ""
    until: float | None = None


@dataclass(frozen=True, slots=True)
class WorkerView:
    """One slot of the pool. `task` is empty when idle; `frozen` tells a pause by a collision from one by a person.

    `active` is how long the agent of this attempt has run, pauses excluded, up to `active_at`; since then it runs
    again (None: it does not run now)."""

    name: str
    task: str
    state: str
    paused: bool
    frozen: bool
    pid: int
    since: float
    active: float = 0.0
    active_at: float | None = None

    def elapsed(self, now: float) -> float:
        """Seconds the agent has run in this attempt, pauses excluded."""
        return self.active + (max(0.0, now - self.active_at) if self.active_at is not None else 0.0)


@dataclass(frozen=True, slots=True)
class LockView:
    """One lock. `pattern` is what is held; `grown` marks one that was not declared but taken by writing.

    The agents of some `waiters` stand at a file of it, which they would edit next: `asking` says who and at which."""

    pattern: str
    mode: LockMode
    holder: str
    since: float
    grown: bool
    waiters: tuple[str, ...]
    holder_paused: bool
    asking: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class TestRunView:
    """One test of one tree. `tail` is the end of its output (cleaned), `seconds` 0 while it runs."""

    candidate: str
    tasks: tuple[str, ...]
    commit: str
    tree: str
    verdict: str
    seconds: float
    at: float
    command: str
    tail: str


@dataclass(frozen=True, slots=True)
class LandingView:
    """One move of the target."""

    tasks: tuple[str, ...]
    commit: str
    previous: str
    at: float
    undone: bool


@dataclass(frozen=True, slots=True)
class MergeView:
    """The merge queue: who waits, the chain at work and what it is doing, past tests, landings.

    `log` is the file, relative to the aurora directory, that grows with the output of the test under way."""

    waiting: tuple[str, ...]
    chain: tuple[str, ...]
    phase: str
    detail: str
    landing_blocked: str
    target_red: str
    tests: tuple[TestRunView, ...]
    landings: tuple[LandingView, ...]
    log: str = ""


@dataclass(frozen=True, slots=True)
class SlotView:
    """One heavy command: holding a slot (`held`) or in line at `place` (from 1) behind the commands in `behind`; `why`
    it is held back although there is a slot (empty: it is not)."""

    id: str
    owner: str
    command: str
    pid: int
    held: bool
    since: float
    place: int
    behind: tuple[str, ...]
    why: str = ""


@dataclass(frozen=True, slots=True)
class BoundView:
    """The lower bound of the makespan of what is left, in seconds, and the sentence that explains what binds it."""

    seconds: float
    kind: str
    sentence: str
    tasks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ForecastView:
    """How long what is left will take, as it looks now: `seconds` (None: nobody can know yet), at least `low` seconds.

    `words` say what the estimate rests on: `from 5 finished tasks`, `as in the last run`, `no estimate yet`."""

    seconds: float | None = None
    low: float = 0.0
    words: str = ""


@dataclass(frozen=True, slots=True)
class MockView:
    """The mock of a contract, served to one consumer. `state` is starting, healthy, restarting, dead or ended; `log` is
    the file of its output relative to the aurora directory, `words` why it is in that state."""

    task: str
    worker: str
    port: int
    pid: int
    state: str
    since: float
    restarts: int = 0
    log: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True)
class BreachView:
    """A branch that changes a frozen contract. `state` is open, amended or rejected; the change is `base`..`commit`
    restricted to `paths`."""

    task: str
    attempt: int
    paths: tuple[str, ...]
    base: str
    commit: str
    since: float
    state: str = "open"


@dataclass(frozen=True, slots=True)
class ContractView:
    """One contract. `version` counts from 1 once it is frozen (0: not yet), `digest` is the hash of its files then;
    `reason` says in words where it stands. `check`, `mock`, `verify` and `serve` are the commands in force (empty:
    none)."""

    name: str
    kind: str
    files: tuple[str, ...]
    by: str
    frozen: bool
    version: int
    digest: str
    since: float
    reason: str
    implementers: tuple[str, ...]
    consumers: tuple[str, ...]
    check: str = ""
    mock: str = ""
    verify: str = ""
    serve: str = ""
    mocks: tuple[MockView, ...] = ()
    breaches: tuple[BreachView, ...] = ()


@dataclass(frozen=True, slots=True)
class ProfileView:
    """One agent profile as it is used now. `limit` is how many attempts it may run at once at this moment (None: no
    limit of its own), `until` when a rate limit ends (None: there is none), `words` what the provider said."""

    name: str
    running: int
    limit: int | None
    until: float | None = None
    words: str = ""


@dataclass(frozen=True, slots=True)
class PressureView:
    """How hard the machine is pressed: shares of time (0 to 100) somebody waited for CPU, memory and IO over the last
    ten seconds, and what is held back because of it (empty: nothing)."""

    cpu: float = 0.0
    memory: float = 0.0
    io: float = 0.0
    holds: str = ""


@dataclass(frozen=True, slots=True)
class Attached:
    """One who is connected: a name for people, the process, since when (seconds since the epoch), and whether it may
    only look."""

    name: str
    pid: int
    since: float
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The whole run at one moment, immutable. `version` grows with every event; `idle` says nothing can move now.

    `critical_path` is the longest remaining chain of tasks that need each other, in order."""

    version: int
    at: float
    run: str
    started: float
    repo: str
    target: str
    target_commit: str
    workers_limit: int
    paused_all: bool
    workers: tuple[WorkerView, ...]
    tasks: tuple[TaskView, ...]
    queue: tuple[str, ...]
    locks: tuple[LockView, ...]
    merge: MergeView
    slots_limit: int
    slots: tuple[SlotView, ...]
    cost: float
    tokens: int
    budget_usd: float | None
    budget_tokens: int | None
    bound: BoundView
    idle: bool
    stopping: bool
    needs_person: tuple[str, ...]
    critical_path: tuple[str, ...] = ()
    forecast: ForecastView = ForecastView()
    merge_agent: str = ""
    contracts: tuple[ContractView, ...] = ()
    profiles: tuple[ProfileView, ...] = ()
    pressure: PressureView = PressureView()
    workers_auto: bool = False

    def task(self, task_id: str) -> TaskView:
        """The view of one task; KeyError when there is none of that id."""
        return next(t for t in self.tasks if t.id == task_id)

    @property
    def exit_code(self) -> int:
        """0 all landed, 1 something failed or was dropped, 3 a person is needed."""
        if self.needs_person:
            return 3
        return 0 if all(t.state is TaskState.LANDED for t in self.tasks) else 1
