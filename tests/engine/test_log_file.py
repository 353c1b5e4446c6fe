"""Logs that other processes append to: their lines, searches in them, and the newest line of many."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import log_file
from engine.log_file import LONGEST, MOST_LINES, LogFile
from engine.tails import Tails
from engine.text import clean

DEADLINE = 30.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "auth.1.log"


def wait_until(what: Callable[[], object]) -> None:
    end = time.monotonic() + DEADLINE
    while not what():
        assert time.monotonic() < end


def add(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def grown(path: Path) -> LogFile:
    log = LogFile(path)
    while log.grow():
        pass
    return log


def lines(log: LogFile) -> list[str]:
    return [log.line(number) for number in range(log.dropped, log.count)]


def alone(data: bytes) -> list[str]:
    """The lines of a whole log, each cleaned by itself."""
    whole = data.split(b"\n")
    return [clean(line).replace("\n", " ") for line in (whole if whole[-1] else whole[:-1])]


# --- growing ---


def test_no_file_has_no_lines(path: Path) -> None:
    log = LogFile(path)
    assert not log.grow()
    assert (log.count, log.line(0), log.matches("x"), log.find("x", 0, 1)) == (0, "", [], None)
    path.touch()
    assert not log.grow()
    add(path, b"first\n")
    assert log.grow()
    assert lines(log) == ["first"]
    log.close()


def test_an_unfinished_line_counts_and_changes(path: Path) -> None:
    add(path, b"one\ntw")
    log = grown(path)
    assert lines(log) == ["one", "tw"]
    add(path, b"o")
    assert log.grow()
    assert lines(log) == ["one", "two"]
    assert log.line(2) == ""
    add(path, b"\nthree")
    assert log.grow()
    assert not log.grow()
    assert lines(log) == ["one", "two", "three"]
    log.close()


def test_half_a_character_is_not_shown(path: Path) -> None:
    snowman = "☃".encode()
    add(path, b"a " + snowman[:2])
    log = grown(path)
    assert lines(log) == ["a "]
    add(path, snowman[2:])
    assert log.grow()
    assert lines(log) == ["a ☃"]
    log.close()


@pytest.mark.parametrize(
    ("raw", "seen"),
    [
        (b"crlf\r\n", "crlf"),
        (b" 10%\r 50%\r100%\n", "100%"),
        (b"\x1b[1;31mred\x1b[0m\n", "red"),
        (b"\x1b]52;c;aGVsbG8=\x07after\n", "after"),
        (b"\x1b]2;title\x1b\\after\n", "after"),
        ("\x9b31mc1\x9d2;t\x9c\n".encode(), "c1"),
        (b"raw c1 \x9b31m\n", "raw c1 \ufffd31m"),
        ("tab\t日本語 👩‍👩‍👧 é\n".encode(), "tab\t日本語 👩‍👩‍👧 é"),
        ("one\u2028line\n".encode(), "one line"),
        (b"\n", ""),
    ],
)
def test_lines_are_clean(path: Path, raw: bytes, seen: str) -> None:
    add(path, raw)
    log = grown(path)
    assert lines(log) == [seen]
    log.close()


def test_what_is_cut_or_replaced_starts_over(path: Path) -> None:
    add(path, b"old 1\nold 2\nold 3\n")
    log = grown(path)
    path.write_bytes(b"")
    assert log.grow()
    assert log.count == 0
    add(path, b"new\n")
    assert log.grow()
    assert lines(log) == ["new"]
    path.write_bytes(b"longer than what was there\nbefore\n")
    assert log.grow()
    assert lines(log) == ["longer than what was there", "before"]
    other = path.with_suffix(".new")
    other.write_bytes(b"another file\n")
    other.replace(path)
    assert log.grow()
    assert lines(log) == ["another file"]
    path.unlink()
    assert log.grow()
    assert log.count == 0
    assert not log.grow()
    log.close()


def test_a_closed_log_reads_nothing_until_it_grows(path: Path) -> None:
    add(path, b"one\n")
    log = grown(path)
    log.close()
    assert log.line(0) == ""
    log.close()
    assert not log.grow()
    assert log.line(0) == "one"
    log.close()


def test_a_very_long_line_is_cut_and_says_so(path: Path) -> None:
    add(path, b"x" * 3_000_000 + b"\nnext\n")
    log = grown(path)
    assert log.line(0) == "x" * LONGEST + " … (a line of 3,000,001 bytes)"
    assert log.line(1) == "next"
    log.close()


def test_a_progress_bar_of_any_length_shows_what_was_drawn_last(path: Path) -> None:
    add(path, b"".join(b"\r%d%% of the wheels \xe2\x9c\x93" % n for n in range(5_000)))
    log = grown(path)
    assert lines(log) == ["4999% of the wheels ✓"]
    add(path, b"\r\n")
    assert log.grow()
    assert lines(log) == ["4999% of the wheels ✓"]
    log.close()


def test_only_the_newest_lines_are_kept_and_keep_their_numbers(path: Path) -> None:
    path.write_bytes(b"".join(b"line %d\n" % n for n in range(150_000)))
    log = grown(path)
    assert (log.count, log.dropped) == (150_000, 150_000 - MOST_LINES)
    assert log.line(log.dropped) == f"line {log.dropped}"
    assert log.line(149_999) == "line 149999"
    assert log.line(log.dropped - 1) == ""
    assert log.find("line 60000", 149_999, -1) == 60_000
    assert log.find("line 60000", 0, 1) == 60_000
    assert log.find("line 4000", 149_999, -1) is None
    assert log.matches("99") == [n for n in range(log.dropped, 150_000) if "99" in str(n)]
    assert log.matches("line", 10) == list(range(149_990, 150_000))
    assert log.matches("line", first=149_998) == [149_998, 149_999]
    log.close()


def test_it_grows_in_bounded_steps(path: Path) -> None:
    size = log_file.GROWN_AT_ONCE
    path.write_bytes((b"x" * 99 + b"\n") * (2 * size // 100 + 1))
    log = LogFile(path)
    assert log.grow()
    first = log.count
    assert log.grow()
    assert log.count <= 2 * first
    assert log.grow()
    assert log.count == 2 * size // 100 + 1
    assert not log.grow()
    log.close()


PIECES = st.lists(
    st.sampled_from(
        [b"a", b"B", b" ", b"\t", b"\n", b"\n", b"\r", b"\r\n", b"\x07", b"\xff", b"m", b"["]
        + [b"\x1b", b"\x1b[31m", b"\x1b[3", b"\x1b]0;t", b"\x1bP", b"\x1b\\", b"\xc2\x9b1m", b"\xc2\x90", b"\xc2\x85"]
        + [part.encode() for part in ("é", "日本", "👩‍👧", "\u2028", "\u202e", "\ufeff")]
    )
    | st.binary(max_size=3),
    max_size=40,
)


@settings(deadline=None, max_examples=200)
@given(
    pieces=PIECES, cuts=st.lists(st.integers(0, 150), max_size=6), wanted=st.sampled_from(["a", "B", "m", "日", "3"])
)
def test_any_bytes_in_any_pieces_give_the_lines_of_the_whole(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes], cuts: list[int], wanted: str
) -> None:
    data = b"".join(pieces)
    path = tmp_path_factory.getbasetemp() / "stream.log"
    path.write_bytes(b"")
    log = LogFile(path)
    steps = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    for start, end in pairwise(steps):
        add(path, data[start:end])
        assert log.grow()
        assert all("\n" not in line and "\x1b" not in line for line in lines(log))
    expected = alone(data + b"\n") if data and not data.endswith(b"\n") else alone(data)
    if data and not data.endswith(b"\n"):
        add(path, b"\n")
        assert log.grow()
    assert lines(log) == expected
    exact = wanted != wanted.lower()
    having = [n for n, line in enumerate(expected) if wanted in (line if exact else line.lower())]
    assert log.matches(wanted) == having
    assert [log.find(wanted, n, 1) for n in having] == having
    assert [log.find(wanted, n, -1) for n in having] == having
    log.close()


@pytest.mark.parametrize("at_once", [1, 7, 64])
def test_searching_in_any_steps_finds_the_same(path: Path, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    add(path, b"".join(b"%s %d\n" % (b"Needle" if n % 7 == 0 else b"hay", n) for n in range(200)) + b"needle")
    log = grown(path)
    monkeypatch.setattr(log_file, "SEARCHED_AT_ONCE", at_once + 7)
    every = [*range(0, 200, 7), 200]
    assert log.matches("needle") == every
    assert log.matches("Needle") == every[:-1]
    assert log.matches("needle", 3) == every[-3:]
    assert [log.find("needle", n, 1) for n in range(200)] == [min(e for e in every if e >= n) for n in range(200)]
    assert [log.find("needle", n, -1) for n in range(201)] == [max(e for e in every if e <= n) for n in range(201)]
    assert log.find("needle", 201, 1) is None
    assert log.find("needle", -1, -1) is None
    assert log.matches("") == log.matches("1\nhay") == []
    log.close()


# --- with others at the file ---

WRITER = """
import os, sys, time
data = "".join(f"{n} \\x1b[32mgrün\\x1b[0m 日本語 👩‍👧\\r\\n" for n in range(3000)).encode() + b"end"
out = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
at = 0
while at < len(data):
    at += os.write(out, data[at:at + 1 + at % 1013])
