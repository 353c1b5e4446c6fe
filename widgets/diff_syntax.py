"""Syntax colours of a hunk's lines, made as far as they are looked at."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

from pygments.token import Token, _TokenType  # type: ignore[import-untyped]

from engine.diff_model import DiffHunk

if TYPE_CHECKING:
    from pygments.lexer import Lexer  # type: ignore[import-untyped]

MOST_LINES = 2_000
LONGEST_LINE = 2_000
"""A hunk with more lines, and a line with more characters, stay without colours."""

Coloured = tuple[tuple[int, int, str], ...]
"""Characters from, up to but not including, and the style name."""

STYLES = {
    Token.Keyword.Type: "syn-type",
    Token.Keyword: "syn-keyword",
    Token.Operator.Word: "syn-keyword",
    Token.Literal.String: "syn-string",
    Token.Literal.Number: "syn-number",
    Token.Comment: "syn-comment",
    Token.Name.Class: "syn-type",
    Token.Name.Exception: "syn-type",
    Token.Name.Builtin: "syn-type",
    Token.Name.Function: "syn-name",
    Token.Name.Decorator: "syn-name",
    Token.Name.Tag: "syn-keyword",
    Token.Name.Attribute: "syn-name",
}


@lru_cache(maxsize=64)
def lexer_for(path: str) -> Lexer | None:
    """The lexer for a file of that name, None when none is known."""
    from pygments.lexers import get_lexer_for_filename  # type: ignore[import-untyped]  # not for the first frame
    from pygments.util import ClassNotFound  # type: ignore[import-untyped]

    name = path.rpartition("/")[2]
    try:
        lexer = get_lexer_for_filename(name, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return None
    return None if lexer.name == "Text only" else lexer


@lru_cache(maxsize=256)
def _style(token: _TokenType) -> str:
    kind: _TokenType | None = token
    while kind is not None:
        if kind in STYLES:
            return STYLES[kind]
        kind = kind.parent
    return ""


class HunkColours:
    """The colours of one hunk: the old and the new side are read on their own, as each was a text of its own."""

    def __init__(self, hunk: DiffHunk, lexer: Lexer | None) -> None:
        self._hunk = hunk
        fits = lexer is not None and len(hunk.lines) <= MOST_LINES
        self._sides = {kind: _Side(hunk, kind, lexer) for kind in "-+"} if lexer is not None and fits else {}

    def of(self, index: int) -> Coloured:
        """The colours of a line of the hunk; unchanged lines are read as part of the new side."""
        side = self._sides.get("-" if self._hunk.lines[index].kind == "-" else "+")
        return side.of(index) if side is not None else ()


class _Side:
    """One side of a hunk. The lexer goes on only when a later line is asked for."""

    def __init__(self, hunk: DiffHunk, kind: str, lexer: Lexer) -> None:
        lines = [index for index, line in enumerate(hunk.lines) if line.kind in (" ", kind)]
        self._place = {index: place for place, index in enumerate(lines)}
        texts = (hunk.lines[index].text for index in lines)
        source = "\n".join(text if len(text) <= LONGEST_LINE else "" for text in texts)
        self._tokens: Iterator[tuple[_TokenType, str]] = iter(lexer.get_tokens(source))
        self._done: list[Coloured] = []
        self._line: list[tuple[int, int, str]] = []
        self._at = 0

    def of(self, index: int) -> Coloured:
        """The colours of a line of the hunk that this side has."""
        place = self._place[index]
        while len(self._done) <= place:
            token = next(self._tokens, None)
            if token is None:
                self._end_line()
                break
            self._take(_style(token[0]), token[1])
        return self._done[place] if place < len(self._done) else ()

    def _take(self, style: str, text: str) -> None:
        first, *rest = text.split("\n")
        self._add(style, first)
        for part in rest:
            self._end_line()
            self._add(style, part)

    def _add(self, style: str, part: str) -> None:
        if style and part:
            self._line.append((self._at, self._at + len(part), style))
        self._at += len(part)

    def _end_line(self) -> None:
        self._done.append(tuple(self._line))
        self._line, self._at = [], 0
