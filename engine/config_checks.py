"""What needs more than one value of aurora.yaml to judge: unknown names, cycles, paths, prompt files."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.clients.presets import ACP, PRESETS
from engine.clients.starting import MAX_ARGUMENT, needs_argument
from engine.config_lines import Finding, Where, read_text_file
from engine.config_names import branch_problem, nearest_hint
from engine.config_schema import AgentEntry, ConfigFile, TaskEntry
from engine.contracts.kinds import KINDS
from engine.contracts.overlaps import shared_files, within
from engine.contracts.records import variable_name
from engine.errors import ConfigError
from engine.graph import TaskGraph
from engine.plan import AgentProfile

ROOM_FOR_RULES = 30_000


@dataclass(frozen=True, slots=True)
class Place:
    """Where the plan's relative paths begin (`folder`), and what they must not leave (`root`)."""

    folder: Path
    root: Path

    @classmethod
    def of(cls, plan_file: Path, root: Path) -> Place:
        """Paths are relative to the plan's folder and stay in the repository, or in that folder if it is outside."""
        folder, top = (Path(os.path.realpath(path)) for path in (plan_file.absolute().parent, root))
        return cls(folder, top if folder.is_relative_to(top) else folder)


def read_prompt(path: str, place: Place) -> str:
    """The text of a prompt file. ValueError with a sentence when it leaves the place or is no usable text."""
    if os.path.isabs(path) or path.startswith("~"):
        raise ValueError(f"`{path}` is an absolute path: prompt files are relative to the plan")
    real = Path(os.path.realpath(place.folder / path))
    if not real.is_relative_to(place.root):
        raise ValueError(f"`{path}` is outside the repository")
    try:
        return read_text_file(real)
    except ValueError as error:
        raise ValueError(f"`{path}` {error}") from None


def find_all(config: ConfigFile, place: Place, target: str | None) -> Iterator[Finding]:
    """Every finding of a plan whose single values are all right."""
    ids = [task.id for task in config.tasks]
    yield from _profiles(config)
    yield from _duplicates(ids)
    yield from _contracts(config, ids)
    for number, task in enumerate(config.tasks):
        yield from task_findings(task, ("tasks", number), ids, config.contracts, profile_names(config), place)
    yield from _default_agent(config)
    yield from _branches(config, target)
    yield from _outside_paths(config, place)
    yield from _cycle(config, ids)


def profile_names(config: ConfigFile) -> tuple[str, ...]:
    """Every profile a task may name: those of the file, then the presets."""
    return tuple(dict.fromkeys((*config.agents, *PRESETS)))


def default_agent(config: ConfigFile) -> str | None:
    """The profile of tasks that name none; None when several are defined and none is called claude."""
    if config.agent is not None:
        return config.agent
    if len(config.agents) == 1:
        return next(iter(config.agents))
    return "claude" if "claude" in config.agents or not config.agents else None


def profile_of(name: str, entry: AgentEntry) -> AgentProfile:
    """The profile a valid entry describes; without preset and command its name is the preset."""
    preset = entry.preset or (None if entry.command else name)
    return AgentProfile(name, preset, entry.command, entry.args, entry.max_parallel, entry.output or "")


