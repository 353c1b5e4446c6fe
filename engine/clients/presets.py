"""The agent programs Aurora knows by name.

Each runs without a terminal, edits files without asking, and prints a stream of JSON. Aurora commits what an agent
leaves, so none of them is given the right to run git.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from engine.clients.own_log import OwnLog
from engine.errors import ConfigError
from engine.plan import AgentProfile


@dataclass(frozen=True, slots=True)
class Preset:
    """A known agent program. `options` are groups of a flag and its value; the prompt comes after `before_prompt`,
    and either first (`prompt_first`) or behind all options. `install` is a line a person can run.

    A conversation is resumed with `resume` and its id, by `resume_subcommand` where there is one, which takes the
    options of `resume_options` instead of those of the same flag. `new_session`, `usage_file` and `max_usd` are the
    flags for an id of our own, for a file about its usage, and for the most it may spend. `silent` programs print
    nothing while their provider makes them wait; some tell it in an `own_log`. `commands` says which shell commands it
    runs as Aurora starts it, and `more_commands` are a profile's `args` that let it run others (empty: it runs all)."""

    executable: str
    install: str
    subcommand: tuple[str, ...] = ()
    options: tuple[tuple[str, ...], ...] = ()
    before_prompt: tuple[str, ...] = ()
    prompt_first: bool = False
    env: Mapping[str, str] = field(default_factory=dict)
    resume: tuple[str, ...] = ("--resume",)
    resume_subcommand: tuple[str, ...] = ()
    resume_options: Mapping[str, str] = field(default_factory=dict)
    new_session: str = ""
    usage_file: str = ""
    max_usd: str = ""
    silent: bool = False
    commands: str = "runs any command"
    more_commands: tuple[str, ...] = ()
    own_log: OwnLog | None = None


@dataclass(frozen=True, slots=True)
class Extras:
    """What one start adds to a command line: the conversation to resume, or the id of the new one, where its usage is
    to be written, and the US dollars it may spend."""

    resume: str = ""
    new_session: str = ""
    usage_file: str = ""
    max_usd: float | None = None


PLAIN = Extras()

PRESETS: dict[str, Preset] = {
    "claude": Preset(
        executable="claude",
        install="npm install -g @anthropic-ai/claude-code",
        before_prompt=("-p",),
        prompt_first=True,
        options=(("--output-format", "stream-json"), ("--verbose",), ("--permission-mode", "acceptEdits")),
        env={"DISABLE_AUTOUPDATER": "1"},
        max_usd="--max-budget-usd",
        commands="runs only simple commands (ls, touch, git status)",
        more_commands=("--allowedTools", "Bash(pytest *)"),
    ),
    "codex": Preset(
        executable="codex",
        install="npm install -g @openai/codex",
        subcommand=("exec",),
        options=(("--json",), ("--skip-git-repo-check",), ("-s", "workspace-write")),
        resume=(),
        resume_subcommand=("exec", "resume"),
        resume_options={"-s": "sandbox_mode", "--sandbox": "sandbox_mode"},
        commands="runs any command in its sandbox, without the network",
        more_commands=("-c", "sandbox_workspace_write.network_access=true"),
    ),
    "gemini": Preset(
        executable="gemini",
        install="npm install -g @google/gemini-cli",
        before_prompt=("-p",),
        options=(("--output-format", "stream-json"), ("--approval-mode", "auto_edit")),
        env={"GEMINI_CLI_NO_RELAUNCH": "true", "GEMINI_CLI_TRUST_WORKSPACE": "true"},
        commands="runs no commands",
        more_commands=("--allowed-tools", "run_shell_command"),
    ),
    "copilot": Preset(
        executable="copilot",
        commands="runs any command that names no file outside of its worktree",
        more_commands=("--allow-all-paths",),
        install="npm install -g @github/copilot",
        before_prompt=("-p",),
        prompt_first=True,
        options=(("--allow-all-tools",), ("--no-ask-user",), ("--output-format", "json")),
        env={"COPILOT_AUTO_UPDATE": "false"},
        new_session="--session-id",
        usage_file="--usage-output-file",
    ),
    "opencode": Preset(
        executable="opencode",
        install="npm install -g opencode-ai",
        subcommand=("run",),
        options=(("--format", "json"), ("--print-logs",), ("--log-level", "ERROR")),
        env={"OPENCODE_DISABLE_AUTOUPDATE": "1"},
        resume=("-s",),
    ),
    "pi": Preset(
        executable="pi",
        install="npm install -g @mariozechner/pi-coding-agent",
        before_prompt=("-p",),
        options=(("--mode", "json"),),
        env={"PI_OFFLINE": "1"},
        resume=("--session",),
    ),
    "qwen": Preset(
        executable="qwen",
        install="npm install -g @qwen-code/qwen-code",
        before_prompt=("-p",),
        options=(("--output-format", "stream-json"), ("--approval-mode", "auto-edit")),
        silent=True,
        commands="runs no commands",
        more_commands=("--allowed-tools", "run_shell_command"),
        own_log=OwnLog("debug/{session}.txt", ".qwen", ("QWEN_RUNTIME_DIR", "QWEN_HOME"), b"[RETRY] "),
    ),
}


ACP = "acp"
"""The preset of every program that speaks the Agent Client Protocol; its `command` says which."""


def preset_of(profile: AgentProfile) -> Preset:
    """The program a profile with a preset means; ConfigError when there is none of that name."""
    if profile.preset not in PRESETS:
        raise ConfigError(f"agent {profile.name}: there is no preset {profile.preset}")
    return PRESETS[profile.preset]


def preset_command(preset: Preset, prompt: str, args: Sequence[str], extras: Extras = PLAIN) -> tuple[str, ...]:
    """The argument vector that gives a prompt to a program.

    A flag in `args` replaces ours of the same name, since some programs refuse a flag given twice."""
    given = {argument.partition("=")[0] for argument in args}
    groups = (*preset.options, *_extra_options(preset, extras))
    options = [word for group in groups if group[0] not in given for word in group]
    text = f" {prompt}" if prompt.startswith("-") else prompt
    asked = (*preset.before_prompt, text)
    words = [*options, *args]
    if extras.resume and preset.resume_subcommand:
        words = _as_settings(preset, words)
        return (preset.executable, *preset.resume_subcommand, *words, extras.resume, *asked)
    tail = (*asked, *words) if preset.prompt_first else (*words, *asked)
    return (preset.executable, *preset.subcommand, *tail)


def _extra_options(preset: Preset, extras: Extras) -> tuple[tuple[str, ...], ...]:
    found: list[tuple[str, ...]] = []
    if extras.resume and preset.resume:
        found.append((*preset.resume, extras.resume))
    elif extras.new_session and preset.new_session:
        found.append((preset.new_session, extras.new_session))
    if extras.usage_file and preset.usage_file:
        found.append((preset.usage_file, extras.usage_file))
    if extras.max_usd is not None and preset.max_usd:
        found.append((preset.max_usd, f"{extras.max_usd:g}"))
    return tuple(found)


def _as_settings(preset: Preset, words: Sequence[str]) -> list[str]:
    """Flags that the subcommand for resuming does not know, as the settings they stand for (`-c key="value"`)."""
    told: list[str] = []
    rest = iter(words)
    for word in rest:
        flag, equals, value = word.partition("=")
        if flag in preset.resume_options:
            value = value if equals else next(rest, "")
            told += ["-c", f'{preset.resume_options[flag]}="{value}"']
        else:
            told.append(word)
    return told
