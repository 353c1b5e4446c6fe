"""What words and numbers of a provider mean: which trouble it is, and when it may be over (pure)."""

from __future__ import annotations

import re

from engine.clients.reports import Trouble

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_WAIT = re.compile(
    r"\b(?:after|in|delay of|retry[-_ ]?after|reset(?:s)? in)[:= ]*"
    r"((?:\d+(?:\.\d+)?\s*(?:ms|milliseconds?|seconds?|secs?|minutes?|mins?|hours?|days?|[smhd])\b[, ]*(?:and )?)+)",
    re.IGNORECASE,
)
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|mi?l?l?i?s|[smhd])", re.IGNORECASE)
_EPOCH = re.compile(r"(?:\||reset[a-z_ ]*[:=]? ?)(1[5-9]\d{8}|2\d{9})\b", re.IGNORECASE)
LONGEST_WAIT = 7 * 86_400.0
LONGEST_WHY = 48

_KINDS: tuple[tuple[Trouble, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(words, re.IGNORECASE))
    for kind, words in (
        (
            Trouble.SESSION,
            r"no conversation found|no rollout found|invalid session|session [^.]{0,80}(?:not found|does not exist)"
            r"|(?:thread|conversation)[^.]{0,80}not found|no (?:previous )?session|resume[^.]{0,80}not found",
        ),
        (Trouble.BUSY, r"failed query|database is locked|sqlite_busy"),
        (
            Trouble.OVERFLOW,
            r"context window|context[_ ]length|prompt is too long|maximum context|input token count"
            r"|exceeds the maximum number of tokens|prompt_too_long|context_overflow",
        ),
        (
            Trouble.QUOTA,
            r"insufficient_quota|credit balance|plan and billing|billing[_ ]|payment required|out of credits"
            r"|quota_exceeded|spending limit",
        ),
        (
            Trouble.RATE_LIMIT,
            r"\b429\b|rate.?limit|too many requests|resource_exhausted|\b529\b|overloaded|usage limit|\bquota\b",
        ),
        (
            Trouble.AUTH,
            r"\b401\b|\b403\b|unauthori[sz]ed|unauthenticated|forbidden|invalid[^.]{0,20}api.?key|authentication"
            r"|not logged in|log ?in again|please (?:run )?/?login|no api key|api key[^.]{0,30}(?:not set|missing)",
        ),
        (Trouble.REFUSED, r"refusal|safeguards flagged|content[_ ]filter|usage policy"),
        (
            Trouble.SERVER,
            r"\b50[0234]\b|internal (?:server )?error|server_error|high demand|unavailable|bad gateway",
        ),
        (
            Trouble.CUT,
            r"econn|socket hang up|stream (?:disconnected|ended)|fetch failed|connection|network|terminated"
            r"|timed? ?out|eof|empty or malformed response|incomplete json|failed to get response",
        ),
    )
)
_OF_STATUS = {
    401: Trouble.AUTH,
    402: Trouble.QUOTA,
    403: Trouble.AUTH,
    429: Trouble.RATE_LIMIT,
    529: Trouble.RATE_LIMIT,
    500: Trouble.SERVER,
    502: Trouble.SERVER,
    503: Trouble.SERVER,
    504: Trouble.SERVER,
}


def trouble_of(words: str, status: int = 0) -> Trouble:
    """Which trouble a message is about; what it says of money or of the context goes before its status."""
    said = _said(words)
    if said in (Trouble.QUOTA, Trouble.OVERFLOW, Trouble.SESSION):
        return said
    return _OF_STATUS.get(status, said)


def _said(words: str) -> Trouble:
    return next((kind for kind, pattern in _KINDS if pattern.search(words)), Trouble.OTHER)


def try_words(status: int, attempt: int = 0, most: int = 0) -> str:
    """An answer and how often it was tried: `429, try 3/10`."""
    return f"{status}{_tries(attempt, most)}"


def _tries(attempt: int, most: int) -> str:
    return f", try {attempt}{f'/{most}' if most else ''}" if attempt else ""


def retry_words(what: str, status: int = 0, attempt: int = 0, most: int = 0) -> str:
    """A provider that failed, in words: `the provider answers 500, try 3/10`; without a status `what` it was."""
    if status:
        return f"the provider answers {try_words(status, attempt, most)}"
    said = " ".join(what.replace("_", " ").split())
    said = said if len(said) <= LONGEST_WHY else f"{said[: LONGEST_WHY - 1].rstrip()}…"
    return f"the provider gives no answer{f' ({said})' if said else ''}{_tries(attempt, most)}"


def is_rate_limit(words: str) -> bool:
    """True when a line of plain text is about a rate limit."""
    return _said(words) is Trouble.RATE_LIMIT


def wait_in(words: str) -> float | None:
    """The longest wait in seconds a text names (`in 16.0 seconds`, `after 5184ms`, `in 3 days 2 hours`); None: none."""
    waits = [sum(_seconds(*part) for part in _PART.findall(found)) for found in _WAIT.findall(words)]
    return min(max(waits), LONGEST_WAIT) if waits else None


def _seconds(number: str, unit: str) -> float:
    low = unit.lower()
    return float(number) * (_UNITS["ms"] if low.startswith(("ms", "mil")) else _UNITS[low[0]])


def reset_in(words: str) -> float | None:
    """The moment (seconds since the epoch) a text names for the end of a limit (`…|1764100000`); None: none."""
    found = _EPOCH.search(words)
    return float(found[1]) if found else None
