"""What pydantic found wrong in aurora.yaml, in words a person can act on (pure)."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from engine.config_lines import Finding, Where, printable
from engine.config_names import nearest, nearest_hint
from engine.config_schema import entry_at, place_of

_WANTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
    "invalid_key": "text as its key",
}


def findings_of(error: ValidationError, above: Where = ()) -> list[Finding]:
    """Every finding of a validation of what stands at `above` in the file; places are relative to it.

    A required key that is only misspelt is reported once, as the typo."""
    details = error.errors(include_url=False)
    meant = {_meant(detail, above) for detail in details if detail["type"] == "extra_forbidden"}
    return [_finding(d, above) for d in details if d["type"] != "missing" or _where(d) not in meant]


def _where(detail: ErrorDetails) -> Where:
    return tuple(step for step in detail["loc"] if step != "[key]")


def _meant(detail: ErrorDetails, above: Where) -> Where | None:
    *within, key = _where(detail)
    model = entry_at((*above, *within))
    found = nearest(str(key), model.model_fields) if model else None
    return (*within, found) if found else None


def _finding(detail: ErrorDetails, above: Where) -> Finding:
    where, kind, context = _where(detail), detail["type"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown_key(where, above)
    if kind == "missing":
        return Finding(where, "this key is needed here and has no value")
    if kind == "value_error":
        return Finding(where, str(context["error"]))
    if kind == "literal_error":
        return _not_one_of(where, detail["input"], _choices(context["expected"]))
    if kind in _WANTED:
        return _wrong_type(where, _WANTED[kind], detail["input"])
    return Finding(where, _bound(detail))


def _unknown_key(where: Where, above: Where) -> Finding:
    *within, last = where
    key, model = str(last), entry_at((*above, *within))
    known: Sequence[str] = list(model.model_fields) if model else []
    if place := place_of(key):
        return Finding(where, f"unknown key here; `{printable(key)}` belongs {place}")
    near = nearest_hint(key, known)
    return Finding(where, f"unknown key{near}", None if near else f"valid keys here: {', '.join(known)}")


def _choices(expected: str) -> list[str]:
    return expected.replace(" or ", ", ").replace("'", "").split(", ")


def _not_one_of(where: Where, value: object, choices: list[str]) -> Finding:
    near = nearest_hint(value, choices) if isinstance(value, str) else ""
    return Finding(where, f"should be {', '.join(choices[:-1])} or {choices[-1]}, not {_shown(value)}{near}")


def _wrong_type(where: Where, wanted: str, value: object) -> Finding:
    hint = None
    if wanted == "text" and isinstance(value, bool | int | float):
        hint = 'put it in quotes if text is meant: "…"'
    elif wanted == "a list" and isinstance(value, str):
        hint = "write one item as [item]; text with special characters in quotes"
    elif wanted == "text" and isinstance(value, list | dict):
        hint = "text that contains `: ` or begins with [ or { must stand in quotes"
    return Finding(where, f"should be {wanted}, not {_shown(value)}", hint)


def _shown(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            return f"the number {value!r:.40}"
        case str():
            return f"`{printable(value)}`"
        case list() | tuple():
            return "a list"
        case dict():
            return "a mapping"
    return "nothing"


def _bound(detail: ErrorDetails) -> str:
    context = detail.get("ctx", {})
    match detail["type"]:
        case "greater_than_equal":
            return f"should be {context['ge']} or more, not {_shown(detail['input'])}"
        case "greater_than":
            return f"should be more than {context['gt']:g}, not {_shown(detail['input'])}"
        case "less_than_equal":
            return f"should be {context['le']} or less, not {_shown(detail['input'])}"
        case "too_short":
            return "should have at least one item"
    return detail["msg"][:1].lower() + detail["msg"][1:]
