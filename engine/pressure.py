"""Pure: how hard the machine is pressed, and what is held back until that has passed.

The figures are those of Linux' pressure stall information (PSI): the share of the last ten seconds in which somebody
waited. They are joined by how many processes want a CPU and how much memory is left, which alone decide where PSI is
missing. What is held begins at a high mark and ends below a lower one, so that nothing flutters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

GIGABYTE = 1e9


@dataclass(frozen=True, slots=True)
class Load:
    """One look at the machine. `cpu`, `memory` and `io` are percent of the last ten seconds in which somebody waited
    for them, `io_full` in which everybody did; `runnable` is how many processes want each CPU, averaged over as long;
    `available` bytes of memory can still be used, `reserve` of them are kept for what runs already."""

    cpu: float = 0.0
    memory: float = 0.0
    io: float = 0.0
    io_full: float = 0.0
    runnable: float = 0.0
    available: int = 0
    reserve: int = 0
    psi: bool = True


CALM = Load()


@dataclass(frozen=True, slots=True)
class Mark:
    """One way of being short: `reached` begins it, `kept` keeps it up, and either holds what it says."""

    name: str
    words: Callable[[Load], str]
    reached: Callable[[Load], bool]
    kept: Callable[[Load], bool]
    workers: bool = True


MARKS = (
    Mark(
        "cpu",
        lambda load: "the machine is short of CPU",
        lambda load: _wants_cpu(load, 4.0, 80.0),
        lambda load: _wants_cpu(load, 3.0, 60.0),
        workers=False,
    ),
    Mark(
        "cpu-badly",
        lambda load: "the machine is short of CPU",
        lambda load: _wants_cpu(load, 6.0, 80.0),
        lambda load: _wants_cpu(load, 4.0, 60.0),
    ),
    Mark(
        "memory",
        lambda load: "the machine is short of memory",
        lambda load: load.memory >= 20.0,
        lambda load: load.memory >= 10.0,
    ),
    Mark(
        "io",
        lambda load: "the disks cannot follow",
        lambda load: load.io_full >= 40.0,
        lambda load: load.io_full >= 20.0,
    ),
    Mark(
        "free",
        lambda load: f"only {load.available / GIGABYTE:.1f} GB of memory are free",
        lambda load: load.available < load.reserve,
        lambda load: load.available < 1.25 * load.reserve,
    ),
)


SHORT_OF_MEMORY = frozenset({"memory", "free"})


def _wants_cpu(load: Load, runnable: float, waited: float) -> bool:
    """Many more processes want a CPU than there are, and they do wait; without PSI the number has to be higher."""
    if not load.psi:
        return load.runnable >= 1.25 * runnable
    return load.runnable >= runnable and load.cpu >= waited


@dataclass(frozen=True, slots=True)
class Pressed:
    """What is held back, and why in words (empty: nothing): new `heavy` commands and new `workers`."""

    marks: frozenset[str] = frozenset()
    heavy: str = ""
    workers: str = ""


FREE = Pressed()


def judge(before: Pressed, load: Load) -> Pressed:
    """What is to be held back now, given what was."""
    on = [mark for mark in MARKS if (mark.kept if mark.name in before.marks else mark.reached)(load)]
    names = frozenset(mark.name for mark in on)
    if names == before.marks:
        return before
    return Pressed(names, _sentence(on, load), _sentence((mark for mark in on if mark.workers), load))


def _sentence(marks: Iterator[Mark] | list[Mark], load: Load) -> str:
    return " and ".join(dict.fromkeys(mark.words(load) for mark in marks))


def held_words(pressed: Pressed) -> str:
    """What is held back and why, as one sentence for people; empty when nothing is."""
    if not pressed.heavy:
        return ""
    what = "new agents and heavy commands wait" if pressed.workers else "new heavy commands wait"
    return f"{what} ({pressed.heavy})"
