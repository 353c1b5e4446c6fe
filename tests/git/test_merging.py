"""Merges in memory: verdicts, chains, and what git alone may decide."""

from __future__ import annotations

import pytest
from git_lab import Lab, photograph

from engine import libgit2
from engine.merging import attributes, build_chain, confirmed, merge, merge_commit
from engine.repo import Repo


def message(task: str) -> str:
    return f"Merge {task}"


def chain(
    lab: Lab, *branches: tuple[str, str], base: str = "main"
) -> tuple[tuple[str, ...], dict[str, tuple[str, ...]]]:
    """Build a chain, check every step against git, and that nothing but objects was made; (tasks merged, conflicts with
    the base)."""
    refs, files = lab.git("for-each-ref"), photograph(lab.root, git_index=lab.root)
    steps, conflicts, _ = build_chain(lab.repo, lab.at(base), branches, message)
    tip = lab.at(base)
    for step in steps:
        assert lab.at(f"{step.commit}^{{tree}}") == step.tree
        if step.commit != tip:
            assert lab.git("log", "-1", "--format=%P", step.commit) == f"{tip} {step.branch_commit}"
            assert lab.git("merge-tree", "--write-tree", tip, step.branch_commit) == step.tree
            assert lab.git("log", "-1", "--format=%s|%an", step.commit) == f"Merge {step.task}|Ada"
        tip = step.commit
    assert lab.git("for-each-ref") == refs
    assert photograph(lab.root, git_index=lab.root) == files
    return tuple(step.task for step in steps), conflicts


def test_a_clean_merge_is_gits_tree(lab: Lab) -> None:
    one, two = lab.branch({"x.txt": "x\n"}), lab.branch({"dir/b.txt": "bb\n"})
    merged = merge(lab.repo, one, two)
    assert merged.conflicts == ()
    assert merged.tree == lab.git("merge-tree", "--write-tree", one, two)
    assert set(lab.files(merged.tree or "")) == {".gitignore", "a.txt", "dir/b.txt", "x.txt"}


def test_a_conflict_names_its_paths(lab: Lab) -> None:
    one = lab.branch({"a.txt": "one\n", "dir/b.txt": "one\n", "x.txt": "x\n"})
    two = lab.branch({"a.txt": "two\n", "dir/b.txt": None, "y.txt": "y\n"})
    merged = merge(lab.repo, one, two)
    assert merged.tree is None
    assert merged.conflicts == ("a.txt", "dir/b.txt")
    assert merge_commit(lab.repo, one, two, "m") is None


def test_strange_names_in_conflicts(lab: Lab) -> None:
    names = ["with space", 'new\nline"', "-dash", "ü\udce9"]
    one, two = (lab.branch(dict.fromkeys(names, f"{side}\n")) for side in ("one", "two"))
    assert merge(lab.repo, one, two).conflicts == tuple(sorted(names))


def test_a_chain_of_one_and_of_many(lab: Lab) -> None:
    ones = [(f"t{n}", lab.branch({f"n{n}.txt": f"{n}\n"})) for n in range(4)]
    assert chain(lab, ones[0]) == (("t0",), {})
    assert chain(lab, *ones) == (("t0", "t1", "t2", "t3"), {})
    assert chain(lab) == ((), {})


def test_a_conflicting_branch_leaves_the_chain_and_the_rest_goes_on(lab: Lab) -> None:
    first, second = lab.branch({"a.txt": "one\n"}), lab.branch({"a.txt": "two\n"})
    third = lab.branch({"c.txt": "c\n"})
    landed = lab.branch({"c.txt": "landed\n"})
    branches = (("one", first), ("two", second), ("three", third))
    assert chain(lab, *branches) == (("one", "three"), {})
    assert build_chain(lab.repo, lab.at("main"), branches, message)[2] == ("two",)
    lab.git("update-ref", "refs/heads/landed", landed)
    assert chain(lab, *branches, base="landed") == (("one",), {"three": ("c.txt",)})


def test_contained_branches_add_no_commit(lab: Lab) -> None:
    old = lab.at("main")
    done = lab.commit({"x.txt": "x\n"})
    new = lab.branch({"y.txt": "y\n"})
    steps, *_ = build_chain(lab.repo, done, [("old", old), ("new", new), ("again", new), ("done", done)], message)
    assert [step.task for step in steps] == ["old", "new", "again", "done"]
    assert steps[0].commit == done
    assert steps[1].commit == steps[2].commit == steps[3].commit != done


