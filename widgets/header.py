"""The first two lines: what runs where, how far it is, what it costs, and what needs the developer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.cells import cell_len
from textual.geometry import Region
from textual.strip import Strip

from engine.model import Snapshot, TaskState
from widgets.look import Painted, Piece
from widgets.moment import Moment
from widgets.text import clock, cut, duration, flat, many, money

Part = tuple[Piece, ...]
SEPARATOR: Piece = (" ── ", "gutter")


class RunHeader(Painted):
    """Two painted lines; what does not fit is left out from the least important on."""

    DEFAULT_CSS = """
    RunHeader { height: 2; dock: top; background: $panel; padding: 0 1; }
    """

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._moment: Moment | None = None
        self._notes: tuple[str, ...] = ()
        self._lines: list[list[Piece]] = []

    def show(self, moment: Moment | None, notes: Sequence[str] = ()) -> None:
        """The run now; `notes` (read-only, who is attached) stand at the right end of the first line."""
        self._moment, self._notes = moment, tuple(notes)
        lines = [self._first(self.size.width), self._second(self.size.width)]
        if lines != self._lines:
            before, self._lines = self._lines, lines
            for number, line in enumerate(lines):
                if number >= len(before) or before[number] != line:
                    self.refresh(Region(self.gutter.left, number, self.size.width, 1))

    def on_resize(self) -> None:
        """Other words fit."""
        self.show(self._moment, self._notes)

    def render_line(self, y: int) -> Strip:
        """One of the two lines."""
        pieces = self._lines[y] if y < len(self._lines) else []
        return self.painted(pieces, self.size.width, self.base_style)

    # --- first line ---

    def _first(self, width: int) -> list[Piece]:
        if self._moment is None:
            return [("aurora", "title"), SEPARATOR, ("starting the engine …", "dim")]
        ranked = [(rank, part) for rank, part in _facts(self._moment) if part]
        note = "  ".join(self._notes)
        while len(ranked) > 1 and _cells(ranked) + (cell_len(note) + 3 if note else 0) > width:
            ranked.remove(min(ranked, key=lambda each: each[0]))
        parts = [part for _, part in ranked]
        pieces = _joined(parts)
        room = width - sum(cell_len(text) for text, _ in pieces)
        if note and room > 8:
            shown = cut(note, room - 2)
            pieces += [(" " * (room - cell_len(shown)), ""), (shown, "accent")]
        return pieces

    # --- second line ---

    def _second(self, width: int) -> list[Piece]:
        if self._moment is None:
            return []
        snapshot = self._moment.snapshot
        landed = sum(1 for task in snapshot.tasks if task.state is TaskState.LANDED)
        whole = len(snapshot.tasks)
        cells = max(8, min(32, width // 4))
        full = cells * landed // whole if whole else 0
        bar: list[Piece] = [("━" * full, "bar"), ("╌" * (cells - full), "bar-rest"), ("  ", "")]
        words, style = _standing(snapshot, landed)
        return [*bar, (cut(words, max(1, width - cells - 2)), style)]


def _joined(parts: Sequence[Part]) -> list[Piece]:
    pieces: list[Piece] = []
    for number, part in enumerate(parts):
        pieces += [SEPARATOR, *part] if number else list(part)
    return pieces


def _cells(ranked: Sequence[tuple[int, Part]]) -> int:
    return sum(cell_len(text) for text, _ in _joined([part for _, part in ranked]))


def _facts(moment: Moment) -> list[tuple[int, Part]]:
    """What the first line says, each with a rank: the lowest goes first where there is no room."""
    snapshot = moment.snapshot
    busy = sum(1 for worker in snapshot.workers if worker.task and not worker.frozen)
    frozen = sum(1 for worker in snapshot.workers if worker.frozen)
    landed = sum(1 for task in snapshot.tasks if task.state is TaskState.LANDED)
    held = sum(1 for slot in snapshot.slots if slot.held)
    guess = any(task.estimated and task.cost for task in snapshot.tasks)
    cost = f"{money(snapshot.cost, guess) or '$0.00'}" + (f"/{snapshot.budget_usd:g}" if snapshot.budget_usd else "")
    auto = " auto" if snapshot.workers_auto else ""
    paused = "warn" if snapshot.paused_all else ""
    name: Piece = (f"{flat(snapshot.repo)}:{flat(snapshot.target)}", "strong")
    frozen_words: Piece = (f" +{frozen} frozen" if frozen else "", "warn")
    return [
        (6, (("aurora", "title"),)),
        (9, (name,)),
        (8, (("landed ", "dim"), (f"{landed}/{len(snapshot.tasks)}", "good" if landed else ""))),
        (7, (("w ", "dim"), (f"{busy}/{snapshot.workers_limit}{auto}", paused), frozen_words)),
        (4, (("queue ", "dim"), (str(len(snapshot.queue)), ""))),
        (5, _limits(moment)),
        (5, (("machine busy", "warn"),) if snapshot.pressure.holds else ()),
        (2, ((cost, ""),) if snapshot.cost or snapshot.budget_usd else ()),
        (1, (("heavy ", "dim"), (f"{held}/{snapshot.slots_limit}", ""))),
        (3, ((clock(_run_seconds(moment)), "dim"),)),
    ]


def _limits(moment: Moment) -> Part:
    """Which profiles a rate limit holds, and for how long."""
    limited = [p for p in moment.snapshot.profiles if p.until is not None and p.until > moment.now]
    words = ", ".join(f"{flat(p.name)} limited {duration((p.until or 0) - moment.now)}" for p in limited)
    return ((f"◔ {words}", "warn"),) if words else ()


def _run_seconds(moment: Moment) -> float:
    """How long the run has taken; the clock stands when nothing can move."""
    snapshot = moment.snapshot
    end = snapshot.at if snapshot.idle else moment.now
    return max(0.0, end - snapshot.started)


def _standing(snapshot: Snapshot, landed: int) -> tuple[str, str]:
    """How far it is, and when it will be done; what needs the developer goes first."""
    if snapshot.needs_person:
        more = f" (and {many(len(snapshot.needs_person) - 1, 'more')})" if len(snapshot.needs_person) > 1 else ""
        return f"needs you: {flat(snapshot.needs_person[0])}{more}", "warn"
    if snapshot.stopping:
        return "the engine is stopping; all work is kept", "warn"
    if not snapshot.tasks:
        return "the plan has no tasks: a adds one", "dim"
    if landed == len(snapshot.tasks):
        return f"all {many(landed, 'task')} landed", "good"
    if all(task.state.final for task in snapshot.tasks):
        counts = Counter(task.state for task in snapshot.tasks)
        return ", ".join(f"{count} {state}" for state, count in counts.most_common()), "warn"
    if snapshot.pressure.holds:
        return flat(snapshot.pressure.holds), "warn"
    forecast = snapshot.forecast
    if forecast.seconds:
        return f"about {duration(forecast.seconds)} left ({flat(forecast.words)})", "dim"
    return flat(forecast.words) or "no estimate yet", "dim"
