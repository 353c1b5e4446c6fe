"""What an agent's output tells, as frozen values: the same for every program, whatever its stream looks like."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Trouble(StrEnum):
    """Why an agent could not do its work; each is answered in another way (engine.rules_provider)."""

    AUTH = "auth"
    QUOTA = "quota"
    RATE_LIMIT = "rate_limit"
    OVERFLOW = "overflow"
    SERVER = "server"
    CUT = "cut"
    REFUSED = "refused"
    SESSION = "session"
    BUDGET = "budget"
    BUSY = "busy"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Usage:
    """What was used: tokens (`input` without those read from a cache, `reasoning` is part of `output`), and US dollars
    where the program says them (None: it does not)."""

    input: int = 0
    cached: int = 0
    output: int = 0
    reasoning: int = 0
    usd: float | None = None

    @property
    def tokens(self) -> int:
        """All tokens."""
        return self.input + self.cached + self.output

    def __add__(self, other: Usage) -> Usage:
        usd = None if self.usd is None and other.usd is None else (self.usd or 0.0) + (other.usd or 0.0)
        return Usage(
            self.input + other.input,
            self.cached + other.cached,
            self.output + other.output,
            self.reasoning + other.reasoning,
            usd,
        )

    def since(self, before: Usage) -> Usage:
        """What came on top of `before`, never less than nothing."""
        usd = None if self.usd is None else max(0.0, self.usd - (before.usd or 0.0))
        return Usage(
            max(0, self.input - before.input),
            max(0, self.cached - before.cached),
            max(0, self.output - before.output),
            max(0, self.reasoning - before.reasoning),
            usd,
        )


NO_USAGE = Usage()


@dataclass(frozen=True, slots=True)
class Report:
    """The base of all reports."""


@dataclass(frozen=True, slots=True)
class Session(Report):
    """The conversation's id, with which it can be resumed."""

    id: str


@dataclass(frozen=True, slots=True)
class Said(Report):
    """Words of the agent; `part` marks a piece of a text that goes on."""

    text: str
    part: bool = False


@dataclass(frozen=True, slots=True)
class Edited(Report):
    """Files were written."""

    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ran(Report):
    """A command (or another tool) begins."""

    command: str


@dataclass(frozen=True, slots=True)
class PermissionDenied(Report):
    """An edit or a command was not allowed: what, and why."""

    what: str
    words: str = ""


@dataclass(frozen=True, slots=True)
class Used(Report):
    """What this process has used until now, in all: a later report replaces an earlier one."""

    usage: Usage
    model: str = ""


@dataclass(frozen=True, slots=True)
class RateLimited(Report):
    """The provider makes the agent wait: for `seconds`, or until the moment `until` (seconds since the epoch), if it
    says so. `status` is the HTTP status."""

    status: int = 429
    seconds: float | None = None
    until: float | None = None
    words: str = ""


@dataclass(frozen=True, slots=True)
class Retrying(Report):
    """The provider gave no answer (`kind` says why) and the agent tries again by itself, in `seconds` if it says so."""

    kind: Trouble
    words: str
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Noted(Report):
    """Something worth a line that changes nothing: a warning."""

    words: str


@dataclass(frozen=True, slots=True)
class Failed(Report):
    """The agent cannot go on (or is stuck in a retry that cannot help)."""

    kind: Trouble
    words: str = ""


@dataclass(frozen=True, slots=True)
class Ended(Report):
    """The agent says it is over: `ok` when by its own account well. `words` is its last message if it repeats it."""

    ok: bool
    words: str = ""
    turns: int = 0


@dataclass(frozen=True, slots=True)
class Unknown(Report):
    """A line that was not understood: kept, counted, never fatal."""

    line: str


@dataclass(slots=True)
class Summary:
    """Everything that counts at the end of an attempt, kept up to date report by report, in bounded memory."""

    session: str = ""
    usage: Usage = field(default_factory=Usage)
    model: str = ""
    said: str = ""
    edited: set[str] = field(default_factory=set)
    denied: int = 0
    limited: RateLimited | None = None
    retrying: Retrying | None = None
    failure: Failed | None = None
    ended: Ended | None = None
    unknown: int = 0
    last_unknown: tuple[str, ...] = ()
    _goes_on: bool = False

    def take(self, report: Report) -> None:
        """Count one more report."""
        if not isinstance(report, Said):
            self._goes_on = False
        match report:
            case Session(id=name):
                self.session = name
            case Said():
                self._say(report)
            case Edited(paths=paths):
                self._answered()
                if len(self.edited) < MOST_PATHS:
                    self.edited.update(paths)
            case Ran():
                self._answered()
            case PermissionDenied():
                self.denied += 1
            case Used(usage=usage, model=model):
                self.usage, self.model = usage, model or self.model
            case RateLimited():
                self.limited, self.retrying = report, None
            case Retrying():
                self.retrying, self.limited = report, None
            case Failed():
                self.failure = report
            case Ended(ok=ok):
                self._end(report, ok)
            case Unknown(line=line):
                self.unknown += 1
                self.last_unknown = (*self.last_unknown, line)[-KEPT_UNKNOWN:]

    def _say(self, said: Said) -> None:
        before = self.said if self._goes_on else ""
        self.said = (before + said.text)[-LONGEST_WORDS:]
        self._goes_on = said.part
        self._answered()

    def _answered(self) -> None:
        """Its provider has given an answer again."""
        self.limited = self.retrying = None

    def _end(self, ended: Ended, ok: bool) -> None:
        self.ended = ended
        if ok:
            self.failure = self.limited = self.retrying = None
        if ended.words and ok:
            self.said = ended.words[-LONGEST_WORDS:]


MOST_PATHS = 10_000
LONGEST_WORDS = 4_000
KEPT_UNKNOWN = 3
