"""A laboratory for git: tiny real repositories, and exact photographs of a folder to prove that nothing changed."""

from __future__ import annotations

import os
import stat
import subprocess
from dataclasses import dataclass
from functools import cached_property
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


def quoted(path: str) -> bytes:
    """A path in the language of git fast-import."""
    plain = os.fsencode(path).replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n")
    return b'"' + plain + b'"'


@dataclass(frozen=True)
class Lab:
    """One repository with a first commit on `main`, and the worktrees beside it."""

    root: Path

    def git(self, *args: str, check: bool = True) -> str:
        """Git in the user's checkout."""
        return shell_git(self.root, *args, check=check)

    @cached_property
    def repo(self) -> Repo:
        """The repository, opened once."""
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
        """A commit with these changes on top of `start`, on the branch `name` if given; no checkout is touched."""
        ref = f"refs/heads/{name}" if name else "refs/lab/last"
        script = f"commit {ref}\nmark :1\ncommitter Ada <ada@example.org> 1700000000 +0000\ndata 6\nchange\n".encode()
        script += f"from {self.at(start)}\n".encode()
        for path, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            script += b"D %s\n" % quoted(path) if data is None else b"M 100644 inline %s\n" % quoted(path)
            script += b"" if data is None else b"data %d\n%s\n" % (len(data), data)
        importer = ["git", "fast-import", "--quiet", "--force"]
        return subprocess.check_output(importer, cwd=self.root, input=script + b"\nget-mark :1\n").decode().strip()

    def at(self, rev: str) -> str:
        """The commit a revision stands for."""
        return self.git("rev-parse", "--verify", rev)

    def files(self, rev: str) -> dict[str, str]:
        """All files of a commit or tree with their text."""
        names = [name for name in self.git("ls-tree", "-r", "-z", "--name-only", rev).split("\0") if name]
        return {name: self.git("cat-file", "blob", f"{rev}:{name}") for name in names}
