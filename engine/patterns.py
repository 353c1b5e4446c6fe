"""Claim patterns: gitignore's language over paths, with overlap decided exactly instead of by comparing strings.

A pattern is a sequence of steps: a name (literal or with wildcards) or `**` (any number of names). As in gitignore a
match of a directory takes everything below it, so every pattern's language is closed under going deeper.
Git matches bytes, so inside this module a path is its UTF-8 bytes seen as Latin-1 ("view"); ASCII is unchanged.
"""

from __future__ import annotations

import re
from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from string import ascii_letters, ascii_lowercase, ascii_uppercase, digits, hexdigits, punctuation

STAR = -1
ANY_BYTE = (1 << 256) - 1 & ~(1 << 0) & ~(1 << ord("/"))
_FRESH = "\x01" * 5
_CLASSES = {
    "alnum": ascii_letters + digits,
    "alpha": ascii_letters,
    "blank": " \t",
    "cntrl": "".join(map(chr, [*range(32), 127])),
    "digit": digits,
    "graph": "".join(map(chr, range(33, 127))),
    "lower": ascii_lowercase,
    "print": "".join(map(chr, range(32, 127))),
    "punct": punctuation,
    "space": " \t\n\r",
    "upper": ascii_uppercase,
    "xdigit": hexdigits,
}


@dataclass(frozen=True, slots=True)
class _Name:
    """One step that consumes one name. `cells` is a 256-bit set of bytes for each character, or STAR."""

    text: str
    cells: tuple[int, ...]
    regex: re.Pattern[str] | None

    def takes(self, name: str) -> bool:
        """Whether the view `name` matches."""
        return name == self.text if self.regex is None else self.regex.fullmatch(name) is not None


_Step = _Name | None  # None is `**`


@dataclass(frozen=True, slots=True)
class Pattern:
    """A gitignore-style pattern relative to the repository root.

    `prefix` holds the literal names it starts with (all of them when `literal`: one path and what is below it);
    `witness` is a path its wildcards match with bytes that occur nowhere else.
    """

    text: str
    prefix: tuple[str, ...] = field(compare=False)
    literal: bool = field(compare=False)
    witness: str = field(compare=False)
    steps: tuple[_Step, ...] = field(compare=False, repr=False)
    regex: re.Pattern[str] = field(compare=False, repr=False)

    @classmethod
    def parse(cls, text: str) -> Pattern:
        """The pattern written as `text` (`#` is an ordinary character); ValueError with one sentence if refused."""
        return _parse(text)

    @classmethod
    def exact(cls, path: str) -> Pattern:
        """The literal pattern of one path whatever characters it has; `text` is escaped and anchored as needed."""
        return _exact(path)

    def matches(self, path: str) -> bool:
        """Whether the file `path` (relative, `/`-separated) is covered, as git would decide."""
        return self.regex.fullmatch(view(path)) is not None

    @property
    def begin(self) -> int:
        """The live positions (a bit set over `steps`) after the literal prefix."""
        return self._settle(1 << len(self.prefix))

    def after(self, live: int, name: str) -> int:
        """The live positions after one more name (a view); 0 when nothing from here down can match."""
        end = 1 << len(self.steps)
        if live & end:
            return end
        moved = 0
        for position, step in enumerate(self.steps):
            if live >> position & 1:
                if step is None:
                    moved |= 1 << position
                elif step.takes(name):
                    moved |= 2 << position
        return self._settle(moved)

    def roams(self, live: int) -> bool:
        """Whether these positions survive any further name, so nothing below can be ruled out by its path."""
        return bool(live >> len(self.steps)) or any(s is None and live >> i & 1 for i, s in enumerate(self.steps))

    def _settle(self, live: int) -> int:
        for position, step in enumerate(self.steps):
            if step is None and live >> position & 1:
                live |= 2 << position
        return live


def view(path: str) -> str:
    """The bytes of `path` as one character each."""
    return path if path.isascii() else path.encode("utf-8", "surrogateescape").decode("latin-1")


