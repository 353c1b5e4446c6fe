"""Any command as an agent: what it prints means nothing; its exit status, its change and the task's test count."""

from __future__ import annotations

import json

import pytest
from project import Project

pytestmark = pytest.mark.slow
SCRIPTS = {
    "works": "echo a > works.txt; echo 'error 429: rate limit, 401 unauthorized' >&2; printf '{\"usd\": 0.5, "
    '"tokens": 70}\' > "$AURORA_USAGE_FILE"',
    "ends-badly": "echo a > ends-badly.txt; echo 'no disk'; exit 3",
    "idles": "echo I am done",
    "untested": "echo a > untested.txt",
    "quoted": 'grep -qx "it.s [$]HOME" "$AURORA_PROMPT_FILE" && echo a > quoted.txt',
}


def test_a_command_is_judged_by_its_exit_status_its_change_and_the_test(project: Project) -> None:
    tasks: list[dict[str, object]] = [
        {"id": name, "run": script, "files": [f"{name}.txt"], "prompt": f"Do {name}.\nit's $HOME"}
        for name, script in SCRIPTS.items()
    ]
    tasks[3]["test"] = "false"
    project.plan(tasks)
    project.run(code=1)
    found = {task["id"]: task for task in json.loads(project.aurora("status", "--json"))["tasks"]}
    assert {name: task["state"] for name, task in found.items()} == {
        "works": "landed",
        "ends-badly": "failed",
        "idles": "failed",
        "untested": "failed",
        "quoted": "landed",
    }
    assert (found["works"]["cost"], found["works"]["tokens"]) == (0.5, 70)
    assert "3" in found["ends-badly"]["reason"]
    assert "the agent changed nothing" in found["idles"]["reason"]
    assert {"ends-badly.txt"} <= project.files("refs/aurora/r1/ends-badly/1")
    assert "no disk" in project.says("log", "ends-badly")
    assert not {"ends-badly.txt", "untested.txt"} & project.files()
