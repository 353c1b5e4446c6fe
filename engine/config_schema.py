"""The shape of aurora.yaml: every key, its type and what it means.

The reference in the documentation and the JSON schema for editors are generated from these models. What needs more
than one value to judge (unknown names, cycles, prompt files) is checked in `engine.config_checks`.
"""

from __future__ import annotations

import math
import re
import shlex
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    WithJsonSchema,
    model_validator,
)

from engine.clients.presets import ACP, PRESETS
from engine.clients.starting import quoted_placeholders
from engine.clients.stream import NAMES as STREAMS
from engine.config_names import branch_problem, nearest_hint, task_id_problem
from engine.patterns import Pattern
from engine.plan import CollisionPolicy, LimitPolicy

MAX_WORKERS = 256
MAX_JOBS = 1024
PRESET_NAMES = (*PRESETS, ACP)
_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_PROFILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_HEAVY_PROGRAM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")


def parse_duration(value: object) -> float:
    """Seconds, from a number of seconds or a text such as `90s`, `20m`, `1h30m`. ValueError with a hint otherwise."""
    if isinstance(value, str) and (found := _DURATION.fullmatch(value.strip())) and any(found.groups()):
        hours, minutes, seconds = (int(part or 0) for part in found.groups())
        value = hours * 3600 + minutes * 60 + seconds
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value <= 0:
        raise ValueError("should be a time such as 90s, 20m or 1h30m, or a number of seconds above 0")
    return float(value)


def _parse_workers(value: object) -> int | Literal["auto"]:
    if value == "auto":
        return "auto"
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_WORKERS:
        raise ValueError(f"should be a whole number from 1 to {MAX_WORKERS}, or auto")
    return value


def _parse_jobs(value: object) -> bool | int:
    if isinstance(value, bool):
        return value
    if not isinstance(value, int) or not 1 <= value <= MAX_JOBS:
        raise ValueError(f"should be true, false, or a whole number of jobs from 1 to {MAX_JOBS}")
    return value


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("should not be blank")
    return text


def _pattern(text: str) -> str:
    Pattern.parse(text)
    return text


def _task_id(text: str) -> str:
    if problem := task_id_problem(text):
        raise ValueError(problem)
    return text


def _branch(text: str) -> str:
    if problem := branch_problem(text):
        raise ValueError(problem)
    return text


def _branch_prefix(text: str) -> str:
    if problem := branch_problem(text + "x"):
        raise ValueError(problem)
    return text


def _profile_name(text: str) -> str:
    if not _PROFILE_NAME.fullmatch(text):
        raise ValueError("a name is made of letters, digits, `.`, `_` and `-` and starts with a letter or digit")
    return text


def _preset(text: str) -> str:
    if text not in PRESET_NAMES:
        raise ValueError(f"unknown preset `{text}`{nearest_hint(text, PRESET_NAMES)}")
    return text


def _stream(text: str) -> str:
    if text not in STREAMS:
        raise ValueError(f"unknown kind of output `{text}`{nearest_hint(text, STREAMS)}")
    return text


def _joined(value: object) -> object:
    """A command written as a list of words is one line for the shell."""
    return shlex.join(value) if isinstance(value, list) and all(isinstance(word, str) for word in value) else value


def _command(text: str) -> str:
    if quoted := quoted_placeholders(text):
        raise ValueError(f"{{{quoted[0]}}} stands inside quotes: remove them, Aurora quotes the value itself")
    return _not_blank(text)


def _heavy(text: str) -> str:
    program, *_ = text.split() or [""]
    if not _HEAVY_PROGRAM.fullmatch(program):
        raise ValueError("should start with the plain name of a program on PATH, like `docker build`")
    return " ".join(text.split())


