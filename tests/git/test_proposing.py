"""What a merge agent is given and what is taken of its work, for every kind of conflict."""

from __future__ import annotations

from pathlib import Path

import pytest
from git_lab import Lab

from engine.conflict_desk import Desk
from engine.conflict_model import WHOLE, Decision, Key, Source, Take
from engine.errors import RepoError
from engine.proposing import Given, give, merge_prompt, proposals

BASE = "".join(f"{n}\n" for n in range(1, 21))


def text(**changed: str) -> str:
    """Twenty lines, some changed: text(n5="x")."""
    return "".join(changed.get(f"n{n}", str(n)) + "\n" for n in range(1, 21))


class Bench:
    """A conflict, and the agent's worktree on it."""

    def __init__(self, lab: Lab, branch: dict[str, str | bytes | None], landed: dict[str, str | bytes | None]) -> None:
        self.lab = lab
        self.commits = (lab.branch(branch), lab.branch(landed))

    def desk(self) -> Desk:
        """The desk anew."""
        return Desk.open(self.lab.repo, "r1", "ui", *self.commits)

    def begin(self) -> tuple[Given, Path]:
        """What is given, checked out."""
        given = give(self.desk())
        return given, self.lab.worktrees.prepare_detached("merge", given.commit)

    def take(self, given: Given, tree: Path) -> dict[Key, Decision]:
        """What is proposed."""
        return proposals(self.desk(), given, tree)[0]


@pytest.fixture
def two_hunks(lab: Lab) -> Bench:
    """One file with two conflicts."""
    lab.commit({"a.txt": BASE})
    return Bench(lab, {"a.txt": text(n5="B5", n15="B15")}, {"a.txt": text(n5="L5", n15="L15")})


def test_both_sides_are_labelled_and_each_hunk_is_proposed_by_itself(two_hunks: Bench) -> None:
    given, tree = two_hunks.begin()
    shown = (tree / "a.txt").read_text()
    assert shown.count("<<<<<<< landed: ") == 2
    assert shown.count(">>>>>>> branch: ui") == 2
    (tree / "a.txt").write_text(text(n5="both", n15="B15"))
    found = two_hunks.take(given, tree)
    assert found == {
        ("a.txt", 0): Decision(Take.EDITED, ("both\n",), source=Source.AGENT, accepted=False),
        ("a.txt", 1): Decision(Take.BRANCH, source=Source.AGENT, accepted=False),
    }


def test_what_was_decided_before_stays_and_is_not_asked_again(two_hunks: Bench) -> None:
    desk = two_hunks.desk()
    desk.settlement.decide(("a.txt", 0), Decision(Take.LANDED))
    desk.save()
    given, tree = two_hunks.begin()
    shown = (tree / "a.txt").read_text()
    assert shown.count("<<<<<<<") == 1
    assert "L5" in shown
    (tree / "a.txt").write_text(text(n5="changed", n15="new"))
    two_hunks.desk().propose(two_hunks.take(given, tree))
    settlement = two_hunks.desk().settlement
    assert settlement.decisions["a.txt", 0] == Decision(Take.LANDED)
    assert settlement.decisions["a.txt", 1].lines == ("new\n",)
    assert settlement.open_keys() == (("a.txt", 1),)


def test_a_file_that_is_settled_is_given_as_it_was_settled(lab: Lab) -> None:
    lab.commit({"a.txt": BASE, "b.txt": BASE})
    sides = [{name: text(n5=side) for name in ("a.txt", "b.txt")} for side in ("B5", "L5")]
    bench = Bench(lab, *sides)  # type: ignore[arg-type]
    desk = bench.desk()
    desk.settlement.decide(("a.txt", 0), Decision(Take.BOTH))
    desk.save()
    given, tree = bench.begin()
    assert [file.path for file in given.files] == ["b.txt"]
    assert (tree / "a.txt").read_text() == text(n5="L5\nB5")
    assert (tree / "b.txt").read_text().count("<<<<<<<") == 1


def test_proposals_are_taken_once_and_are_one_step_to_undo(two_hunks: Bench) -> None:
    given, tree = two_hunks.begin()
    (tree / "a.txt").write_text(text(n5="x", n15="y"))
    desk = two_hunks.desk()
    desk.propose(two_hunks.take(given, tree))
    assert desk.take_proposals() == 2
    assert desk.take_proposals() == 0
    assert desk.settlement.undo()
    assert desk.settlement.decisions == {}
    desk.save()
    assert two_hunks.desk().settlement.decisions == {}


