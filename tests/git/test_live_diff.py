"""The diff of a worktree as it happens: it follows a real process, survives what fails, and ends with its reader."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import snapshots
from git_lab import Lab

from aurora_tui.diffs import Diffs
from engine.diff_model import BranchDiff
from engine.live_diff import KnownFiles, LiveDiff
from engine.model import TaskState

DEADLINE = 20.0


def broken() -> None:
    """A watching process that cannot be had."""
    raise RuntimeError("can't start new thread")


class Following:
    """A LiveDiff with the moments it told of."""

    def __init__(self, tree: Path, base: str) -> None:
        self.told = threading.Condition()
        self.seen: list[BranchDiff] = []
        self.live = LiveDiff(tree, base, "auth", self._changed)

    def _changed(self) -> None:
        with self.told:
            assert self.live.latest is not None
            self.seen.append(self.live.latest)
            self.told.notify_all()

    def until(self, what: Callable[[BranchDiff], bool]) -> BranchDiff:
        with self.told:
            assert self.told.wait_for(lambda: bool(self.seen) and what(self.seen[-1]), DEADLINE), self.seen[-1:]
            return self.seen[-1]


@contextmanager
def following(tree: Path, base: str) -> Iterator[Following]:
    before = psutil.Process().children()
    one = Following(tree, base)
    one.live.start()
    try:
        yield one
    finally:
        began = time.monotonic()
        one.live.close()
        assert time.monotonic() - began < 5
        one.live.close()
        assert psutil.Process().children() == before
        for thread in threading.enumerate():
            if thread.name.startswith("aurora"):
                thread.join(5)
                assert not thread.is_alive(), thread.name


AGENT = """
import pathlib, subprocess, time
for n in range(30):
    pathlib.Path("log.txt").open("a").write(f"line {n}\\n")
    time.sleep(0.03)
    if n == 10:
        subprocess.run(["git", "add", "-A"], check=True); subprocess.run(["git", "commit", "-qm", "half"], check=True)
