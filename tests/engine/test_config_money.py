"""Budgets, prices and kinds of output in aurora.yaml."""

from __future__ import annotations

from pathlib import Path

import pytest
from plan_file import load, refused, task

from engine.plan import Allowance, Price

WHOLE = """
budget:
  usd: 20
  at_limit: pause
  per_task: {usd: 5}
  per_attempt: {usd: 2, tokens: 100000}
prices:
  "gpt-5*": {input: 1.25, cached: 0.125, output: 10}
  llama: {input: 2, output: 3}
agents:
  pi: {command: "pi {prompt}", output: claude}
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path


def test_what_is_said_of_money_is_taken_over(root: Path) -> None:
    plan = load(root, WHOLE + task(budget={"tokens": 7}))
    have = plan.settings
    assert (have.at_limit, have.task_budget, have.attempt_budget) == ("pause", Allowance(5.0), Allowance(2.0, 100_000))
    assert have.prices == {"gpt-5*": Price(1.25, 0.125, 10.0), "llama": Price(2.0, 2.0, 3.0)}
    assert plan.tasks[0].budget == Allowance(None, 7)
    assert have.profile("pi").output == "claude"


def test_left_out_nothing_is_limited_and_running_agents_finish(root: Path) -> None:
    have = load(root, task()).settings
    assert (have.at_limit, have.task_budget.limited, have.attempt_budget.limited) == ("finish", False, False)
    assert have.prices == {}


def test_a_budget_does_not_change_what_a_task_is(root: Path) -> None:
    assert load(root, task()).tasks[0].fingerprint == load(root, task(budget={"usd": 1})).tasks[0].fingerprint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("budget: {per_task: {eur: 3}}", "aurora.yaml:1: budget.per_task.eur: unknown key"),
        ("budget: {at_limit: stop}", "aurora.yaml:1: budget.at_limit: should be finish or pause, not `stop`"),
        ("prices: {x: {input: 1}}", "aurora.yaml:1: prices.x.output: this key is needed here and has no value"),
        ("agents: {x: {command: y, output: clade}}", "aurora.yaml:1: agents.x.output: unknown kind of output `clade`"),
        ("agents: {x: {preset: codex, output: claude}}", "aurora.yaml:1: agents.x.output: belongs to a `command`"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(root: Path, text: str, message: str) -> None:
    assert refused(root, text).message.startswith(message)
