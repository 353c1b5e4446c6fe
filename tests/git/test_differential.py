"""Our merges against git's, on generated histories: the same verdict, the same tree, for merges and whole chains.

Each history is written by one `git fast-import`, and git's own answer is `git merge-tree --write-tree` in a shell.
"""

from __future__ import annotations

import os
import subprocess

import pytest
from git_lab import Lab
from histories import RARE, history, seen

from engine import libgit2
from engine.merging import build_chain, merge

HISTORIES = int(os.environ.get("AURORA_HISTORIES", "40"))


@pytest.fixture(scope="module")
def histories(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lab, list[list[str]]]:
    """One repository with all histories in it, and the commits of each: base first."""
    root = tmp_path_factory.mktemp("differential")
    lab = Lab(root)
    lab.git("init", "-q")
    lab.git("config", "merge.mine.driver", "cat %B >> %A")
    streams, marks = zip(*(history(seed) for seed in range(HISTORIES)), strict=True)
    marks_file = root / ".git" / "marks"
    subprocess.run(
        ["git", "fast-import", "--quiet", f"--export-marks={marks_file}"], cwd=root, input=b"".join(streams), check=True
    )
    ids = dict(line.split() for line in marks_file.read_text().splitlines())
    lab.git("symbolic-ref", "HEAD", "refs/heads/h1")
    return lab, [[ids[f":{mark}"] for mark in group] for group in marks]


def gits_answer(lab: Lab, ours: str, theirs: str, rules: str) -> str | None:
    """The tree of git's own merge where the commit `rules` is checked out, None for a conflict."""
    folder = lab.root / ".git" / "rules" / rules
    if not folder.exists():
        folder.mkdir(parents=True)
        for name in lab.git("ls-tree", "-r", "--name-only", rules).split("\n"):
            if name.rpartition("/")[2] == ".gitattributes":
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(lab.git("cat-file", "blob", f"{rules}:{name}").encode())
    env = {**os.environ, "GIT_DIR": str(lab.root / ".git"), "GIT_WORK_TREE": str(folder)}
    words = ["git", "merge-tree", "--write-tree", "--allow-unrelated-histories", ours, theirs]
    done = subprocess.run(words, cwd=folder, env=env, capture_output=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    return done.stdout.decode().strip() if done.returncode == 0 else None


def test_merges_are_gits_merges(histories: tuple[Lab, list[list[str]]]) -> None:
    lab, groups = histories
    repo = lab.repo
    verdicts = []
    for _, one, two, *_ in groups:
        ours = merge(repo, one, two)
        assert ours.tree == gits_answer(lab, one, two, one)
        assert bool(ours.conflicts) == (ours.tree is None)
        verdicts.append(ours.tree is None)
    assert HISTORIES // 20 < sum(verdicts) < HISTORIES - HISTORIES // 20
    assert {change.__name__ for change in RARE} | {"edit", "criss-cross", "unrelated"} <= seen.keys()


def test_chains_are_chains_of_gits_merges(histories: tuple[Lab, list[list[str]]]) -> None:
    lab, groups = histories
    repo = lab.repo
    left_out = 0
    for base, *branches in groups:
        steps, conflicts, aside = build_chain(repo, base, [(f"t{n}", commit) for n, commit in enumerate(branches)], str)
        by_task = {step.task: step for step in steps}
        tip = base
        for n, commit in enumerate(branches):
            expected = gits_answer(lab, tip, commit, base)
            step = by_task.get(f"t{n}")
            assert (step.tree if step else None) == expected
            assert (f"t{n}" in conflicts or f"t{n}" in aside) == (step is None)
            assert (f"t{n}" in conflicts) <= (gits_answer(lab, base, commit, base) is None)
            assert (f"t{n}" in aside) <= (gits_answer(lab, base, commit, base) is not None)
            tip = step.commit if step else tip
        left_out += len(conflicts) + len(aside)
    assert left_out > 5


def test_the_drafts_alone_would_have_been_wrong(histories: tuple[Lab, list[list[str]]]) -> None:
    """Why drafts are confirmed: somewhere libgit2 calls clean what git does not, or makes another tree."""
    lab, groups = histories
    repo = lab.repo
    who = repo.signature()
    differences = 0
    drafted = 0
    for base, *branches in groups:
        tip = base
        for commit, merged, tree in libgit2.draft_chain(repo.git_dir, base, [(c, "m\n") for c in branches], who):
            drafted += 1
            differences += gits_answer(lab, tip, commit, base) != tree
            tip = merged
    assert drafted > HISTORIES
    assert differences > 0
