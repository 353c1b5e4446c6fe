"""A laboratory for git: tiny real repositories, and exact photographs of a folder to prove that nothing changed."""

from __future__ import annotations

import os
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

from engine.repo import Repo
from engine.worktrees import Worktrees

Content = str | bytes


def shell_git(where: Path, *args: str, check: bool = True) -> str:
    """Git as a person would run it; its output without the last line feed."""
    done = subprocess.run(["git", *args], cwd=where, capture_output=True, check=False)
    if check and done.returncode != 0:
        raise AssertionError(f"git {args}: {done.stderr.decode()}")
    return os.fsdecode(done.stdout).rstrip("\n")


def photograph(folder: Path, *, git_index: Path | None = None) -> dict[str, tuple[int, bytes]]:
    """Every path below a folder with its mode and bytes, `.git` left out; with the index's entries when asked."""
    found: dict[str, tuple[int, bytes]] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if name == ".git" or name.startswith(".git/"):
            continue
        info = path.lstat()
        content = os.fsencode(os.readlink(path)) if path.is_symlink() else path.read_bytes() if path.is_file() else b""
        found[name] = (stat.S_IFMT(info.st_mode) | info.st_mode & 0o111, content)
    if git_index is not None:
        found["\0index"] = (0, shell_git(git_index, "ls-files", "-s", "-z").encode("utf-8", "surrogateescape"))
    return found


@dataclass(frozen=True)
class Lab:
    """One repository with a first commit on `main`, and the worktrees beside it."""

    root: Path

    def git(self, *args: str, check: bool = True) -> str:
        """Git in the user's checkout."""
        return shell_git(self.root, *args, check=check)

    @property
    def repo(self) -> Repo:
        """A freshly opened Repo."""
        return Repo.open(self.root)

    @property
    def worktrees(self) -> Worktrees:
        """The pool's worktrees at their default place."""
        return Worktrees(self.repo)

    def write(self, files: dict[str, Content | None], where: Path | None = None) -> None:
        """Write files (None deletes) into the user's checkout or another folder."""
        for name, content in files.items():
            path = (where or self.root) / name
            if content is None:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)

    def commit(self, files: dict[str, Content | None], message: str = "change", where: Path | None = None) -> str:
        """Write files and commit everything; the commit's id."""
        self.write(files, where)
        shell_git(where or self.root, "add", "-A")
        shell_git(where or self.root, "commit", "-qm", message, "--allow-empty")
        return shell_git(where or self.root, "rev-parse", "HEAD")

    def branch(self, files: dict[str, Content | None], start: str = "main", name: str = "") -> str:
        """A commit with these changes on top of `start`, made off to the side; the checkout is put back to main."""
        self.git("checkout", "-q", "--detach", start)
        commit = self.commit(files)
        if name:
            self.git("branch", "-f", name, commit)
        self.git("checkout", "-q", "main")
        return commit

    def at(self, rev: str) -> str:
        """The commit a revision stands for."""
        return self.git("rev-parse", "--verify", rev)

    def files(self, rev: str) -> dict[str, str]:
        """All files of a commit or tree with their text."""
        names = [name for name in self.git("ls-tree", "-r", "-z", "--name-only", rev).split("\0") if name]
        return {name: self.git("cat-file", "blob", f"{rev}:{name}") for name in names}
