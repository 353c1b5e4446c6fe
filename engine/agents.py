"""How agents are started: the command line and the environment of every known program, and of any shell command.

The command lines run without a terminal, edit files without asking, and print a stream of JSON. Aurora commits what
an agent leaves, so none of them is given the right to run git.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from engine.errors import ConfigError
from engine.plan import AgentProfile, Contract

MAX_ARGUMENT = 131_071
PROBE_SECONDS = 5.0
_PLACEHOLDER = re.compile(r"(?<!\$)\{(prompt|prompt_file)\}")
_VERSION = re.compile(r"\d+(?:\.\d+)+[\w.+-]*")

DEFAULT_HEAVY: tuple[str, ...] = (
    "docker build",
    "docker buildx",
    "docker compose build",
    "docker compose up",
    "podman build",
    "cargo build",
    "cargo test",
    "cargo check",
    "cargo clippy",
    "npm ci",
    "npm install",
    "npm run build",
    "pnpm install",
    "pnpm build",
    "yarn install",
    "yarn build",
    "make",
    "ninja",
    "cmake --build",
    "mvn",
    "gradle",
    "bazel",
    "go build",
    "go test",
    "dotnet build",
    "dotnet test",
    "swift build",
)


@dataclass(frozen=True, slots=True)
class Preset:
    """A known agent program. `options` are groups of a flag and its value; the prompt comes after `before_prompt`,
    and either first (`prompt_first`) or behind all options. `install` is a line a person can run."""

    executable: str
    install: str
    subcommand: tuple[str, ...] = ()
    options: tuple[tuple[str, ...], ...] = ()
    before_prompt: tuple[str, ...] = ()
    prompt_first: bool = False
    env: Mapping[str, str] = field(default_factory=dict)


PRESETS: dict[str, Preset] = {
    "claude": Preset(
        executable="claude",
        install="npm install -g @anthropic-ai/claude-code",
        before_prompt=("-p",),
        prompt_first=True,
        options=(("--output-format", "stream-json"), ("--verbose",), ("--permission-mode", "acceptEdits")),
        env={"DISABLE_AUTOUPDATER": "1"},
    ),
    "codex": Preset(
        executable="codex",
        install="npm install -g @openai/codex",
        subcommand=("exec",),
        options=(("--json",), ("--skip-git-repo-check",), ("-s", "workspace-write")),
    ),
    "gemini": Preset(
        executable="gemini",
        install="npm install -g @google/gemini-cli",
        before_prompt=("-p",),
        options=(("--output-format", "stream-json"), ("--approval-mode", "auto_edit")),
        env={"GEMINI_CLI_NO_RELAUNCH": "true", "GEMINI_CLI_TRUST_WORKSPACE": "true"},
    ),
    "copilot": Preset(
        executable="copilot",
        install="npm install -g @github/copilot",
        before_prompt=("-p",),
        prompt_first=True,
        options=(("--allow-all-tools",), ("--no-ask-user",), ("--output-format", "json")),
        env={"COPILOT_AUTO_UPDATE": "false"},
    ),
    "opencode": Preset(
        executable="opencode",
        install="npm install -g opencode-ai",
        subcommand=("run",),
        options=(("--format", "json"),),
        env={"OPENCODE_DISABLE_AUTOUPDATE": "1"},
    ),
    "qwen": Preset(
        executable="qwen",
        install="npm install -g @qwen-code/qwen-code",
        before_prompt=("-p",),
        options=(("--output-format", "stream-json"), ("--approval-mode", "auto-edit")),
    ),
}


def command_for(profile: AgentProfile, *, prompt: str, prompt_file: Path) -> tuple[tuple[str, ...], dict[str, str]]:
    """The argument vector that gives `prompt` to the profile's program, to be started in the worktree, and what that
    program wants in its environment besides `attempt_environment`.

    ConfigError when the prompt does not fit into one argument (128 KiB on Linux)."""
    argv, env = (
        _shell_command(profile.command, prompt, prompt_file) if profile.command else _preset_start(profile, prompt)
    )
    if max(len(os.fsencode(argument)) for argument in argv) > MAX_ARGUMENT:
        raise ConfigError(
            f"the prompt is too long for the command line of agent {profile.name}",
            "give the details in a file of the repository, or use a command with {prompt_file}",
        )
    return argv, env


def _shell_command(command: str, prompt: str, prompt_file: Path) -> tuple[tuple[str, ...], dict[str, str]]:
    return ("/bin/sh", "-c", fill_in(command, prompt=prompt, prompt_file=str(prompt_file))), {}


def _preset_start(profile: AgentProfile, prompt: str) -> tuple[tuple[str, ...], dict[str, str]]:
    preset = _preset_of(profile)
    return _preset_command(preset, prompt, profile.args), dict(preset.env)


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
        **({} if port is None else {"AURORA_PORT": str(port), "PORT": str(port)}),
    }


def variable_name(contract: str) -> str:
    """A contract's name as the end of a variable's name: `orders-api` is ORDERS_API."""
    return re.sub(r"[^A-Z0-9]", "_", contract.upper())


def _contract_paths(contract: Contract, worktree: Path | None) -> str:
    inside = [pattern.lstrip("/") for pattern in contract.files]
    return os.pathsep.join(inside if worktree is None else [str(worktree / path) for path in inside])


def _preset_of(profile: AgentProfile) -> Preset:
    if profile.preset not in PRESETS:
        raise ConfigError(f"agent {profile.name}: there is no preset {profile.preset}")
    return PRESETS[profile.preset]


def _preset_command(preset: Preset, prompt: str, args: Sequence[str]) -> tuple[str, ...]:
    """A flag in `args` replaces ours of the same name, since some programs refuse a flag given twice."""
    given = {argument.partition("=")[0] for argument in args}
    options = [word for group in preset.options if group[0] not in given for word in group]
    text = f" {prompt}" if prompt.startswith("-") else prompt
    asked = (*preset.before_prompt, text)
    tail = (*asked, *options, *args) if preset.prompt_first else (*options, *args, *asked)
    return (preset.executable, *preset.subcommand, *tail)


@dataclass(frozen=True, slots=True)
class Probe:
    """What was found out about one preset's program. `path` and `version` are empty when it is not there.

    `try_it` is a line for a shell: a trial of the program, or its installation."""

    name: str
    executable: str
    path: str
    version: str
    try_it: str


def probe(
    names: Iterable[str] = tuple(PRESETS), *, search_path: str | None = None, seconds: float = PROBE_SECONDS
) -> tuple[Probe, ...]:
    """Look for the programs of the named presets and ask each for its version, all at once; `seconds` for each."""
    wanted = list(names)
    with ThreadPoolExecutor(max_workers=max(1, len(wanted))) as pool:
        return tuple(pool.map(lambda name: _probe_one(name, search_path, seconds), wanted))


def _probe_one(name: str, search_path: str | None, seconds: float) -> Probe:
    preset = PRESETS[name]
    path = shutil.which(preset.executable, path=search_path)
    if path is None:
        return Probe(name, preset.executable, "", "", preset.install)
    trial = _preset_command(preset, "Say hello.", ())
    return Probe(name, preset.executable, path, _version_of(path, seconds), shlex.join(trial))


def _version_of(path: str, seconds: float) -> str:
    """The version a program prints, `?` when it prints none or takes too long."""
    try:
        process = subprocess.Popen(
            [path, "--version"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError:
        return "?"
    with process:
        out = _output_in_time(process, seconds)
    found = _VERSION.search(out.decode(errors="replace"))
    return found[0] if found else "?"


def _output_in_time(process: subprocess.Popen[bytes], seconds: float) -> bytes:
    try:
        return process.communicate(timeout=seconds)[0]
    except subprocess.TimeoutExpired as late:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        return late.stdout or b""