Seconds = Annotated[
    float,
    PlainValidator(parse_duration),
    WithJsonSchema({"type": ["number", "string"], "examples": ["90s", "20m", "1h30m", 600]}),
]
Workers = Annotated[
    int | Literal["auto"],
    PlainValidator(_parse_workers),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1, "maximum": MAX_WORKERS}, {"const": "auto"}]}),
]
Jobs = Annotated[
    bool | int,
    PlainValidator(_parse_jobs),
    WithJsonSchema({"anyOf": [{"type": "boolean"}, {"type": "integer", "minimum": 1, "maximum": MAX_JOBS}]}),
]
Text = Annotated[str, AfterValidator(_not_blank)]
Command = Annotated[
    str,
    BeforeValidator(_joined),
    AfterValidator(_command),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
Name = Annotated[str, AfterValidator(_profile_name)]
PresetName = Annotated[str, AfterValidator(_preset), Field(json_schema_extra={"enum": list(PRESET_NAMES)})]
StreamName = Annotated[str, AfterValidator(_stream), Field(json_schema_extra={"enum": list(STREAMS)})]
Texts = Annotated[tuple[Text, ...], Field(strict=False)]
Patterns = Annotated[tuple[Annotated[Text, AfterValidator(_pattern)], ...], Field(strict=False)]
HeavyCommands = Annotated[tuple[Annotated[Text, AfterValidator(_heavy)], ...], Field(strict=False)]


class _Entry(BaseModel):
    """The base of all models: frozen, unknown keys refused, no silent conversion; an empty key counts as absent."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _drop_empty_keys(cls, data: object) -> object:
        return {key: value for key, value in data.items() if value is not None} if isinstance(data, dict) else data


class AgentEntry(_Entry):
    """One agent profile: a known program (`preset`) or any shell command (`command`)."""

    preset: PresetName | None = Field(
        default=None, description=f"A known agent program: {', '.join(PRESET_NAMES)}. Default: the profile's own name."
    )
    command: Command | None = Field(
        default=None,
        description="A shell command run in the worktree; {prompt} and {prompt_file} are replaced, quoted. With the "
        "preset acp the program (and its arguments) that speaks the Agent Client Protocol: [gemini, --acp].",
    )
    args: Texts = Field(
        default=(), description="More arguments for a preset's program; one of them replaces Aurora's own."
    )
    max_parallel: int | None = Field(
        default=None, ge=1, description="How many tasks may use this profile at the same time."
    )
    output: StreamName | None = Field(
        default=None,
        description="What a `command` prints, so that it is read: the stream of one of the presets, or text.",
    )


class LocksEntry(_Entry):
    """How the lock table treats files for every task."""

    shared: Patterns = Field(
        default=(), description="Patterns that every task may edit at the same time; the merge decides."
    )
    on_collision: CollisionPolicy = Field(
        default="freeze",
        description="When a task edits a file another one holds: freeze its worker and ask (default), allow it, or "
        "stop the task.",
    )
    wait: Seconds = Field(
        default=60.0,
        description="How long an agent that asks before it edits waits for a file another task holds, until it is told "
        "to do something else.",
    )


class AllowanceEntry(_Entry):
    """What one task, or one attempt of a task, may spend."""

    usd: float | None = Field(default=None, gt=0, description="US dollars.")
    tokens: int | None = Field(default=None, gt=0, description="Tokens.")


class BudgetEntry(_Entry):
    """What a run may spend; reaching it starts nothing new."""

    usd: float | None = Field(default=None, gt=0, description="US dollars for the whole run.")
    tokens: int | None = Field(default=None, gt=0, description="Tokens for the whole run.")
    per_task: AllowanceEntry | None = Field(
        default=None, description="What each task may spend; then it ends, and its work is kept."
    )
    per_attempt: AllowanceEntry | None = Field(
        default=None, description="What each attempt may spend; then it ends, and the next one goes on from its work."
    )
    at_limit: LimitPolicy = Field(
        default="finish",
        description="When the run's budget is spent: running agents finish (default), or are paused until you say so.",
    )


class PriceEntry(_Entry):
    """US dollars for a million tokens of a model."""

    input: float = Field(ge=0, description="Input that is not from a cache.")
    cached: float | None = Field(default=None, ge=0, description="Input from a cache. Default: as input.")
    output: float = Field(ge=0, description="Output.")


class ContractEntry(_Entry):
    """An interface that is fixed before its implementers and its consumers start."""

    files: Patterns = Field(min_length=1, description="The files that hold the contract; frozen once they landed.")
    by: str = Field(description="The id of the task that writes the contract.")
    kind: Text | None = Field(
        default=None, description="A built-in kind: it brings the commands that are not given here."
    )
    check: Text | None = Field(default=None, description="A command the contract must pass before it is frozen.")
    mock: Text | None = Field(
        default=None, description="A command that serves a mock of the contract to its consumers."
    )
    verify: Text | None = Field(
        default=None, description="A command that checks an implementation against the contract."
    )
    serve: Text | None = Field(
        default=None, description="A command that starts the implemented service on $AURORA_PORT, for `verify`."
    )
    health: Text | None = Field(
        default=None,
        description="The path (or URL with {port}) that answers when the mock or the service is ready. Default: the "
        "port takes connections.",
    )


class TaskEntry(_Entry):
    """One task: what the agent is asked to do, and what it will edit."""

    id: Annotated[str, AfterValidator(_task_id)] = Field(
        description="The task's name; its branch is branch_prefix followed by it."
    )
    prompt: Text | None = Field(default=None, description="What the agent is asked to do.")
    prompt_file: Text | None = Field(
        default=None, description="A file with the prompt, beside the plan; instead of `prompt`."
    )
    files: Patterns = Field(
        default=(), description="Patterns of the files the task will edit; nobody else may meanwhile."
    )
    shared: Patterns = Field(default=(), description="Patterns it may edit together with others; the merge decides.")
    reads: Patterns = Field(default=(), description="Patterns nobody may edit while the task runs.")
    after: Texts = Field(default=(), description="Ids of tasks that must land before this one starts.")
    agent: Text | None = Field(default=None, description="The agent profile. Default: the top-level `agent`.")
    priority: int = Field(default=0, description="Higher numbers start first.")
    implements: Texts = Field(
        default=(), description="Names of contracts the task implements; it waits for them to land."
    )
    consumes: Texts = Field(default=(), description="Names of contracts the task relies on; it waits for them to land.")
    test: Text | None = Field(
        default=None, description="A command that must pass on the task's branch before it is merged."
    )
    heavy: bool = Field(
        default=False, description="The agent itself takes one of the `max_concurrency` slots while it runs."
    )
    timeout: Seconds | None = Field(default=None, description="How long one attempt may take, pauses not counted.")
    retries: int | None = Field(
        default=None, ge=0, le=100, description="Fix attempts after a failure. Default: `retries`."
    )
    estimate: Seconds | None = Field(
        default=None, description="How long the task will take; used until it has run once."
    )
    budget: AllowanceEntry | None = Field(
        default=None, description="What the task may spend, instead of `budget.per_task`."
    )

    @model_validator(mode="after")
    def _one_prompt(self) -> TaskEntry:
        if (self.prompt is None) == (self.prompt_file is None):
            raise ValueError("needs exactly one of `prompt` and `prompt_file`")
        return self


class ConfigFile(_Entry):
    """The whole of aurora.yaml."""

    max_concurrency: int = Field(
        default=4,
        ge=1,
        le=MAX_WORKERS,
        description="Slots for CPU-heavy commands, and the size of the pool without `workers`.",
    )
    workers: Workers | None = Field(
        default=None,
        description="How many tasks run at the same time; auto: begins with max_concurrency, follows the machine.",
    )
    target: Annotated[str, AfterValidator(_branch)] | None = Field(
        default=None, description="The branch the work lands on. Default: the branch you are on."
    )
    branch_prefix: Annotated[str, AfterValidator(_branch_prefix)] = Field(
        default="feat/", description="A task's branch is this followed by its id."
    )
    agent: Text | None = Field(
        default=None,
        description="The profile of tasks that name none. Default: the only profile there is, else claude.",
    )
    agents: dict[Name, AgentEntry] = Field(default={}, description="Agent profiles by name; presets need no entry.")
    setup: Texts = Field(default=(), description="Commands run in a new worktree, and when its lock files change.")
    checks: Texts = Field(
        default=(), description="Quick commands (type checker, linter) run before the integration test."
    )
    integration_test: Text | None = Field(
        default=None, description="The command that must pass on the merged tree before it lands."
    )
    merge_agent: Name | None = Field(
        default=None, description="The agent profile that proposes how a conflict is settled; a person accepts it."
    )
    auto_accept: bool = Field(
        default=False,
        description="Take what the merge agent proposes without asking; it lands only when the tests pass.",
    )
    test_timeout: Seconds = Field(
        default=3600.0, description="How long checks and tests may take; longer is retried once."
    )
    heavy: HeavyCommands | None = Field(
        default=None,
        description="Beginnings of command lines that need a slot. Default: builds and installs of common tools.",
    )
    jobserver: Jobs = Field(
        default=True,
        description="How many jobs the parallel builds of all agents run together; true: one per CPU, false: each "
        "build as many as it asks for.",
    )
    locks: LocksEntry = Field(
        default_factory=lambda: LocksEntry(), description="Files all may edit, and what a collision leads to."
    )
    budget: BudgetEntry = Field(default_factory=lambda: BudgetEntry(), description="What a run may spend.")
    prices: dict[Text, PriceEntry] = Field(
        default={}, description="Prices by model (`gpt-5*` fits many), where an agent does not say what it spent."
    )
    retries: int = Field(default=1, ge=0, le=100, description="Fix attempts a task gets after a failure.")
    worktrees: Text | None = Field(
        default=None, description="The folder of the worktrees. Default: `<repository>.aurora` beside the repository."
    )
    contracts: dict[Name, ContractEntry] = Field(default={}, description="Interfaces that are fixed first, by name.")
    tasks: Annotated[tuple[TaskEntry, ...], Field(strict=False)] = Field(
        default=(), description="The tasks of the plan."
    )


def entry_at(where: tuple[str | int, ...]) -> type[BaseModel] | None:
    """The model of the mapping at a key path; None where there is no mapping of known keys."""
    match where:
        case ():
            return ConfigFile
        case ("tasks", int()):
            return TaskEntry
        case ("contracts", str()):
            return ContractEntry
        case ("agents", str()):
            return AgentEntry
        case ("locks",):
            return LocksEntry
        case ("budget",):
            return BudgetEntry
        case ("budget", "per_task" | "per_attempt") | ("tasks", int(), "budget"):
            return AllowanceEntry
        case ("prices", str()):
            return PriceEntry
    return None


def place_of(key: str) -> str | None:
    """Where a key is valid, in words; None when it is valid nowhere."""
    places: dict[str, type[BaseModel]] = {
        "at the top level": ConfigFile,
        "in a task": TaskEntry,
        "under `locks`": LocksEntry,
        "under `budget`": BudgetEntry,
        "in a contract": ContractEntry,
        "in an agent profile": AgentEntry,
    }
    return next((place for place, model in places.items() if key in model.model_fields), None)


def json_schema() -> dict[str, object]:
    """The JSON schema of aurora.yaml, for editors."""
    return ConfigFile.model_json_schema()
