"""The one table of all a key can do: it makes the bindings, the key bar, the help, the palette and README's keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from engine.model import BreachView, ContractView, LockView, Snapshot, TaskState, TaskView


class Place(Enum):
    """Where the focus is. The last four are the tabs of the main pane."""

    WORKERS = "Workers"
    QUEUE = "Queue"
    LOCKS = "Locks"
    MERGES = "Merges"
    CONTRACTS = "Contracts"
    DIFF = "Diff"
    OUTPUT = "Output"
    STORY = "Story"
    CONTRACT = "Contract"

    @property
    def main(self) -> bool:
        """True for the tabs of the main pane."""
        return self in MAIN


LISTS = frozenset({Place.WORKERS, Place.QUEUE, Place.LOCKS, Place.MERGES, Place.CONTRACTS})
MAIN = frozenset({Place.DIFF, Place.OUTPUT, Place.STORY, Place.CONTRACT})
EVERYWHERE = LISTS | MAIN
WITH_WORKER = (TaskState.RUNNING, TaskState.PAUSED)
Breach = tuple[ContractView, BreachView]


@dataclass(frozen=True, slots=True)
class Situation:
    """What an action is judged by: the run, where the focus is and what is selected there."""

    place: Place
    snapshot: Snapshot | None = None
    task: TaskView | None = None
    lock: LockView | None = None
    read_only: bool = False
    live: bool = True
    breach: Breach | None = None

    @property
    def conflict(self) -> TaskView | None:
        """The task whose conflict is settled: the selected one, or the first there is when none is selected."""
        if self.task is not None:
            return self.task if self.task.state is TaskState.CONFLICT else None
        tasks = self.snapshot.tasks if self.snapshot else ()
        return next((task for task in tasks if task.state is TaskState.CONFLICT), None)

    @property
    def frozen(self) -> bool:
        """True when a collision holds the selected task's worker."""
        workers = self.snapshot.workers if self.snapshot else ()
        return any(w.frozen and self.task is not None and w.task == self.task.id for w in workers)


WhyNot = Callable[[Situation], str]


def always(now: Situation) -> str:
    """Nothing stands against it."""
    return ""


@dataclass(frozen=True, slots=True)
class Action:
    """`why_not` gives the reason it cannot be done now, "" when it can. `steers`: it changes the run. `bar` orders the
    key bar (small first; 0 not there); `command` is the word for `:`, the id when empty."""

    id: str
    keys: tuple[str, ...]
    label: str
    help: str
    places: frozenset[Place] = EVERYWHERE
    why_not: WhyNot = always
    steers: bool = False
    bar: int = 0
    group: str = ""
    bars: dict[Place, int] = field(default_factory=dict)

    def reason(self, now: Situation) -> str:
        """Why it cannot be done here and now, "" when it can."""
        if self.steers:
            if now.read_only:
                return "this terminal is attached read-only"
            if now.snapshot is None:
                return "the engine is still starting"
            if not now.live:
                return "the engine has ended"
        return self.why_not(now)

    def place_in_bar(self, place: Place) -> int:
        """Its rank in the key bar of a place, 0 when it is not there."""
        return self.bars.get(place, self.bar)


# --- why not ------------------------------------------------------------------------------------------------------


def _needs_task(now: Situation) -> str:
    return "" if now.task else "no task is selected"


def _is(now: Situation, states: tuple[TaskState, ...], words: str) -> str:
    if now.task is None:
        return "no task is selected"
    return "" if now.task.state in states else f"{now.task.id} is {now.task.state}: {words}"


def _pause(now: Situation) -> str:
    return _is(now, WITH_WORKER, "only a running task can be paused")


def _stop(now: Situation) -> str:
    return _is(now, WITH_WORKER, "only a running task can be stopped")


def _retry(now: Situation) -> str:
    red = bool(now.snapshot and now.snapshot.merge.target_red)
    states = (TaskState.FAILED, TaskState.DROPPED, TaskState.CONFLICT)
    return "" if red else _is(now, states, "only a failed, dropped or conflicting task can be retried")