def _unview(seen: str) -> str:
    return seen if seen.isascii() else seen.encode("latin-1").decode("utf-8", "surrogateescape")


@lru_cache(maxsize=1 << 16)
def may_overlap(a: Pattern, b: Pattern) -> bool:
    """Whether any path at all (a sequence of non-empty names) matches both: reachability in the product automaton."""
    if any(x != y for x, y in zip(a.prefix, b.prefix, strict=False)):
        return False
    start = min(len(a.prefix), len(b.prefix))
    seen = {(start, start)}
    todo = [(start, start)]
    while todo:
        i, j = todo.pop()
        if i == len(a.steps) or j == len(b.steps):
            return True
        fresh = [pair for pair in _advance(a.steps[i], b.steps[j], i, j) if pair not in seen]
        seen.update(fresh)
        todo.extend(fresh)
    return False


def _advance(x: _Step, y: _Step, i: int, j: int) -> Iterator[tuple[int, int]]:
    """The pairs of positions reachable by one name, or by ending a `**`."""
    if x is None or y is None:
        if x is None:
            yield i + 1, j
            yield i, j + 1
        if y is None:
            yield i, j + 1
            yield i + 1, j
    elif _names_meet(x, y):
        yield i + 1, j + 1


def _names_meet(x: _Name, y: _Name) -> bool:
    if y.regex is None:
        return x.takes(y.text)
    if x.regex is None:
        return y.takes(x.text)
    return _cells_meet(x.cells, y.cells)


@lru_cache(maxsize=1 << 14)
def _cells_meet(x: tuple[int, ...], y: tuple[int, ...]) -> bool:
    """Whether two globs over one name share a word (both are non-empty languages, so never only the empty word)."""
    row = [True] + [False] * len(y)
    for column, cell in enumerate(y):
        row[column + 1] = row[column] and cell == STAR
    for mine in x:
        below = [row[0] and mine == STAR]
        for column, cell in enumerate(y):
            if mine == STAR or cell == STAR:
                below.append(row[column + 1] or below[column])
            else:
                below.append(row[column] and bool(mine & cell))
        row = below
    return row[-1]


class FileIndex:
    """The files that exist, for questions about patterns. Paths are only ever added."""

    def __init__(self, paths: Iterable[str] = ()) -> None:
        self._views = sorted({view(path) for path in paths})
        self._known = set(self._views)
        self._added: list[str] = []
        self._matching: dict[str, tuple[int, frozenset[str]]] = {}

    def __contains__(self, path: str) -> bool:
        return view(path) in self._known

    def add(self, paths: Iterable[str]) -> tuple[str, ...]:
        """These files exist too; those that were not known before, as views."""
        fresh = tuple({seen: None for path in paths if (seen := view(path)) not in self._known})
        for seen in fresh:
            insort(self._views, seen)
        self._known.update(fresh)
        self._added += fresh
        return fresh

    def matching(self, pattern: Pattern) -> frozenset[str]:
        """The existing files the pattern covers; remembered, and brought up to date with what was added since."""
        upto, found = self._matching.get(pattern.text, (-1, frozenset[str]()))
        if upto != len(self._added):
            candidates = self._below(pattern.prefix) if upto < 0 else self._added[upto:]
            matches = pattern.regex.fullmatch
            found = found.union(_unview(seen) for seen in candidates if matches(seen))
            self._matching[pattern.text] = len(self._added), found
        return found

    def below(self, seen: str) -> list[str]:
        """The file at a path (a view) and all files below it, as views."""
        return self._below(tuple(seen.split("/")))

    def _below(self, prefix: tuple[str, ...]) -> list[str]:
        """The file at a literal path and all files below it: one place and one range in the sorted paths."""
        if not prefix:
            return self._views
        path = "/".join(prefix)
        first, end = bisect_left(self._views, path + "/"), bisect_left(self._views, path + "0")
        return [*([path] if path in self._known else []), *self._views[first:end]]

    def share(self, a: Pattern, b: Pattern) -> bool:
        """Whether some existing file is covered by both."""
        return self._may_cover(a) and self._may_cover(b) and not self.matching(a).isdisjoint(self.matching(b))

    def _may_cover(self, pattern: Pattern) -> bool:
        """False for a literal path that does not exist: the quick answer for most claims."""
        if not pattern.literal or pattern.witness in self._known:
            return True
        place = bisect_left(self._views, pattern.witness + "/")
        return place < len(self._views) and self._views[place].startswith(pattern.witness + "/")


