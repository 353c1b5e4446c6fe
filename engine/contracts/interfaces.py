"""Python interfaces and what implements them, read from the text of modules: nothing is imported."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

from engine.contracts.program import Differs

_BASES = {"Protocol": "protocol", "ABC": "abstract class"}
_MARK = re.compile(r"#\s*implements:\s*([\w.,\s-]+)")


@dataclass(frozen=True)
class Interface:
    """A Protocol or abstract class of a module. `methods` are those an implementer writes."""

    name: str
    kind: str
    path: Path
    module: str
    methods: tuple[ast.FunctionDef | ast.AsyncFunctionDef, ...]


@dataclass(frozen=True)
class Implementation:
    """A class that says it implements an interface."""

    name: str
    path: Path
    module: str
    node: ast.ClassDef


def module_of(path: PurePath) -> str:
    """The dotted name of a module of the repository; a `src` folder at its top is not part of it."""
    steps = list(path.with_suffix("").parts)
    steps = steps[1:] if steps[:1] == ["src"] else steps
    return ".".join(steps[:-1] if steps[-1:] == ["__init__"] else steps)


def parsed(path: Path) -> ast.Module:
    """A module's tree. Differs with the line when it is no Python."""
    try:
        return ast.parse(path.read_text(encoding="utf-8"), str(path))
    except SyntaxError as error:
        raise Differs([f"{path}:{error.lineno}: this is not Python: {error.msg}"]) from None
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise Differs([f"{path}: cannot be read ({error})"]) from None


def interfaces(path: Path) -> list[Interface]:
    """The Protocols and abstract classes of a module."""
    return [
        Interface(node.name, kind, path, module_of(path), tuple(_methods(node, kind)))
        for node in parsed(path).body
        if isinstance(node, ast.ClassDef) and (kind := _kind(node))
    ]


def _kind(node: ast.ClassDef) -> str:
    for base in (*node.bases, *(word.value for word in node.keywords)):
        name = _last(base.value if isinstance(base, ast.Subscript) else base)
        if name in _BASES:
            return _BASES[name]
        if name == "ABCMeta":
            return _BASES["ABC"]
    return ""


def _methods(node: ast.ClassDef, kind: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for item in node.body:
        if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef):
            abstract = any(_last(one).startswith("abstract") for one in item.decorator_list)
            if abstract or (kind == "protocol" and (not item.name.startswith("_") or item.name == "__call__")):
                yield item


def unannotated(methods: tuple[ast.FunctionDef | ast.AsyncFunctionDef, ...]) -> Iterator[tuple[str, int, str]]:
    """The methods that leave something open: name, line, and what."""
    for method in methods:
        arguments = [*method.args.posonlyargs, *method.args.args, *method.args.kwonlyargs]
        static = any(_last(one) == "staticmethod" for one in method.decorator_list)
        bare = [one.arg for one in arguments[0 if static else 1 :] if one.annotation is None]
        if bare:
            yield method.name, method.lineno, f"its argument `{bare[0]}`"
        elif method.returns is None:
            yield method.name, method.lineno, "what it returns"


def implementations(path: Path, wanted: list[Interface], contract: str) -> Iterator[tuple[Interface, Implementation]]:
    """The classes of a module that implement one of the interfaces: by `# implements: NAME`, or as a base class."""
    text = path.read_text(encoding="utf-8", errors="replace")
    if not any(one.name in text for one in wanted) and not (contract and contract in text):
        return
    lines = text.splitlines()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.ClassDef):
            said = _said(node, lines)
            bases = {_last(base.value if isinstance(base, ast.Subscript) else base) for base in node.bases}
            for one in wanted:
                by_contract = contract in said and len(wanted) == 1
                is_it = path == one.path and node.name == one.name
                if not is_it and not _kind(node) and (one.name in said | bases or by_contract):
                    yield one, Implementation(node.name, path, module_of(path), node)


def own_methods(one: Implementation, names: set[str]) -> tuple[ast.FunctionDef | ast.AsyncFunctionDef, ...]:
    """The methods of those names a class has in its body."""
    return tuple(
        item
        for item in one.node.body
        if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef) and item.name in names
    )


def _said(node: ast.ClassDef, lines: list[str]) -> set[str]:
    """The names after `# implements:` on the line of a class, or right above it and its decorators."""
    first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
    near = [lines[node.lineno - 1], lines[first - 2] if first > 1 else ""]
    return {name.strip() for line in near if (found := _MARK.search(line)) for name in found[1].split(",")}


def _last(node: ast.AST) -> str:
    match node:
        case ast.Name():
            return node.id
        case ast.Attribute():
            return node.attr
        case ast.Call():
            return _last(node.func)
    return ""
