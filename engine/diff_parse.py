"""Pure: git's unified diff, as bytes, into the values of `engine.diff_model`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from engine.diff_model import DiffHunk, DiffLine, FileDiff, FileStatus
from engine.text import clean

LINES_OF_FILE = 20_000
"""A file with more changed lines is `too large`."""
LINES_OF_ALL = 200_000
"""So are the files after this many lines in all."""

_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufff9-\ufffb]"
)
_HUNK = re.compile(rb"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@ ?(.*)", re.DOTALL)
_QUOTED = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_ESCAPED = re.compile(rb"\\([abtnvfr\"\\]|[0-7]{3})")
_ESCAPES = dict(zip(b'abtnvfr"\\', b'\a\b\t\n\v\f\r"\\', strict=True))
_SUBMODULE = b"160000"
_LINK = b"120000"

Said = dict[bytes, bytes]
RENAME_FROM, RENAME_TO, COPY_FROM, COPY_TO = b"rename from ", b"rename to ", b"copy from ", b"copy to "
ADDED, DELETED, OLD_MODE, NEW_MODE = b"new file mode ", b"deleted file mode ", b"old mode ", b"new mode "
INDEX = b"index "
_BINARY = {b"Binary files ", b"GIT binary patch"}
_SILENT = {INDEX}
_STARTS = (RENAME_FROM, RENAME_TO, COPY_FROM, COPY_TO, ADDED, DELETED, OLD_MODE, NEW_MODE, INDEX, *_BINARY)


def shown(text: str | bytes) -> str:
    """One line of a file with every character that could hide or forge something made visible: `␛[31m`, `<U+202E>`.

    Removing them, as is right for an agent's output, would let a change look like another one.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    return clean(_HIDDEN.sub(_picture, text)) if _HIDDEN.search(text) else text


def shown_path(key: str) -> str:
    """A path of the file system (as `os.fsdecode` gives it) on one line."""
    return shown(os.fsencode(key)).replace("\n", "␊").replace("\t", "␉")


