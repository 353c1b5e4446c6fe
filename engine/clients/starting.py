"""How an attempt's agent is started: its command line and its environment."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

from engine.clients.presets import ACP, PLAIN, PRESETS, Extras, preset_command, preset_of
from engine.contracts.records import variable_name
from engine.errors import ConfigError
from engine.plan import AgentProfile, Contract

MAX_ARGUMENT = 131_071
_PLACEHOLDER = re.compile(r"(?<!\$)\{(prompt|prompt_file)\}")


def command_for(
    profile: AgentProfile, *, prompt: str, prompt_file: Path, extras: Extras = PLAIN
) -> tuple[tuple[str, ...], dict[str, str]]:
    """The argument vector that gives `prompt` to the profile's program, to be started in the worktree, and what that
    program wants in its environment besides `attempt_environment`. A shell command takes no `extras`.

    ConfigError when the prompt does not fit into one argument (128 KiB on Linux)."""
    env: dict[str, str] = {}
    if profile.preset == ACP:
        argv = _acp_command(profile, prompt_file, extras.resume)
    elif profile.command:
        argv = _shell_command(profile.command, prompt, prompt_file)
    else:
        argv, env = _preset_start(profile, prompt, extras)
    if max(len(os.fsencode(argument)) for argument in argv) > MAX_ARGUMENT:
        raise ConfigError(
            f"the prompt is too long for the command line of agent {profile.name}",
            "give the details in a file of the repository, or use a command with {prompt_file}",
        )
    return argv, env


def _shell_command(command: str, prompt: str, prompt_file: Path) -> tuple[str, ...]:
    return ("/bin/sh", "-c", fill_in(command, prompt=prompt, prompt_file=str(prompt_file)))


def _acp_command(profile: AgentProfile, prompt_file: Path, resume: str) -> tuple[str, ...]:
    """Our client of the Agent Client Protocol, which starts the agent; whatever the worktree holds is not imported."""
    if find_spec("acp") is None:
        words = f"agent {profile.name} speaks ACP, which needs the package agent-client-protocol"
        raise ConfigError(words, "pip install 'aurora-tui[acp]'")
    root = str(Path(__file__).resolve().parents[2])
    boot = f"import sys; sys.path.insert(0, {root!r}); from engine.acp_agent import main; sys.exit(main())"
    program = shlex.split(profile.command or "")
    return (sys.executable, "-I", "-c", boot, str(prompt_file), resume, *program, *profile.args)


def _preset_start(profile: AgentProfile, prompt: str, extras: Extras) -> tuple[tuple[str, ...], dict[str, str]]:
    preset = preset_of(profile)
    return preset_command(preset, prompt, profile.args, extras), dict(preset.env)


def stream_of(profile: AgentProfile) -> str:
    """What kind of stream a profile's agent prints (engine.clients.stream); empty when nothing is read from it."""
    return profile.output or (profile.preset if profile.preset in (*PRESETS, ACP) else None) or ""


def model_of(profile: AgentProfile) -> str:
    """The model a profile's arguments name, or an empty string."""
    for flag, value in pairwise((*profile.args, "")):
        if flag in ("-m", "--model"):
            return value
        if flag.startswith("--model="):
            return flag.partition("=")[2]
    return ""


def fill_in(command: str, *, prompt: str, prompt_file: str) -> str:
    """A shell command with {prompt} and {prompt_file} replaced by their quoted values; all else stays as it is.

    ConfigError when one stands inside quotes: there a quoted value would be read as part of the script."""
    if inside := quoted_placeholders(command):
        raise ConfigError(f"{{{inside[0]}}} stands inside quotes in an agent's command", "remove the quotes")
    values = {"prompt": shlex.quote(prompt), "prompt_file": shlex.quote(prompt_file)}
    return _PLACEHOLDER.sub(lambda found: values[found[1]], command)


def quoted_placeholders(command: str) -> tuple[str, ...]:
    """The placeholders that stand inside single or double quotes of a shell command."""
    quote, position, inside = "", 0, []
    places = {found.start(): found[1] for found in _PLACEHOLDER.finditer(command)}
    while position < len(command):
        character = command[position]
        if quote and position in places:
            inside.append(places[position])
        if character == "\\" and quote != "'":
            position += 1
        elif character in "'\"" and quote in ("", character):
            quote = "" if quote else character
        position += 1
    return tuple(inside)


def needs_argument(profile: AgentProfile) -> bool:
    """True when the prompt travels in the argument vector and so must be short."""
    found = _PLACEHOLDER.findall(profile.command or "")
    return profile.command is None or "prompt" in found


def attempt_environment(
    *,
    task: str,
    run: str,
    attempt: int,
    branch: str,
    worker: str,
    prompt_file: Path,
    usage_file: Path,
    contracts: Sequence[Contract] = (),
    mocks: Iterable[tuple[str, int]] = (),
    port: int | None = None,
    worktree: Path | None = None,
) -> dict[str, str]:
    """The AURORA_ variables of one attempt, the same for every profile.

    AURORA_CONTRACT_<NAME> holds the contract's files (or patterns) joined by `os.pathsep`: absolute when `worktree`
    is given, else relative to it. An agent may write {"usd": 0.12, "tokens": 3400} to AURORA_USAGE_FILE."""
    return {
        "AURORA_TASK": task,
        "AURORA_RUN": run,
        "AURORA_ATTEMPT": str(attempt),
        "AURORA_BRANCH": branch,
        "AURORA_WORKER": worker,
        "AURORA_PROMPT_FILE": str(prompt_file),
        "AURORA_USAGE_FILE": str(usage_file),
        **{f"AURORA_CONTRACT_{variable_name(c.name)}": _contract_paths(c, worktree) for c in contracts},
        **mock_environment(mocks),
        **({} if port is None else {"AURORA_PORT": str(port), "PORT": str(port)}),
    }


def mock_environment(mocks: Iterable[tuple[str, int]]) -> dict[str, str]:
    """AURORA_MOCK_<NAME> is where the mock of a contract answers; `mocks` are contracts and their ports."""
    return {f"AURORA_MOCK_{variable_name(name)}": f"http://127.0.0.1:{port}" for name, port in mocks if port}


def _contract_paths(contract: Contract, worktree: Path | None) -> str:
    inside = [pattern.lstrip("/") for pattern in contract.files]
    return os.pathsep.join(inside if worktree is None else [str(worktree / path) for path in inside])
