"""Conflicts settled by rule or by hand: clean hunks always merge, only conflicting ones are decided."""

from __future__ import annotations

import pytest
from git_lab import Lab, photograph

from engine.errors import RepoError
from engine.merging import build_chain, merge
from engine.resolving import resolve

TEN = [f"line {n}" for n in range(10)]


def text(**changed: str) -> str:
    """The ten lines, some replaced: text(l1="x") replaces line 1."""
    lines = [changed.get(f"l{n}", line) for n, line in enumerate(TEN)]
    return "\n".join(lines) + "\n"


def two_sides(
    lab: Lab, landed: dict[str, str | bytes | None], branch: dict[str, str | bytes | None]
) -> tuple[str, str]:
    """(branch commit, landed commit), both from main."""
    return lab.branch(branch), lab.branch(landed)


def resolved(lab: Lab, branch: str, onto: str, how: str) -> dict[str, str]:
    """The files of the resolution; it must be a merge of branch and landed that then merges cleanly."""
    files, refs = photograph(lab.root, git_index=lab.root), lab.git("for-each-ref")
    commit = resolve(lab.repo, branch, onto, how)
    assert lab.git("log", "-1", "--format=%P", commit) == f"{branch} {onto}"
    steps, conflicts, _ = build_chain(lab.repo, onto, [("t", commit)], str)
    assert conflicts == {}
    assert steps[0].tree == lab.at(f"{commit}^{{tree}}")
    assert photograph(lab.root, git_index=lab.root) == files
    assert lab.git("for-each-ref") == refs
    return lab.files(commit)


@pytest.mark.parametrize(("how", "line_one"), [("landed", "LANDED"), ("branch", "BRANCH"), ("union", "LANDED\nBRANCH")])
def test_each_hunk_is_decided_and_clean_hunks_merge(lab: Lab, how: str, line_one: str) -> None:
    branch, onto = two_sides(
        lab,
        {"a.txt": text(l1="LANDED", l8="landed alone"), "landed.txt": "l\n"},
        {"a.txt": text(l1="BRANCH", l4="branch alone"), "branch.txt": "b\n"},
    )
    files = resolved(lab, branch, onto, how)
    assert files["a.txt"] == text(l1=line_one, l4="branch alone", l8="landed alone").rstrip("\n")
    assert {"landed.txt", "branch.txt"} <= files.keys()


def test_without_a_conflict_it_is_a_plain_merge(lab: Lab) -> None:
    branch, onto = two_sides(lab, {"x.txt": "x\n"}, {"y.txt": "y\n"})
    assert {"x.txt", "y.txt"} <= resolved(lab, branch, onto, "branch").keys()


@pytest.mark.parametrize(("how", "there"), [("landed", False), ("branch", True), ("union", True)])
def test_deleted_where_it_landed(lab: Lab, how: str, there: bool) -> None:
    branch, onto = two_sides(lab, {"a.txt": None}, {"a.txt": text(l1="BRANCH")})
    assert ("a.txt" in resolved(lab, branch, onto, how)) == there


@pytest.mark.parametrize(("how", "there"), [("landed", True), ("branch", False), ("union", True)])
def test_deleted_on_the_branch(lab: Lab, how: str, there: bool) -> None:
    branch, onto = two_sides(lab, {"a.txt": text(l1="LANDED")}, {"a.txt": None})
    assert ("a.txt" in resolved(lab, branch, onto, how)) == there


@pytest.mark.parametrize(("how", "content"), [("landed", "same\nL"), ("branch", "same\nB"), ("union", "same\nL\nB")])
def test_new_on_both_sides(lab: Lab, how: str, content: str) -> None:
    branch, onto = two_sides(lab, {"n.txt": "same\nL\n"}, {"n.txt": "same\nB\n"})
    assert resolved(lab, branch, onto, how)["n.txt"] == content


def test_binary_files_are_taken_whole(lab: Lab) -> None:
    lab.commit({"b.bin": b"\0base"})
    branch, onto = two_sides(lab, {"b.bin": b"\0landed"}, {"b.bin": b"\0branch"})
    assert resolved(lab, branch, onto, "landed")["b.bin"] == "\0landed"
    assert resolved(lab, branch, onto, "branch")["b.bin"] == "\0branch"
    with pytest.raises(RepoError, match="union of both sides makes no sense"):
        resolve(lab.repo, branch, onto, "union")


def test_a_changed_mode_survives(lab: Lab) -> None:
    onto = lab.branch({"a.txt": text(l1="LANDED")})
    lab.git("checkout", "-q", "--detach")
    (lab.root / "a.txt").chmod(0o755)
    branch = lab.commit({"a.txt": text(l1="BRANCH")})
    lab.git("checkout", "-q", "main")
    commit = resolve(lab.repo, branch, onto, "landed")
    assert lab.git("ls-tree", commit, "a.txt").startswith("100755")


def test_one_file_renamed_twice(lab: Lab) -> None:
    branch, onto = two_sides(lab, {"a.txt": None, "landed.txt": text()}, {"a.txt": None, "branch.txt": text()})
    names = {how: set(resolved(lab, branch, onto, how)) & {"a.txt", "landed.txt", "branch.txt"} for how in WAYS}
    assert names == {"landed": {"landed.txt"}, "branch": {"branch.txt"}, "union": {"landed.txt", "branch.txt"}}


def test_a_file_in_a_renamed_folder_is_never_dropped(lab: Lab) -> None:
    lab.commit({f"old/{n}.txt": f"{n}\n" * 9 for n in range(4)})
    moved: dict[str, str | bytes | None] = {f"old/{n}.txt": None for n in range(4)}
    branch, onto = two_sides(lab, moved | {f"new/{n}.txt": f"{n}\n" * 9 for n in range(4)}, {"old/late.txt": "late\n"})
    assert merge(lab.repo, onto, branch).tree is None
    for how in WAYS:
        assert "new/late.txt" in resolved(lab, branch, onto, how)


def test_names_that_clash_are_for_a_person(lab: Lab) -> None:
    branch, onto = two_sides(lab, {"thing": "a file\n"}, {"thing/inner.txt": "a folder\n"})
    for how in WAYS:
        with pytest.raises(RepoError, match="cannot be settled by a rule"):
            resolve(lab.repo, branch, onto, how)


def test_an_unknown_way_is_refused(lab: Lab) -> None:
    with pytest.raises(RepoError, match="no way to resolve"):
        resolve(lab.repo, lab.at("main"), lab.at("main"), "theirs")


WAYS = ("landed", "branch", "union")
