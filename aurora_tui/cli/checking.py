"""What `aurora check` and `aurora doctor` find out."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from aurora_tui.cli.finding import Finding, Health
from aurora_tui.cli.machine import of_machine
from aurora_tui.cli.reaching import PLAN_FILE, branch_of
from engine.contracts.overlaps import frozen_claims
from engine.errors import AuroraError
from engine.plan import AgentProfile, Plan
from engine.repo import Repo
from widgets.text import many

INOTIFY = Path("/proc/sys/fs/inotify/max_user_watches")
FEW_WATCHES = 65_536
TRIALS = Path(__file__).parents[2] / "tests" / "real_clients"
"""The tests of real agents, in a checkout of Aurora itself."""


def good_news(plan: Plan) -> str:
    """A valid plan in one sentence."""
    auto = f" (auto: up to {plan.settings.most_workers})" if plan.settings.most_workers else ""
    size = f"{many(len(plan.tasks), 'task')}, {many(plan.settings.workers, 'worker')}{auto}"
    return f"the plan is valid: {size}, lands on {plan.settings.target}"


def notes(plan: Plan) -> list[str]:
    """What is no error but may surprise."""
    found = []
    if not plan.settings.integration_test and not plan.settings.checks:
        found.append("there is no integration_test: every merge without a conflict lands")
    unclaimed = [spec.id for spec in plan.tasks if not spec.files]
    if unclaimed:
        found.append(f"without `files` nothing is locked before it is written: {', '.join(unclaimed)}")
    for task, claim, contract in frozen_claims(plan):
        found.append(
            f"{task} claims {claim}: it may not edit the files of the contract {contract} once they are frozen"
        )
    return found


def diagnose() -> Iterator[Finding]:
    """Everything a run needs, the most basic first; what depends on something broken is left out."""
    yield Finding(Health.GOOD, "python", f"{sys.version.split()[0]} at {sys.executable}")
    try:
        repo = Repo.open(Path.cwd())
    except AuroraError as error:
        yield _bad("repository", error)
        return
    yield from _of_repository(repo)
    yield from _of_plan(repo)
    yield _engine(repo)
    yield _watches()
    yield from of_machine()


def _bad(what: str, error: AuroraError) -> Finding:
    return Finding(Health.BAD, what, f"{error.message} ({error.hint})" if error.hint else error.message)


def _of_repository(repo: Repo) -> Iterator[Finding]:
    from engine.git import git_version

    yield Finding(Health.GOOD, "git", ".".join(map(str, git_version())))
    branch = branch_of(repo)
    yield Finding(Health.GOOD, "repository", f"{repo.root}, {f'on {branch}' if branch else 'HEAD is detached'}")
    if not repo.libgit2:
        yield Finding(Health.NOTE, "libgit2", "cannot read this repository; the slower git command does everything")


def _of_plan(repo: Repo) -> Iterator[Finding]:
    from engine.config import load_plan, problems

    path = repo.root / PLAN_FILE
    if not path.exists():
        yield Finding(Health.NOTE, "plan", f"there is no {PLAN_FILE}; `aurora init` writes one")
        yield from _of_agents(None)
        return
    found = problems(path, root=repo.root, target=branch_of(repo))
    for problem in found:
        yield Finding(Health.BAD, "plan", problem)
    if found:
        yield from _of_agents(None)
        return
    plan = load_plan(path, root=repo.root, target=branch_of(repo))
    yield Finding(Health.GOOD, "plan", good_news(plan))
    yield from (Finding(Health.NOTE, "plan", note) for note in notes(plan))
    yield from _of_agents(plan)


def _of_agents(plan: Plan | None) -> Iterator[Finding]:
    """Every agent program that is known: installed, which version, logged in; bad only where a task needs it."""
    from engine.clients.login import login_of
    from engine.clients.prices import PRICES_OF
    from engine.clients.probe import probe

    used = _used(plan) if plan is not None else []
    needed = {profile.preset for profile in used}
    for found in probe():
        if not found.path:
            health = Health.BAD if found.name in needed else Health.NOTE
            yield Finding(health, f"agent {found.name}", f"`{found.executable}` is missing; {found.try_it}")
            continue
        login = login_of(found.name, os.environ, Path.home())
        words = f"{found.version} at {found.path}; {login.words}; {_commands(found.name)}; try: {found.try_it}"
        yield Finding(Health.GOOD if login.found else Health.NOTE, f"agent {found.name}", words)
    for profile in used:
        if profile.command:
            yield Finding(Health.GOOD, f"agent {profile.name}", f"the command `{profile.command}`")
    own = len(plan.settings.prices) if plan is not None else 0
    prices = f"{many(own, 'price')} of {PLAN_FILE}, then " if own else ""
    words = f"{prices}list prices of {PRICES_OF}; costs of agents that tell only their tokens are estimates (~)"
    yield Finding(Health.GOOD, "prices", f"{words}; `prices:` in {PLAN_FILE} changes them")
    if TRIALS.is_dir():
        all_of_them = "with AURORA_ALL_CLIENTS=1 opencode, qwen, copilot and ACP, too"
        yield Finding(Health.GOOD, "trials", f"`pytest -m clients` runs claude, codex and gemini; {all_of_them}")


def _commands(name: str) -> str:
    """Which shell commands an agent runs, and what lets it run others."""
    from engine.clients.presets import PRESETS

    preset = PRESETS[name]
    more = f" (`args: {json.dumps(preset.more_commands)}` for more)" if preset.more_commands else ""
    return f"edits files, {preset.commands}{more}"


def _used(plan: Plan) -> list[AgentProfile]:
    """The profiles the tasks use."""
    return [profile for profile in plan.settings.agents if profile.name in {spec.agent for spec in plan.tasks}]


def _engine(repo: Repo) -> Finding:
    from engine.control import connect

    try:
        remote = connect(repo.aurora_dir)
    except AuroraError as error:
        return _bad("engine", error)
    if remote is None:
        return Finding(Health.GOOD, "engine", "none runs here now")
    others = ", ".join(who.name for who in remote.attached())
    remote.close()
    return Finding(Health.GOOD, "engine", f"runs here (pid {remote.pid}){f', attached: {others}' if others else ''}")


def _watches() -> Finding:
    from engine.watch_area import RESERVE

    try:
        limit = int(INOTIFY.read_text())
    except (OSError, ValueError):
        return Finding(Health.NOTE, "inotify", "its limit is unknown; what cannot be watched is looked at")
    health = Health.GOOD if limit >= FEW_WATCHES else Health.NOTE
    more = "" if health is Health.GOOD else "; big repositories need more (sysctl fs.inotify.max_user_watches)"
    ours = int(limit * (1 - RESERVE))
    return Finding(health, "inotify", f"{limit:,} directories can be watched, {ours:,} of them by Aurora{more}")