def _drop(now: Situation) -> str:
    if now.task is not None and now.task.state in (TaskState.LANDED, TaskState.DROPPED):
        return f"{now.task.id} is {now.task.state}"
    return _needs_task(now)


def _queued(now: Situation) -> str:
    return _is(now, (TaskState.QUEUED,), "only a queued task has a place in the line")


def _unfinished(now: Situation) -> str:
    if now.task is not None and now.task.state in (TaskState.LANDED, TaskState.DROPPED):
        return f"{now.task.id} is {now.task.state}"
    return _needs_task(now)


def _message(now: Situation) -> str:
    if now.task is not None and now.task.state is TaskState.LANDED:
        return f"{now.task.id} has landed: add a task instead (a)"
    return _needs_task(now)


def _settle(now: Situation) -> str:
    if now.breach or now.frozen or now.conflict is not None:
        return ""
    return _needs_task(now) or f"{now.task.id if now.task else ''} has no conflict and no collision"


def _undo(now: Situation) -> str:
    landings = now.snapshot.merge.landings if now.snapshot else ()
    return "" if any(not landing.undone for landing in landings) else "nothing has landed in this run"


def _lock(now: Situation) -> str:
    if now.lock is None:
        return "no lock is selected"
    tasks = now.snapshot.tasks if now.snapshot else ()
    held = any(task.id == now.lock.holder for task in tasks)
    return "" if held else f"the {now.lock.holder} is frozen for all: who changes it is ruled on in the contracts (5)"


def _hand_over(now: Situation) -> str:
    if now.lock is None or _lock(now):
        return _lock(now)
    return "" if _others(now) else "there is no other unfinished task"


def _others(now: Situation) -> bool:
    tasks = now.snapshot.tasks if now.snapshot else ()
    return any(now.lock and task.id != now.lock.holder and not task.state.final for task in tasks)


def breach_of(snapshot: Snapshot | None, task: TaskView | None) -> Breach | None:
    """The open breach of a task, with its contract."""
    contracts = snapshot.contracts if snapshot is not None and task is not None and task.breach else ()
    found = (
        (contract, breach)
        for contract in contracts
        for breach in contract.breaches
        if task is not None and breach.task == task.id and breach.state == "open" and contract.name == task.breach
    )
    return next(found, None)


def _breach(now: Situation) -> str:
    if now.breach is not None:
        return ""
    contracts = now.snapshot.contracts if now.snapshot else ()
    return "no branch changes this contract" if contracts else "the plan has no contracts"


def _search(now: Situation) -> str:
    if now.place in (Place.WORKERS, Place.MERGES, Place.CONTRACTS):
        return "the queue (2), the locks (3), the diff and the output can be searched"
    return f"the {now.place.value.lower()} cannot be searched" if now.place in (Place.STORY, Place.CONTRACT) else ""


def _files(now: Situation) -> str:
    if now.place in (Place.CONTRACTS, Place.CONTRACT):
        return "" if now.snapshot and now.snapshot.contracts else "the plan has no contracts"
    return "" if now.task and now.task.paths else "there is no changed file to open"


# --- the table ----------------------------------------------------------------------------------------------------

_W, _Q, _L, _M = (frozenset({p}) for p in (Place.WORKERS, Place.QUEUE, Place.LOCKS, Place.MERGES))
_D, _O, _S = (frozenset({p}) for p in (Place.DIFF, Place.OUTPUT, Place.STORY))
_C = frozenset({Place.CONTRACTS, Place.CONTRACT})
_TASKS = LISTS | frozenset({Place.OUTPUT, Place.STORY})
STEER, LOOK, GO, RUN = "Steer a task", "Look closer", "Move about", "The run"