def test_a_directory_rename_is_gits_to_judge(lab: Lab) -> None:
    base = lab.commit({f"old/{n}.txt": f"{n}\n" * 9 for n in range(4)})
    renamed = lab.branch(
        {f"old/{n}.txt": None for n in range(4)} | {f"new/{n}.txt": f"{n}\n" * 9 for n in range(4)}, start=base
    )
    added = lab.branch({"old/late.txt": "late\n"}, start=base)
    other = lab.branch({"o.txt": "o\n"}, start=base)
    merged, conflicts = chain(lab, ("other", other), ("renamed", renamed), ("added", added))
    assert merged == ("other", "renamed")
    repo = lab.repo
    drafts = libgit2.draft_chain(repo.git_dir, base, [(c, "m") for c in (other, renamed, added)], repo.signature())
    assert len(drafts) == 3, "the draft alone would have called it clean"
    assert conflicts == {}
    lab.git("update-ref", "refs/heads/renamed", renamed)
    assert "new/late.txt" in chain(lab, ("other", other), ("added", added), base="renamed")[1]["added"]
    lab.git("config", "merge.directoryRenames", "false")
    assert chain(lab, ("other", other), ("renamed", renamed), ("added", added))[1] == {}


def test_merge_drivers_run_as_git_runs_them(lab: Lab) -> None:
    lab.git("config", "merge.mine.driver", "cat %B >> %A")
    base = lab.commit({".gitattributes": "a.txt merge=mine\n"})
    one, two = lab.branch({"a.txt": "one\n"}, start=base), lab.branch({"a.txt": "two\n"}, start=base)
    steps, conflicts, _ = build_chain(lab.repo, base, [("one", one), ("two", two)], message)
    assert conflicts == {}
    assert lab.files(steps[-1].commit)["a.txt"] == "one\ntwo"


def test_merge_rules_come_from_the_base_not_from_a_checkout(lab: Lab) -> None:
    plain = lab.at("main")
    lab.commit({".gitattributes": "a.txt merge=union\n"})
    one, two = lab.branch({"a.txt": "one\n"}), lab.branch({"a.txt": "two\n"})
    lab.git("checkout", "-q", "--detach", plain)
    assert merge(lab.repo, one, two).tree is not None
    lab.write({".gitattributes": "a.txt merge=union\n"})
    one, two = (lab.repo.commit_tree(lab.at(f"{side}^{{tree}}"), [plain], "x") for side in (one, two))
    lab.git("update-ref", "refs/heads/without", lab.branch({"z.txt": "z\n"}, start=plain))
    assert merge(lab.repo, one, two, rules=plain).conflicts == ("a.txt",)


def test_big_or_ruled_repositories_are_not_drafted(lab: Lab) -> None:
    assert attributes(lab.repo, "main").draftable
    ruled = lab.commit({"dir/.gitattributes": "*.bin binary\n", ".gitattributes": "*.c diff=cpp\n"})
    assert not attributes(lab.repo, ruled).draftable
    assert (attributes(lab.repo, ruled).folder / "dir/.gitattributes").read_text() == "*.bin binary\n"


def test_unrelated_histories_merge_or_conflict_like_any_other(lab: Lab) -> None:
    lab.git("checkout", "-q", "--orphan", "alone")
    lab.git("rm", "-rqf", ".")
    alone, clash = lab.commit({"alone.txt": "x\n"}), lab.commit({"a.txt": "mine\n"})
    lab.git("checkout", "-q", "main")
    assert chain_with_unrelated(lab, alone) == {}
    assert chain_with_unrelated(lab, clash) == {"t": ("a.txt",)}


def chain_with_unrelated(lab: Lab, commit: str) -> dict[str, tuple[str, ...]]:
    other = lab.branch({"o.txt": "o\n"})
    return build_chain(lab.repo, lab.at("main"), [("o", other), ("t", commit)], message)[1]


def test_one_process_confirms_many_steps(lab: Lab) -> None:
    main = lab.at("main")
    one, two, three = (lab.branch(files) for files in ({"a.txt": "1\n"}, {"a.txt": "2\n"}, {"c.txt": "3\n"}))
    pairs = [(main, one), (one, two), (one, three), (two, one), (three, two)]
    answers = confirmed(lab.repo, pairs, attributes(lab.repo, main))
    assert answers == [merge(lab.repo, *pair).tree for pair in pairs]
    assert answers.count(None) == 2


def test_without_libgit2_the_chain_is_the_same(lab: Lab) -> None:
    ones = [(f"t{n}", lab.branch({f"n{n}.txt": f"{n}\n"})) for n in range(3)]
    drafted, *_ = build_chain(lab.repo, lab.at("main"), ones, message)
    lab.git("config", "extensions.partialClone", "nowhere")
    lab.git("config", "core.repositoryFormatVersion", "1")
    without = Repo.open(lab.root)
    assert not without.libgit2
    alone, *_ = build_chain(without, lab.at("main"), ones, message)
    assert [step.tree for step in alone] == [step.tree for step in drafted]


def test_a_signature_survives_odd_identities(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Zoë O'Hara")
    monkeypatch.setenv("GIT_COMMITTER_NAME", "Zoë O'Hara")
    ones = [(f"t{n}", lab.branch({f"n{n}.txt": f"{n}\n"})) for n in range(2)]
    steps, *_ = build_chain(lab.repo, lab.at("main"), ones, message)
    assert lab.git("log", "-1", "--format=%an|%cn <%ce>", steps[-1].commit) == "Zoë O'Hara|Zoë O'Hara <ada@example.org>"
