"""A plan as plain values: what `engine.config` reads from aurora.yaml and the machine works on.

Everything is resolved here: defaults filled in, durations in seconds, prompt files read, profile names checked.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Literal

CollisionPolicy = Literal["freeze", "allow", "stop"]
LimitPolicy = Literal["finish", "pause"]


@dataclass(frozen=True, slots=True)
class Allowance:
    """How much may be spent: US dollars and tokens (None: no limit)."""

    usd: float | None = None
    tokens: int | None = None

    @property
    def limited(self) -> bool:
        """True when there is a limit at all."""
        return self.usd is not None or self.tokens is not None


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for a million tokens: fresh input, input from a cache, output."""

    input: float
    cached: float
    output: float


@dataclass(frozen=True, slots=True)
class AgentProfile:
    """How one kind of agent is started: a known `preset`, or a shell `command` with {prompt} / {prompt_file}."""

    name: str
    preset: str | None = None
    command: str | None = None
    args: tuple[str, ...] = ()
    max_parallel: int | None = None
    output: str = ""


@dataclass(frozen=True, slots=True)
class Contract:
    """An interface fixed before its implementers and consumers branch. `by` is the id of the task that writes it.

    The commands are those in force: its own, else those of its `kind`. `health` is the path asked of a started mock or
    service, or a whole URL with {port}."""

    name: str
    files: tuple[str, ...]
    by: str
    check: str | None = None
    mock: str | None = None
    verify: str | None = None
    kind: str = ""
    serve: str | None = None
    health: str = ""


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """One task as the plan states it. `timeout` and `estimate` are seconds; `added` marks one not from the file."""

    id: str
    prompt: str
    files: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    agent: str = ""
    priority: int = 0
    implements: tuple[str, ...] = ()
    consumes: tuple[str, ...] = ()
    test: str | None = None
    heavy: bool = False
    timeout: float | None = None
    retries: int = 1
    estimate: float | None = None
    added: bool = False
    budget: Allowance = Allowance()

    @property
    def fingerprint(self) -> str:
        """A digest of what the agent is asked to do: equal for equal work, whatever its place in the queue."""
        wanted = asdict(self)
        for scheduling in ("priority", "estimate", "added", "timeout", "retries", "budget"):
            del wanted[scheduling]
        return hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything in aurora.yaml that is not a task or a contract. `workers` is the size the pool begins with;
    `most_workers` above 0 says that it is `auto` and how far it may grow. `jobserver` is how many jobs the builds of
    all agents run together (0: there is no jobserver)."""

    target: str
    max_concurrency: int = 4
    workers: int = 4
    branch_prefix: str = "feat/"
    agents: tuple[AgentProfile, ...] = ()
    setup: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    integration_test: str | None = None
    test_timeout: float = 3600.0
    heavy: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    on_collision: CollisionPolicy = "freeze"
    write_wait: float = 60.0
    budget_usd: float | None = None
    budget_tokens: int | None = None
    task_budget: Allowance = Allowance()
    attempt_budget: Allowance = Allowance()
    at_limit: LimitPolicy = "finish"
    prices: dict[str, Price] = field(default_factory=dict)
    worktrees: str | None = None
    merge_agent: str = ""
    auto_accept: bool = False
    most_workers: int = 0
    jobserver: int = 0

    def profile(self, name: str) -> AgentProfile:
        """The profile of that name; KeyError when there is none (config has checked every name)."""
        return next(p for p in self.agents if p.name == name)


@dataclass(frozen=True, slots=True)
class Plan:
    """The settings, the tasks in the order of the file, and the contracts."""

    settings: Settings
    tasks: tuple[TaskSpec, ...] = ()
    contracts: tuple[Contract, ...] = field(default=())

    def dependencies(self, spec: TaskSpec) -> tuple[str, ...]:
        """Ids that must land before `spec` starts: its `after`, and the writers of the contracts it uses."""
        writers = {c.name: c.by for c in self.contracts}
        via_contract = [writers[name] for name in (*spec.implements, *spec.consumes) if name in writers]
        return tuple(dict.fromkeys(t for t in (*spec.after, *via_contract) if t != spec.id))
