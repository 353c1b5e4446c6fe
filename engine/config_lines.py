"""Reads a YAML file safely and remembers on which line every value stands.

Only plain data comes out: no tags, so nothing is ever constructed or run; and the size of the *expanded* document is
bounded, so a small file of nested aliases ("billion laughs") is refused before anything walks through it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from engine.errors import ConfigError

MAX_BYTES = 1_000_000
MAX_ALIASES = 1_000
MAX_DEPTH = 64
MAX_VALUES = 200_000

Where = tuple[str | int, ...]

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG = "tag:yaml.org,2002:"
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_TAB_INDENT = re.compile(r"^ *\t[ \t]*\S")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong at `where` (keys and list positions from the top), and what to do about it."""

    where: Where
    words: str
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML mapping as plain `data`; `name` is how messages call the file, `findings` what its reading brought up."""

    name: str
    data: dict[object, object]
    root: yaml.Node
    findings: tuple[Finding, ...] = ()

    def position_of(self, where: Where) -> tuple[int, int]:
        """Line and column (from 1) of the key or list item at `where`, or of the closest thing above it that exists."""
        mark, node = self.root.start_mark, self.root
        for step in where:
            found = _child(node, step)
            if found is None:
                break
            mark, node = found
        return mark.line + 1, mark.column + 1


def read_document(path: Path, name: str) -> Document:
    """The YAML mapping in `path`. ConfigError for everything that makes it unusable as a whole."""
    text = _text(path, name)
    try:
        _guard(text, name)
        root = yaml.compose(text, Loader=_LOADER)
        if not isinstance(root, yaml.MappingNode):
            raise ConfigError(f"{name}:{_first_line(root)}: the top level must be a mapping of keys to values")
        walk = _Walk(name)
        walk.visit(root, ())
        data = yaml.SafeLoader("").construct_document(root)
    except yaml.YAMLError as error:
        raise _syntax_error(error, text, name) from None
    return Document(name, data, root, tuple(walk.findings))


def path_text(where: Where) -> str:
    """A key path for people: `tasks[2].files`; characters that do not print are escaped."""
    text = ""
    for step in where:
        text += f"[{step}]" if isinstance(step, int) else f".{printable(step)}"
    return text.removeprefix(".")


def printable(text: str) -> str:
    """The text with whatever does not print escaped, and at most 60 characters long."""
    shown = text if text.isprintable() else text.encode("unicode_escape").decode()
    return shown if len(shown) <= 60 else shown[:59] + "…"


def read_text_file(path: Path, limit: int = MAX_BYTES) -> str:
    """The text of a UTF-8 file. ValueError with a few words ("is a directory") when it is not a usable text file."""
    try:
        if not os.path.lexists(path):
            raise ValueError("does not exist")
        if path.is_dir():
            raise ValueError("is a directory, not a file")
        if path.exists() and not path.is_file():
            raise ValueError("is not a regular file")
        with path.open("rb") as stream:
            raw = stream.read(limit + 1)
    except OSError as error:
        raise ValueError(f"cannot be read ({(error.strerror or 'unknown error').lower()})") from error
    if len(raw) > limit:
        raise ValueError(f"is larger than {limit:,} bytes")
    return _decoded(raw)


def _decoded(raw: bytes) -> str:
    if b"\0" in raw:
        raise ValueError("is a binary file, not text")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ValueError(f"is not UTF-8 text (line {line})") from None
    if not text.strip():
        raise ValueError("is empty")
    return text


def _text(path: Path, name: str) -> str:
    try:
        return read_text_file(path)
    except ValueError as error:
        fix = "`aurora init` writes one to start from" if str(error) in ("does not exist", "is empty") else None
        raise ConfigError(f"{name}: the file {error}", fix) from None


def _first_line(node: yaml.Node | None) -> int:
    return 1 if node is None else int(node.start_mark.line) + 1


def _guard(text: str, name: str) -> None:
    """Walk through the events (no recursion, nothing built) and refuse what would be dangerous to build."""
    bad = _CONTROL.search(text)
    if bad:
        line = text.count("\n", 0, bad.start()) + 1
        raise ConfigError(f"{name}:{line}: a control character ({bad[0]!r}) stands in the file")
    aliases = depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        place = f"{name}:{event.start_mark.line + 1 if event.start_mark else 1}"
        aliases += isinstance(event, yaml.AliasEvent)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if aliases > MAX_ALIASES:
            raise ConfigError(f"{place}: more than {MAX_ALIASES:,} aliases (*name)")
        if depth > MAX_DEPTH:
            raise ConfigError(f"{place}: values are nested more than {MAX_DEPTH} deep")
        if tag := getattr(event, "tag", None):
            raise ConfigError(f"{place}: the YAML tag {printable(tag)} is not allowed", "remove it: plain values only")


class _Walk:
    """One pass over the composed nodes: duplicate keys, odd scalars as text, and the expanded size and depth."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.findings: list[Finding] = []
        self._seen: dict[int, tuple[int, int] | None] = {}

    def visit(self, node: yaml.Node, where: Where) -> tuple[int, int]:
        """Size (values when all aliases are written out) and depth of a node; an aliased one is walked once."""
        if id(node) in self._seen:
            known = self._seen[id(node)]
            if known is None:
                raise ConfigError(f"{self.name}:{_first_line(node)}: an alias contains itself")
            return known
        self._seen[id(node)] = None
        size, depth = 1, 1
        for child, place in self._children(node, where):
            inner_size, inner_depth = self.visit(child, place)
            size, depth = size + inner_size, max(depth, inner_depth + 1)
        self._refuse_if_huge(node, size, depth)
        self._seen[id(node)] = (size, depth)
        return size, depth

    def _refuse_if_huge(self, node: yaml.Node, size: int, depth: int) -> None:
        if size > MAX_VALUES or depth > MAX_DEPTH:
            line = _first_line(node)
            raise ConfigError(f"{self.name}:{line}: with its aliases written out this would be far too large")

    def _children(self, node: yaml.Node, where: Where) -> Iterator[tuple[yaml.Node, Where]]:
        if isinstance(node, yaml.MappingNode):
            self._find_duplicates(node, where)
            for key, value in node.value:
                yield key, where
                yield value, (*where, _key_text(key))
        elif isinstance(node, yaml.SequenceNode):
            for position, child in enumerate(node.value):
                yield child, (*where, position)
        else:
            self._settle_scalar(node)

    def _find_duplicates(self, node: yaml.MappingNode, where: Where) -> None:
        first: dict[tuple[str, str], int] = {}
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                known = (key.tag, key.value)
                if known in first:
                    words = f"this key is given twice (first on line {first[known]})"
                    self.findings.append(Finding((*where, _key_text(key)), words))
                first.setdefault(known, _first_line(key))

    def _settle_scalar(self, node: yaml.Node) -> None:
        """Dates, `=` and malformed numbers are meant as text; text must be something a program can be given."""
        if node.tag in (_TAG + "timestamp", _TAG + "value") or not _is_sane_number(node):
            node.tag = _TAG + "str"
        if "\0" in node.value or not _is_unicode(node.value):
            raise ConfigError(f"{self.name}:{_first_line(node)}: a NUL or half a character stands in the text")


