"""The git command: one function that runs it without hooks, prompts, pagers, editors or inherited surprises."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from engine.errors import GitError, RepoError

OLDEST = (2, 38)
LONGEST = 1800.0
KEPT_VARIABLES = re.compile(
    r"GIT_(CONFIG_(GLOBAL|SYSTEM|NOSYSTEM)|EXEC_PATH|ATTR_NOSYSTEM|(AUTHOR|COMMITTER)_(NAME|EMAIL)|LFS_.*|SSH.*)$"
)
SETTINGS = {
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "core.safecrlf": "false",
    "core.logAllRefUpdates": "true",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "submodule.recurse": "false",
    "i18n.commitEncoding": "UTF-8",
    "i18n.logOutputEncoding": "UTF-8",
    "checkout.workers": "4",
}
FIXED = tuple(word for name, value in SETTINGS.items() for word in ("-c", f"{name}={value}"))


@dataclass(frozen=True, slots=True)
class GitResult:
    """What one git command said: its exit status, its bytes, its complaints."""

    code: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        """The output without its last line feed; bytes that are no valid text survive `os.fsencode`."""
        return os.fsdecode(self.out).rstrip("\n")

    @property
    def lines(self) -> tuple[str, ...]:
        """The output's lines."""
        return tuple(self.text.split("\n")) if self.out.strip() else ()

    @property
    def fields(self) -> tuple[str, ...]:
        """The NUL-terminated fields of the output of a command with `-z`."""
        return tuple(os.fsdecode(self.out).split("\0")[:-1])


def git(
    *args: str,
    cwd: Path,
    input: bytes | None = None,
    check: bool = True,
    env: Mapping[str, str | os.PathLike[str]] | None = None,
    timeout: float = LONGEST,
) -> GitResult:
    """Run git in `cwd`. GitError when it fails and `check` is set; `env` is added, `timeout` is seconds.

    It runs in a process group of its own: a ctrl+C in the terminal must not cut a checkout in half.
    """
    try:
        done = subprocess.run(
            ["git", *FIXED, *args],
            cwd=cwd,
            input=input,
            stdin=subprocess.DEVNULL if input is None else None,
            capture_output=True,
            env=environment() | {name: os.fspath(value) for name, value in (env or {}).items()},
            timeout=timeout,
            process_group=0,
            check=False,
        )
    except (FileNotFoundError, NotADirectoryError) as error:
        raise _cannot_run(cwd) from error
    except subprocess.TimeoutExpired as error:
        raise GitError(f"`git {args[0]}` was stopped after {timeout:.0f} s in {cwd}") from error
    result = GitResult(done.returncode, done.stdout, done.stderr.decode("utf-8", "replace"))
    if check and result.code != 0:
        raise failure(args, result)
    return result


def environment() -> dict[str, str]:
    """Our environment without what would point git elsewhere or make it ask."""
    kept = {name: value for name, value in os.environ.items() if _harmless(name)}
    return kept | {
        "LC_ALL": "C",
        "LANGUAGE": "",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_EDITOR": "true",
        "GIT_PAGER": "cat",
        "GIT_ADVICE": "0",
    }


def _harmless(name: str) -> bool:
    return not name.startswith("GIT_") or KEPT_VARIABLES.match(name) is not None


def _cannot_run(cwd: Path) -> RepoError:
    if shutil.which("git") is None:
        return RepoError("git is not installed", "install git 2.38 or newer and put it on PATH")
    return RepoError(f"the folder {cwd} is gone")


def failure(args: tuple[str, ...], result: GitResult) -> GitError:
    """The error of a failed command, in git's own most telling line."""
    return GitError(f"`git {args[0]}` failed: {telling_line(result)}", stderr=result.err, code=result.code)


def telling_line(result: GitResult) -> str:
    """The line of stderr that says what is wrong."""
    lines = [line.strip() for line in result.err.splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(("fatal:", "error:"))]
    words = (telling or lines[-1:] or [f"exit status {result.code}"])[0]
    return words.removeprefix("fatal: ").removeprefix("error: ")


@lru_cache(maxsize=1)
def git_version() -> tuple[int, int]:
    """Major and minor of the git on PATH; RepoError when there is none."""
    found = re.search(r"(\d+)\.(\d+)", git("version", cwd=Path("/")).text)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def require_git() -> None:
    """RepoError when git is missing or older than 2.38 (`merge-tree --write-tree`)."""
    major, minor = git_version()
    if (major, minor) < OLDEST:
        raise RepoError(
            f"git {major}.{minor} is too old: Aurora merges with `git merge-tree --write-tree`",
            "install git 2.38 or newer",
        )
