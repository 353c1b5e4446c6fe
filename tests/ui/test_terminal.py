"""Profiles, clipboard sequences, toasts and `:` commands: the pure parts of the app."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest
from snapshots import busy_run, merge, snapshot, task

from aurora_tui.command_words import completions, parse
from aurora_tui.news import news
from aurora_tui.terminal import DARK, OSC52_MOST, SIXTEEN, copy, in_tmux, osc52, profile
from engine.errors import Refused
from engine.model import TaskState

RICH = {"TERM": "xterm-256color", "COLORTERM": "truecolor"}


def test_ssh_means_few_updates_and_the_terminals_own_colours() -> None:
    here, there = profile(RICH), profile({**RICH, "SSH_CONNECTION": "10.0.0.1 1 10.0.0.2 22"})
    assert (here.theme, there.theme) == (DARK, SIXTEEN)
    assert there.looks <= 4 < here.looks
    assert there.reads < here.reads


def test_a_plain_terminal_gets_sixteen_colours_and_the_developer_may_choose() -> None:
    assert profile({"TERM": "linux"}).theme == SIXTEEN
    assert profile({"TERM": "linux", "AURORA_THEME": "dracula"}).theme == "dracula"


def test_the_clipboard_gets_the_text_and_nothing_too_long() -> None:
    sequence = osc52("naïve\n✓")
    assert base64.b64decode(sequence.removeprefix("\x1b]52;c;").removesuffix("\a")).decode() == "naïve\n✓"
    assert osc52("x" * OSC52_MOST) == ""
    assert "\x1b\x1b]52" in in_tmux(sequence)


def test_outside_tmux_the_sequence_alone_is_written() -> None:
    written: list[str] = []
    copy("x", written.append, {})
    assert written == [osc52("x")]


def test_toasts_tell_what_changed_and_call_when_the_developer_is_needed() -> None:
    before = snapshot(task("a", TaskState.TESTING), task("b", TaskState.RUNNING), task("c", TaskState.RUNNING))
    after = snapshot(
        task("a", TaskState.LANDED), task("b", TaskState.FAILED, "exit 3"), task("c", TaskState.CONFLICT, "in x.py")
    )
    told = news(before, after)
    assert [(item.text, item.calls) for item in told] == [
        ("✗ b failed: exit 3", True),
        ("≠ c is in conflict: in x.py", True),
        ("✓ landed: a", False),
    ]
    assert news(None, after) == []
    assert news(after, after) == []


def test_a_blocked_landing_and_a_red_target_are_told_once() -> None:
    before = busy_run()
    blocked = replace(before, merge=merge(landing_blocked="local changes", target_red="pytest failed"))
    assert len(news(before, blocked)) == 2
    assert news(blocked, blocked) == []


def test_commands_take_a_task_and_wrong_ones_name_the_nearest() -> None:
    run = snapshot(task("auth", TaskState.RUNNING))
    order = parse("pause auth", run)
    assert (order.action, order.task and order.task.id) == ("pause", "auth")
    assert parse("pool 6", run).perform is not None
    for text, hint in (("puase auth", "pause"), ("pause aut", "auth")):
        with pytest.raises(Refused) as refused:
            parse(text, run)
        assert hint in (refused.value.hint or "")
    for text in ("", "pool many", "bell maybe"):
        with pytest.raises(Refused):
            parse(text, run)


def test_completion_offers_commands_then_tasks() -> None:
    assert "pause" in completions("pa", ["auth"])
    assert completions("pause a", ["auth", "ui"]) == ["pause auth"]
    assert "theme aurora-light" in completions("theme aurora-l", [])
