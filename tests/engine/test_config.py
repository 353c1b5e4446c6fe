"""aurora.yaml: what is read from it, tasks added by hand, and the files that come with Aurora."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plan_file import load, refused, task, write

from engine.clients.presets import PRESETS
from engine.config import json_schema, load_plan, parse_task, problems, starter
from engine.config_names import id_from_prompt, task_id_problem
from engine.config_schema import ConfigFile, parse_duration
from engine.errors import ConfigError
from engine.heavy_commands import DEFAULT_HEAVY
from engine.plan import AgentProfile, Contract, TaskSpec

PROJECT = Path(__file__).resolve().parents[2]

DESIGN = """\
max_concurrency: 3
workers: 6
target: trunk
branch_prefix: work/
agent: claude
agents:
  claude: {preset: claude, args: [--model, opus], max_parallel: 8}
  script: {command: "python tools/agent.py {prompt_file}"}
setup: ["npm ci"]
checks: ["mypy ."]
integration_test: "pytest -q"
test_timeout: 10m
heavy: ["docker build", "cargo  build"]
locks: {shared: ["CHANGELOG.md", "*.lock"], on_collision: allow}
budget: {usd: 20, tokens: 2000000}
retries: 2
worktrees: ../trees
contracts:
  orders-api: {files: [contracts/orders.yaml], by: spec, check: "c", mock: "m", verify: "v"}
