"""Follows the output of a running agent: reports become events, and a log people can read. Decides nothing.

The raw stream stays in RECORD.jsonl, standard error in RECORD.err; RECORD.log is written here. A new engine that adopts
the agent reads all of it again: what was counted before is not counted twice, since usage is told as a total and the
rest by its number.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from engine import effects as ef
from engine import events as ev
from engine.clients.copilot_stream import usage_of_file
from engine.clients.json_path import parsed
from engine.clients.judging import judged
from engine.clients.own_log import OwnLog, OwnLogReader
from engine.clients.presets import ACP, PLAIN, PRESETS, Extras
from engine.clients.prices import cost_of
from engine.clients.reports import (
    Edited,
    Ended,
    Failed,
    PermissionDenied,
    Ran,
    RateLimited,
    Report,
    Retrying,
    Said,
    Session,
    Trouble,
    Usage,
    Used,
)
from engine.clients.starting import model_of, stream_of
from engine.clients.stream import TEXT, ErrorReader, StreamReader
from engine.clients.text_stream import LOG_LINE
from engine.clients.wording import NOISE, Wording, inside
from engine.plan import AgentProfile, Price
from engine.process import file_of
from engine.text import clean

if TYPE_CHECKING:
    from engine.runner import Runner

STREAM, ERRORS = "jsonl", "err"
"""The kinds of an attempt's files that hold its standard output and its standard error."""
BLOCK = 1 << 20
LOOK_EVERY = 0.2
IDLE_EVERY = 0.5
COUNT_EVERY = 2.0
"""Seconds between two `UsageCounted` of one attempt."""
STUCK_AFTER = 3.0
"""Seconds a program may go on by itself after its key was refused."""
IN_VAIN = (Trouble.AUTH, Trouble.QUOTA, Trouble.CUT)
"""What does not get better by trying again at once."""
PATIENCE = 120.0
"""Seconds a program may ask a provider in vain that gives it no answer: its worker could do other work meanwhile."""
LONGEST = 1_000
"""Characters of an agent's words that are journalled (its last message: some thousand)."""
SILENT_AFTER = 180.0
"""Seconds without a word after which a program that says nothing of rate limits may be held by one."""


@dataclass(frozen=True, slots=True)
class Followed:
    """Whose output is followed, and what is needed to make sense of it. `told` is how many reports of limits and
    denials the journal has already, `names` the model and the program for the price table."""

    task: str
    attempt: int
    record: Path
    stream: str
    root: Path
    before: Usage
    told: int
    names: tuple[str, ...]
    prices: Mapping[str, Price]
    silent: bool = False
    resumable: bool = True
    session: str = ""
    writes_usage: bool = False
    own_log: OwnLog | None = None


