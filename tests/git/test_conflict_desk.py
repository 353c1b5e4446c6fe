"""A conflict settled by hand: every kind, half done, gone on with, finished, remembered, and no line ever lost."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from git_lab import Lab

from engine.conflict_desk import Desk, half_done_file
from engine.conflict_model import WHOLE, Clean, Decision, Kind, Settlement, Side, Take, decoded, taken
from engine.errors import RepoError
from engine.merging import merge
from engine.remembered import Remembered

Files = dict[str, str | bytes | None]
LINES = [f"line {n}" for n in range(30)]


def text(**changed: str) -> str:
    """Thirty lines, some replaced: text(l1="x") replaces line 1."""
    return "\n".join(changed.get(f"l{n}", line) for n, line in enumerate(LINES)) + "\n"


def conflict(lab: Lab, landed: Files, branch: Files) -> Desk:
    """The desk of task `ui` whose branch conflicts with what landed."""
    branch_commit = lab.branch(branch)
    return Desk.open(lab.repo, "r1", "ui", branch_commit, lab.branch(landed))


def settle_all(desk: Desk, take: Take) -> str:
    """Everything one way, where that makes sense, else the first offer."""
    for path, number in desk.settlement.conflict.decision_keys():
        file = desk.settlement.conflict.file(path)
        fits = number != WHOLE or take in file.offers
        desk.settlement.decide((path, number), Decision(take if fits else file.offers[0]))
    return desk.finish()


def check_merge(lab: Lab, desk: Desk, commit: str) -> None:
    """The commit merges branch and landed, and then merges cleanly into what landed."""
    told = desk.settlement.conflict
    assert lab.git("log", "-1", "--format=%P", commit) == f"{told.branch_commit} {told.onto}"
    assert merge(lab.repo, told.onto, commit).tree == lab.at(f"{commit}^{{tree}}")


NINE: tuple[Files, Files] = (
    {f"{name}.txt": text(l3=f"{name} L3", l12=f"{name} L12", l24=f"{name} L24", l28="landed only") for name in "abc"},
    {f"{name}.txt": text(l3=f"{name} B3", l12=f"{name} B12", l24=f"{name} B24", l7="branch only") for name in "abc"},
)


@pytest.fixture
def nine(lab: Lab) -> Desk:
    """Three files with three hunks each."""
    lab.commit({f"{name}.txt": text() for name in "abc"})
    return conflict(lab, *NINE)


def test_nine_hunks_one_by_one(lab: Lab, nine: Desk) -> None:
    takes = [Take.LANDED, Take.BRANCH, Take.BOTH, Take.BOTH_REVERSED, Take.NEITHER, Take.BASE]
    keys = list(nine.settlement.conflict.decision_keys())
    assert len(keys) == 9
    for key, take in zip(keys[:6], takes, strict=True):
        nine.settlement.decide(key, Decision(take))
    nine.settlement.toggle_line(keys[6], "branch", 0)
    nine.settlement.toggle_line(keys[6], "landed", 0)
    edited = nine.editor_file(keys[7])
    assert edited.suffix == ".txt"
    assert edited.read_text().count("c B12") == 1
    with pytest.raises(RepoError, match="still has conflict markers"):
        nine.read_back(keys[7], edited)
    edited.write_text("mine\nand more\n")
    nine.settlement.decide(keys[7], nine.read_back(keys[7], edited))
    with pytest.raises(RepoError, match=r"1 conflict is still open: c\.txt"):
        nine.finish()
    nine.settlement.decide(keys[8], Decision(Take.BRANCH))
    commit = nine.finish()
    check_merge(lab, nine, commit)
    files = lab.files(commit)
    clean = {"l7": "branch only", "l28": "landed only"}
    assert files["a.txt"] == text(l3="a L3", l12="a B12", l24="a L24\na B24", **clean).rstrip("\n")
    assert (
        files["b.txt"].split("\n") == text(l3="b B3\nb L3", l12="GONE", **clean).replace("GONE\n", "").split("\n")[:-1]
    )
    assert files["c.txt"] == text(l3="c B3\nc L3", l12="mine\nand more", l24="c B24", **clean).rstrip("\n")
    assert "Aurora-Task: ui" in lab.git("log", "-1", "--format=%B", commit)


def test_half_done_work_outlives_a_restart_and_a_moved_target(lab: Lab, nine: Desk) -> None:
    keys = list(nine.settlement.conflict.decision_keys())
    for key in keys[:5]:
        nine.settlement.decide(key, Decision(Take.BRANCH))
    nine.settlement.undo()
    nine.save()
    told = nine.settlement.conflict
    again = Desk.open(lab.repo, "r2", "ui", told.branch_commit, told.onto)
    assert again.settlement.decisions == nine.settlement.decisions
    assert again.settlement.redo()
    assert again.settlement.settled(keys[4])
    moved = lab.branch({"other.txt": "x\n", "a.txt": text(l3="a L3 anew", l12="a L12", l24="a L24")}, start=told.onto)
    later = Desk.open(lab.repo, "r2", "ui", told.branch_commit, moved)
    assert later.settlement.conflict.onto == moved
    assert not later.settlement.settled(("a.txt", 0)), "this hunk is another one now"
    assert later.settlement.settled(("a.txt", 1))
    assert later.settlement.settled(("b.txt", 0))
    nine.discard()
    assert not half_done_file(lab.repo, "ui").exists()


@pytest.mark.parametrize("broken", [b"", b"{", b"[]", b'{"version": 2}', b"\xff\0", b'{"version": 99}'])
def test_a_broken_file_of_half_done_work_is_as_good_as_none(lab: Lab, nine: Desk, broken: bytes) -> None:
    nine.save()
    half_done_file(lab.repo, "ui").write_bytes(broken)
    told = nine.settlement.conflict
    assert Desk.open(lab.repo, "r1", "ui", told.branch_commit, told.onto).settlement.decisions == {}


def test_nothing_to_settle_is_said(lab: Lab) -> None:
    with pytest.raises(RepoError, match="does not conflict"):
        conflict(lab, {"x.txt": "x\n"}, {"y.txt": "y\n"})


# --- kinds --------------------------------------------------------------------------------------------------------

GONE: Files = {f"old/{n}.txt": None for n in range(4)}
KINDS: dict[str, tuple[Files, Files, Files, Kind]] = {
    "content": ({}, {"a.txt": "L\n"}, {"a.txt": "B\n"}, Kind.CONTENT),
    "deleted by the branch": ({}, {"a.txt": "L\n"}, {"a.txt": None}, Kind.MODIFY_DELETE),
    "deleted by the target": ({}, {"a.txt": None}, {"a.txt": "B\n"}, Kind.MODIFY_DELETE),
    "new on both sides": ({}, {"n.txt": "same\nL\n"}, {"n.txt": "same\nB\n"}, Kind.ADD_ADD),
    "binary": ({"b.bin": b"\0base"}, {"b.bin": b"\0L"}, {"b.bin": b"\0B"}, Kind.BINARY),
    "two names": (
        {"m.txt": text()},
        {"m.txt": None, "l.txt": text()},
        {"m.txt": None, "r.txt": text()},
        Kind.RENAME_RENAME,
    ),
    "file and folder": ({}, {"thing": "file\n"}, {"thing/in.txt": "folder\n"}, Kind.FILE_DIRECTORY),
    "empty": ({"e.txt": ""}, {"e.txt": "L\n"}, {"e.txt": "B\n"}, Kind.CONTENT),
    "no line end": ({"e.txt": "x"}, {"e.txt": "L"}, {"e.txt": "B"}, Kind.CONTENT),
    "line feeds after returns": (
        {"w.txt": "a\r\nb\r\n"},
        {"w.txt": "L\r\nb\r\n"},
        {"w.txt": "B\r\nb\r\n"},
        Kind.CONTENT,
    ),
    "not text": ({"x.txt": b"\xff\n"}, {"x.txt": b"L\xfe\n"}, {"x.txt": b"B\xfd\n"}, Kind.CONTENT),
    "odd name": ({"\x01 é\udcff.txt": "x\n"}, {"\x01 é\udcff.txt": "L\n"}, {"\x01 é\udcff.txt": "B\n"}, Kind.CONTENT),
    "markers in it": ({}, {"a.txt": "<<<<<<< x\nL\n"}, {"a.txt": "=======\nB\n>>>>>>>\n"}, Kind.CONTENT),
}


@pytest.mark.parametrize("take", [Take.LANDED, Take.BRANCH])
@pytest.mark.parametrize("name", KINDS)
def test_every_kind_can_be_settled_either_way(lab: Lab, name: str, take: Take) -> None:
    before, landed, branch, kind = KINDS[name]
    if before:
        lab.commit(before)
    desk = conflict(lab, landed, branch)
    assert kind in {file.kind for file in desk.settlement.conflict.files}
    assert all(file.words and file.offers for file in desk.settlement.conflict.files)
    commit = settle_all(desk, take)
    check_merge(lab, desk, commit)
    side = desk.settlement.conflict.onto if take is Take.LANDED else desk.settlement.conflict.branch_commit
    for path in {file.path for file in desk.settlement.conflict.files}:
        assert lab.git("ls-tree", commit, "--", path) == lab.git("ls-tree", side, "--", path)


def test_a_changed_mode_on_both_sides(lab: Lab) -> None:
    lab.git("checkout", "-q", "--detach")
    lab.write({"m.sh": "x\n"})
    lab.git("add", "m.sh")
    base = lab.commit({})
    lab.git("update-index", "--chmod=+x", "m.sh")
    landed = lab.git("commit-tree", lab.git("write-tree"), "-p", base, "-m", "x")
    lab.git("reset", "-q", "--hard", base)
    branch = lab.commit({"m.sh": "y\n"})
    assert merge(lab.repo, landed, branch).tree is not None, "git settles a mode by itself"


# --- remembered ---------------------------------------------------------------------------------------------------


def test_a_resolution_comes_back_whichever_side_landed(lab: Lab) -> None:
    first = conflict(lab, {"a.txt": "L\n"}, {"a.txt": "B\n"})
    first.settlement.decide(("a.txt", 0), Decision(Take.BOTH_REVERSED))
    first.finish()
    told = first.settlement.conflict
    swapped = Desk.open(lab.repo, "r2", "other", told.onto, told.branch_commit)
    proposed = swapped.settlement.decision(("a.txt", 0))
    assert proposed is not None
    assert (proposed.take, proposed.accepted) == (Take.BOTH, False)
    assert swapped.settlement.hunk_lines(("a.txt", 0)) == ("B\n", "L\n")
    with pytest.raises(RepoError, match="open") as refused:
        swapped.finish()
    assert "accepted" in refused.value.hint
    swapped.settlement.accept(("a.txt", 0))
    assert lab.files(swapped.finish())["a.txt"] == "B\nL"
    store = Remembered.of(lab.repo)
    assert [memory.path for memory in store.listing()] == ["a.txt"]
    assert store.forget_file(told.file("a.txt")) == 1
    assert store.listing() == ()


def test_the_store_is_bounded(lab: Lab, tmp_path: Path) -> None:
    lab.commit({f"{name}.txt": text() for name in "abc"})
    desk = conflict(lab, *NINE)
    for key in desk.settlement.conflict.decision_keys():
        desk.settlement.decide(key, Decision(Take.LANDED))
    small = Remembered(tmp_path / "store", most=4)
    small.remember_all(desk.settlement)
    assert len(small.listing()) == 4


# --- who made it --------------------------------------------------------------------------------------------------


def test_explain_names_the_commits_and_tasks_of_each_side(lab: Lab) -> None:
    base = lab.commit({"a.txt": text()})
    landed = lab.branch({"a.txt": text(l3="L")}, start=base)
    tree = lab.at(f"{landed}^{{tree}}")
    landed = lab.git("commit-tree", tree, "-p", base, "-m", "Merge feat/auth: x\n\nAurora-Task: auth\n")
    desk = Desk.open(lab.repo, "r1", "ui", lab.branch({"a.txt": text(l3="B")}, start=base), landed)
    assert desk.settlement.conflict.file("a.txt").landed_by == ("auth",)
    made = desk.explain(("a.txt", 0))
    assert {(one.side, one.task) for one in made} == {("landed", "auth"), ("branch", "ui")}
    assert landed in {one.commit for one in made}


# --- no line is lost ----------------------------------------------------------------------------------------------


def random_sides(luck: random.Random) -> tuple[str, str, str]:
    """A base and two versions that differ by random edits; endings and last lines vary."""
    base = [
        luck.choice(["a", "b", "", "<<<<<<< x", "=======", "é", "\ttab"]) + str(n) for n in range(luck.randint(0, 25))
    ]
    sides = []
    for name in ("L", "B"):
        lines = list(base)
        for number in range(luck.randint(1, 5)):
            at = luck.randint(0, len(lines))
            lines[at : at + luck.randint(0, 3)] = [f"{name}{number}.{n}" for n in range(luck.randint(0, 3))]
        sides.append(lines)
    ending = luck.choice(["\n", "\r\n"])
    return tuple(ending.join(one) + (ending if luck.random() < 0.7 and one else "") for one in (base, *sides))  # type: ignore[return-value]


def side_of(settlement: Settlement, path: str, take: Take) -> bytes:
    """The text with every hunk taken from one side."""
    file = settlement.conflict.file(path)
    parts = (part.lines if isinstance(part, Clean) else taken(part, Decision(take)) for part in file.parts)
    return "".join(line for lines in parts for line in lines).encode("utf-8", "surrogateescape")


@pytest.mark.parametrize("seed", range(6))
def test_no_choice_loses_a_line_nobody_dropped(lab: Lab, seed: int) -> None:
    """Whatever is clicked: the result is the clean parts and what was taken, and each side is there whole."""
    luck = random.Random(seed)
    names = [f"f{n}.txt" for n in range(25)]
    texts = {name: random_sides(luck) for name in names}
    lab.commit({name: sides[0].encode() for name, sides in texts.items()})
    desk = conflict(
        lab,
        {name: sides[1].encode() for name, sides in texts.items()},
        {name: sides[2].encode() for name, sides in texts.items()},
    )
    settlement, told = desk.settlement, desk.settlement.conflict
    keys = [key for key in told.decision_keys() if key[1] != WHOLE]
    assert len(keys) > 10
    for file in told.files:
        own = {line for part in file.parts if isinstance(part, Clean) for line in decoded_set(part.lines)}
        for hunk in file.hunks:
            for which in ("landed", "branch"):
                blob = file.landed if which == "landed" else file.branch
                assert blob is not None
                assert set(hunk.side(which)) <= set(decoded(blob.content or b"")), "a side's own lines, nothing else"
            own |= decoded_set(hunk.landed) | decoded_set(hunk.branch)
        everything = decoded_set(decoded((file.landed.content if file.landed else b"") or b""))
        landed_only = {line for line in everything if line.startswith("L")}
        assert landed_only <= own, "no line of the landed side is outside hunks and clean parts"
        branch_lines = decoded_set(decoded((file.branch.content if file.branch else b"") or b""))
        assert {line for line in branch_lines if line.startswith("B")} <= own
    _click_about(settlement, keys, luck)
    contents = settlement.contents()
    for file in (file for file in told.files if file.parts):
        content = contents[file.path]
        assert content is not None
        result = decoded_list(decoded(content))
        if (file.path, WHOLE) in settlement.decisions:
            continue
        expected: list[str] = []
        for part in file.parts:
            lines = part.lines if isinstance(part, Clean) else taken(part, settlement.decisions[file.path, part.number])
            expected += decoded_list(lines)
        assert result == expected
    check_merge(lab, desk, desk.finish())
    while settlement.undo():
        pass
    assert settlement.decisions == {}


def _click_about(settlement: Settlement, keys: list[tuple[str, int]], luck: random.Random) -> None:
    sides: tuple[Side, ...] = ("landed", "branch")
    for key in keys * 2:
        hunk = settlement.hunk(key)
        match luck.randint(0, 5):
            case 0:
                side = luck.choice(sides)
                for line in range(len(hunk.side(side))):
                    if luck.random() < 0.6:
                        settlement.toggle_line(key, side, line)
            case 1:
                settlement.undo()
            case 2:
                settlement.redo()
            case _:
                takes = [Take.LANDED, Take.BRANCH, Take.BOTH, Take.BOTH_REVERSED, Take.NEITHER, Take.BASE]
                settlement.decide(key, Decision(luck.choice(takes)))
    for key in settlement.open_keys():
        if key[1] == WHOLE:
            settlement.decide(key, Decision(settlement.conflict.file(key[0]).offers[0]))
        else:
            settlement.decide(key, Decision(Take.BOTH))


def decoded_list(lines: tuple[str, ...]) -> list[str]:
    """Lines without their endings."""
    return [line.rstrip("\r\n") for line in lines]


def decoded_set(lines: tuple[str, ...]) -> set[str]:
    """The distinct lines without their endings."""
    return set(decoded_list(lines))


def test_a_side_taken_everywhere_is_gits_own_answer(lab: Lab, tmp_path: Path) -> None:
    """`landed` in every hunk gives what `git merge-file --ours` gives, `branch` what `--theirs` gives."""
    luck = random.Random(99)
    texts = {f"f{n}.txt": random_sides(luck) for n in range(25)}
    lab.commit({name: sides[0].encode() for name, sides in texts.items()})
    landed: Files = {name: sides[1].encode() for name, sides in texts.items()}
    desk = conflict(lab, landed, {name: sides[2].encode() for name, sides in texts.items()})
    compared = 0
    for file in (file for file in desk.settlement.conflict.files if file.parts):
        sides = (file.landed, file.base, file.branch)
        for name, side in zip(("landed", "base", "branch"), sides, strict=True):
            (tmp_path / name).write_bytes((side.content or b"") if side is not None else b"")
        paths = [str(tmp_path / name) for name in ("landed", "base", "branch")]
        for take, option in ((Take.LANDED, "--ours"), (Take.BRANCH, "--theirs")):
            wanted = lab.repo.git("merge-file", "-p", option, *paths).out
            assert side_of(desk.settlement, file.path, take).rstrip(b"\r\n") == wanted.rstrip(b"\r\n")
            compared += 1
    assert compared > 20