def _is_sane_number(node: yaml.Node) -> bool:
    if node.tag not in (_TAG + "int", _TAG + "float"):
        return True
    try:
        yaml.SafeLoader("").construct_object(node)
    except ValueError:
        return False
    return True


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _key_text(key: yaml.Node) -> str:
    return str(key.value) if isinstance(key, yaml.ScalarNode) else "?"


def _child(node: yaml.Node, step: str | int) -> tuple[yaml.Mark, yaml.Node] | None:
    """Where the child of a node begins (a key, or a list item), and the child. The last of equal keys counts."""
    if isinstance(node, yaml.MappingNode):
        pairs = [(key.start_mark, value) for key, value in node.value if _key_text(key) == str(step)]
        return pairs[-1] if pairs else None
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step].start_mark, node.value[step]
    return None


def _syntax_error(error: yaml.YAMLError, text: str, name: str) -> ConfigError:
    """The sentence for YAML's own complaint; a tab in the indentation is looked for first, as YAML words it badly."""
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return ConfigError(f"{name}: this is not YAML ({error})")
    last = error.problem_mark.line
    start = last if error.context_mark is None else min(last, error.context_mark.line)
    for number, line in enumerate(text.splitlines()[start : last + 1], start + 1):
        if _TAB_INDENT.match(line):
            return ConfigError(f"{name}:{number}: a tab stands in the indentation", "indent with spaces")
    if "nesting depth" in (error.problem or ""):  # libyaml's own limit, which it meets before it tells of any depth
        return ConfigError(f"{name}:{last + 1}: values are nested more than {MAX_DEPTH} deep")
    words = ", ".join(part for part in (error.context, error.problem) if part)
    return ConfigError(f"{name}:{last + 1}: this is not YAML: {words}", _SYNTAX_HINTS.get(error.problem or ""))


_SYNTAX_HINTS = {
    "mapping values are not allowed in this context": "text with `: ` in it must stand in quotes, and keys of one "
    "mapping must be indented alike",
    "found character that cannot start any token": "text that begins with @, ` or % must stand in quotes",
    "did not find expected key": "keys of one mapping must be indented alike",
    "found undefined alias": "text that begins with * must stand in quotes, like '*.md'",
}
