"""Logs another process appends to: every line is found, cleaned, wherever the bytes were split."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import log_file
from engine.log_file import LONGEST, LogFile
from engine.tails import Tails
from engine.text import clean

PIECES = st.lists(
    st.sampled_from(
        [b"\n", b"\r\n", b"\r", b"ok ", b"\xf0\x9f", b"\x98\x80", b"\x1b[31m",
         b"\x1b]52;c;aGk=\x07", b"\xc2\x9b2J", "日本".encode(), b"\t", b"\xff"]
    ),
    max_size=40,
)  # fmt: skip


def lines_of(log: LogFile) -> list[str]:
    """All lines that can be read."""
    return [log.line(number) for number in range(log.dropped, log.count)]


def expected(data: bytes) -> list[str]:
    """The lines of the whole, cleaned one by one."""
    lines = data.split(b"\n")
    return [clean(line.rstrip(b"\r")).replace("\n", " ") for line in (lines if lines[-1] else lines[:-1])]


@settings(max_examples=200, deadline=None)
@given(PIECES, st.lists(st.integers(1, 5), min_size=1, max_size=40))
def test_any_split_gives_the_same_lines(pieces: list[bytes], sizes: list[int]) -> None:
    data = b"".join(pieces)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log"
        log, at, turn = LogFile(path), 0, 0
        while at < len(data):
            with path.open("ab") as file:
                file.write(data[at : at + sizes[turn % len(sizes)]])
            at += sizes[turn % len(sizes)]
            turn += 1
            assert log.grow()
            lines_of(log)
        with path.open("ab") as file:
            file.write(b"\n")
        log.grow()
        assert lines_of(log) == expected(data + b"\n")
        assert not log.grow()
        log.close()


def test_nothing_a_terminal_obeys_comes_out(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"a\x1b]52;c;aGk=\x07b\x1b[2Jc\xc2\x9b1md\x00\x07\n50%\r100%\n")
    log = LogFile(tmp_path / "log")
    log.grow()
    assert lines_of(log) == ["abcd", "100%"]
    assert log.matches("abc") == [0]
    log.close()


def test_a_process_that_appends_is_followed(tmp_path: Path) -> None:
    path = tmp_path / "log"
    script = "import sys,time\nfor n in range(300):\n    print('line', n, flush=True)\n"
    with path.open("ab") as out:
        writer = subprocess.Popen([sys.executable, "-c", script], stdout=out)
    log, end = LogFile(path), time.monotonic() + 30
    while writer.poll() is None and time.monotonic() < end:
        log.grow()
        lines_of(log)
    assert writer.wait() == 0
    log.grow()
    assert lines_of(log) == [f"line {number}" for number in range(300)]
    log.close()


def test_only_the_newest_lines_are_kept_and_their_numbers_stay_true(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_file, "MOST_LINES", 1_000)
    path = tmp_path / "log"
    path.write_text("".join(f"line {number}\n" for number in range(5_000)))
    log = LogFile(path)
    while log.grow():
        pass
    assert (log.dropped, log.count) == (4_000, 5_000)
    assert log.line(4_999) == "line 4999"
    assert log.line(3_999) == ""
    assert log.matches("line 4242") == [4_242]
    log.close()


def test_a_log_that_was_cut_or_replaced_starts_over(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("one\ntwo\n")
    log = LogFile(path)
    log.grow()
    path.write_text("new\n")
    log.grow()
    assert lines_of(log) == ["new"]
    path.unlink()
    path.write_text("other file\n")
    log.grow()
    assert lines_of(log) == ["other file"]
    log.close()


def test_a_missing_log_has_no_lines_and_a_huge_line_is_cut(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "none")
    assert not log.grow()
    assert (log.count, log.line(0)) == (0, "")
    (tmp_path / "wide").write_text("x" * 1_000_000)
    wide = LogFile(tmp_path / "wide")
    wide.grow()
    assert wide.line(0).startswith("x" * LONGEST)
    assert len(wide.line(0)) < LONGEST + 100
    wide.close()


def test_search_finds_capitals_only_where_the_search_has_some(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("Error\nerror\nnone\n")
    log = LogFile(tmp_path / "log")
    log.grow()
    assert log.matches("error") == [0, 1]
    assert log.matches("Error") == [0]
    assert log.matches("") == []
    log.close()


def test_the_last_line_of_many_logs(tmp_path: Path) -> None:
    paths = {name: tmp_path / name for name in ("a", "b", "none")}
    paths["a"].write_bytes(b"first\nsecond \x1b[31mred\x1b[0m\n\n   \n")
    paths["b"].write_bytes(b"\xe6\x97\xa5" * 3_000 + b"\n10%\r99%")
    tails = Tails()
    assert tails.look(paths) == {"a": "second red", "b": "99%", "none": ""}
    with paths["a"].open("ab") as file:
        file.write(b"third\n")
    assert tails.look(paths)["a"] == "third"
