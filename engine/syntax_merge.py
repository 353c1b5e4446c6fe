"""A syntax-aware merge of conflicting files by mergiraf, where it is installed."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections import Counter
from functools import reduce
from operator import and_
from pathlib import Path

from engine.conflict_model import ConflictFile, Decision, Key, Kind, Lines, Source, decoded
from engine.conflict_text import aligned, marker_left, side_texts, size_for

TOOL = "mergiraf"
SECONDS = 20.0


def installed() -> str | None:
    """Where mergiraf is, None when it is not on PATH."""
    return shutil.which(TOOL)


def merged_by_syntax(file: ConflictFile, *, accepted: bool = False) -> dict[Key, Decision]:
    """Decisions for the hunks of a file by mergiraf; none when it is not there, does not know the language, takes
    longer than 20 s (it gives up by itself after 10), crashes, or leaves a conflict.

    The result is printed: into a file (`-o`) it would write line ends of its own, not those of the sides.
    """
    tool = installed()
    sides = (file.base, file.landed, file.branch)
    contents = [side.content for side in sides if side is not None]
    if tool is None or file.kind is not Kind.CONTENT or len(contents) < 3 or not file.parts:
        return {}
    with tempfile.TemporaryDirectory(prefix="aurora-syntax-") as folder:
        names = [Path(folder) / name for name in ("base", "left", "right")]
        for name, content in zip(names, contents, strict=True):
            name.write_bytes(content or b"")
        labels = ("-s", "base", "-x", "landed", "-y", "branch")
        words = (tool, "merge", *map(str, names), "-p", file.path, *labels)
        try:
            done = subprocess.run(
                words, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            return {}
    text = decoded(done.stdout) if done.returncode == 0 else ()
    if not text or _loses_something(text, file) or marker_left(text, side_texts(file), size_for(file)):
        return {}
    return aligned(file, text, Source.SYNTAX, accepted=accepted)


def _loses_something(text: Lines, file: ConflictFile) -> bool:
    """True when a line all sides have is not in the result, or bytes are that it cannot have read from them."""
    sides = [decoded(side.content or b"") for side in (file.base, file.landed, file.branch) if side is not None]
    common = reduce(and_, (Counter(line.strip() for line in lines) for lines in sides))
    return not _is_text(text) or bool(common - Counter(line.strip() for line in text))


def _is_text(lines: Lines) -> bool:
    return not any(letter == "\0" or "\ud800" <= letter <= "\udfff" for line in lines for letter in line)