tasks:
  - id: spec
    prompt: Define the orders API
  - {id: backend,  prompt: B, files: [auth/**], implements: [orders-api], priority: 5, reads: [lib/], estimate: 90}
  - {id: frontend, prompt: F, files: [ui/**], consumes: [orders-api], agent: script, test: "npm test", retries: 0}
  - {id: docs, prompt_file: docs.md, after: [backend], files: [docs/**], shared: [README.md], heavy: true, timeout: 20m}
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "docs.md").write_text("Write the docs.\n")
    return tmp_path


# --- what is read ---------------------------------------------------------------------------------------------------


def test_every_key_of_the_reference_arrives_in_the_plan(root: Path) -> None:
    plan = load(root, DESIGN)
    have = plan.settings
    assert (have.target, have.max_concurrency, have.workers, have.branch_prefix) == ("trunk", 3, 6, "work/")
    assert have.agents == (
        AgentProfile("claude", "claude", None, ("--model", "opus"), 8),
        AgentProfile("script", None, "python tools/agent.py {prompt_file}"),
    )
    assert (have.setup, have.checks, have.integration_test) == (("npm ci",), ("mypy .",), "pytest -q")
    assert (have.test_timeout, have.heavy) == (600.0, ("docker build", "cargo build"))
    assert (have.shared, have.on_collision) == (("CHANGELOG.md", "*.lock"), "allow")
    assert (have.budget_usd, have.budget_tokens, have.worktrees) == (20.0, 2_000_000, "../trees")
    assert plan.contracts == (Contract("orders-api", ("contracts/orders.yaml",), "spec", "c", "m", "v"),)
    assert plan.tasks == (
        TaskSpec("spec", "Define the orders API", agent="claude", retries=2),
        TaskSpec(
            "backend",
            "B",
            files=("auth/**",),
            reads=("lib/",),
            agent="claude",
            priority=5,
            implements=("orders-api",),
            retries=2,
            estimate=90.0,
        ),
        TaskSpec(
            "frontend",
            "F",
            files=("ui/**",),
            agent="script",
            consumes=("orders-api",),
            test="npm test",
            retries=0,
        ),
        TaskSpec(
            "docs",
            "Write the docs.\n",
            files=("docs/**",),
            shared=("README.md",),
            after=("backend",),
            agent="claude",
            heavy=True,
            timeout=1200.0,
            retries=2,
        ),
    )
    assert plan.dependencies(plan.tasks[2]) == ("spec",)


def test_a_valid_file_has_no_problems(root: Path) -> None:
    assert problems(write(root, DESIGN), root=root) == []


def test_a_file_that_says_little_gets_the_defaults(root: Path) -> None:
    plan = load(root, "tasks:\nsetup:\n")
    have = plan.settings
    assert (have.target, have.max_concurrency, have.workers, have.branch_prefix) == ("main", 4, 4, "feat/")
    assert have.agents == (AgentProfile("claude", preset="claude"),)
    assert (have.heavy, have.on_collision, have.integration_test, plan.tasks) == (DEFAULT_HEAVY, "freeze", None, ())
    assert load(root, "heavy: []").settings.heavy == ()
    assert load(root, task()).tasks[0].retries == 1


def test_the_jobserver_has_one_job_per_cpu_unless_the_file_says_otherwise(root: Path) -> None:
    cpus = len(os.sched_getaffinity(0))
    assert load(root, "tasks:").settings.jobserver == load(root, "jobserver: true").settings.jobserver == cpus
    assert load(root, "jobserver: false").settings.jobserver == 0
    assert load(root, "jobserver: 12").settings.jobserver == 12
    for wrong in ("0", "-1", "many", "1.5"):
        with pytest.raises(ConfigError, match=r"jobserver: should be true, false, or a whole number of jobs"):
            load(root, f"jobserver: {wrong}")


def test_workers_follow_max_concurrency_the_cpus_and_the_command_line(root: Path) -> None:
    cpus = len(os.sched_getaffinity(0))
    assert load(root, "max_concurrency: 7").settings.workers == 7
    auto = load(root, "{max_concurrency: 200, workers: auto}").settings
    assert (auto.workers, auto.most_workers) == (min(200, 2 * cpus), 3 * cpus)
    narrow = load(root, "{max_concurrency: 1, workers: auto}").settings
    assert (narrow.workers, narrow.most_workers) == (1, 3 * cpus)
    fixed = load(root, "workers: auto", workers=9).settings
    assert (fixed.workers, fixed.most_workers) == (9, 0)
    with pytest.raises(ConfigError, match=r"--workers should be a whole number from 1"):
        load(root, "workers: 2", workers=0)


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("", "claude"),
        ("agents: {mine: {command: x}}", "mine"),
        ("agents: {mine: {command: x}, claude: {args: [-x]}}", "claude"),
        ("agent: codex", "codex"),
        ("agent: mine\nagents: {other: {command: y}, mine: {command: x}}", "mine"),
    ],
)
def test_the_default_agent_comes_first(root: Path, head: str, expected: str) -> None:
    plan = load(root, f"{head}\n{task()}")
    assert plan.tasks[0].agent == expected
    assert plan.settings.agents[0].name == expected


def test_a_task_may_name_a_preset_without_an_entry(root: Path) -> None:
    plan = load(root, task(agent="gemini"))
    assert plan.settings.profile("gemini").preset == "gemini"


def test_with_several_profiles_and_no_default_a_task_must_choose(root: Path) -> None:
    error = refused(root, "agents: {x: {command: x}, y: {command: y}}\n" + task())
    assert error.message == "aurora.yaml:3: tasks[0]: names no agent, and there are several"
    assert error.hint == "add `agent:`, one of x, y"


def test_anchors_and_merge_keys_are_plain_yaml(root: Path) -> None:
    text = """\
tasks:
- &first {id: a, prompt: p, files: &f [src/], timeout: 20m}
- {<<: *first, id: b, reads: *f, files: [lib/]}
"""
    first, second = load(root, text).tasks
    assert (second.id, second.files, second.reads, second.timeout) == ("b", ("lib/",), first.files, 1200.0)


def test_dates_and_equal_signs_are_text(root: Path) -> None:
    plan = load(root, "tasks: [{id: 2026-01-01, prompt: =}, {id: 2026-99-99, prompt: 0b_}]")
    assert [(spec.id, spec.prompt) for spec in plan.tasks] == [("2026-01-01", "="), ("2026-99-99", "0b_")]


def test_a_byte_order_mark_and_windows_line_ends_are_fine(root: Path) -> None:
    assert load(root, b"\xef\xbb\xbfretries: 3\r\ntasks:\r\n- id: a\r\n  prompt: p\r\n").tasks[0].retries == 3


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("20m", 1200), ("90s", 90), ("1h30m", 5400), ("2h", 7200), ("1h1m1s", 3661), (45, 45), (0.5, 0.5), (" 5m ", 300)],
)
def test_durations(value: object, seconds: float) -> None:
    assert parse_duration(value) == seconds


@pytest.mark.parametrize(
    "value", ["", "m", "5", "5 m", "m5", "30m1h", "-5m", "0s", 0, -1, True, None, [], float("inf")]
)
def test_what_is_no_duration(value: object) -> None:
    with pytest.raises(ValueError, match="such as 90s, 20m or 1h30m"):
        parse_duration(value)


@given(st.integers(0, 99), st.integers(0, 99), st.integers(1, 99))
def test_durations_add_up(hours: int, minutes: int, seconds: int) -> None:
    assert parse_duration(f"{hours}h{minutes}m{seconds}s") == hours * 3600 + minutes * 60 + seconds


# --- one more task for a running plan -------------------------------------------------------------------------------


def test_a_task_added_by_hand(root: Path) -> None:
    plan = load(root, DESIGN)
    spec = parse_task(
        {"prompt": "Fix the login page, please!", "files": ["auth/x.py"], "test": None}, plan=plan, root=root
    )
    assert spec == TaskSpec(
        "fix-the-login-page", "Fix the login page, please!", files=("auth/x.py",), agent="claude", retries=1, added=True
    )
    again = parse_task(
        {"id": "x", "prompt_file": "docs.md", "after": ("docs",), "agent": "script"}, plan=plan, root=root
    )
    assert (again.prompt, again.after, again.agent) == ("Write the docs.\n", ("docs",), "script")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"prompt": "p", "id": "spec"}, "the new task: id: there is a task `spec` already"),
        ({"prompt": "p", "after": ["spek"]}, "the new task: after[0]: unknown task `spek`; did you mean `spec`?"),
        ({"prompt": "p", "file": ["x"]}, "the new task: file: unknown key; did you mean `files`?"),
        ({"prompt": "p", "files": ["../x"]}, "the new task: files[0]: `../x` has a `.` or `..` name"),
        ({"prompt": "p", "agent": "codex"}, "the new task: agent: unknown agent `codex`"),
        ({"prompt": " "}, "the new task: prompt: should not be blank"),
        ({}, "the new task: needs exactly one of `prompt` and `prompt_file`"),
        ({"prompt": "x" * 110_000}, "the new task: prompt: is longer than"),
    ],
)
def test_a_wrong_task_added_by_hand(root: Path, fields: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_task(fields, plan=load(root, DESIGN), root=root)
    assert caught.value.message.startswith(message)


def test_ids_made_from_prompts() -> None:
    assert id_from_prompt("Add a  LOGIN page to it", []) == "add-a-login-page"
    assert id_from_prompt("add x", ["add-x", "add-x-2"]) == "add-x-3"
    assert id_from_prompt("…", []) == "task"


@given(st.text(max_size=60), st.sets(st.sampled_from(["task", "task-2", "a", "a-b"])))
def test_an_id_made_from_any_prompt_is_valid_and_new(prompt: str, taken: set[str]) -> None:
    made = id_from_prompt(prompt, taken)
    assert task_id_problem(made) is None
    assert made not in taken


# --- the files that come with Aurora --------------------------------------------------------------------------------


def test_the_starter_is_valid_and_shows_what_is_left_out(root: Path) -> None:
    assert load(root, starter()).tasks == ()
    example = re.sub(r"^#  ", "  ", starter().replace("tasks: []", "tasks:"), flags=re.M)
    plan = load(root, re.sub(r"^# (?=\w+:|  \w+:)", "", example, flags=re.M))
    assert [spec.id for spec in plan.tasks] == ["login", "docs"]
    assert plan.settings.integration_test == "pytest"
    assert plan.settings.budget_usd == 20


def test_the_projects_own_plan_is_valid_and_so_is_its_example(root: Path) -> None:
    text = (PROJECT / "aurora.yaml").read_text(encoding="utf-8")
    plan = load_plan(PROJECT / "aurora.yaml", root=PROJECT, target="main")
    assert plan.settings.integration_test == ".venv/bin/python -m pytest"
    example = text.replace("tasks: []\n#\n", "")
    example = re.sub(r"^# (contracts:|tasks:|worktrees:|  )", r"\1", example, flags=re.M)
    assert [spec.id for spec in load(root, example).tasks] == ["export-schema", "export", "report", "format"]


def test_the_projects_own_plan_mentions_every_key(root: Path) -> None:
    text = (PROJECT / "aurora.yaml").read_text(encoding="utf-8")
    assert [key for key in ConfigFile.model_fields if f"{key}:" not in text] == []


def test_the_schema_describes_every_key() -> None:
    schema = json_schema()
    entries = [schema, *schema["$defs"].values()]  # type: ignore[attr-defined]
    keys = [(name, value) for entry in entries for name, value in entry.get("properties", {}).items()]
    assert len(keys) > 40
    assert [name for name, value in keys if "description" not in value] == []
    assert [*PRESETS, "acp"] == schema["$defs"]["AgentEntry"]["properties"]["preset"]["anyOf"][0]["enum"]  # type: ignore[index]