def test_lines_changed_around_the_hunks_become_one_edit_of_the_file(two_hunks: Bench) -> None:
    given, tree = two_hunks.begin()
    (tree / "a.txt").write_text("all new\n")
    assert two_hunks.take(given, tree) == {
        ("a.txt", WHOLE): Decision(Take.EDITED, ("all new\n",), source=Source.AGENT, accepted=False)
    }


def test_a_file_with_a_marker_left_is_not_taken_but_others_are(lab: Lab) -> None:
    lab.commit({"a.txt": BASE, "b.txt": BASE})
    both = {name: text(n5="B") for name in ("a.txt", "b.txt")}
    bench = Bench(lab, dict(both), {name: text(n5="L") for name in both})
    given, tree = bench.begin()
    (tree / "a.txt").write_text(text(n5="LB"))
    found, why = proposals(bench.desk(), given, tree)
    assert list(found) == [("a.txt", 0)]
    assert why == "it left b.txt unsettled"


@pytest.mark.parametrize("landed_deletes", [True, False])
def test_a_deleted_file_is_deleted_edited_or_left(lab: Lab, landed_deletes: bool) -> None:
    lab.commit({"a.txt": BASE})
    sides: list[dict[str, str | bytes | None]] = [{"a.txt": text(n5="new")}, {"a.txt": None}]
    bench = Bench(lab, *(sides if landed_deletes else sides[::-1]))
    given, tree = bench.begin()
    assert (tree / "a.txt").read_text() == text(n5="new")
    assert bench.take(given, tree) == {}
    (tree / "a.txt").write_text("moved\n")
    assert bench.take(given, tree)["a.txt", WHOLE].lines == ("moved\n",)
    (tree / "a.txt").unlink()
    gone = Take.LANDED if landed_deletes else Take.BRANCH
    assert bench.take(given, tree) == {("a.txt", WHOLE): Decision(gone, source=Source.AGENT, accepted=False)}


def test_bytes_and_links_are_left_to_a_person(lab: Lab) -> None:
    lab.commit({"logo.bin": b"\0a", "a.txt": BASE})
    bench = Bench(lab, {"logo.bin": b"\0b", "a.txt": text(n5="B")}, {"logo.bin": b"\0l", "a.txt": text(n5="L")})
    given, tree = bench.begin()
    assert [file.path for file in given.files] == ["a.txt"]
    assert "logo" not in merge_prompt(bench.desk(), given, {})
    (tree / "a.txt").write_text(text(n5="x"))
    (tree / "logo.bin").write_bytes(b"\0x")
    with pytest.raises(RepoError, match=r"not in conflict: logo\.bin"):
        bench.take(given, tree)
    only = Bench(lab, {"logo.bin": b"\0b"}, {"logo.bin": b"\0l"})
    with pytest.raises(RepoError, match="not text"):
        give(only.desk())


def test_line_endings_come_back_as_git_stores_them(lab: Lab) -> None:
    lab.commit({"a.txt": BASE, ".gitattributes": "a.txt text eol=crlf\n"})
    bench = Bench(lab, {"a.txt": text(n5="B")}, {"a.txt": text(n5="L")})
    given, tree = bench.begin()
    assert b"1\r\n2\r\n" in (tree / "a.txt").read_bytes()
    (tree / "a.txt").write_bytes(text(n5="both").replace("\n", "\r\n").encode())
    assert bench.take(given, tree)["a.txt", 0].lines == ("both\n",)


def test_nothing_of_the_person_s_is_touched(two_hunks: Bench) -> None:
    lab = two_hunks.lab
    before = (lab.git("for-each-ref"), lab.git("status", "--porcelain"), lab.git("rev-parse", "HEAD"))
    given, tree = two_hunks.begin()
    (tree / "a.txt").write_text(text(n5="x", n15="y"))
    two_hunks.desk().propose(two_hunks.take(given, tree))
    assert (lab.git("for-each-ref"), lab.git("status", "--porcelain"), lab.git("rev-parse", "HEAD")) == before
