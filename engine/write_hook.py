"""The pre-edit hook of every agent program: asks the engine before a file is written. Standard library only.

    python -I -S write_hook.py DIALECT [FOLDER TASK ATTEMPT WORKTREE WAIT]  < what the program says about its tool

It reads which files would be written, asks at the socket in FOLDER (else the environment says all that), and waits
while another task holds them, WAIT seconds at most; a paused agent's hook stands still with it, so its seconds do.
Exit 0 lets the edit through. Everything else, an accident too, is exit 2 with a sentence on stderr, which all programs
read as "no" (copilot is told on stdout). Without an engine it says no in the end; one that starts meanwhile is found.

Shell commands cannot be read and pass; the watcher sees what they write. Few imports: every edit waits for them.
"""

from __future__ import annotations

import json
import os
import sys
import time
from _socket import AF_UNIX, SOCK_STREAM, socket

SOCKET = "ask.sock"
ALLOWED, DENIED = 0, 2
SLICE = 0.5
"""Seconds of one wait: a stop of this process (a pause) counts as one slice at most."""
GRACE = 10.0
"""Seconds the engine has for its last word once the deadline has come."""

EDITS = frozenset(
    (
        "write", "edit", "multiedit", "notebookedit", "notebook_edit", "apply_patch", "applypatch", "patch", "create",
        "write_file", "writefile", "edit_file", "create_file", "delete_file", "move_file", "replace", "insert",
        "str_replace", "str_replace_editor",
    )
)  # fmt: skip
"""Tools that write files, in small letters. One of them that names no file is denied: it could be any."""
EDIT_WORDS = ("write", "edit", "patch", "create", "replace", "insert", "delete", "remove", "move", "rename")
"""A tool that is not known is taken for one that writes if its name has one of these words and it names a file."""
PATH_KEYS = (
    "file_path", "filePath", "path", "notebook_path", "notebookPath", "absolute_path", "target_file", "filename",
    "source", "destination", "old_path", "new_path",
)  # fmt: skip
PATCH_KEYS = ("command", "patch", "patchText", "patch_text", "input", "diff")
PATCH_MARKS = ("*** Add File: ", "*** Update File: ", "*** Delete File: ", "*** Move to: ")
LOOKS = ("view", "read")
"""Commands of tools that can look and edit (`str_replace_editor`): these only look."""


class Denied(Exception):
    """The edit may not be made; the message is for the agent."""


class Asker:
    """Who asks: one attempt of a task, its worktree, and how long it may wait."""

    def __init__(self, folder: str, task: str, attempt: str, worktree: str, wait: str) -> None:
        self.folder, self.task, self.attempt = folder, task, int(attempt)
        self.worktree, self.wait = os.path.realpath(worktree), float(wait)


def asker(words: list[str]) -> Asker | None:
    """From the arguments, else from the environment; None when Aurora did not start the agent."""
    if words:
        return Asker(*words)
    env = os.environ
    if not env.get("AURORA_HOOKS"):
        return None
    named = ("AURORA_HOOKS", "AURORA_TASK", "AURORA_ATTEMPT", "AURORA_WORKTREE", "AURORA_WRITE_WAIT")
    return Asker(*(env.get(name, "") for name in named))


# --- what would be written ------------------------------------------------------------------------------------------


def edited(said: dict[str, object]) -> list[str]:
    """The paths a tool call would write, as it names them; empty when it writes none. Denied when that is hidden."""
    tool = str(said.get("tool_name") or said.get("toolName") or said.get("tool") or "")
    given = said.get("tool_input", said.get("toolArgs", said.get("args", {})))
    name = tool.lower().rpartition("__")[2]
    known = name in EDITS
    if not tool:
        raise Denied("what the agent program told its hook names no tool")
    if not known and not any(word in name for word in EDIT_WORDS):
        return []
    fields = _fields(given)
    if str(fields.get("command", "")).strip() in LOOKS:
        return []
    paths = named(fields)
    if known and not paths:
        raise Denied(f"the tool {tool} does not say which file it would write")
    return paths


def _fields(given: object) -> dict[str, object]:
    """The arguments of a tool; a text may be JSON, or a patch as it is."""
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except ValueError:
            return {"patch": given}
    return given if isinstance(given, dict) else {}


def named(fields: dict[str, object]) -> list[str]:
    """All files the arguments of a tool name."""
    paths = [value for key in PATH_KEYS if isinstance(value := fields.get(key), str) and value]
    for key in PATCH_KEYS:
        if isinstance(text := fields.get(key), str):
            paths += patched(text)
    edits = fields.get("edits", fields.get("files", ()))
    for one in edits if isinstance(edits, list) else ():
        if isinstance(one, dict):
            paths += named(one)
        elif isinstance(one, str):
            paths.append(one)
    return list(dict.fromkeys(paths))


def patched(text: str) -> list[str]:
    """The files a patch adds, updates, deletes or moves to."""
    lines = (line.strip() for line in text.splitlines())
    return [line[len(mark) :].strip() for line in lines for mark in PATCH_MARKS if line.startswith(mark)]