"""


def test_another_process_appends_while_it_is_read(path: Path) -> None:
    log = LogFile(path)
    with subprocess.Popen([sys.executable, "-c", WRITER, str(path)]) as writer:
        before = 0

        def done() -> bool:
            nonlocal before
            log.grow()
            now = log.count
            assert now >= before
            before = now
            assert not any("\ufffd" in log.line(n) for n in range(max(0, now - 3), now))
            return now > 3000 and log.line(3000) == "end"

        wait_until(done)
        assert writer.wait(DEADLINE) == 0
    assert lines(log) == [*(f"{n} grün 日本語 👩‍👧" for n in range(3000)), "end"]
    log.close()


def test_reading_searching_and_growing_at_the_same_time(path: Path) -> None:
    total = 20_000
    path.write_bytes(b"")
    log = LogFile(path)
    faults: list[object] = []
    finished = threading.Event()

    def grow() -> None:
        for start in range(0, total, 100):
            add(path, b"".join(b"line %d\n" % n for n in range(start, start + 100)))
            log.grow()
        finished.set()

    def search() -> None:
        while not finished.is_set():
            found = log.matches("line", total)
            if found != list(range(len(found))):
                faults.append(found)

    threads = [threading.Thread(target=grow), threading.Thread(target=search)]
    for thread in threads:
        thread.start()
    while not finished.is_set():
        last = log.count - 1
        assert last < 0 or log.line(last) == f"line {last}"
    for thread in threads:
        thread.join(DEADLINE)
    assert not faults
    assert log.count == total
    log.close()


# --- the newest line of many ---


def test_the_newest_line_that_says_something(tmp_path: Path) -> None:
    logs = {name: tmp_path / name for name in ("plain", "progress", "half", "json", "blank", "split", "absent")}
    add(logs["plain"], b"first\n\x1b[1mlast\x1b[0m\n \n\n")
    add(logs["progress"], b"start\n 1%\r 2%\r 3%\r")
    add(logs["half"], "fertig ☃".encode()[:-1])
    add(logs["json"], b'{"text": "' + "日".encode() * 5000 + b'"}\n')
    add(logs["blank"], b"\n \n")
    add(logs["split"], "é".encode() * 3000 + b"x")
    seen = Tails().look(logs)
    assert seen["plain"] == "last"
    assert seen["progress"] == "3%"
    assert seen["half"] == "fertig"
    assert set(seen["json"]) == {"日"}
    assert set(seen["split"]) == {"é"}
    assert seen["blank"] == seen["absent"] == ""


def test_only_logs_that_changed_are_read(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    add(log, b"one\n")
    tails = Tails()
    assert tails.look({"a": log}) == {"a": "one"}
    stat = log.stat()
    log.write_bytes(b"ONE\n")
    os.utime(log, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert tails.look({"a": log, "b": log}) == {"a": "one", "b": "one"}
    add(log, b"two\n")
    assert tails.look({"a": log}) == {"a": "two"}
    add(log, b"\n" * 5000)
    assert tails.look({"a": log}) == {"a": "two"}
    log.write_bytes(b"\n")
    assert tails.look({"a": log}) == {"a": ""}
    assert tails.look({}) == {}
