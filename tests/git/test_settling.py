"""Conflicts that need no person: remembered ones, and those a syntax-aware merge can settle."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from git_lab import Lab

from engine import syntax_merge
from engine.conflict_desk import Desk
from engine.conflict_model import Decision, Source, Take
from engine.merging import merge
from engine.settling import settle_by_rules

BASE = "one\ntwo\nthree\nfour\nfive\n"
L, B = BASE.replace("two", "two L"), BASE.replace("two", "two B")


@pytest.fixture
def sides(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """(branch commit, landed commit) in conflict, and no mergiraf."""
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    lab.commit({"a.txt": BASE})
    return lab.branch({"a.txt": B}), lab.branch({"a.txt": L})


def tool(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mergiraf that does what a script says: $2 $3 $4 are base, left and right, the path comes after -p."""
    program = folder / "mergiraf"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/usr/bin:/bin")


def test_what_was_settled_before_is_settled_again(lab: Lab, sides: tuple[str, str]) -> None:
    branch, landed = sides
    assert settle_by_rules(lab.repo, "r1", "ui", branch, landed) is None
    desk = Desk.open(lab.repo, "r1", "ui", branch, landed)
    desk.settlement.decide(("a.txt", 0), Decision(Take.BOTH))
    desk.finish()
    desk.discard()
    settled = settle_by_rules(lab.repo, "r2", "ui", branch, landed)
    assert settled is not None
    commit, how = settled
    assert how == "as it was settled before"
    assert merge(lab.repo, landed, commit).tree == lab.at(f"{commit}^{{tree}}")
    assert lab.files(commit)["a.txt"] == "one\ntwo L\ntwo B\nthree\nfour\nfive"


def test_what_a_person_has_begun_is_left_to_the_person(lab: Lab, sides: tuple[str, str]) -> None:
    branch, landed = sides
    desk = Desk.open(lab.repo, "r1", "ui", branch, landed)
    desk.settlement.decide(("a.txt", 0), Decision(Take.BRANCH))
    desk.save()
    assert settle_by_rules(lab.repo, "r1", "ui", branch, landed) is None
    assert Desk.open(lab.repo, "r1", "ui", branch, landed).settlement.settled(("a.txt", 0))


def test_a_syntax_aware_merge_settles(
    lab: Lab, sides: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool(tmp_path, 'sed "s/two L/two L and B/" "$3"', monkeypatch)
    settled = settle_by_rules(lab.repo, "r1", "ui", *sides)
    assert settled is not None
    assert settled[1] == "by its syntax"
    assert lab.files(settled[0])["a.txt"] == "one\ntwo L and B\nthree\nfour\nfive"
    assert "a syntax-aware merge" in lab.git("log", "-1", "--format=%s", settled[0])


@pytest.mark.parametrize(
    "script",
    [
        "exit 1",
        'cat "$3"; exit 1',
        'printf "one\\n<<<<<<< landed\\nx\\n=======\\ny\\n>>>>>>> branch\\n"',
        ":",
        'cat "$3"; kill -SEGV $$',
        'cat "$3"; exec sleep 60',
        'cat "$3"; printf "\\0\\n"',
        'cat "$3"; printf "\\377\\n"',
        'head -n 3 "$3"',
    ],
)
def test_one_that_fails_leaves_it_to_a_person(
    lab: Lab, sides: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    tool(tmp_path, script, monkeypatch)
    monkeypatch.setattr(syntax_merge, "SECONDS", 0.5)
    assert settle_by_rules(lab.repo, "r1", "ui", *sides) is None


def test_the_line_ends_of_the_sides_stay(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.commit({"a.txt": BASE.replace("\n", "\r\n").encode()})
    branch = lab.branch({"a.txt": B.replace("\n", "\r\n").encode()})
    landed = lab.branch({"a.txt": L.replace("\n", "\r\n").encode()})
    tool(tmp_path, 'test "$5 $6" = "-p a.txt" && sed "s/two L/two L and B/" "$3"', monkeypatch)
    settled = settle_by_rules(lab.repo, "r1", "ui", branch, landed)
    assert settled is not None
    content = lab.git("show", f"{settled[0]}:a.txt")
    assert content.count("\r") == content.count("\n") + ("\r" in content.rsplit("\n", 1)[-1])


def test_what_could_be_settled_in_part_stands_as_a_proposal(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.commit({"a.txt": BASE, "b.bin": b"\0"})
    branch, landed = lab.branch({"a.txt": B, "b.bin": b"\0B"}), lab.branch({"a.txt": L, "b.bin": b"\0L"})
    tool(tmp_path, 'sed "s/two L/two L and B/" "$3"', monkeypatch)
    assert settle_by_rules(lab.repo, "r1", "ui", branch, landed) is None
    proposed = Desk.open(lab.repo, "r1", "ui", branch, landed).settlement.decision(("a.txt", 0))
    assert proposed is not None
    assert (proposed.source, proposed.accepted) == (Source.SYNTAX, False)