def place(paths: list[str], folder: str, worktree: str) -> tuple[list[str], list[str]]:
    """Paths relative to the worktree, and those outside of it. A link counts as itself and as what it leads to.

    A worker's own temporary folder is neither; what belongs to git itself is outside.
    """
    inside, outside = [], []
    scratch = os.path.realpath(os.environ["TMPDIR"]) if os.environ.get("TMPDIR") else ""
    for path in paths:
        whole = os.path.join(folder, os.path.expanduser(path))
        real = os.path.realpath(whole)
        itself = os.path.join(os.path.realpath(os.path.dirname(whole)), os.path.basename(whole))
        for one in {real, os.path.normpath(itself)}:
            if scratch and one.startswith(scratch + "/"):
                continue
            relative = os.path.relpath(one, worktree) if one.startswith(worktree + "/") else ""
            if not relative or ".git" in relative.split("/"):
                outside.append(one)
            else:
                inside.append(relative)
    return sorted(set(inside)), sorted(set(outside))


# --- asking ---------------------------------------------------------------------------------------------------------


def ask(who: Asker, inside: list[str], outside: list[str]) -> None:
    """Return when the edit may be made, raise Denied when not."""
    left, name = who.wait, f"{os.getpid()}.{time.monotonic_ns()}"
    question = {"task": who.task, "attempt": who.attempt, "ask": name, "paths": inside, "outside": outside}
    reached = False
    while True:
        line = connect(who.folder)
        if line is not None:
            reached = True
            left, answer = converse(line, question, left)
            if answer is not None:
                if answer.get("allow") is True:
                    return
                raise Denied(str(answer.get("words") or "Aurora said no"))
        if left <= 0:
            break
        time.sleep(min(SLICE, left))
        left -= SLICE
    ended = "the engine of Aurora has ended" if reached else "no engine of Aurora runs"
    raise Denied(
        f"Not written: {ended}, so nobody can say whether {', '.join(inside)} is free. "
        "What you have done so far is safe. Finish what you can without this file, or try again later."
    )


def connect(folder: str) -> socket | None:
    """A line to the engine, None when there is none. A socket's address is short, so it goes by the open folder."""
    line = socket(AF_UNIX, SOCK_STREAM)
    try:
        opened = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            line.connect(f"/proc/self/fd/{opened}/{SOCKET}")
        finally:
            os.close(opened)
    except OSError:
        line.close()
        return None
    return line


def converse(line: socket, question: dict[str, object], left: float) -> tuple[float, dict[str, object] | None]:
    """Ask and wait; the seconds that are left, and the answer (None when the engine went away)."""
    late, heard = False, b""
    try:
        line.settimeout(SLICE)
        say(line, question)
        while not heard.endswith(b"\n"):
            begun = time.monotonic()
            try:
                more = line.recv(65536)
            except TimeoutError:
                more = None
            left -= min(time.monotonic() - begun, SLICE)
            if more == b"":
                return max(left, 0.0), None
            heard += more or b""
            if left <= -GRACE:
                raise Denied("Not written: Aurora does not answer. Go on with something else, and try again later.")
            if left <= 0 and not late and more is None:
                say(line, {"late": True})
                late = True
        answer = json.loads(heard)
        return left, answer if isinstance(answer, dict) else {}
    except OSError:
        return max(left, 0.0), None
    finally:
        line.close()


def say(line: socket, message: dict[str, object]) -> None:
    """One line to the engine."""
    line.sendall(json.dumps(message).encode() + b"\n")


# --- the program ----------------------------------------------------------------------------------------------------


def check(who: Asker | None, text: bytes) -> None:
    """Return when what the program said may go on."""
    if who is None:
        return
    try:
        said = json.loads(text)
    except ValueError:
        raise Denied("what the agent program told its hook is no JSON") from None
    if not isinstance(said, dict):
        raise Denied("what the agent program told its hook is no JSON object")
    paths = edited(said)
    if paths:
        folder = said.get("cwd")
        given = said.get("tool_input")
        inner = given.get("workdir") if isinstance(given, dict) else None
        base = os.path.join(folder if isinstance(folder, str) and folder else os.getcwd(), str(inner or ""))
        inside, outside = place(paths, base, who.worktree)
        if inside or outside:
            ask(who, inside, outside)


def deny(dialect: str, words: str) -> int:
    """Say no in the program's own way."""
    if dialect == "copilot":
        sys.stdout.write(json.dumps({"permissionDecision": "deny", "permissionDecisionReason": words}) + "\n")
        sys.stdout.flush()
        return ALLOWED
    sys.stderr.write(words + "\n")
    return DENIED


def main(words: list[str]) -> int:
    """The exit code; no accident is an allowance."""
    dialect = words[0] if words else ""
    try:
        check(asker(words[1:]), sys.stdin.buffer.read())
    except Denied as no:
        return deny(dialect, str(no))
    except Exception as error:  # noqa: BLE001 - whatever went wrong, the edit must not be made
        return deny(dialect, f"Not written: the hook of Aurora failed ({type(error).__name__}: {error}).")
    return ALLOWED


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(code)
