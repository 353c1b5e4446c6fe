"""Pure: the state of one run, as the machine keeps it, and the table of legal state changes."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum, auto
from functools import lru_cache

from engine.budget import Budget
from engine.clients.reports import NO_USAGE, Usage
from engine.contracts.records import ContractRecord, MockRecord
from engine.errors import InvalidTransition, Refused
from engine.events import CandidateTested, RunStarted
from engine.graph import TaskGraph
from engine.limits import ProfileLimit
from engine.locks import Claim, LockTable
from engine.merge_queue import MergeQueue
from engine.model import LockMode, TaskState
from engine.plan import Plan, Settings, TaskSpec
from engine.pressure import CALM, FREE, Load, Pressed, judge
from engine.slots import SlotLine

DEFAULT_ESTIMATE = 60.0
MOST_LANES = 4
STORY_LENGTH = 200

_S = TaskState
LEGAL: frozenset[tuple[TaskState, TaskState]] = frozenset(
    (before, after)
    for before, afters in {
        _S.WAITING: (_S.QUEUED, _S.DROPPED),
        _S.QUEUED: (_S.RUNNING, _S.WAITING, _S.DROPPED, _S.FAILED),
        _S.RUNNING: (_S.PAUSED, _S.MERGING, _S.LANDED, _S.CONFLICT, _S.QUEUED, _S.FAILED, _S.DROPPED),
        _S.PAUSED: (_S.RUNNING,),
        _S.MERGING: (_S.TESTING, _S.CONFLICT, _S.LANDED, _S.QUEUED, _S.WAITING, _S.FAILED, _S.DROPPED),
        _S.TESTING: (_S.MERGING, _S.LANDED, _S.QUEUED, _S.FAILED, _S.DROPPED),
        _S.CONFLICT: (_S.MERGING, _S.QUEUED, _S.WAITING, _S.FAILED, _S.DROPPED),
        _S.LANDED: (_S.FAILED, _S.WAITING, _S.QUEUED),
        _S.FAILED: (_S.WAITING, _S.QUEUED, _S.DROPPED),
        _S.DROPPED: (_S.WAITING, _S.QUEUED),
    }.items()
    for after in afters
)


class Step(Enum):
    """What a running (or paused) attempt is doing; the step names the effect that is under way."""

    NONE = auto()
    PREPARING = auto()
    STARTING = auto()
    WORKING = auto()
    UPDATING = auto()
    CAPTURING = auto()
    TESTING = auto()


class Hold(StrEnum):
    """Who stopped a worker. It goes on when no hold is left."""

    PERSON = "person"
    ALL = "all"
    COLLISION = "collision"
    BUDGET = "budget"
    MOCK = "mock"


class Ending(Enum):
    """What becomes of an attempt that was told to end."""

    NONE = auto()
    STOPPED = auto()
    DROPPED = auto()
    COLLIDED = auto()
    INTERRUPTED = auto()
    MESSAGED = auto()
    SPENT = auto()
    STUCK = auto()
    RECHECKED = auto()


@dataclass(slots=True)
class WriteAsk:
    """An edit an agent waits to make. `blocked` tells for each path who holds what of it (holder, pattern); `granted`:
    the paths are its own, and it goes on when the worktree is up to date."""

    id: str
    paths: tuple[str, ...]
    since: float
    blocked: dict[str, tuple[str, str]] = field(default_factory=dict)
    granted: bool = False

    @property
    def holders(self) -> tuple[str, ...]:
        """Who stands in the way."""
        return tuple(dict.fromkeys(holder for holder, _ in self.blocked.values()))


@dataclass(slots=True)
class Attempt:
    """The attempt under way, or the last one. `first` is the commit it began with, `session` the conversation it
    resumes (empty: a new one), which had `used_before`; `cost` and `tokens` are counted already.

    With `recheck` no agent runs: what there is goes through its tests again, on top of what landed. `told` is what an
    attempt that was ended for it goes on with. While its provider gives no answer, `waits` says so, `waits_until` when
    it asks again, and `retries` how often it did after an error."""

    number: int = 0
    step: Step = Step.NONE
    worker: str = ""
    start: str = ""
    onto: str = ""
    base: str = ""
    pid: int = 0
    holds: set[Hold] = field(default_factory=set)
    resuming: bool = False
    collisions: dict[str, str] = field(default_factory=dict)
    asks: dict[str, WriteAsk] = field(default_factory=dict)
    thawed: str = ""
    touched: set[str] = field(default_factory=set)
    ending: Ending = Ending.NONE
    exit_code: int = 0
    exit_words: str = ""
    tail: str = ""
    begun: float = 0.0
    active: float = 0.0
    active_at: float | None = None
    first: str = ""
    session: str = ""
    used_before: Usage = NO_USAGE
    cost: float = 0.0
    tokens: int = 0
    seen: int = 0
    limited: bool = False
    waits: str = ""
    waits_until: float | None = None
    retries: int = 0
    judged: bool = False
    trouble: str = ""
    trouble_words: str = ""
    said: str = ""
    recheck: bool = False
    told: str = "your message"
    mocks: dict[str, MockRecord] = field(default_factory=dict)
    clash: str = ""

    def run_clock(self, at: float) -> None:
        """The agent runs from `at` on."""
        if self.active_at is None:
            self.active_at = at

    def active_until(self, at: float) -> float:
        """Seconds the agent has run until `at`, pauses excluded."""
        return self.active + (max(0.0, at - self.active_at) if self.active_at is not None else 0.0)

    def stop_clock(self, at: float) -> None:
        """The agent stands still (or has ended) at `at`."""
        if self.active_at is not None:
            self.active += max(0.0, at - self.active_at)
            self.active_at = None


@dataclass(slots=True)
class TaskRecord:
    """Everything the machine knows of one task. `commit` is the newest captured work; `continue_from` the commit a
    fix attempt starts from (empty: a new branch from the integration tip); `failed_at` the commit that failed last.

    `session` is the agent's conversation, held by `session_of` (agent, worker), which has used `thread`; `question`
    what it asked or refused. `spared` attempts failed by their provider, `clashes` met a port that was taken: neither
    cost a try. Its own budget counts what was spent since `allowed_from`; of the attempts in `guessed` the cost is an
    estimate. `breach` names the frozen contracts its branch changes and nobody has ruled on, `amends`
    those it may change; `recheck`: its next attempt needs no agent."""

    spec: TaskSpec
    order: int
    branch: str
    state: TaskState = TaskState.WAITING
    reason: str = ""
    since: float = 0.0
    queued_at: float = 0.0
    passed_over: int = 0
    moved: int = 0
    attempts: int = 0
    tries_left: int = 0
    attempt: Attempt = field(default_factory=Attempt)
    branch_made: bool = False
    continue_from: str = ""
    note: str = ""
    failures: list[str] = field(default_factory=list)
    unsettled: tuple[str, tuple[str, ...]] = ("", ())
    settled_red: str = ""
    landed_since: list[str] = field(default_factory=list)
    commit: str = ""
    kept: list[str] = field(default_factory=list)
    paths: tuple[str, ...] = ()
    added: int = 0
    removed: int = 0
    merge_after: set[str] = field(default_factory=set)
    conflicts: tuple[str, ...] = ()
    resolving: str = ""
    resolution: str = ""
    proposed: int = 0
    landed: str = ""
    started: float | None = None
    finished: float | None = None
    active: float = 0.0
    cost: float = 0.0
    tokens: int = 0
    narrowed: dict[str, str] = field(default_factory=dict)
    guessed: set[int] = field(default_factory=set)
    question: str = ""
    session: str = ""
    session_of: tuple[str, str] = ("", "")
    thread: Usage = NO_USAGE
    spared: int = 0
    clashes: int = 0
    failed_at: str = ""
    allowed_from: tuple[float, int] = (0.0, 0)
    warned: bool = False
    breach: tuple[str, ...] = ()
    amends: set[str] = field(default_factory=set)
    recheck: bool = False
    held_back: str = ""

    @property
    def id(self) -> str:
        """The task's id."""
        return self.spec.id

    @property
    def claims(self) -> tuple[Claim, ...]:
        """What the task declares, as far as a person has not narrowed it."""
        claims = _declared(self.spec.files, self.spec.shared, self.spec.reads)
        if not self.narrowed:
            return claims
        return tuple(Claim(self.narrowed.get(claim.pattern, claim.pattern), claim.mode) for claim in claims)

    @property
    def frozen(self) -> bool:
        """True while a collision holds the worker; it then counts for no place in the pool."""
        return Hold.COLLISION in self.attempt.holds or self.attempt.step is Step.UPDATING


