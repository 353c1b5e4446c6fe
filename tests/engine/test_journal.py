"""The journal stores what happened and gives it back unchanged; damage is explained."""

from __future__ import annotations

from pathlib import Path

import pytest
from world import World, make_plan

from engine import events as ev
from engine import intents
from engine.errors import EngineError
from engine.journal import Journal
from engine.model import Verdict
from engine.plan import TaskSpec
from engine.wire import TYPE_OF_EVENT, decode_event, decode_snapshot, encode_event, encode_snapshot, kind_of


def lived_through() -> World:
    tasks = [TaskSpec(id=c, prompt=f"Ü {c}\n", files=(f"{c}.py",), agent="script") for c in "abc"]
    world = World(make_plan(tasks), fails={("a", 1)}, conflicts={("b", 1)})
    world.run()
    return world


def test_events_come_back_as_they_were_stored(tmp_path: Path) -> None:
    log = lived_through().log
    journal = Journal(tmp_path / "journal.db")
    journal.append("r1", log[:3])
    last = journal.append("r1", log[3:])
    journal.append("r2", log[:1])
    assert [event for _, event in journal.events("r1")] == log
    assert journal.runs() == ("r1", "r2")
    assert journal.last_seq() == last + 1
    assert len(journal.rows_since(last)) == 1
    journal.close()


def test_every_kind_of_event_is_on_the_wire() -> None:
    samples = {
        "CandidateTested": ev.CandidateTested(
            at=1.5, candidate="c1", commit="a", tree="b", verdict=Verdict.TIMEOUT, seconds=2.0
        ),
        "AddTask": intents.AddTask(at=1.0, spec=TaskSpec(id="x", prompt="p", after=("y",))),
        "ChainBuilt": ev.ChainBuilt(
            at=1.0,
            candidate="c",
            base="b",
            base_tree="t",
            steps=(ev.ChainStep("a", "1", "2", "3"),),
            conflicts={"z": ("q",)},
        ),
    }
    for kind, event in samples.items():
        assert kind_of(event) == kind
        assert decode_event(kind, encode_event(event)) == event
    assert "Shutdown" in TYPE_OF_EVENT
    assert "Intent" not in TYPE_OF_EVENT


def test_a_snapshot_crosses_the_wire() -> None:
    snapshot = lived_through().snapshot()
    assert decode_snapshot(encode_snapshot(snapshot)) == snapshot


def test_a_damaged_journal_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    path.write_bytes(b"this is no database at all" * 100)
    with pytest.raises(EngineError, match="cannot be used") as damaged:
        Journal(path)
    assert "refs/aurora are safe" in str(damaged.value.hint)


def test_a_journal_of_another_version_is_refused(tmp_path: Path) -> None:
    import sqlite3

    path = tmp_path / "journal.db"
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version=99")
    db.close()
    with pytest.raises(EngineError, match="another version of Aurora"):
        Journal(path)
