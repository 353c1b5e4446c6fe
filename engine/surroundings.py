"""What a verdict on a tree holds for besides the tree: the commands, and the machine they ran on, as one digest.

Two runs with the same digest are taken to give the same verdict. In it are: the commands of `setup`, `checks`,
`integration_test` and contracts, and their time limit; system and processor; every environment variable but those of a
terminal or session; each program the commands name and each usual tool on PATH (where it really lies, size, time of
its last change); the installed packages of each Python there (by the time of their folder's last change); settings of
tools in the home folder. Lock files need no place in it: they are part of the tree. Not in it: services, the network,
the clock. That is why a verdict of an earlier run is only believed for `BELIEVED` seconds.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from engine.plan import Plan

BELIEVED = 14 * 86_400.0
TOOLS = (
    *("python", "python3", "pytest", "tox", "uv", "poetry", "node", "npm", "npx", "yarn", "pnpm", "bun", "deno"),
    *("go", "cargo", "rustc", "java", "javac", "mvn", "gradle", "ruby", "bundle", "php", "dotnet", "perl", "prove"),
    *("gcc", "cc", "c++", "clang", "make", "cmake", "ninja", "docker", "git", "sh", "bash"),
)
HOME_FILES = (
    *(".rustup/settings.toml", ".cargo/config.toml", ".pyenv/version", ".tool-versions", ".npmrc", ".yarnrc.yml"),
    *(".m2/settings.xml", ".gradle/gradle.properties", ".config/pip/pip.conf", ".gitconfig"),
)
OF_A_SESSION = re.compile(
    r"_|PWD|OLDPWD|SHLVL|TERM|TERM_.*|COLORTERM|COLUMNS|LINES|WINDOWID|WINDOWPATH|DISPLAY|WAYLAND_DISPLAY|DESKTOP_.*"
    r"|XDG_(?:SESSION|SEAT|VTNR|CURRENT).*|XAUTHORITY|SESSION_MANAGER|DBUS_.*|SSH_.*|GPG_.*|TMUX.*|STY|ZELLIJ.*|VTE_.*"
    r"|KONSOLE_.*|KITTY_.*|ALACRITTY_.*|WEZTERM_.*|GNOME_.*|ITERM_.*|LC_TERMINAL.*|INVOCATION_ID|JOURNAL_STREAM"
    r"|SYSTEMD_.*|PS[0-4]|PROMPT.*|HIST.*|EDITOR|VISUAL|PAGER|LESS.*|LS_COLORS|MAIL|AURORA_.*|TEXTUAL.*|PYTEST_CURRENT_TEST"
)


def digest(plan: Plan, environment: Mapping[str, str] = os.environ) -> str:
    """The surroundings of a test run at this moment. Looks at some dozens of files and reads none."""
    settings = plan.settings
    commands = (*settings.setup, "", *settings.checks, "", settings.integration_test or "")
    system = os.uname()
    facts = [
        repr(commands),
        repr((settings.test_timeout, plan.contracts)),
        f"{system.sysname} {system.release} {system.machine}",
        *(f"{key}={value}" for key, value in sorted(environment.items()) if not OF_A_SESSION.fullmatch(key)),
        *_programs(commands, environment.get("PATH", os.defpath)),
        *(_file(Path(environment.get("HOME", "/")) / name) for name in HOME_FILES),
    ]
    return hashlib.sha256("\0".join(facts).encode("utf-8", "surrogateescape")).hexdigest()


def _programs(commands: tuple[str, ...], path: str) -> Iterator[str]:
    named = {word for command in commands for word in re.findall(r"[\w./+-]+", command)}
    for name in sorted({*TOOLS, *named}):
        found = shutil.which(name, path=path) if not name.startswith(("-", ".")) else None
        if found is None:
            continue
        yield _file(Path(found))
        if Path(found).name.startswith("python"):
            yield from _packages(Path(found))


def _packages(python: Path) -> Iterator[str]:
    """Installing and removing a package changes the folder."""
    for prefix in dict.fromkeys((python.parent.parent, python.resolve().parent.parent)):
        for folder in sorted(prefix.glob("lib/python3*/*-packages")):
            yield _file(folder)


def _file(path: Path) -> str:
    try:
        status = path.stat()
    except OSError:
        return f"{path} is not there"
    return f"{path} {os.path.realpath(path)} {status.st_size} {status.st_mtime_ns}"