pathlib.Path("new/dir").mkdir(parents=True); pathlib.Path("new/dir/last").write_text("end\\n")
"""


def test_a_real_process_is_followed_while_it_writes_and_commits(lab: Lab, tree: Path) -> None:
    with following(tree, lab.at("main")) as one:
        first = one.until(lambda diff: True)
        assert (first.files, first.live, first.error, first.task) == ((), True, "", "auth")
        began = time.monotonic()
        subprocess.run([sys.executable, "-c", AGENT], cwd=tree, check=True)
        done = one.until(lambda diff: "new/dir/last" in {file.key for file in diff.files})
        took = time.monotonic() - began
        done = one.until(lambda diff: diff.added == 31)
        assert [(file.key, file.added) for file in done.files] == [("log.txt", 30), ("new/dir/last", 1)]
        assert 3 <= len(one.seen) <= 5 * took + 4
        sums = [diff.added for diff in one.seen]
        assert sums == sorted(sums)
        lab.write({"log.txt": None, "new/dir/last": None}, tree)
        one.until(lambda diff: diff.files == ())


def test_a_worktree_that_vanishes_is_said_in_a_sentence(lab: Lab, tree: Path) -> None:
    lab.write({"n": "n\n"}, tree)
    with following(tree, lab.at("main")) as one:
        one.until(lambda diff: len(diff.files) == 1)
        aside = tree.with_name("aside")
        tree.rename(aside)
        gone = one.until(lambda diff: diff.error != "")
        assert "is gone" in gone.error
        assert gone.files == ()
        aside.rename(tree)
        assert one.until(lambda diff: not diff.error).files[0].key == "n"


def test_closing_needs_no_start_and_may_come_from_the_thread_itself(lab: Lab, tree: Path) -> None:
    before = psutil.Process().children()
    never = LiveDiff(tree, lab.at("main"), "x", lambda: None)
    never.close()
    never.start()
    assert "aurora-live-diff" not in {thread.name for thread in threading.enumerate()}
    closed = threading.Event()
    itself: list[LiveDiff] = []

    def close() -> None:
        itself[0].close()
        closed.set()

    itself.append(LiveDiff(tree, lab.at("main"), "x", close))
    itself[0].start()
    assert closed.wait(DEADLINE)
    itself[0].close()
    assert psutil.Process().children() == before


def test_a_look_that_fails_in_any_way_is_shown_and_done_again(
    lab: Lab, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    problems = [ValueError("three \x1b[2J"), MemoryError("two"), OSError("one")]
    real = KnownFiles.look

    def look(known: KnownFiles, paths: tuple[str, ...] = ()) -> bool:
        if problems:
            raise problems.pop()
        return real(known, paths)

    monkeypatch.setattr(KnownFiles, "look", look)
    monkeypatch.setattr("engine.live_diff.AGAIN_AFTER", 0.01)
    lab.write({"n": "n\n"}, tree)
    with following(tree, lab.at("main")) as one:
        one.until(lambda diff: len(diff.files) == 1)
        errors = [diff.error for diff in one.seen]
    assert errors[0] == "one"
    assert errors[1:3] == [
        "the diff could not be read: MemoryError: two",
        "the diff could not be read: ValueError: three ",
    ]
    assert errors[-1] == ""


def test_a_follower_that_cannot_start_is_said_and_started_again(
    lab: Lab, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = LiveDiff.start
    problems = [RuntimeError("can't start new thread")]

    def start(live: LiveDiff) -> None:
        if problems:
            raise problems.pop()
        real(live)

    monkeypatch.setattr(LiveDiff, "start", start)
    monkeypatch.setattr("aurora_tui.diffs.AGAIN_AFTER", 0.01)
    lab.write({"n": "n\n"}, tree)
    news = threading.Event()
    diffs = Diffs(lab.repo, lab.worktrees, news.set)
    task = snapshots.task("auth", TaskState.RUNNING, worker="w1", base=lab.at("main"))
    said = []
    diffs.want(task)
    try:
        while not (diffs.latest and diffs.latest.files):
            assert news.wait(DEADLINE), said
            news.clear()
            if diffs.latest is not None:
                said.append(diffs.latest.error)
            diffs.want(task)
    finally:
        diffs.close()
    assert said[0] == "the diff cannot be shown: RuntimeError: can't start new thread"


def test_what_a_failed_look_was_told_of_is_read_by_the_next(
    lab: Lab, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = KnownFiles.look

    def look(known: KnownFiles, paths: tuple[str, ...] = ()) -> bool:
        if "first" in paths:
            one.live._heard("w1", frozenset({"second"}))
            raise OSError("not now")
        return real(known, paths)

    monkeypatch.setattr(KnownFiles, "look", look)
    monkeypatch.setattr("engine.live_diff.SWEEP_EVERY", 1000.0)
    monkeypatch.setattr("engine.watch._watching_process", broken)
    monkeypatch.setattr("engine.live_diff.POLL_EVERY", 1000.0)
    with following(tree, lab.at("main")) as one:
        one.until(lambda diff: True)
        lab.write({"first": "1\n", "second": "2\n"}, tree)
        assert one.live._loop is not None
        one.live._loop.call_soon_threadsafe(one.live._heard, "w1", frozenset({"first"}))
        one.until(lambda diff: diff.error == "not now")
        assert [file.key for file in one.until(lambda diff: not diff.error).files] == ["first", "second"]


def test_without_a_watcher_the_worktree_is_looked_at_often(
    lab: Lab, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.watch._watching_process", broken)
    monkeypatch.setattr("engine.live_diff.POLL_EVERY", 0.02)
    with following(tree, lab.at("main")) as one:
        one.until(lambda diff: True)
        lab.write({"n": "n\n"}, tree)
        one.until(lambda diff: len(diff.files) == 1)


def test_idle_costs_nothing(lab: Lab, tree: Path) -> None:
    with following(tree, lab.at("main")) as one:
        one.until(lambda diff: True)
        lab.write({"n": "n\n"}, tree)
        one.until(lambda diff: len(diff.files) == 1)
        told = len(one.seen)
        quiet = threading.Event()
        quiet.wait(0.4)
        before = time.process_time()
        quiet.wait(1)
        assert time.process_time() - before < 0.1
        assert len(one.seen) == told