def _profiles(config: ConfigFile) -> Iterator[Finding]:
    for name, entry in config.agents.items():
        where = ("agents", name)
        if entry.preset == ACP:
            if not entry.command:
                yield Finding(where, "needs the `command` that speaks ACP", "for example [gemini, --acp]")
            continue
        if entry.preset and entry.command:
            yield Finding(where, "needs one of `preset` and `command`, not both")
        elif not entry.preset and not entry.command and name not in PRESETS:
            yield Finding(where, "needs a `preset` or a `command`" + nearest_hint(name, PRESETS))
        if entry.output and not entry.command:
            yield Finding((*where, "output"), "belongs to a `command`; what a preset prints is known")
        if entry.command and entry.args:
            yield Finding((*where, "args"), "belongs to a preset; write the arguments into `command`")
    if config.agent is not None:
        yield from _unknown((config.agent,), ("agent",), "agent", profile_names(config), single=True)
    if config.merge_agent is not None:
        yield from _unknown((config.merge_agent,), ("merge_agent",), "agent", profile_names(config), single=True)
    if config.auto_accept and config.merge_agent is None:
        yield Finding(("auto_accept",), "belongs to a merge agent", "`merge_agent: NAME` names an agent profile")
    elif config.auto_accept and not config.integration_test and not config.checks:
        words = "needs tests: nothing else would notice a wrong resolution"
        yield Finding(("auto_accept",), words, "add an `integration_test` or `checks`")


def _default_agent(config: ConfigFile) -> Iterator[Finding]:
    if default_agent(config) is None:
        nameless = (number for number, task in enumerate(config.tasks) if task.agent is None)
        for number in nameless:
            names = ", ".join(config.agents)
            yield Finding(("tasks", number), "names no agent, and there are several", f"add `agent:`, one of {names}")


def _duplicates(ids: Sequence[str]) -> Iterator[Finding]:
    first: dict[str, int] = {}
    for number, task in enumerate(ids):
        if first.setdefault(task.lower(), number) != number:
            other = f"tasks[{first[task.lower()]}]"
            words = f"{other} has the id `{task}` too"
            if task != ids[first[task.lower()]]:
                words = f"the id `{task}` differs from that of {other} only in case, which some disks cannot tell apart"
            yield Finding(("tasks", number, "id"), words)


def _unknown(
    names: Sequence[str], where: Where, what: str, known: Collection[str], *, single: bool = False
) -> Iterator[Finding]:
    for position, name in enumerate(names):
        if name not in known:
            listed = f"known: {', '.join(list(known)[:12])}" if known else None
            place = where if single else (*where, position)
            near = nearest_hint(name, known)
            yield Finding(place, f"unknown {what} `{name}`{near}", None if near else listed)


def task_findings(
    task: TaskEntry,
    where: Where,
    ids: Collection[str],
    contracts: Collection[str],
    agents: Collection[str],
    place: Place,
) -> Iterator[Finding]:
    """What is wrong with one task among `ids`, apart from cycles and what its profile cannot take."""
    yield from _unknown(task.after, (*where, "after"), "task", ids)
    yield from _unknown(task.implements, (*where, "implements"), "contract", contracts)
    yield from _unknown(task.consumes, (*where, "consumes"), "contract", contracts)
    if task.agent is not None:
        yield from _unknown((task.agent,), (*where, "agent"), "agent", agents, single=True)
    if task.prompt_file is not None:
        try:
            read_prompt(task.prompt_file, place)
        except ValueError as error:
            yield Finding((*where, "prompt_file"), str(error))
    for key in ("files", "shared", "reads"):
        yield from _absolute(getattr(task, key), (*where, key), place)


def too_long(prompt: str, profile: AgentProfile) -> str | None:
    """Why a prompt cannot be given to a profile: what travels as one argument must leave room for the rules."""
    limit = MAX_ARGUMENT - ROOM_FOR_RULES
    if not needs_argument(profile) or len(prompt.encode()) <= limit:
        return None
    return f"is longer than the {limit:,} bytes that fit on the command line of agent {profile.name}"


def _contracts(config: ConfigFile, ids: Sequence[str]) -> Iterator[Finding]:
    variables: dict[str, str] = {}
    for name, contract in config.contracts.items():
        where = ("contracts", name)
        yield from _unknown((contract.by,), (*where, "by"), "task", ids, single=True)
        other = variables.setdefault(variable_name(name), name)
        if other != name:
            yield Finding(where, f"has the same variable AURORA_CONTRACT_{variable_name(name)} as `{other}`")
        if contract.kind is not None:
            yield from _unknown((contract.kind,), (*where, "kind"), "kind", KINDS, single=True)
    for name, position, other in shared_files({name: one.files for name, one in config.contracts.items()}):
        words = f"is a file of the contract `{other}` too"
        yield Finding(("contracts", name, "files", position), words, "a file belongs to one contract: make one of both")
    yield from _claims_on_contracts(config)


