"""The coding agents people have, installed from npm into a cache outside the repository, each version once.

`AURORA_TEST_CLIENTS` names another folder for them. Nothing of them is ever copied into the repository.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

INSTALL_LIMIT = 240.0
OLDEST_NODE = 20
CODEX_SETTINGS = """model = "gpt-5.5"
model_provider = "scripted"
[model_providers.scripted]
name = "scripted"
base_url = "{address}/v1"
env_key = "SCRIPTED_KEY"
wire_api = "responses"
"""


@dataclass(frozen=True, slots=True)
class Client:
    """A program on npm. `always`: used by the test command, not only when all clients are asked for. `acp` is the
    command of one that speaks the Agent Client Protocol; `preset` whether Aurora knows it by its name."""

    name: str
    package: str
    version: str
    always: bool = False
    acp: tuple[str, ...] = ()
    preset: bool = True


CLIENTS = {
    client.name: client
    for client in (
        Client("claude", "@anthropic-ai/claude-code", "2.1.328", always=True),
        Client("codex", "@openai/codex", "0.169.0", always=True),
        Client("gemini", "@google/gemini-cli", "0.61.0", always=True, acp=("gemini", "--acp")),
        Client("opencode", "opencode-ai", "1.18.33", acp=("opencode", "acp")),
        Client("qwen", "@qwen-code/qwen-code", "0.15.10", acp=("qwen", "--acp")),
        Client("copilot", "@github/copilot", "1.0.102", acp=("copilot", "--acp")),
        Client(
            "claude-agent-acp", "@zed-industries/claude-agent-acp", "0.23.1", acp=("claude-agent-acp",), preset=False
        ),
    )
}


class CannotInstall(Exception):
    """The client cannot be had here; the words say why."""


def cache_folder() -> Path:
    """Where everything of these tests lives that is not the repository's."""
    named = os.environ.get("AURORA_TEST_CLIENTS")
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(named).absolute() if named else base / "aurora-tests"


@cache
def program_folder(name: str) -> Path:
    """The folder with the client's program, installed now unless it was before. CannotInstall if that fails."""
    client = CLIENTS[name]
    folder = cache_folder() / "clients" / f"{client.name}-{client.version}"
    programs = folder / "node_modules" / ".bin"
    _require_node()
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with (folder.parent / f"{folder.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not folder.is_dir():
                _install(client, folder)
    return programs


def _require_node() -> None:
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise CannotInstall(f"node {OLDEST_NODE} and npm are not installed")
    said = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False).stdout
    if int(said.strip().lstrip("v").partition(".")[0] or 0) < OLDEST_NODE:
        raise CannotInstall(f"node is {said.strip()}, they need {OLDEST_NODE}")


def _install(client: Client, folder: Path) -> None:
    """Into a folder of its own first, so that a half-done installation is never taken for a whole one."""
    draft = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=folder.parent))
    command = ["npm", "install", "--prefix", str(draft), "--no-audit", "--no-fund", "--no-package-lock"]
    command += ["--no-update-notifier", "--fetch-retries=1", "--loglevel=error", f"{client.package}@{client.version}"]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=INSTALL_LIMIT, check=False
        )
        if done.returncode != 0:
            said = [line for line in done.stderr.splitlines() if "code" in line] or ["npm failed"]
            raise CannotInstall(f"{client.package} {client.version} cannot be installed: {said[0]}")
        draft.rename(folder)
    except subprocess.TimeoutExpired as late:
        words = f"{client.package} {client.version} cannot be installed: npm took over {INSTALL_LIMIT:g} s"
        raise CannotInstall(words) from late
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def settings_in(home: Path, address: str) -> None:
    """Make `home` that of a new user whose agents ask the service at `address`."""
    openai_like = {
        "npm": "@ai-sdk/openai-compatible",
        "name": "scripted",
        "options": {"baseURL": f"{address}/v1", "apiKey": "sk-test"},
        "models": {"scripted": {"name": "scripted", "cost": {"input": 3, "output": 15, "cache_read": 0.3}}},
    }
    files: dict[str, object] = {
        ".gemini/settings.json": {
            "security": {"auth": {"selectedType": "gemini-api-key"}},
            "privacy": {"usageStatisticsEnabled": False},
            "general": {"enableAutoUpdate": False},
        },
        ".qwen/settings.json": {
            "security": {"auth": {"selectedType": "openai"}},
            "privacy": {"usageStatisticsEnabled": False},
            "general": {"enableAutoUpdate": False},
        },
        ".config/opencode/opencode.json": {
            "autoupdate": False,
            "share": "disabled",
            "model": "scripted/scripted",
            "small_model": "scripted/scripted",
            "provider": {"scripted": openai_like},
        },
        ".codex/config.toml": CODEX_SETTINGS.format(address=address),
    }
    for name, content in files.items():
        file = home / name
        file.parent.mkdir(parents=True)
        file.write_text(content if isinstance(content, str) else json.dumps(content))


def environment(home: Path, address: str, programs: Mapping[str, Path]) -> dict[str, str]:
    """A whole environment, nothing of ours in it: the clients' programs, `home`, and keys that open nothing."""
    path = os.pathsep.join([*map(str, programs.values()), os.environ.get("PATH", os.defpath)])
    return {
        "PATH": path,
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "NO_COLOR": "1",
        **{name: os.environ[name] for name in ("AURORA_HOST_ROOT",) if name in os.environ},
        "ANTHROPIC_API_KEY": "sk-test",
        "ANTHROPIC_BASE_URL": address,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        **({"CLAUDE_CODE_MAX_RETRIES": "2"} if "claude-agent-acp" in programs else {}),
        "SCRIPTED_KEY": "sk-test",
        "CODEX_HOME": str(home / ".codex"),
        "GEMINI_API_KEY": "sk-test",
        "GOOGLE_GEMINI_BASE_URL": address,
        "GEMINI_MODEL": "gemini-2.5-pro",
        "OPENAI_API_KEY": "sk-test",
        "OPENAI_BASE_URL": f"{address}/v1",
        "OPENAI_MODEL": "scripted",
        "COPILOT_OFFLINE": "true",
        "COPILOT_PROVIDER_BASE_URL": f"{address}/v1",
        "COPILOT_PROVIDER_TYPE": "openai",
        "COPILOT_PROVIDER_API_KEY": "sk-test",
        "COPILOT_MODEL": "gpt-4.1",
        "OPENCODE_DISABLE_MODELS_FETCH": "1",
        "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
        "OPENCODE_DISABLE_DEFAULT_PLUGINS": "1",
    }
