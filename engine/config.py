"""Reads aurora.yaml into a `Plan`: every default filled in, every name checked, every prompt file read.

plan = load_plan(root / "aurora.yaml", root=root, target=repo.current_branch())
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from engine.autosize import first_size, most_workers
from engine.clients.presets import PRESETS
from engine.config_checks import Place, default_agent, find_all, profile_of, read_prompt, task_findings, too_long
from engine.config_lines import Document, Finding, path_text, read_document
from engine.config_names import id_from_prompt
from engine.config_schema import (
    MAX_WORKERS,
    AllowanceEntry,
    ConfigFile,
    ContractEntry,
    PriceEntry,
    TaskEntry,
    json_schema,
)
from engine.config_words import findings_of
from engine.contracts.kinds import with_commands
from engine.errors import ConfigError
from engine.heavy_commands import DEFAULT_HEAVY
from engine.plan import AgentProfile, Allowance, Contract, Plan, Price, Settings, TaskSpec
from engine.sampling import cpus, host_root

__all__ = ["json_schema", "load_plan", "parse_task", "problems", "starter"]


def load_plan(path: Path, *, root: Path, target: str | None, workers: int | None = None) -> Plan:
    """The plan in `path`. `target` is the branch to land on when the file names none, `workers` overrides the file.

    ConfigError: one sentence with file, line and key of the first thing wrong, and how many more there are."""
    if workers is not None and not 1 <= workers <= MAX_WORKERS:
        raise ConfigError(f"--workers should be a whole number from 1 to {MAX_WORKERS}, not {workers}")
    document = read_document(path, _name_of(path, root))
    reading = _read(document, Place.of(path, root), target)
    if reading.problems or reading.config is None:
        raise _first_of(reading.problems)
    branch = reading.config.target or target
    if not branch:
        raise ConfigError(f"{document.name}: `target` is missing, and no branch is checked out", "add `target: main`")
    return _plan(reading.config, Place.of(path, root), branch, workers)


def problems(path: Path, *, root: Path, target: str | None = None) -> list[str]:
    """Every problem of the file as a sentence, by line, hints included; an empty list when it is valid."""
    try:
        document = read_document(path, _name_of(path, root))
    except ConfigError as error:
        return [_with_hint(error)]
    return [_with_hint(problem) for problem in _read(document, Place.of(path, root), target).problems]


def parse_task(fields: Mapping[str, object], *, plan: Plan, root: Path) -> TaskSpec:
    """One more task for a plan, from the keys a task has in aurora.yaml; without `id` it is named after its prompt.

    ConfigError naming the key. An unknown `agent` is one that neither the plan's file nor its tasks mention."""
    ids = [task.id for task in plan.tasks]
    wanted = {key: value for key, value in fields.items() if value is not None}
    wanted.setdefault("id", id_from_prompt(str(wanted.get("prompt", "")), ids))
    agents, place = [profile.name for profile in plan.settings.agents], Place.of(root / "aurora.yaml", root)
    try:
        entry = TaskEntry.model_validate(wanted)
        found = list(task_findings(entry, (), ids, [c.name for c in plan.contracts], agents, place))
    except ValidationError as error:
        found = findings_of(error, ("tasks", 0))
    if not found and entry.id in ids:
        found = [Finding(("id",), f"there is a task `{entry.id}` already")]
    if not found:
        spec = _spec(entry, place, agents[0] if agents else "", retries=1, added=True)
        reason = too_long(spec.prompt, plan.settings.profile(spec.agent))
        if reason is None:
            return spec
        found = [Finding(("prompt",), reason)]
    raise _first_of([_problem("the new task", None, finding) for finding in found])


def starter() -> str:
    """The text `aurora init` writes: a small commented aurora.yaml."""
    return files("engine").joinpath("starter.yaml").read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class _Reading:
    """What a file says, and every problem in the order of the lines; the first is to be told first."""

    config: ConfigFile | None
    problems: list[ConfigError]


def _read(document: Document, place: Place, target: str | None) -> _Reading:
    config, findings = _validated(document)
    if config is not None:
        findings += list(find_all(config, place, config.target or target))
        findings += list(_long_prompts(config, place))
    placed = sorted(((document.position_of(f.where), f) for f in findings), key=lambda pair: pair[0])
    return _Reading(config, [_problem(document.name, line, finding) for (line, _), finding in placed])


def _validated(document: Document) -> tuple[ConfigFile | None, list[Finding]]:
    """The model; if only single keys of tasks are wrong, the model without those keys, so that all else is checked."""
    findings = list(document.findings)
    try:
        return ConfigFile.model_validate(document.data), findings
    except ValidationError as error:
        wrong = findings_of(error)
    findings += wrong
    try:
        return ConfigFile.model_validate(_without(document.data, wrong)), findings
    except ValidationError:
        return None, findings


def _without(data: dict[object, object], wrong: list[Finding]) -> dict[object, object]:
    """The data without the wrong keys of tasks; what is wrong elsewhere stays, and fails again."""
    tasks = data.get("tasks")
    if not isinstance(tasks, list):
        return data
    bad = {finding.where[1:3] for finding in wrong if len(finding.where) >= 3 and finding.where[0] == "tasks"}
    kept = [
        {key: value for key, value in task.items() if (number, key) not in bad} if isinstance(task, dict) else task
        for number, task in enumerate(tasks)
    ]
    return {**data, "tasks": kept}