def _claims_on_contracts(config: ConfigFile) -> Iterator[Finding]:
    """Whoever builds on a contract cannot claim its files: they are frozen when it starts."""
    for number, task in enumerate(config.tasks):
        for name in (*task.implements, *task.consumes):
            contract = config.contracts.get(name)
            if contract is None or contract.by == task.id:
                continue
            for key in ("files", "shared"):
                for position, claim in enumerate(getattr(task, key)):
                    if any(within(claim, pattern) for pattern in contract.files):
                        words = f"`{claim}` belongs to the contract `{name}`, which is frozen when this task starts"
                        yield Finding(("tasks", number, key, position), words)


def _branches(config: ConfigFile, target: str | None) -> Iterator[Finding]:
    if target is None:
        return
    if problem := branch_problem(target):
        yield Finding(("target",), f"`{target}`: {problem}")
    prefix = config.branch_prefix
    if prefix.startswith(f"{target}/"):
        words = f"git cannot have the branch `{target}` and branches that begin with `{prefix}` at the same time"
        yield Finding(("branch_prefix",), words)
    for number, task in enumerate(config.tasks):
        if prefix + task.id == target or target.startswith(f"{prefix}{task.id}/"):
            yield Finding(("tasks", number, "id"), f"its branch `{prefix}{task.id}` would clash with the target")


def _outside_paths(config: ConfigFile, place: Place) -> Iterator[Finding]:
    yield from _absolute(config.locks.shared, ("locks", "shared"), place)
    for name, contract in config.contracts.items():
        yield from _absolute(contract.files, ("contracts", name, "files"), place)


def _absolute(patterns: Sequence[str], where: Where, place: Place) -> Iterator[Finding]:
    """A leading slash means the root of the repository; a path of this machine was surely not meant so."""
    for position, pattern in enumerate(patterns):
        top = pattern.split("/")[1] if pattern.startswith("/") else ""
        below = pattern.removeprefix(f"{place.root}/")
        if below != pattern:
            yield Finding((*where, position), f"`{pattern}` is an absolute path; write `{below}`")
        elif top and pattern.count("/") > 1 and Path("/", top).is_dir() and not (place.root / top).exists():
            words = f"`{pattern}` is an absolute path: patterns are relative to the root of the repository"
            yield Finding((*where, position), words)


def _cycle(config: ConfigFile, ids: Sequence[str]) -> Iterator[Finding]:
    needs = _needs(config, set(ids))
    try:
        TaskGraph(needs)
    except ConfigError as error:
        number = next((n for n, task in enumerate(ids) if _reaches_itself(task, needs)), 0)
        key = ("after",) if config.tasks[number].after else ()
        yield Finding(("tasks", number, *key), error.message, error.hint)


def _needs(config: ConfigFile, ids: Collection[str]) -> dict[str, tuple[str, ...]]:
    """What each task waits for, unknown names left out (they are findings of their own)."""
    writers = {name: contract.by for name, contract in config.contracts.items()}
    return {
        task.id: tuple(
            other
            for other in (*task.after, *(writers.get(name, "") for name in (*task.implements, *task.consumes)))
            if other in ids and (other != task.id or other in task.after)
        )
        for task in config.tasks
    }


def _reaches_itself(task: str, needs: Mapping[str, Sequence[str]]) -> bool:
    seen: set[str] = set()
    open_ends = list(needs[task])
    while open_ends:
        other = open_ends.pop()
        if other == task:
            return True
        if other not in seen:
            seen.add(other)
            open_ends.extend(needs[other])
    return False