class Follower:
    """Follows one attempt. `post` brings an event in; `working` tells whether the agent runs and is not paused."""

    def __init__(self, what: Followed, post: Callable[[ev.Event], None], working: Callable[[], bool]) -> None:
        self.what = what
        self._post = post
        self._working = working
        self._stream = StreamReader(what.stream, what.before)
        self._errors = ErrorReader()
        self._own = OwnLogReader(what.own_log, "" if what.told else what.session) if what.own_log else None
        self._wording = Wording()
        self._files: list[BinaryIO] = []
        self._log: BinaryIO | None = None
        self._over = asyncio.Event()
        self._done = asyncio.Event()
        self._seen = 0
        self._session = what.session
        self._counted: tuple[float, int] = (0.0, 0)
        self._counted_at = 0.0
        self._word_at = time.monotonic()
        self._failed_at: float | None = None
        self._waits: RateLimited | Retrying | None = None
        self._waits_since = 0.0
        self._runs = False
        self._quiet = False

    async def follow(self) -> None:
        """Until `finish` is called and everything is read."""
        try:
            if self._session:
                self._known(self._session)
            while not self._over.is_set():
                fresh = await self._look()
                try:
                    await asyncio.wait_for(self._over.wait(), LOOK_EVERY if fresh else IDLE_EVERY)
                except TimeoutError:
                    continue
            while await self._look():
                continue
            self._take(await asyncio.to_thread(self._end))
        finally:
            self._close()
            self._done.set()

    async def finish(self) -> None:
        """The agent has ended: read what is left."""
        self._over.set()
        await self._done.wait()

    # --- reading ---

    async def _look(self) -> bool:
        reports = await asyncio.to_thread(self._read)
        if reports is None:
            self._when_silent()
            return False
        self._word_at, self._quiet = time.monotonic(), False
        self._take(reports)
        return True

    def _read(self) -> list[Report] | None:
        """What is new in both files, at most a block of each; None when there is nothing."""
        if not self._files:
            self._files = [file_of(self.what.record, kind).open("rb") for kind in (STREAM, ERRORS)]
            self._log = file_of(self.what.record, "log").open("wb")
        out, errors = (file.read(BLOCK) for file in self._files)
        if self._own is not None and self._session:
            errors += self._own.read(self._session)
        if not out and not errors:
            return None
        reports = self._told(self._stream.feed(out)) if out else []
        return reports + self._errors_told(self._errors.feed(errors)) if errors else reports

    def _end(self) -> list[Report]:
        if not self._files:
            return []
        return self._told(self._stream.end()) + self._errors_told(self._errors.end())

    def _told(self, reports: Iterable[Report]) -> list[Report]:
        """Write reports into the log."""
        root = str(self.what.root)
        found = [inside(report, root) for report in reports]
        self._write("".join(map(self._wording.of, found)))
        return found

    def _errors_told(self, lines: Iterable[tuple[str, list[Report]]]) -> list[Report]:
        found: list[Report] = []
        for line, reports in lines:
            if line.startswith(LOG_LINE):
                self._write("".join(map(self._wording.of, reports)))
            elif line.strip() and not line.startswith(NOISE):
                self._write(self._wording.line(line))
            for report in reports:
                self._stream.summary.take(report)
            found += [inside(report, str(self.what.root)) for report in reports]
        return found

    def _write(self, text: str) -> None:
        """What the log cannot take (a full disk) is still in the raw stream; the run goes on."""
        if text and self._log is not None:
            with suppress(OSError):
                self._log.write(clean(text).encode("utf-8", "replace"))
                self._log.flush()

    def _close(self) -> None:
        if self._own is not None:
            self._own.close()
        for file in (*self._files, *([self._log] if self._log is not None else [])):
            with suppress(OSError):
                file.close()

    # --- telling ---

    def _take(self, reports: Iterable[Report]) -> None:
        for report in reports:
            if isinstance(report, RateLimited | Retrying):
                self._must_wait(report)
                continue
            self._runs = isinstance(report, Ran)
            match report:
                case Session(id=name) if name != self._session:
                    self._known(name)
                case Said() | Edited() | Ran() | Ended():
                    self._goes_on()
                case PermissionDenied(what=what, words=words):
                    if self._is_new():
                        self._tell(ev.AgentDenied, seen=self._seen, what=_short(what), words=_short(words))
                case Failed(kind=kind) if kind in IN_VAIN:
                    self._failed_at = self._failed_at or time.monotonic()
        self._count()
        self._when_stuck()

    def _tell(self, kind: Callable[..., ev.Event], **fields: object) -> None:
        self._post(kind(at=time.time(), task=self.what.task, attempt=self.what.attempt, **fields))

    def _known(self, name: str) -> None:
        self._session = name
        if self.what.resumable:
            self._tell(ev.SessionKnown, session=name)

    def _is_new(self) -> bool:
        self._seen += 1
        return self._seen > self.what.told

    def _must_wait(self, report: RateLimited | Retrying) -> None:
        if self._waits is None:
            self._waits_since = time.monotonic()
        self._waits = report
        if not self._is_new():
            return
        words = _short(report.words)
        if isinstance(report, RateLimited):
            self._tell(ev.AgentLimited, seen=self._seen, seconds=report.seconds, until=report.until, words=words)
        else:
            self._tell(ev.AgentRetries, seen=self._seen, seconds=report.seconds, words=words)

    def _goes_on(self) -> None:
        """There is an answer again. In a stream that is read again that is no news."""
        if self._waits is not None and self._seen >= self.what.told:
            self._tell(ev.AgentGoesOn)
        self._waits = None

    def _count(self) -> None:
        """Tell what was used, when that changed, every few seconds."""
        cost, tokens, estimated = self.cost()
        now = time.monotonic()
        if (cost, tokens) != self._counted and now - self._counted_at >= COUNT_EVERY:
            self._counted, self._counted_at = (cost, tokens), now
            self._tell(ev.UsageCounted, cost=cost, tokens=tokens, estimated=estimated)

    def _when_stuck(self) -> None:
        now, summary = time.monotonic(), self._stream.summary
        if summary.ended is not None or self._over.is_set():
            return
        if self._failed_at is not None and now - self._failed_at > STUCK_AFTER and summary.failure is not None:
            self._failed_at = None
            self._tell(ev.AgentStuck, trouble=str(summary.failure.kind), words=_short(summary.failure.words))
        elif self._waits is not None and now - self._waits_since > PATIENCE:
            kind = Trouble.RATE_LIMIT if isinstance(self._waits, RateLimited) else self._waits.kind
            words = f"{self._waits.words or 'rate limited'}, for {PATIENCE:.0f} s"
            self._waits_since = now
            self._tell(ev.AgentStuck, trouble=str(kind), words=_short(words))

    def _when_silent(self) -> None:
        self._count()
        self._when_stuck()
        now = time.monotonic()
        if not self._working():
            self._word_at = self._waits_since = now
        if self.what.silent and not self._runs and not self._quiet and now - self._word_at > SILENT_AFTER:
            self._quiet = True
            words = f"silent for {SILENT_AFTER:.0f} s, its provider may make it wait"
            self._tell(ev.AgentLimited, seen=0, words=words)

    # --- the end ---

    def cost(self) -> tuple[float, int, bool]:
        """US dollars, tokens, and whether the dollars are an estimate, until now."""
        used = self._used()
        cost, estimated = cost_of(used.usage, (used.model, *self.what.names), self.what.prices)
        return round(cost, 6), used.usage.tokens, estimated

    def _used(self) -> Used:
        summary = self._stream.summary
        ask_file = self.what.writes_usage and self._over.is_set() and not summary.usage.tokens
        return self._used_by_file() if ask_file else Used(summary.usage, summary.model)

    def _used_by_file(self) -> Used:
        """Some programs write their usage into a file at their end; that of a resumed conversation goes on."""
        try:
            said = parsed(usage_output_of(self.what.record).read_bytes())
        except OSError:
            return Used(Usage())
        used = usage_of_file(said or {})
        return Used(used.usage.since(self.what.before), used.model)

    def judged(self, event: ev.AgentExited) -> ev.AgentExited:
        """The end of the attempt, with what its stream adds. What the agent itself said to have used goes first."""
        summary = self._stream.summary
        failure = judged(summary, self._errors.last, event.code, text=self.what.stream == TEXT)
        cost, tokens, estimated = self.cost()
        if event.cost or event.tokens:
            cost, tokens, estimated = event.cost, event.tokens, False
        return replace(
            event,
            judged=True,
            trouble=str(failure.kind) if failure else "",
            trouble_words=_short(failure.words) if failure else "",
            said=clean(summary.said).strip(),
            cost=cost,
            tokens=tokens,
            estimated=estimated,
            usage=self._used().usage,
        )


