"""The agent programs Aurora knows by name.

Each runs without a terminal, edits files without asking, and prints a stream of JSON. Aurora commits what an agent
leaves, so none of them is given the right to run git.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from engine.errors import ConfigError
from engine.plan import AgentProfile


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


def preset_of(profile: AgentProfile) -> Preset:
    """The program a profile with a preset means; ConfigError when there is none of that name."""
    if profile.preset not in PRESETS:
        raise ConfigError(f"agent {profile.name}: there is no preset {profile.preset}")
    return PRESETS[profile.preset]


def preset_command(preset: Preset, prompt: str, args: Sequence[str]) -> tuple[str, ...]:
    """The argument vector that gives a prompt to a program.

    A flag in `args` replaces ours of the same name, since some programs refuse a flag given twice."""
    given = {argument.partition("=")[0] for argument in args}
    options = [word for group in preset.options if group[0] not in given for word in group]
    text = f" {prompt}" if prompt.startswith("-") else prompt
    asked = (*preset.before_prompt, text)
    tail = (*asked, *options, *args) if preset.prompt_first else (*options, *args, *asked)
    return (preset.executable, *preset.subcommand, *tail)