def overlap(a: Pattern, b: Pattern, files: FileIndex) -> bool:
    """Whether claims on `a` and `b` stand in each other's way.

    Two literal paths: equal, or one above the other. Otherwise either one generalises the other (which implies
    `may_overlap`) or a file that exists is covered by both: globs that could meet only in a new file stay apart.
    """
    if any(x != y for x, y in zip(a.prefix, b.prefix, strict=False)):
        return False
    if a.literal and b.literal:
        return True
    return _generalises(a, b) or files.share(a, b)


def _generalises(a: Pattern, b: Pattern) -> bool:
    """Whether one matches a path that only the other's wildcards could have made, as `dir/**` does for `dir/x*.py`."""
    return a.regex.fullmatch(b.witness) is not None or b.regex.fullmatch(a.witness) is not None


# --- reading a pattern --------------------------------------------------------------------------------------------


@lru_cache(maxsize=1 << 16)
def _parse(text: str) -> Pattern:
    stripped = text.rstrip(" ")
    _refuse(stripped)
    below = stripped.endswith("/")
    body = stripped.rstrip("/") if below else stripped
    parts = body.removeprefix("/").split("/")
    _refuse_parts(stripped, parts)
    steps = _steps(stripped, parts if "/" in body else ["**", *parts])
    return _assemble(stripped, (*steps, _name("*", "*")) if below else steps)


def _refuse(text: str) -> None:
    """The faults of the whole text, each with its sentence."""
    if not text.strip("/"):
        raise ValueError("a pattern cannot be empty")
    if text.startswith(("~/", "//")) or re.match(r"[A-Za-z]:[\\/]", text):
        raise ValueError(f"`{text}` is an absolute path: patterns are relative to the root of the repository")
    if text.startswith("!"):
        raise ValueError(f"`{text}` negates: a claim cannot start with `!`")
    if "\\" in text:
        raise ValueError(f"`{text}` has a backslash: separate names with `/`, write `[*]` for a literal `*`")
    if any(character < " " for character in text):
        raise ValueError("a pattern cannot contain NUL or other control characters")


def _refuse_parts(text: str, parts: list[str]) -> None:
    if ".." in parts or "." in parts:
        raise ValueError(f"`{text}` has a `.` or `..` name: patterns are relative to the root of the repository")
    if "" in parts:
        raise ValueError(f"`{text}` has an empty name between two slashes")
    if any("**" in part and part.strip("*") for part in parts):
        raise ValueError(f"`{text}` has `**` beside other characters: write `*`, or `**` alone between slashes")


def _exact(path: str) -> Pattern:
    escaped = re.sub(r"[*?\[]", r"[\g<0>]", path)
    if escaped.endswith(" "):
        escaped = escaped[:-1] + "[ ]"
    if "/" not in path or re.match(r"[!~]|[A-Za-z]:/", path):
        escaped = "/" + escaped
    return _literal(escaped, path)


@lru_cache(maxsize=1 << 16)
def _literal(text: str, path: str) -> Pattern:
    return _assemble(text, tuple(_Name(name, (), None) for name in view(path).split("/")))


def _steps(text: str, parts: list[str]) -> tuple[_Step, ...]:
    steps: list[_Step] = []
    for part in parts:
        step = None if len(part) > 1 and not part.strip("*") else _name(text, view(part))
        if step is not None or not steps or steps[-1] is not None:
            steps.append(step)
    if steps[-1] is None:  # a directory takes all below it, so a last `**` says no more than `*`
        steps[-1] = _name("*", "*")
    return tuple(steps)


