"""A syntax-aware merge of conflicting files by mergiraf, where it is installed."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from engine.conflict_model import ConflictFile, Decision, Key, Kind, Source, decoded
from engine.conflict_text import aligned, marker_left, side_texts, size_for

TOOL = "mergiraf"
SECONDS = 20.0


def installed() -> str | None:
    """Where mergiraf is, None when it is not on PATH."""
    return shutil.which(TOOL)


def merged_by_syntax(file: ConflictFile, *, accepted: bool = False) -> dict[Key, Decision]:
    """Decisions for the hunks of a file by mergiraf; none when it is not there, does not know the language, takes
    longer than 20 s, or leaves a conflict."""
    tool = installed()
    sides = (file.base, file.landed, file.branch)
    contents = [side.content for side in sides if side is not None]
    if tool is None or file.kind is not Kind.CONTENT or len(contents) < 3 or not file.parts:
        return {}
    with tempfile.TemporaryDirectory(prefix="aurora-syntax-") as folder:
        names = [Path(folder) / name for name in ("base", "left", "right")]
        for name, content in zip(names, contents, strict=True):
            name.write_bytes(content or b"")
        out = Path(folder) / "merged"
        words = [
            tool,
            "merge",
            *map(str, names),
            "-p",
            file.path,
            "-o",
            str(out),
            "-s",
            "base",
            "-x",
            "landed",
            "-y",
            "branch",
        ]
        try:
            done = subprocess.run(words, cwd=folder, capture_output=True, timeout=SECONDS, check=False)
            text = decoded(out.read_bytes()) if done.returncode == 0 else ()
        except (OSError, subprocess.TimeoutExpired):
            return {}
    if not text or marker_left(text, side_texts(file), size_for(file)):
        return {}
    return aligned(file, text, Source.SYNTAX, accepted=accepted)