def _short(words: str) -> str:
    """Words for the journal: no control characters, and not too many."""
    return clean(words[:LONGEST]).strip()


def follower_of(
    runner: Runner, effect: ef.StartAgent, record: Path, root: Path, working: Callable[[], bool]
) -> Follower:
    """The follower of an attempt whose profile prints a stream that is understood."""
    profile = runner.settings.profile(effect.agent)
    preset = PRESETS.get(profile.preset or "")
    what = Followed(
        task=effect.task,
        attempt=effect.attempt,
        record=record,
        stream=stream_of(profile),
        root=root,
        before=effect.used_before,
        told=runner.machine.state.tasks[effect.task].attempt.seen,
        names=(model_of(profile), profile.preset or profile.output),
        prices=runner.settings.prices,
        silent=profile.preset == ACP or (preset is not None and preset.silent),
        resumable=profile.preset is not None,
        session=effect.session or extras_of(effect, record, profile, runner.machine.state.started).new_session,
        writes_usage=preset is not None and bool(preset.usage_file),
        own_log=None if preset is None else preset.own_log,
    )
    return Follower(what, runner.post, working)


def extras_of(effect: ef.StartAgent, record: Path, profile: AgentProfile, run_started: float) -> Extras:
    """What the attempt's command line gets on top. The id of a new conversation is always the same."""
    preset = PRESETS.get(profile.preset or "")
    if preset is None:
        return Extras(resume=effect.session) if profile.preset else PLAIN
    own = str(uuid.uuid5(uuid.NAMESPACE_URL, f"aurora:{record}:{run_started}")) if preset.new_session else ""
    return Extras(effect.session, own, str(usage_output_of(record)), effect.max_usd)


def spent_in(log: Path, profile: AgentProfile, prices: Mapping[str, Price]) -> tuple[float, int]:
    """US dollars and tokens of a program that has ended, by what it printed into `log`; zeros when nothing is told."""
    name = stream_of(profile)
    if not name:
        return 0.0, 0
    reader = StreamReader(name)
    try:
        with log.open("rb") as file:
            while block := file.read(BLOCK):
                reader.feed(block)
    except OSError:
        return 0.0, 0
    reader.end()
    names = (reader.summary.model, model_of(profile), profile.preset or profile.output)
    cost, _ = cost_of(reader.summary.usage, names, prices)
    return round(cost, 6), reader.summary.usage.tokens


def usage_output_of(record: Path) -> Path:
    """Where a program that writes its usage into a file is told to write it."""
    return record.with_name(f"{record.name}.usage.json")
