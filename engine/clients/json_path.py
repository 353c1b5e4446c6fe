"""Looking into JSON of which nothing is certain: what is missing or different is empty, never an error (pure)."""

from __future__ import annotations

import json
from collections.abc import Mapping

Object = Mapping[str, object]
EMPTY: Object = {}


def parsed(line: bytes) -> Object | None:
    """The object on a line; None when there is something else."""
    try:
        value = json.loads(line.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def at(value: object, *keys: str) -> object:
    """What stands at a path of keys; None where there is nothing."""
    for key in keys:
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


def text_at(value: object, *keys: str) -> str:
    """A text at a path of keys."""
    found = at(value, *keys)
    return found if isinstance(found, str) else ""


def number_at(value: object, *keys: str) -> int:
    """A whole number at a path of keys."""
    found = at(value, *keys)
    return int(found) if isinstance(found, int | float) and not isinstance(found, bool) and abs(found) < 1e15 else 0


def amount_at(value: object, *keys: str) -> float | None:
    """An amount at a path of keys; None where there is none."""
    found = at(value, *keys)
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) and found == found else None


def object_at(value: object, *keys: str) -> Object:
    """An object at a path of keys."""
    found = at(value, *keys)
    return found if isinstance(found, dict) else EMPTY


def objects_at(value: object, *keys: str) -> tuple[Object, ...]:
    """The objects of a list at a path of keys."""
    found = at(value, *keys)
    return tuple(item for item in found if isinstance(item, dict)) if isinstance(found, list) else ()
