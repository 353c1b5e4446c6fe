"""Command lines and environments of agents, what doctor finds out about them, and the prompt they are given."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.clients.presets import PRESETS
from engine.clients.probe import probe
from engine.clients.starting import (
    MAX_ARGUMENT,
    attempt_environment,
    command_for,
    fill_in,
    needs_argument,
    quoted_placeholders,
)
from engine.contracts.records import variable_name
from engine.errors import ConfigError
from engine.heavy_commands import DEFAULT_HEAVY
from engine.plan import AgentProfile, Contract, TaskSpec
from engine.prompt import MAX_FAILURE_CHARACTERS, RULE_OF_EDITS, compose

FILE = Path("/tmp/a folder/prompt.md")


def argv_of(profile: AgentProfile, prompt: str = "Do it") -> tuple[str, ...]:
    return command_for(profile, prompt=prompt, prompt_file=FILE)[0]


@pytest.mark.parametrize(
    ("preset", "line", "env"),
    [
        (
            "claude",
            "claude -p PROMPT --output-format stream-json --verbose --permission-mode acceptEdits",
            {"DISABLE_AUTOUPDATER": "1"},
        ),
        ("codex", "codex exec --json --skip-git-repo-check -s workspace-write PROMPT", {}),
        (
            "gemini",
            "gemini --output-format stream-json --approval-mode auto_edit -p PROMPT",
            {"GEMINI_CLI_NO_RELAUNCH": "true", "GEMINI_CLI_TRUST_WORKSPACE": "true"},
        ),
        (
            "copilot",
            "copilot -p PROMPT --allow-all-tools --no-ask-user --output-format json",
            {"COPILOT_AUTO_UPDATE": "false"},
        ),
        (
            "opencode",
            "opencode run --format json --print-logs --log-level ERROR PROMPT",
            {"OPENCODE_DISABLE_AUTOUPDATE": "1"},
        ),
        ("pi", "pi --mode json -p PROMPT", {"PI_OFFLINE": "1"}),
        ("qwen", "qwen --output-format stream-json --approval-mode auto-edit -p PROMPT", {}),
    ],
)
def test_presets(preset: str, line: str, env: dict[str, str]) -> None:
    argv, extra = command_for(AgentProfile("x", preset=preset), prompt="Do this; $(not that)", prompt_file=FILE)
    assert argv == tuple("Do this; $(not that)" if word == "PROMPT" else word for word in line.split())
    assert extra == env


def test_every_preset_is_covered() -> None:
    assert set(PRESETS) == {"claude", "codex", "gemini", "copilot", "opencode", "pi", "qwen"}
    assert all(preset.install.startswith("npm install -g ") for preset in PRESETS.values())


def test_own_arguments_are_added_and_replace_ours_of_the_same_name() -> None:
    claude = AgentProfile("c", preset="claude", args=("--model", "opus", "--allowedTools", "Bash(git *)"))
    assert argv_of(claude)[-4:] == ("--model", "opus", "--allowedTools", "Bash(git *)")
    gemini = AgentProfile("g", preset="gemini", args=("--approval-mode", "yolo", "-m", "pro"))
    assert " ".join(argv_of(gemini)) == "gemini --output-format stream-json --approval-mode yolo -m pro -p Do it"
    joined = AgentProfile("g", preset="gemini", args=("--approval-mode=yolo",))
    assert "auto_edit" not in argv_of(joined)
    codex = AgentProfile("x", preset="codex", args=("-m", "gpt-5.5"))
    assert argv_of(codex)[-3:] == ("-m", "gpt-5.5", "Do it")


def test_a_prompt_that_looks_like_an_option_is_none() -> None:
    assert argv_of(AgentProfile("c", preset="claude"), "--version please")[2] == " --version please"


def test_a_shell_command_gets_quoted_values() -> None:
    profile = AgentProfile("s", command="tool {prompt_file} --say={prompt} {other} ${prompt} {}")
    assert argv_of(profile, "it's $HOME") == (
        "/bin/sh",
        "-c",
        """tool '/tmp/a folder/prompt.md' --say='it'"'"'s $HOME' {other} ${prompt} {}""",
    )


def test_what_a_value_contains_is_not_replaced_again() -> None:
    assert fill_in("x {prompt} {prompt_file}", prompt="{prompt_file}", prompt_file="f") == "x '{prompt_file}' f"


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40))
def test_the_shell_passes_any_prompt_on_unchanged(prompt: str) -> None:
    command = fill_in("printf %s {prompt}", prompt=prompt, prompt_file="f")
    out = subprocess.run(["/bin/sh", "-c", command], stdin=subprocess.DEVNULL, capture_output=True, check=True)
    assert out.stdout == prompt.encode()


@pytest.mark.parametrize(
    ("command", "inside"),
    [
        ("x {prompt}", ()),
        ('x "{prompt}"', ("prompt",)),
        ("x 'a {prompt_file}' {prompt}", ("prompt_file",)),
        ("""x "it's" {prompt}""", ()),
        (r"x \"{prompt}\"", ()),
        (r'x "\"" {prompt}', ()),
        (r"x 'a\' {prompt}", ()),
        ("x '${prompt}'", ()),
        ('x "{prompt}" "{prompt_file}"', ("prompt", "prompt_file")),
    ],
)
def test_placeholders_inside_quotes_are_found(command: str, inside: tuple[str, ...]) -> None:
    assert quoted_placeholders(command) == inside


def test_a_quoted_placeholder_never_reaches_a_shell() -> None:
    with pytest.raises(ConfigError, match="stands inside quotes"):
        argv_of(AgentProfile("s", command='x "{prompt}"'), "$(touch pwned)")


def test_a_prompt_longer_than_an_argument_may_be_is_refused_with_a_way_out() -> None:
    for profile in (AgentProfile("c", preset="claude"), AgentProfile("s", command="x {prompt}")):
        assert needs_argument(profile)
        with pytest.raises(ConfigError, match="too long for the command line") as caught:
            argv_of(profile, "x" * (MAX_ARGUMENT + 1))
        assert "{prompt_file}" in (caught.value.hint or "")
    by_file = AgentProfile("s", command="x {prompt_file}")
    assert not needs_argument(by_file)
    assert argv_of(by_file, "x" * (MAX_ARGUMENT + 1))[2] == "x '/tmp/a folder/prompt.md'"


def test_the_longest_argument_is_one_the_kernel_takes() -> None:
    quiet = {"stdout": subprocess.DEVNULL, "check": True}
    subprocess.run(["/bin/echo", "x" * MAX_ARGUMENT], **quiet)  # type: ignore[call-overload]
    with pytest.raises(OSError, match="Argument list too long"):
        subprocess.run(["/bin/echo", "x" * (MAX_ARGUMENT + 1)], **quiet)  # type: ignore[call-overload]


def test_the_environment_of_an_attempt(tmp_path: Path) -> None:
    contracts = [Contract("orders-api", ("/api/a.yaml", "api/b.yaml"), "spec"), Contract("x.y", ("x.json",), "spec")]
    facts = {"task": "auth", "run": "r1", "attempt": 2, "branch": "feat/auth", "worker": "w3"}
    env = attempt_environment(
        **facts,  # type: ignore[arg-type]
        prompt_file=FILE,
        usage_file=tmp_path / "u",
        contracts=contracts,
    )
    assert env == {
        "AURORA_TASK": "auth",
        "AURORA_RUN": "r1",
        "AURORA_ATTEMPT": "2",
        "AURORA_BRANCH": "feat/auth",
        "AURORA_WORKER": "w3",
        "AURORA_PROMPT_FILE": str(FILE),
        "AURORA_USAGE_FILE": str(tmp_path / "u"),
        "AURORA_CONTRACT_ORDERS_API": f"api/a.yaml{os.pathsep}api/b.yaml",
        "AURORA_CONTRACT_X_Y": "x.json",
    }
    more = attempt_environment(
        **facts,  # type: ignore[arg-type]
        prompt_file=FILE,
        usage_file=tmp_path,
        contracts=contracts[1:],
        port=21020,
        worktree=tmp_path,
    )
    assert (more["PORT"], more["AURORA_PORT"]) == ("21020", "21020")
    assert more["AURORA_CONTRACT_X_Y"] == str(tmp_path / "x.json")


def test_names_of_variables() -> None:
    assert [variable_name(name) for name in ("orders-api", "v2.x", "A_b")] == ["ORDERS_API", "V2_X", "A_B"]


def test_default_heavy_commands_start_with_plain_program_names() -> None:
    assert len(set(DEFAULT_HEAVY)) == len(DEFAULT_HEAVY)
    assert all(" ".join(command.split()) == command and "/" not in command for command in DEFAULT_HEAVY)


# --- doctor ---------------------------------------------------------------------------------------------------------


def program(folder: Path, name: str, script: str) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_probe_finds_programs_and_their_versions(tmp_path: Path) -> None:
    claude = program(tmp_path, "claude", 'test "$1" = --version && echo "2.1.328 (Claude Code)"')
    program(tmp_path, "codex", "echo codex-cli 0.169.0-beta.1 >&2")
    program(tmp_path, "gemini", "exit 3")
    found = {one.name: one for one in probe(["claude", "codex", "gemini", "qwen"], search_path=str(tmp_path))}
    assert found["claude"].path == str(claude)
    assert found["claude"].version == "2.1.328"
    assert found["claude"].try_it.startswith("claude -p 'Say hello.' --output-format stream-json")
    assert found["codex"].version == "0.169.0-beta.1"
    assert found["gemini"].version == "?"
    assert (found["qwen"].path, found["qwen"].version) == ("", "")
    assert found["qwen"].try_it == "npm install -g @qwen-code/qwen-code"


def test_probe_ends_a_program_that_does_not_answer(tmp_path: Path) -> None:
    program(tmp_path, "claude", f"echo 9.9.9; echo $$ > {tmp_path}/pid; sleep 600 & wait")
    program(tmp_path, "codex", "exec /does/not/exist")
    (tmp_path / "qwen").write_bytes(b"\x7fELFbroken")
    (tmp_path / "qwen").chmod(0o755)
    started = time.monotonic()
    claude, codex, qwen = probe(["claude", "codex", "qwen"], search_path=str(tmp_path), seconds=0.5)
    assert time.monotonic() - started < 4
    assert (claude.version, codex.version, qwen.version) == ("9.9.9", "?", "?")
    assert not psutil.pid_exists(int((tmp_path / "pid").read_text()))


# --- the prompt -----------------------------------------------------------------------------------------------------


def prompt_of(spec: TaskSpec, **more: object) -> str:
    given = {
        "claims": spec.files,
        "held_by_others": (),
        "failures": (),
        "note": "",
        "landed_since": (),
        "contracts": (),
    }
    return compose(spec, **(given | more))  # type: ignore[arg-type]


def test_a_first_prompt_is_the_task_and_short_rules() -> None:
    assert prompt_of(TaskSpec("a", "  Add a login page.\n\n")) == (
        f"""\
