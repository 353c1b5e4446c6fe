"""The table of actions: complete, without clashes, honest about what cannot be done."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from snapshots import snapshot, task

from aurora_tui.actions import ACTIONS, BY_ID, MOST_IN_BAR, Action, Place, Situation, all_keys, bar_actions, for_key
from aurora_tui.key_table import written_into
from engine.model import TaskState

README = Path(__file__).parents[2] / "README.md"


@pytest.mark.parametrize("place", list(Place))
def test_a_key_does_one_thing_in_a_place(place: Place) -> None:
    for key in all_keys():
        actions = [action.id for action in ACTIONS if key in action.keys and place in action.places]
        assert len(actions) <= 1, f"{key} in {place}: {actions}"


@pytest.mark.parametrize("place", list(Place))
def test_the_key_bar_is_short_and_always_leads_to_help_and_out(place: Place) -> None:
    shown = [action.id for action in bar_actions(place)]
    assert len(shown) <= MOST_IN_BAR
    assert shown[-2:] == ["help", "quit"]


def test_ids_are_unique_and_every_action_says_what_it_does() -> None:
    assert len(BY_ID) == len(ACTIONS)
    assert all(action.label and action.help and action.group and action.keys for action in ACTIONS)


def test_nothing_can_be_steered_before_the_engine_is_there_by_a_guest_or_after_its_end() -> None:
    steering = [action for action in ACTIONS if action.steers]
    assert len(steering) > 10
    run = snapshot(task("a", TaskState.RUNNING))
    for action in steering:
        assert "starting" in action.reason(Situation(Place.QUEUE))
        assert "read-only" in action.reason(Situation(Place.QUEUE, run, run.tasks[0], read_only=True))
        assert "ended" in action.reason(Situation(Place.QUEUE, run, run.tasks[0], live=False))


@pytest.mark.parametrize(
    ("action", "state", "words"),
    [
        ("pause", TaskState.QUEUED, "only a running task can be paused"),
        ("stop", TaskState.LANDED, "only a running task can be stopped"),
        ("retry", TaskState.RUNNING, "only a failed, dropped or conflicting task"),
        ("up", TaskState.WAITING, "only a queued task has a place"),
        ("drop", TaskState.LANDED, "a is landed"),
        ("settle", TaskState.RUNNING, "no conflict and no collision"),
        ("message", TaskState.LANDED, "add a task instead"),
    ],
)
def test_the_reason_names_the_task_and_its_state(action: str, state: TaskState, words: str) -> None:
    run = snapshot(task("a", state))
    reason = BY_ID[action].reason(Situation(Place.QUEUE, run, run.tasks[0]))
    assert words in reason
    assert BY_ID[action].reason(Situation(Place.QUEUE, run, None))


def test_a_frozen_worker_can_be_ruled_on_and_a_plainly_paused_one_cannot() -> None:
    paused = snapshot(task("a", TaskState.PAUSED, worker="w1"))
    frozen = replace(paused, workers=(replace(paused.workers[0], frozen=True),))
    assert not BY_ID["settle"].reason(Situation(Place.WORKERS, frozen, paused.tasks[0]))
    assert BY_ID["settle"].reason(Situation(Place.WORKERS, paused, paused.tasks[0]))


def test_without_a_selected_task_the_first_conflict_is_settled() -> None:
    run = snapshot(task("a", TaskState.LANDED), task("b", TaskState.CONFLICT), task("c", TaskState.CONFLICT))
    now = Situation(Place.WORKERS, run, None)
    assert not BY_ID["settle"].reason(now)
    assert now.conflict == run.tasks[1]
    assert "no conflict" in BY_ID["settle"].reason(Situation(Place.QUEUE, run, run.tasks[0]))
    assert BY_ID["settle"].reason(Situation(Place.QUEUE, snapshot(run.tasks[0]), None)) == "no task is selected"


def test_enter_opens_in_lists_and_folds_in_the_diff() -> None:
    found = [for_key("enter", place) for place in (Place.QUEUE, Place.DIFF, Place.OUTPUT)]
    assert [action.id if isinstance(action, Action) else None for action in found] == ["open", "fold", None]


def test_the_readme_has_the_table_as_it_is() -> None:
    text = README.read_text(encoding="utf-8")
    assert written_into(text) == text, "run `python -m aurora_tui.key_table`"