def _picture(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else f"<U+{code:04X}>" if not 0xD800 <= code <= 0xDFFF else "\ufffd"


def parse_diff(diff: bytes) -> tuple[FileDiff, ...]:
    """The files of a diff by `git diff`, `diff-tree -p` and their like, with the prefixes `a/` and `b/`.

    Combined diffs (of merges) are left out. Lines that mean nothing here are passed over; there are no errors.
    """
    files: list[FileDiff] = []
    budget = LINES_OF_ALL
    for block in _blocks(diff):
        file = _file(block)
        if file is None:
            continue
        if files and files[-1].key == file.key:
            file = _joined(files.pop(), file)
        file = within(file, budget)
        budget -= sum(len(hunk.lines) for hunk in file.hunks)
        files.append(file)
    return tuple(files)


def within(file: FileDiff, most: int) -> FileDiff:
    """The file as it is, or without its lines when these are more than the limit of a file or `most`."""
    changed = file.added + file.removed
    if changed <= LINES_OF_FILE and sum(len(hunk.lines) for hunk in file.hunks) <= most:
        return file
    note = f"{changed:,} changed lines; the file was {file.status}"
    return replace(file, status=FileStatus.TOO_LARGE, hunks=(), note=note)


def _blocks(diff: bytes) -> Iterator[list[bytes]]:
    """The lines of each file. What looks like a header inside a hunk begins with the hunk's own sign or blank."""
    block: list[bytes] = []
    for line in diff.split(b"\n"):
        if line.startswith((b"diff --git ", b"diff --cc ", b"diff --combined ")):
            if block:
                yield block
            block = []
        block.append(line)
    if block:
        yield block


def _joined(gone: FileDiff, come: FileDiff) -> FileDiff:
    """A file that became a link or the like: git tells it as a removal and an addition."""
    return replace(
        come,
        status=FileStatus.MODIFIED,
        added=gone.added + come.added,
        removed=gone.removed + come.removed,
        hunks=gone.hunks + come.hunks,
        note=f"{_kind(gone)} → {_kind(come)}",
    )


def _kind(file: FileDiff) -> str:
    if file.status is FileStatus.SUBMODULE:
        return "submodule"
    return "link" if file.note == "link" else "file"


# --- one file ---


def _file(block: list[bytes]) -> FileDiff | None:
    """None for a combined diff, and for a file git had a second look at and found unchanged."""
    if not block[0].startswith(b"diff --git "):
        return None
    first = next((index for index, line in enumerate(block) if line.startswith(b"@@ ")), len(block))
    said = _said(block[1:first])
    hunks = tuple(_hunks(block[first:]))
    if not hunks and not said.keys() - _SILENT:
        return None
    key, old_key = _keys(block[0], said)
    return FileDiff(
        path=shown_path(key),
        old_path=shown_path(old_key) if old_key else "",
        status=_status(said, bool(hunks)),
        added=_count(hunks, "+"),
        removed=_count(hunks, "-"),
        hunks=hunks,
        note=_note(said),
        key=key,
        old_key=old_key,
    )


def _count(hunks: Iterable[DiffHunk], kind: str) -> int:
    return sum(line.kind == kind for hunk in hunks for line in hunk.lines)


def _said(lines: list[bytes]) -> Said:
    """The extended header lines by what they begin with; see git-diff(1), "Generating patch text"."""
    return {start: line[len(start) :] for line in lines for start in _STARTS if line.startswith(start)}


def _keys(first_line: bytes, said: Said) -> tuple[str, str]:
    """The file's path, and the one it had before it was renamed."""
    new = said.get(RENAME_TO, said.get(COPY_TO))
    if new is None:
        return os.fsdecode(_name(first_line.removeprefix(b"diff --git "))), ""
    old = said.get(RENAME_FROM)
    return os.fsdecode(_unquoted(new)), os.fsdecode(_unquoted(old)) if old is not None else ""


def _modes(said: Said) -> tuple[bytes, bytes]:
    """Before and after, empty where there was or is no file."""
    same = said.get(INDEX, b"").partition(b" ")[2]
    old = said.get(OLD_MODE, said.get(DELETED, same))
    new = said.get(NEW_MODE, said.get(ADDED, same))
    return (b"" if ADDED in said else old), (b"" if DELETED in said else new)


def _status(said: Said, has_hunks: bool) -> FileStatus:
    if _SUBMODULE in _modes(said):
        return FileStatus.SUBMODULE
    if _BINARY & said.keys():
        return FileStatus.BINARY
    if OLD_MODE in said and not has_hunks and RENAME_TO not in said:
        return FileStatus.MODE
    return _plain_status(said)


def _plain_status(said: Said) -> FileStatus:
    if ADDED in said or COPY_TO in said:
        return FileStatus.ADDED
    if DELETED in said:
        return FileStatus.DELETED
    return FileStatus.RENAMED if RENAME_TO in said else FileStatus.MODIFIED


def _note(said: Said) -> str:
    """What the status word leaves out."""
    plain = _plain_status(said)
    if _BINARY & said.keys() or _SUBMODULE in _modes(said):
        return str(plain) if plain is not FileStatus.MODIFIED else ""
    if COPY_FROM in said:
        return f"copied from {shown_path(os.fsdecode(_unquoted(said[COPY_FROM])))}"
    old, new = _modes(said)
    if OLD_MODE in said:
        return f"{_mode(old)} → {_mode(new)}"
    return "link" if _LINK in (old, new) else ""


def _mode(mode: bytes) -> str:
    return {b"100644": "plain file", b"100755": "executable", _LINK: "link"}.get(mode, shown(mode))


def _name(rest: bytes) -> bytes:
    """The name in `a/NAME b/NAME`, which only matters where both are the same: else other lines tell them."""
    found = _QUOTED.match(rest)
    return _unquoted(found[0] if found else rest[: len(rest) // 2])[2:]


def _unquoted(name: bytes) -> bytes:
    """A path as git writes it when it has odd bytes: in quotes, with C's escapes."""
    if not _QUOTED.fullmatch(name):
        return name
    return _ESCAPED.sub(lambda found: bytes([_byte(found[1])]), name[1:-1])


def _byte(escape: bytes) -> int:
    return _ESCAPES[escape[0]] if len(escape) == 1 else int(escape, 8) & 0xFF


# --- hunks ---


def _hunks(lines: list[bytes]) -> Iterator[DiffHunk]:
    at = 0
    while at < len(lines):
        found = _HUNK.match(lines[at])
        at += 1
        if found is None:
            continue
        old, old_count, new, new_count = (1 if part is None else int(part) for part in found.groups()[:4])
        body, at = _body(lines, at, old_count, new_count)
        yield DiffHunk(old, old_count, new, new_count, shown(found[5]), tuple(_numbered(body, old, new)))


def _body(lines: list[bytes], at: int, old_left: int, new_left: int) -> tuple[list[tuple[bytes, bool]], int]:
    """The lines of one hunk, each with whether a line feed follows it in its file, and where they end."""
    body: list[tuple[bytes, bool]] = []
    while at < len(lines) and (old_left > 0 or new_left > 0 or lines[at].startswith(b"\\")):
        line = lines[at] or b" "
        at += 1
        if line.startswith(b"\\"):
            if body:
                body[-1] = (body[-1][0], False)
            continue
        old_left -= not line.startswith(b"+")
        new_left -= not line.startswith(b"-")
        body.append((line, True))
    return body, at


def _numbered(body: list[tuple[bytes, bool]], old: int, new: int) -> Iterator[DiffLine]:
    for line, fed in body:
        kind = chr(line[0])
        in_old, in_new = kind != "+", kind != "-"
        text = line[1:]
        returned = fed and text.endswith(b"\r")
        ending = "\r\n" if returned else "\n" if fed else ""
        text = text[:-1] if returned else text
        yield DiffLine(kind, old if in_old else 0, new if in_new else 0, shown(text), ending)
        old, new = old + in_old, new + in_new