Add a login page.

## Working rules

- You work alone in a git worktree of your own; other tasks work on the same repository at the same time.
- {RULE_OF_EDITS}
- Stay on this branch. Commit your work or leave it uncommitted, both are fine. Do not push.
- Nobody can answer questions: decide, and finish the task.
"""
    )


def test_a_fix_attempt_is_told_everything_it_needs() -> None:
    spec = TaskSpec(
        "backend",
        "Implement the orders API.",
        files=("api/**",),
        shared=("CHANGELOG.md",),
        reads=("lib/",),
        implements=("orders",),
        consumes=("users",),
        test="pytest api",
    )
    text = prompt_of(
        spec,
        claims=("api/**", "CHANGELOG.md", "lib/", "setup.py"),
        held_by_others=(("ui/**", "frontend"), ("docs/", "docs")),
        failures=(
            "first failure",
            "second\n```\ncode\n```",
            "third",
            "integration test failed\npytest -q\nE  assert 1 == 2",
        ),
        note="Mind the time zones.\n",
        landed_since=("users-service", "login"),
        contracts=(
            Contract("orders", ("api/orders.yaml",), "spec", verify="make verify"),
            Contract("users", ("api/users.yaml",), "spec", mock="make mock"),
            Contract("mine", ("mine.json",), "backend", check="jq . mine.json"),
            Contract("other", ("x.json", "y.json"), "spec"),
        ),
        mocks={"users": 21003},
    )
    assert text == (
        f"""\
