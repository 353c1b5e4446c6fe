"""Shell scripts that count in files, also from where they should not be found, and looks at how far they got."""

from __future__ import annotations

import subprocess
from pathlib import Path

COUNT = "while :; do echo x >> {file}; sleep 0.01; done"
ESCAPE = "setsid sh -c 'sh -c \"" + COUNT + "\" & exec sleep 300' & "
"""A session of its own, and in it a process whose parent ends up elsewhere."""


def size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def sizes(folder: Path) -> tuple[int, int]:
    return size(folder / "count"), size(folder / "away")


def both_count(folder: Path, since: tuple[int, int] = (4, 4)) -> bool:
    return all(now > before for now, before in zip(sizes(folder), since, strict=True))


def meanwhile(folder: Path) -> None:
    """Let another process write 20 lines, one every 10 ms: as many as one of ours would have written."""
    other = f"for n in $(seq 20); do echo x >> {folder}/other; sleep 0.01; done"
    subprocess.run(["/bin/sh", "-c", other], check=True)
