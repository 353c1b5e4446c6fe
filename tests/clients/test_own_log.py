"""Programs that tell only in a log of their own that their provider gives no answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.clients.own_log import OwnLogReader
from engine.clients.presets import PRESETS
from engine.clients.reports import RateLimited, Report, Retrying, Trouble
from engine.clients.stream import ErrorReader

QWEN = PRESETS["qwen"].own_log
LINES = """2026-11-26T04:42:49.434Z [ERROR] [OPENAI_ERROR] OpenAI API Error: 500 No
2026-11-26T04:42:49.469Z [ERROR] [RETRY] Attempt 1 failed with status 500. Retrying with backoff... Error: 500 No
    at somewhere
2026-11-26T04:42:53.713Z [WARN] [RETRY] Attempt 2 failed with status 429. Retrying after explicit delay of 1000ms...
"""


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The log of conversation s1."""
    monkeypatch.setenv("QWEN_HOME", str(tmp_path))
    (tmp_path / "debug").mkdir()
    return tmp_path / "debug" / "s1.txt"


def reports(data: bytes) -> list[Report]:
    return [report for _, found in ErrorReader().feed(data) for report in found]


def test_what_is_added_is_read_as_if_it_were_standard_error(log: Path) -> None:
    assert QWEN is not None
    reader = OwnLogReader(QWEN)
    assert reader.read("s1") == b"", "there is none yet"
    log.write_text(LINES[:-30])
    first = reader.read("s1")
    with log.open("a") as file:
        file.write(LINES[-30:])
    found = reports(first + reader.read("s1"))
    reader.close()
    assert [type(one) for one in found] == [Retrying, RateLimited]
    assert isinstance(found[0], Retrying)
    assert isinstance(found[1], RateLimited)
    assert (found[0].kind, found[0].words) == (Trouble.SERVER, "the provider answers 500, try 1")
    assert found[1].seconds == 1.0


def test_what_an_earlier_process_of_the_conversation_met_is_not_told_again(log: Path) -> None:
    assert QWEN is not None
    log.write_text(LINES)
    reader = OwnLogReader(QWEN, skip="s1")
    assert reader.read("s1") == b""
    reader.close()