Implement the orders API.

## Note from the developer

Mind the time zones.

## Working rules

- You work alone in a git worktree of your own; other tasks work on the same repository at the same time.
- Edit only: `api/**`, `setup.py`.
- Others may edit these too, so keep changes there small: `CHANGELOG.md`.
- Read but do not edit: `lib/`.
- Held by other tasks, do not touch: `ui/**` (frontend), `docs/` (docs).
- {RULE_OF_EDITS}
- Implement the contract orders (`api/orders.yaml`) exactly; it is frozen, do not edit it; `make verify` must pass.
- Rely only on the contract users (`api/users.yaml`); it is frozen, do not edit it; a mock of it answers at \
http://127.0.0.1:21003 ($AURORA_MOCK_USERS).
- You write the contract mine in `mine.json`: others will build on it as it stands; `jq . mine.json` must pass.
- The contract other (`x.json`, `y.json`) is frozen, do not edit it.
- `pytest api` must pass when you are done.
- Stay on this branch. Commit your work or leave it uncommitted, both are fine. Do not push.
- Nobody can answer questions: decide, and finish the task.

## Landed since this task began

`users-service`, `login`

## The last attempt failed

Your branch still has that work. Find the cause in this output and fix it:

````
second
```
code
```
````

```
third
```

```
integration test failed
pytest -q
E  assert 1 == 2
```
"""
    )


def test_long_output_keeps_what_failed_and_its_end() -> None:
    output = "the test failed\n" + "".join(f"line {n}\n" for n in range(5000))
    text = prompt_of(TaskSpec("a", "p"), failures=(output,))
    assert "```\nthe test failed\n…\nline " in text
    assert text.endswith("line 4999\n```\n")
    assert len(text) < MAX_FAILURE_CHARACTERS + 1000


def test_long_lists_are_cut_and_counted() -> None:
    held = [(f"src/{n}.py", "other") for n in range(35)]
    text = prompt_of(TaskSpec("a", "p"), held_by_others=held, landed_since=[f"t{n}" for n in range(31)])
    assert "`src/29.py` (other) and 5 more." in text
    assert "`t29` and 1 more" in text


@given(st.text(max_size=200))
def test_output_cannot_close_its_fence(output: str) -> None:
    lines = prompt_of(TaskSpec("a", "p"), failures=(f"x\n{output}\ny",)).splitlines()
    opening = next(number for number, line in enumerate(lines) if set(line) == {"`"})
    closing = [number for number, line in enumerate(lines) if line == lines[opening]]
    assert closing == [opening, len(lines) - 1]