def _assemble(text: str, steps: tuple[_Step, ...]) -> Pattern:
    prefix: list[str] = []
    for step in steps:
        if step is None or step.regex is not None:
            break
        prefix.append(step.text)
    witness = "/".join(f"{_FRESH}/{_FRESH}" if step is None else _witness(step) for step in steps)
    return Pattern(text, tuple(prefix), len(prefix) == len(steps), witness, steps, _path_regex(steps))


def _witness(name: _Name) -> str:
    return "".join(_FRESH if cell == STAR else _sample(cell) for cell in name.cells) or name.text


def _sample(cell: int) -> str:
    return _FRESH[0] if cell >> ord(_FRESH[0]) & 1 else chr((cell & -cell).bit_length() - 1)


def _path_regex(steps: tuple[_Step, ...]) -> re.Pattern[str]:
    parts = ["(?:[^/]+/)*" if step is None else _name_regex(step) + "/" for step in steps]
    return re.compile("".join(parts).removesuffix("/") + "(?:/.*)?", re.DOTALL)


def _name_regex(name: _Name) -> str:
    return re.escape(name.text) if name.regex is None else name.regex.pattern


@lru_cache(maxsize=1 << 12)
def _name(text: str, part: str) -> _Name:
    """The step for one name of the pattern `text`; ValueError when no name can ever match it."""
    if not set(part) & set("*?["):
        return _Name(part, (), None)
    cells = tuple(_cells(text, part))
    if 0 in cells:
        raise ValueError(f"`{text}` matches nothing: a `[…]` in it is empty")
    if set(cells) == {STAR}:
        return _Name(part, (STAR,), re.compile("[^/]+"))
    return _Name(part, cells, re.compile("".join(map(_cell_regex, cells)), re.DOTALL))


def _cell_regex(cell: int) -> str:
    if cell == STAR:
        return "[^/]*"
    if cell == ANY_BYTE:
        return "[^/]"
    inverted = cell.bit_count() > 128
    bytes_in_set = (byte for byte in range(256) if (cell >> byte & 1) != inverted)
    return ("[^" if inverted else "[") + "".join(re.escape(chr(byte)) for byte in bytes_in_set) + "]"


def _cells(text: str, part: str) -> Iterator[int]:
    at = 0
    while at < len(part):
        if part[at] == "[":
            cell, at = _bracket(text, part, at + 1)
            yield cell
            continue
        yield {"*": STAR, "?": ANY_BYTE}.get(part[at], 1 << ord(part[at]))
        at += 1


def _bracket(text: str, part: str, at: int) -> tuple[int, int]:
    """The set that starts at `at` and where it ends, read exactly as git's wildmatch.c does."""
    negated = part[at : at + 1] in ("!", "^")
    at, first, chosen, before = at + negated, True, 0, 0
    while first or part[at : at + 1] != "]":
        first = False
        if at >= len(part):
            raise ValueError(f"`{text}` has a `[` without its `]`: write `[[]` for a literal `[`")
        named = re.compile(r"\[:([^\]]*):\]").match(part, at)
        if before and part[at] == "-" and part[at + 1 : at + 2] not in ("", "]"):
            chosen |= _span(before, ord(part[at + 1]))
            at, before = at + 2, 0
        elif named:
            chosen |= _named_set(text, named[1])
            at, before = named.end(), 0
        else:
            chosen, before, at = chosen | 1 << ord(part[at]), ord(part[at]), at + 1
    return (~chosen if negated else chosen) & ANY_BYTE, at + 1


def _span(low: int, high: int) -> int:
    return (1 << high + 1) - (1 << low) if high >= low else 0


def _named_set(text: str, name: str) -> int:
    if name not in _CLASSES:
        raise ValueError(f"`{text}` has an unknown class `[:{name}:]`")
    return sum(1 << ord(character) for character in set(_CLASSES[name]))