ACTIONS: tuple[Action, ...] = (
    Action("pause", ("space",), "pause", "pause or resume the worker, with every process it started",
           _TASKS, _pause, True, group=STEER, bars={Place.WORKERS: 1, Place.OUTPUT: 3, Place.STORY: 3}),
    Action("message", ("m",), "message", "tell the agent something: it goes on from its work with your note",
           _TASKS, _message, True, group=STEER, bars={Place.WORKERS: 3, Place.OUTPUT: 4, Place.CONTRACTS: 4}),
    Action("stop", ("s",), "stop", "end the agent; its work is kept", _TASKS, _stop, True,
           group=STEER, bars={Place.WORKERS: 2}),
    Action("retry", ("r",), "retry", "queue a failed, dropped or conflicting task again",
           _TASKS, _retry, True, group=STEER, bars={Place.QUEUE: 4, Place.MERGES: 3}),
    Action("drop", ("x",), "drop", "take the task out of the run (asks first); its work is kept",
           _TASKS, _drop, True, group=STEER, bars={Place.QUEUE: 5}),
    Action("settle", ("c",), "settle", "rule on a conflict, on a collision over a file, or on a breach of a contract",
           EVERYWHERE, _settle, True, group=STEER, bars={Place.WORKERS: 4, Place.MERGES: 1}),
    Action("up", ("K", "shift+up"), "move up", "move the task towards the front of the queue",
           _Q, _queued, True, group=STEER, bars={Place.QUEUE: 1}),
    Action("down", ("J", "shift+down"), "move down", "move the task towards the end of the queue",
           _Q, _queued, True, group=STEER, bars={Place.QUEUE: 2}),
    Action("priority", ("p",), "priority", "set the task's priority; higher runs first",
           _TASKS, _unfinished, True, group=STEER, bars={Place.QUEUE: 3}),
    Action("amend", ("A",), "amend", "let the branch change the contract: a new version when it lands (asks first)",
           _C, _breach, True, group=STEER, bars={Place.CONTRACTS: 1, Place.CONTRACT: 1}),
    Action("reject", ("R",), "reject", "send the branch back: it must leave the contract as it is (asks first)",
           _C, _breach, True, group=STEER, bars={Place.CONTRACTS: 2, Place.CONTRACT: 2}),
    Action("release", ("R",), "release", "take the lock away from its holder (asks first)",
           _L, _lock, True, group=STEER, bars={Place.LOCKS: 1}),
    Action("hand-over", ("H",), "hand over", "give the lock to another task",
           _L, _hand_over, True, group=STEER, bars={Place.LOCKS: 2}),
    Action("narrow", ("N",), "narrow", "replace the lock by a narrower pattern",
           _L, _lock, True, group=STEER, bars={Place.LOCKS: 3}),
    Action("add", ("a",), "add task", "put one more task into the run", steers=True, group=RUN,
           bars={Place.WORKERS: 5, Place.QUEUE: 6}),
    Action("pause-all", ("P",), "pause all", "pause every agent and start nothing; again lets all go on",
           steers=True, group=RUN),
    Action("more", ("plus", "equals_sign"), "more workers", "one more worker in the pool", steers=True, group=RUN,
           bars={Place.WORKERS: 6}),
    Action("fewer", ("minus",), "fewer workers", "one worker less; a running agent finishes first",
           steers=True, group=RUN),
    Action("undo", ("u",), "undo", "take the last landing back (asks first)", EVERYWHERE, _undo, True,
           group=RUN, bars={Place.MERGES: 2}),
    Action("open", ("enter",), "open", "show the selected task in the main pane; on a test, what it printed", LISTS,
           group=LOOK, bars={Place.LOCKS: 4, Place.MERGES: 4, Place.CONTRACTS: 3}),
    Action("fold", ("enter", "space"), "fold", "fold or unfold the file; on the file list, go to the file",
           _D, group=LOOK, bars={Place.DIFF: 5}),
    Action("fold-all", ("Z",), "fold all", "fold or unfold all files", _D, group=LOOK),
    Action("side", ("v",), "side by side", "unified or side by side", _D, group=LOOK, bars={Place.DIFF: 1}),
    Action("next-file", ("right_curly_bracket",), "next file", "to the next file", _D, group=LOOK,
           bars={Place.DIFF: 3}),
    Action("previous-file", ("left_curly_bracket",), "previous file", "to the file before", _D, group=LOOK),
    Action("next-match", ("n",), "next", "to the next hunk, or the next match of a search", _D | _O | _S, group=LOOK,
           bars={Place.DIFF: 2}),
    Action("previous-match", ("N",), "previous", "to the hunk or match before", _D | _O | _S, group=LOOK),
    Action("follow", ("f",), "follow", "follow the newest output, or stand still", _O, group=LOOK,
           bars={Place.OUTPUT: 1}),
    Action("edit", ("e",), "editor", "open the file in $EDITOR", EVERYWHERE, _files, group=LOOK, bars={Place.DIFF: 6}),
    Action("copy", ("y",), "copy", "copy what is selected to the clipboard", EVERYWHERE, group=LOOK),
    Action("previous-tab", ("left_square_bracket",), "tab", "the tab before: diff, output, story", group=LOOK),
    Action("next-tab", ("right_square_bracket",), "next tab", "the next tab: diff, output, story", group=LOOK,
           bars={Place.DIFF: 7, Place.OUTPUT: 5, Place.STORY: 1}),
    Action("zoom", ("z",), "zoom", "give the pane the whole screen, and back", group=LOOK,
           bars={Place.OUTPUT: 6, Place.STORY: 4, Place.LOCKS: 5, Place.CONTRACTS: 5, Place.CONTRACT: 3}),
    Action("search", ("slash",), "filter", "filter the list, or search the text", EVERYWHERE, _search, group=GO,
           bars={Place.DIFF: 4, Place.OUTPUT: 2, Place.QUEUE: 7}),
    Action("back", ("escape",), "back", "back: close what is open, clear the filter, return to the list", group=GO),
    Action("workers", ("1",), "workers", "to the workers", group=GO),
    Action("queue", ("2",), "queue", "to the queue", group=GO),
    Action("locks", ("3",), "locks", "to the locks", group=GO),
    Action("merges", ("4",), "merges", "to the merges", group=GO),
    Action("contracts", ("5",), "contracts", "to the contracts", group=GO),
    Action("main", ("0",), "main", "to the main pane; there, the next tab", group=GO),
    Action("next-pane", ("tab",), "next pane", "to the next pane", group=GO),
    Action("previous-pane", ("shift+tab",), "pane before", "to the pane before", group=GO),
    Action("command", ("colon",), "command", "type a command: pause auth, workers 6, theme …", group=RUN),
    Action("palette", ("ctrl+p",), "palette", "find any action by name", group=RUN),
    Action("help", ("question_mark",), "help", "all keys, and why some cannot be used now", group=RUN, bar=90),
    Action("detach", ("d",), "detach", "leave; the run goes on in the background (aurora attach returns)", group=RUN),
    Action("quit", ("q", "ctrl+q"), "quit", "leave; asks what happens to running agents", group=RUN, bar=91),
)  # fmt: skip