@lru_cache(maxsize=10_000)
def _declared(files: tuple[str, ...], shared: tuple[str, ...], reads: tuple[str, ...]) -> tuple[Claim, ...]:
    """Asked for at every look at a task, of which there may be thousands."""
    return (
        *(Claim(pattern, LockMode.EXCLUSIVE) for pattern in files),
        *(Claim(pattern, LockMode.SHARED) for pattern in shared),
        *(Claim(pattern, LockMode.READS) for pattern in reads),
    )


@dataclass(slots=True)
class Landing:
    """A move of the target."""

    tasks: tuple[str, ...]
    commit: str
    previous: str
    at: float
    undone: bool = False


@dataclass(slots=True)
class State:
    """One run. `tip` is the newest tested merge, `target` where the user's branch was last seen; they differ while a
    landing is under way, which `landing` (its tasks, each with the tested commit that first held it) tells. `done`
    attempts were handed to the merge queue, their agents ran for `done_seconds`. Contracts were read at `read_at` (the
    target, and which of their authors had landed) and are read at `reading`; `changing` are those a merged branch
    changes, `mocked` the attempts that are served mocks. With `most_workers` above 0 the pool's size is `auto`, last
    changed at `resized`; `load` is the last look at the machine, `pressed` what is held back."""

    run: str
    repo: str
    plan: Plan
    started: float
    at: float
    tip: str
    target: str
    workers: int
    graph: TaskGraph
    locks: LockTable
    queue: MergeQueue
    slots: SlotLine
    budget: Budget
    durations: dict[str, float]
    done: int = 0
    done_seconds: float = 0.0
    most_workers: int = 0
    resized: float = 0.0
    load: Load = CALM
    pressed: Pressed = FREE
    taken: frozenset[str] = frozenset()
    ours: frozenset[str] = frozenset()
    tasks: dict[str, TaskRecord] = field(default_factory=dict)
    ready: set[str] = field(default_factory=set)
    busy: set[str] = field(default_factory=set)
    levels: dict[str, float] = field(default_factory=dict)
    work_by_file: dict[str, float] = field(default_factory=dict)
    late: set[str] = field(default_factory=set)
    promotable: bool = True
    landing: dict[str, str] = field(default_factory=dict)
    landing_candidate: str = ""
    landing_blocked: str = ""
    landings: list[Landing] = field(default_factory=list)
    undoing: bool = False
    target_red: str = ""
    stuck: str = ""
    tests: deque[CandidateTested] = field(default_factory=lambda: deque(maxlen=200))
    tests_of: dict[str, tuple[str, ...]] = field(default_factory=dict)
    paused_all: bool = False
    stopping: str = ""
    ended: bool = False
    version: int = 0
    locks_version: int = 0
    stories: dict[str, deque[str]] = field(default_factory=dict)
    limits: dict[str, ProfileLimit] = field(default_factory=dict)
    wake_at: float | None = None
    contracts: dict[str, ContractRecord] = field(default_factory=dict)
    read_at: tuple[str, tuple[str, ...]] = ("", ())
    reading: tuple[str, tuple[str, ...]] | None = None
    changing: dict[str, set[str]] = field(default_factory=dict)
    mocked: dict[str, int] = field(default_factory=dict)
    surroundings: str = ""

    @classmethod
    def begin(cls, event: RunStarted) -> State:
        """The state right after a run began, before anything was decided."""
        plan, settings = event.plan, event.plan.settings
        return cls(
            run=event.run,
            repo=event.repo,
            plan=plan,
            started=event.at,
            at=event.at,
            tip=event.tip,
            target=event.tip,
            workers=settings.workers,
            graph=TaskGraph({spec.id: plan.dependencies(spec) for spec in plan.tasks}),
            locks=LockTable(event.files, settings.shared),
            queue=MergeQueue(has_tests(plan), test_lanes(settings)),
            slots=SlotLine(settings.max_concurrency),
            budget=Budget(settings.budget_usd, settings.budget_tokens),
            durations=dict(event.durations),
            most_workers=settings.most_workers,
            resized=event.at,
            load=event.load,
            pressed=judge(FREE, event.load),
            taken=frozenset(event.taken),
            ours=frozenset(event.ours),
            contracts=contract_records(plan, event.versions),
            surroundings=event.surroundings,
        )

    # --- looking ---

    def record(self, task: str) -> TaskRecord:
        """The record of a task; Refused when there is none of that id."""
        try:
            return self.tasks[task]
        except KeyError:
            from difflib import get_close_matches

            near = get_close_matches(task, self.tasks, 1)
            raise Refused(f"there is no task {task!r}", f"did you mean {near[0]}?" if near else None) from None

    def with_worker(self) -> list[TaskRecord]:
        """The tasks that have a worker now."""
        return [self.tasks[task] for task in sorted(self.busy, key=lambda task: self.tasks[task].order)]

    def estimate(self, task: str) -> float:
        """Seconds a task is expected to run: what the plan says, what past runs took, or what others took in this run
        (a default before the first one is done)."""
        return self.known(task) or (self.done_seconds / self.done if self.done else DEFAULT_ESTIMATE)

    def known(self, task: str) -> float | None:
        """Seconds the plan or past runs say of this very task; None when they say nothing."""
        return self.tasks[task].spec.estimate or self.durations.get(task)

    def waits_for(self, task: str) -> set[str]:
        """The tasks this one directly waits for: holders it collided with, merges before it; one that is not at work
        for what it needs and for who has its files."""
        record = self.tasks[task]
        waits = {*record.attempt.collisions.values(), *self.pending_before(record)}
        if record.state in (TaskState.QUEUED, TaskState.WAITING):
            waits |= {need for need in self.graph.needs(task) if self.tasks[need].state is not TaskState.LANDED}
            waits |= {blocker.holder for blocker in self.locks.conflicts(task, record.claims)}
        return waits

    def pending_before(self, record: TaskRecord) -> set[str]:
        """The tasks whose landing this one's merge waits for."""
        return {t for t in record.merge_after if not self.tasks[t].state.final and self.locks.held_by(t)}

    def asked_of(self, task: str) -> set[str]:
        """The tasks whose files this one's agent waits to edit."""
        return {holder for ask in self.tasks[task].attempt.asks.values() for holder in ask.holders}

    def would_deadlock(self, task: str, holder: str, *, asks: bool = False) -> bool:
        """True when `holder` already waits, directly or through others, for `task`. Edits asked for can be denied at
        any time, so they count as waiting only with `asks`."""
        seen: set[str] = set()
        todo = [holder]
        while todo:
            current = todo.pop()
            if current == task:
                return True
            if current not in seen and current in self.tasks:
                seen.add(current)
                todo.extend(self.waits_for(current) | (self.asked_of(current) if asks else set()))
        return False

    def unfrozen(self, record: TaskRecord) -> list[str]:
        """The contracts a task uses that are not frozen, although their authors have landed."""
        used = (*record.spec.implements, *record.spec.consumes)
        return [name for name in used if name in self.contracts and self._is_open(record, name)]

    def contracts_known(self, record: TaskRecord) -> bool:
        """True when every contract a task uses was looked at on the target as it is now."""
        spec = record.spec
        return not (spec.implements or spec.consumes) or self.read_at[0] == self.target

    def _is_open(self, record: TaskRecord, name: str) -> bool:
        author = next((c.by for c in self.plan.contracts if c.name == name), "")
        landed = author in self.tasks and self.tasks[author].state is TaskState.LANDED
        return landed and author != record.id and not self.contracts[name].frozen

    # --- changing ---

    def spend(self, record: TaskRecord, usd: float, tokens: int) -> None:
        """Count what an agent used for a task."""
        record.cost += usd
        record.tokens += tokens
        self.budget.spend(usd, tokens)

    def tell(self, task: str, words: str) -> None:
        """Add a line to a task's story."""
        self.stories.setdefault(task, deque(maxlen=STORY_LENGTH)).append(words)

    def move(self, record: TaskRecord, state: TaskState, reason: str) -> None:
        """Change a task's state for a reason in words. InvalidTransition when the table forbids it."""
        if record.state is state:
            record.reason = reason
            return
        self.tell(record.id, f"{record.state} → {state}: {reason}")
        if (record.state, state) not in LEGAL:
            raise InvalidTransition(record.id, record.state, state, tuple(self.stories[record.id]))
        record.state, record.reason, record.since = state, reason, self.at
        if state is not TaskState.FAILED:
            record.question = ""
        self.ready.discard(record.id)
        if state in (TaskState.LANDED, TaskState.WAITING):
            self.promotable = True
        if state is TaskState.QUEUED:
            self.ready.add(record.id)
            record.queued_at = self.at
            record.passed_over = 0
        if state.final:
            record.finished = self.at

    def add_task(self, spec: TaskSpec) -> TaskRecord:
        """Take a task in, waiting; its dependencies must be in the graph already."""
        branch = self.plan.settings.branch_prefix + spec.id
        name, number = branch, 2
        while name in self.taken:
            name, number = f"{branch}-{number}", number + 1
        record = TaskRecord(
            spec, len(self.tasks), name, since=self.at, tries_left=spec.retries, reason="waits for its turn"
        )
        record.branch_made = name in self.ours
        self.tasks[spec.id] = record
        self.promotable = True
        self.tell(spec.id, f"added: {first_line(spec.prompt)}")
        return record


def first_line(text: str, limit: int = 100) -> str:
    """The first line of a text, cut to `limit` characters."""
    line = text.strip().split("\n", 1)[0]
    return line if len(line) <= limit else line[: limit - 1] + "…"


def contract_records(plan: Plan, versions: Mapping[str, tuple[int, str]]) -> dict[str, ContractRecord]:
    """The contracts of a plan before anything is known of them but what an earlier run froze."""
    return {c.name: ContractRecord(c.name, *versions.get(c.name, (0, ""))) for c in plan.contracts}


def has_tests(plan: Plan) -> bool:
    """True when something is run on a merged tree before it lands."""
    settings = plan.settings
    return bool(settings.checks or settings.integration_test or any(c.verify for c in plan.contracts))


def test_lanes(settings: Settings) -> int:
    """How many trees may be tested at the same time, if that turns out to pay."""
    return max(1, min(MOST_LANES, settings.max_concurrency))
