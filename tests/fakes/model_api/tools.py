"""How an action is said with the tools a client offers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count

from model_api.script import Action

_NUMBERS = count(1)


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool of a request. `free` takes a text instead of arguments."""

    name: str
    properties: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    free: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """A tool the model calls. `arguments` is a text for a free one."""

    name: str
    arguments: dict[str, object] | str
    id: str


@dataclass(frozen=True, slots=True)
class _Shape:
    """The name of a tool and of its arguments, in the order path, text, new text."""

    tool: str
    arguments: tuple[str, ...]


_SHAPES: dict[str, tuple[_Shape, ...]] = {
    "READ": (
        _Shape("Read", ("file_path",)),
        _Shape("read_file", ("file_path",)),
        _Shape("read_file", ("absolute_path",)),
        _Shape("read", ("filePath",)),
        _Shape("view", ("path",)),
    ),
    "WRITE": (
        _Shape("Write", ("file_path", "content")),
        _Shape("write_file", ("file_path", "content")),
        _Shape("write", ("filePath", "content")),
        _Shape("create", ("path", "file_text")),
    ),
    "EDIT": (
        _Shape("Edit", ("file_path", "old_string", "new_string")),
        _Shape("replace", ("file_path", "old_string", "new_string")),
        _Shape("edit", ("file_path", "old_string", "new_string")),
        _Shape("edit", ("filePath", "oldString", "newString")),
        _Shape("edit", ("path", "old_str", "new_str")),
    ),
    "RUN": (
        _Shape("Bash", ("command",)),
        _Shape("run_shell_command", ("command",)),
        _Shape("exec_command", ("cmd",)),
        _Shape("bash", ("command",)),
        _Shape("shell", ("command",)),
    ),
}
_EMPTY: dict[str, object] = {"boolean": False, "number": 1, "integer": 1, "array": [], "object": {}}


def call_for(action: Action, tools: Mapping[str, Tool], folder: str = "") -> Call | None:
    """The call that carries an action out, None when no tool offered can. `folder` is where the client works: some
    want absolute paths."""
    if action.verb in ("WRITE", "EDIT") and "apply_patch" in tools:
        return _patch(action, tools["apply_patch"])
    for shape in _SHAPES[action.verb]:
        tool = tools.get(shape.tool)
        if tool is not None and all(name in tool.properties for name in shape.arguments):
            path = f"{folder}/{action.path}" if folder and _wants_absolute(tool, shape.arguments[0]) else action.path
            values = [value for value in (path, action.text, action.new) if value]
            given: dict[str, object] = dict(zip(shape.arguments, values, strict=False))
            return _call(tool, {**dict(_rest(tool)), **given})
    if action.verb == "READ":
        return call_for(Action("RUN", text=f"cat {action.path}"), tools)
    return None


def _wants_absolute(tool: Tool, argument: str) -> bool:
    return "absolute" in str(tool.properties[argument].get("description", "")).lower()


def _patch(action: Action, tool: Tool) -> Call:
    lines = [f"+{line}" for line in action.text.splitlines()]
    if action.verb == "WRITE":
        body = ["*** Add File: " + action.path, *lines]
    else:
        body = ["*** Update File: " + action.path, "@@", f"-{action.text}", f"+{action.new}"]
    patch = "\n".join(["*** Begin Patch", *body, "*** End Patch", ""])
    if tool.free:
        return _call(tool, patch)
    name = next(n for n in ("input", "patch", "patchText") if n in tool.properties)
    return _call(tool, {**dict(_rest(tool)), name: patch})


def _rest(tool: Tool) -> Iterator[tuple[str, object]]:
    """Something that fits, for every argument that must be there."""
    for name in tool.required:
        about = tool.properties.get(name, {})
        allowed, kind = about.get("enum"), str(about.get("type", "string")).lower()
        yield name, allowed[0] if isinstance(allowed, list) else _EMPTY.get(kind, "as asked")


def _call(tool: Tool, arguments: dict[str, object] | str) -> Call:
    return Call(tool.name, arguments, f"call_{next(_NUMBERS):05}")


def example(schema: Mapping[str, object]) -> dict[str, object]:
    """The plainest object a JSON schema allows."""
    properties = schema.get("properties", {})
    required = schema.get("required", [])
    assert isinstance(properties, dict)
    assert isinstance(required, list)
    return dict(_rest(Tool("", properties, tuple(required))))