BY_ID = {action.id: action for action in ACTIONS}
KEY_NAMES = {
    "space": "space", "plus": "+", "equals_sign": "=", "minus": "-", "slash": "/", "colon": ":", "question_mark": "?",
    "left_square_bracket": "[", "right_square_bracket": "]", "left_curly_bracket": "{", "right_curly_bracket": "}",
    "escape": "esc", "shift+up": "shift+↑", "shift+down": "shift+↓",
}  # fmt: skip
MOST_IN_BAR = 8


def key_name(key: str) -> str:
    """A key as it is written on a keyboard."""
    return KEY_NAMES.get(key, key)


def for_key(key: str, place: Place) -> Action | None:
    """What a key does in a place."""
    return next((action for action in ACTIONS if key in action.keys and place in action.places), None)


def all_keys() -> tuple[str, ...]:
    """Every key of the table, once."""
    return tuple(dict.fromkeys(key for action in ACTIONS for key in action.keys))


def bar_actions(place: Place, first: str = "") -> tuple[Action, ...]:
    """The actions the key bar shows in a place, at most `MOST_IN_BAR`; `first` is one that helps now."""
    here = [a for a in ACTIONS if place in a.places and (a.place_in_bar(place) or a.id == first)]
    here.sort(key=lambda action: action.place_in_bar(place) if action.id != first else 0)
    ends = [action for action in here if action.bar]
    return tuple([action for action in here if not action.bar][: MOST_IN_BAR - len(ends)] + ends)
