"""What has changed between two snapshots, as the lines of a headless run."""

from __future__ import annotations

from collections.abc import Iterator

from rich.cells import cell_len

from aurora_tui.render.look import Look
from aurora_tui.render.words import progress, spent
from engine.model import LandingView, Snapshot, TaskState, TestRunView, Verdict
from engine.text import clean
from widgets.text import cut, duration, flat, many, names
from widgets.words import STYLES, state_words

STATE_WIDTH = 10
LONGEST_NAME = 20
NARROWEST = 16
SHOWN_OF_OUTPUT = 8
_QUIET = (TaskState.WAITING, TaskState.QUEUED, TaskState.LANDED, TaskState.DROPPED)


def opening(snapshot: Snapshot, look: Look) -> list[str]:
    """The first line of a headless run."""
    landed = sum(task.state is TaskState.LANDED for task in snapshot.tasks)
    size = f"{many(len(snapshot.tasks), 'task')}, {many(snapshot.workers_limit, 'worker')}"
    known = f", {landed} landed already" if landed else ""
    words = f"run {snapshot.run} on {flat(snapshot.repo)}:{snapshot.target}: {size}{known}"
    return look.finish([_line(snapshot.at, words, look)])


def changes(before: Snapshot | None, after: Snapshot, look: Look) -> list[str]:
    """One line per state change, test, landing and new thing that waits for a person, oldest first."""
    told = [*_tests(before, after), *_states(before, after), *_landings(before, after)]
    told += [*_contracts(before, after), *_limits(before, after, look), *_needs(before, after)]
    width = min(LONGEST_NAME, max(map(cell_len, (after.target, *(task.id for task in after.tasks)))))
    lines: list[str] = []
    for at, who, what, style, words in sorted(told, key=lambda one: one[0]):
        first, *rest = words
        name = cut(who, width)
        head = (
            f"{name}{' ' * (width - cell_len(name))}  {look.paint(what, style)}{' ' * (STATE_WIDTH - cell_len(what))}"
        )
        room = max(NARROWEST, look.width - width - STATE_WIDTH - 14)
        lines.append(f"{look.paint(look.clock(at), 'dim')}  {head}  {cut(flat(first), room)}")
        lines += [look.paint(cut(f"          | {line}".rstrip(), max(NARROWEST, look.width)), "dim") for line in rest]
    return look.finish(lines)


def pulse(snapshot: Snapshot, look: Look) -> list[str]:
    """A sign of life after a while without changes."""
    parts = [progress(snapshot), spent(snapshot), duration(float(int(look.now - snapshot.started)))]
    return look.finish([_line(look.now, "… " + ", ".join(part for part in parts if part), look)])


def _line(at: float, words: str, look: Look) -> str:
    return f"{look.paint(look.clock(at), 'dim')}  {cut(words, max(NARROWEST, look.width - 10))}"


Told = tuple[float, str, str, str, list[str]]


def _states(before: Snapshot | None, after: Snapshot) -> Iterator[Told]:
    old = {task.id: (task.state, task.attempt) for task in before.tasks} if before else {}
    for task in after.tasks:
        known = old.get(task.id)
        if known == (task.state, task.attempt) or (known is None and task.state in _QUIET and before is None):
            continue
        if known is not None and known[0] is task.state and task.state is not TaskState.RUNNING:
            continue
        yield task.since, task.id, state_words(task.state), STYLES[task.state], [task.reason]


def _tests(before: Snapshot | None, after: Snapshot) -> Iterator[Told]:
    seen = {(run.candidate, run.commit, run.at) for run in before.merge.tests} if before else None
    for run in after.merge.tests:
        if seen is not None and (run.candidate, run.commit, run.at) not in seen:
            good = run.verdict == Verdict.PASSED
            yield run.at, after.target, "✓ tests" if good else "✗ tests", "good" if good else "bad", _test_words(run)


def _test_words(run: TestRunView) -> list[str]:
    what = names(run.tasks, 6) or "the target alone"
    command = f": {run.command}" if run.command and run.verdict != Verdict.PASSED else ""
    tail = [] if run.verdict == Verdict.PASSED else clean(run.tail).strip().splitlines()[-SHOWN_OF_OUTPUT:]
    return [f"{run.verdict} in {duration(run.seconds)} with {what}{command}", *tail]


def _landings(before: Snapshot | None, after: Snapshot) -> Iterator[Told]:
    seen = {(landing.commit, landing.undone) for landing in before.merge.landings} if before else None
    for landing in after.merge.landings:
        if seen is not None and (landing.commit, landing.undone) not in seen:
            yield _landing(landing, after)


def _landing(landing: LandingView, after: Snapshot) -> Told:
    if landing.undone:
        return after.at, after.target, "− undone", "warn", [f"the landing of {names(landing.tasks, 6)} was taken back"]
    return landing.at, after.target, "✓ moved", "good", [f"to {landing.commit[:9]} with {names(landing.tasks, 6)}"]


def _contracts(before: Snapshot | None, after: Snapshot) -> Iterator[Told]:
    """Contracts that froze or have a new version, mocks that were lost, breaches that were ruled on."""
    old = {one.name: one for one in before.contracts} if before else {}
    for one in after.contracts:
        known = old.get(one.name)
        if one.frozen and known is not None and (not known.frozen or known.version != one.version):
            yield one.since, one.name, "■ frozen", "good", [f"version {one.version} ({one.digest})"]
        states = {mock.task: mock.state for mock in known.mocks} if known else {}
        for mock in one.mocks:
            if mock.state in ("restarting", "dead") and states.get(mock.task) != mock.state:
                words = f"the mock for {mock.task} {mock.words}" + ("" if mock.state == "dead" else "; started again")
                yield mock.since, one.name, "✗ mock", "bad" if mock.state == "dead" else "warn", [words]
        ruled = {(b.task, b.attempt): b.state for b in known.breaches} if known else {}
        for breach in one.breaches:
            if breach.state != "open" and ruled.get((breach.task, breach.attempt), "open") == "open":
                yield after.at, one.name, breach.state, "warn", [f"the change of {breach.task}"]


def _limits(before: Snapshot | None, after: Snapshot, look: Look) -> Iterator[Told]:
    """Agents whose providers make them wait since now."""
    old = {one.name: one.until or 0.0 for one in before.profiles} if before else {}
    for one in after.profiles:
        if one.until is not None and old.get(one.name, 0.0) <= after.at:
            words = f"agent {one.name} waits until {look.clock(one.until)}: {one.words}"
            yield after.at, after.target, "◔ waits", "warn", [words]


def _needs(before: Snapshot | None, after: Snapshot) -> Iterator[Told]:
    """What waits for a person, except what the state of a task has said already."""
    old = before.needs_person if before else ()
    starts = tuple(f"{task.id}: " for task in after.tasks)
    for sentence in after.needs_person:
        if sentence not in old and not sentence.startswith(starts):
            yield after.at, after.target, "≠ waits", "warn", [sentence]
