"""Keep `engine` and `widgets` ours, whatever lies in the directory Aurora is started from.

Both names are plain, and a user's repository may well have its own `engine/`. With `python -m aurora_tui` or
`PYTHONPATH=.` that one would come first on `sys.path`; a finder in front of the path decides by location instead.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType

_HOME = Path(__file__).resolve().parent.parent
_ROOMS = ("engine", "widgets")


class _OwnRooms:
    """A meta path finder for exactly the two sibling packages of `aurora_tui`."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in _ROOMS:
            return None
        folder = _HOME / name
        return spec_from_file_location(name, folder / "__init__.py", submodule_search_locations=[str(folder)])


def keep_own_rooms() -> None:
    """Install the finder once, and drop the working directory from the path unless we are run from it."""
    if not any(isinstance(finder, _OwnRooms) for finder in sys.meta_path):
        sys.meta_path.insert(0, _OwnRooms())
    here = Path.cwd().resolve() if _cwd_exists() else None
    if here is not None and here != _HOME:
        sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != here]


def _cwd_exists() -> bool:
    try:
        Path.cwd()
    except OSError:
        return False
    return True
