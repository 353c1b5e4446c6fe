"""Pure: which words differ between a removed line and the added line that replaced it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher
from itertools import accumulate

LONGEST_LINE = 500
"""Characters; longer lines are not compared."""
MOST_TOKENS = 200
LEAST_ALIKE = 0.4
"""Two lines that share less than this part of their words are two different lines."""
MOST_PAIRS = 1_600
"""Lines removed times lines added; larger runs are paired from the top."""

Span = tuple[int, int]
"""Characters from, and up to but not including."""
Spans = tuple[Span, ...]

_TOKEN = re.compile(r"\w+|\s+|[^\w\s]")


def changed_spans(old: str, new: str) -> tuple[Spans, Spans]:
    """What of each line is not in the other; nothing for equal, very long or very different lines."""
    if old == new or max(len(old), len(new)) > LONGEST_LINE:
        return (), ()
    before, after = _TOKEN.findall(old), _TOKEN.findall(new)
    if max(len(before), len(after)) > MOST_TOKENS or alike(old, new) < LEAST_ALIKE:
        return (), ()
    blocks = SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    changes = [block for block in blocks if block[0] != "equal"]
    return (
        _spans(before, [(start, end) for _, start, end, _, _ in changes]),
        _spans(after, [(start, end) for _, _, _, start, end in changes]),
    )


def alike(old: str, new: str) -> float:
    """How much of two lines' words are the same: 0 nothing, 1 all of them (in whatever order)."""
    before, after = _words(old), _words(new)
    both = before.total() + after.total()
    return 2 * (before & after).total() / both if both else 1.0


def pair_lines(removed: Sequence[str], added: Sequence[str]) -> tuple[tuple[int, int], ...]:
    """Which removed line to compare with which added one: every line of the shorter side has a partner, in order.

    Of all such pairings the one with the most alike lines, by dynamic programming; from the top for very long runs.
    """
    short, long = (removed, added) if len(removed) <= len(added) else (added, removed)
    if len(short) == len(long) or len(short) * len(long) > MOST_PAIRS:
        partners = list(range(len(short)))
    else:
        partners = _best(short, long)
    pairs = enumerate(partners)
    return tuple(pairs) if short is removed else tuple((long_at, short_at) for short_at, long_at in pairs)


def _best(short: Sequence[str], long: Sequence[str]) -> list[int]:
    """For each line of `short` its place in `long`, rising, so that the sum of likenesses is largest."""
    spare = len(long) - len(short)
    sums = [0.0] * (spare + 1)
    passes: list[list[bool]] = []
    for at in range(len(short) - 1, -1, -1):
        taken = [alike(short[at], long[at + skipped]) + sums[skipped] for skipped in range(spare + 1)]
        sums = list(accumulate(reversed(taken), max))[::-1]
        passes.append([sum_here > here for sum_here, here in zip(sums, taken, strict=True)])
    return _read_back(passes[::-1])


def _read_back(passes: list[list[bool]]) -> list[int]:
    partners, skipped = [], 0
    for at, row in enumerate(passes):
        while row[skipped]:
            skipped += 1
        partners.append(at + skipped)
    return partners


def _words(text: str) -> Counter[str]:
    return Counter(token for token in _TOKEN.findall(text[:LONGEST_LINE]) if not token.isspace())


def _spans(tokens: Sequence[str], ranges: list[Span]) -> Spans:
    """Ranges of tokens as characters; those with only blanks between them become one."""
    starts = [0]
    for token in tokens:
        starts.append(starts[-1] + len(token))
    text = "".join(tokens)
    spans: list[Span] = []
    for first, last in ranges:
        start, end = starts[first], starts[last]
        if spans and not text[spans[-1][1] : start].strip():
            start = spans.pop()[0]
        if end > start:
            spans.append((start, end))
    return tuple(spans)