def _long_prompts(config: ConfigFile, place: Place) -> list[Finding]:
    found = []
    profiles = {profile.name: profile for profile in _profiles(config)}
    for number, task in enumerate(config.tasks):
        profile = profiles.get(task.agent or default_agent(config) or "")
        try:
            reason = too_long(_prompt(task, place), profile) if profile else None
        except ValueError:
            continue
        if reason:
            key = "prompt" if task.prompt is not None else "prompt_file"
            found.append(Finding(("tasks", number, key), reason))
    return found


def _prompt(task: TaskEntry, place: Place) -> str:
    return task.prompt if task.prompt is not None else read_prompt(task.prompt_file or "", place)


def _profiles(config: ConfigFile) -> tuple[AgentProfile, ...]:
    """The default profile first, then those of the file, then presets that tasks name without an entry."""
    default = default_agent(config)
    named = [default, *config.agents, config.merge_agent, *(task.agent for task in config.tasks)]
    profiles = {name: profile_of(name, entry) for name, entry in config.agents.items()}
    presets = {name: AgentProfile(name, preset=name) for name in PRESETS}
    known = presets | profiles
    return tuple(known[name] for name in dict.fromkeys(named) if name in known)


def _plan(config: ConfigFile, place: Place, target: str, workers: int | None) -> Plan:
    default = default_agent(config) or ""
    return Plan(
        settings=_settings(config, target, workers),
        tasks=tuple(_spec(task, place, default, config.retries) for task in config.tasks),
        contracts=tuple(_contract(name, entry) for name, entry in config.contracts.items()),
    )


def _contract(name: str, entry: ContractEntry) -> Contract:
    fields = _fields(entry) | {"kind": entry.kind or "", "health": entry.health or ""}
    return with_commands(Contract(name=name, **fields))


def _settings(config: ConfigFile, target: str, workers: int | None) -> Settings:
    return Settings(
        target=target,
        max_concurrency=config.max_concurrency,
        workers=workers or _pool_size(config),
        most_workers=_most_workers(config) if config.workers == "auto" and not workers else 0,
        jobserver=_jobs(config),
        branch_prefix=config.branch_prefix,
        agents=_profiles(config),
        setup=config.setup,
        checks=config.checks,
        integration_test=config.integration_test,
        test_timeout=config.test_timeout,
        heavy=DEFAULT_HEAVY if config.heavy is None else config.heavy,
        shared=config.locks.shared,
        on_collision=config.locks.on_collision,
        write_wait=config.locks.wait,
        budget_usd=config.budget.usd,
        budget_tokens=config.budget.tokens,
        task_budget=_allowance(config.budget.per_task),
        attempt_budget=_allowance(config.budget.per_attempt),
        at_limit=config.budget.at_limit,
        prices={name: _price(entry) for name, entry in config.prices.items()},
        worktrees=config.worktrees,
        merge_agent=config.merge_agent or "",
        auto_accept=config.auto_accept,
    )


def _allowance(entry: AllowanceEntry | None) -> Allowance:
    return Allowance(entry.usd, entry.tokens) if entry is not None else Allowance()


def _price(entry: PriceEntry) -> Price:
    return Price(entry.input, entry.input if entry.cached is None else entry.cached, entry.output)


def _pool_size(config: ConfigFile) -> int:
    if config.workers == "auto":
        return first_size(config.max_concurrency, cpus(host_root()))
    return config.workers or config.max_concurrency


def _most_workers(config: ConfigFile) -> int:
    return min(MAX_WORKERS, most_workers(config.max_concurrency, cpus(host_root())))


def _jobs(config: ConfigFile) -> int:
    if isinstance(config.jobserver, bool):
        return cpus(host_root()) if config.jobserver else 0
    return config.jobserver


def _spec(task: TaskEntry, place: Place, default: str, retries: int, *, added: bool = False) -> TaskSpec:
    settled = {
        "prompt": _prompt(task, place),
        "agent": task.agent or default,
        "retries": retries if task.retries is None else task.retries,
        "added": added,
        "budget": _allowance(task.budget),
    }
    return TaskSpec(**{key: value for key, value in _fields(task).items() if key != "prompt_file"} | settled)


def _fields(entry: BaseModel) -> dict[str, Any]:
    return {key: getattr(entry, key) for key in type(entry).model_fields}


def _name_of(path: Path, root: Path) -> str:
    """How messages call the file: relative to the repository where it lies in it."""
    whole = Path(os.path.abspath(path))
    top = Path(os.path.abspath(root))
    return str(whole.relative_to(top)) if whole.is_relative_to(top) else str(path)


def _problem(name: str, line: int | None, finding: Finding) -> ConfigError:
    start = name if line is None else f"{name}:{line}"
    key = path_text(finding.where)
    return ConfigError(": ".join(part for part in (start, key, finding.words) if part), finding.hint)


def _first_of(found: list[ConfigError]) -> ConfigError:
    first, more = found[0], len(found) - 1
    if not more:
        return first
    return ConfigError(f"{first.message} (and {more} more)", first.hint or "`aurora check` lists all of them")


def _with_hint(error: ConfigError) -> str:
    return f"{error.message} ({error.hint})" if error.hint else error.message
