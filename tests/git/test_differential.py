"""Our merges against git's, on generated histories: the same verdict, the same tree, for merges and whole chains.

Each history is written by one `git fast-import`, and git's own answer is `git merge-tree --write-tree` in a shell.
"""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest
from git_lab import Lab

from engine import libgit2
from engine.merging import build_chain, merge

Tree = dict[str, tuple[str, bytes]]
FILES, LINK, EXEC = "100644", "120000", "100755"
HISTORIES = 40


def first_tree(dice: random.Random) -> Tree:
    names = [f"{folder}f{n}.txt" for folder in ("", "src/", "docs/") for n in range(2)]
    tree = {name: (FILES, lines(dice, 12)) for name in names}
    tree["bin.dat"] = (FILES, b"\0" + lines(dice, 3))
    tree["link"] = (LINK, b"f0.txt")
    return tree


def lines(dice: random.Random, count: int) -> bytes:
    return b"".join(b"%d\n" % dice.randrange(10**6) for _ in range(count))


def changed(dice: random.Random, tree: Tree) -> Tree:
    """A few random edits, as agents make them."""
    after = dict(tree)
    for _ in range(dice.randint(1, 5)):
        dice.choice(CHANGES)(dice, after)
    return after


def edit(dice: random.Random, tree: Tree) -> None:
    name = dice.choice(sorted(tree))
    mode, content = tree[name]
    rows = content.splitlines(keepends=True) or [b""]
    place = dice.randrange(len(rows))
    rows[place : place + dice.choice((0, 1, 1, 2))] = lines(dice, dice.randint(0, 2)).splitlines(keepends=True)
    tree[name] = (mode, b"".join(rows) or b"empty")


def add(dice: random.Random, tree: Tree) -> None:
    tree[f"{dice.choice(('', 'src/', 'docs/'))}n{dice.randrange(3)}.txt"] = (FILES, lines(dice, 3))


def delete(dice: random.Random, tree: Tree) -> None:
    if len(tree) > 2:
        del tree[dice.choice(sorted(tree))]


def rename(dice: random.Random, tree: Tree) -> None:
    name = dice.choice(sorted(tree))
    tree[f"moved/{name.replace('/', '-')}"] = tree.pop(name)


def rename_folder(dice: random.Random, tree: Tree) -> None:
    folder = dice.choice(("src/", "docs/"))
    for name in [name for name in tree if name.startswith(folder)]:
        tree[f"renamed-{name}"] = tree.pop(name)


def turn_mode(dice: random.Random, tree: Tree) -> None:
    name = dice.choice(sorted(tree))
    mode, content = tree[name]
    tree[name] = (EXEC if mode == FILES else mode, content)


def file_becomes_folder(dice: random.Random, tree: Tree) -> None:
    tree.pop("docs/f0.txt", None)
    tree["docs/f0.txt/inner.txt"] = (FILES, lines(dice, 2))


CHANGES = [edit] * 8 + [add, add, delete, rename, rename_folder, rename_folder, turn_mode, file_becomes_folder]


def written(mark: int, parent: int | None, tree: Tree) -> bytes:
    """One commit in the language of git fast-import."""
    head = f"commit refs/heads/h{mark}\nmark :{mark}\ncommitter A <a@b> {mark} +0000\ndata 0\n".encode()
    link = f"from :{parent}\n".encode() if parent else b""
    rows = [
        b"M %s inline %s\ndata %d\n%s\n" % (mode.encode(), name.encode(), len(content), content)
        for name, (mode, content) in sorted(tree.items())
    ]
    return head + link + b"deleteall\n" + b"".join(rows) + b"\n"


def history(seed: int) -> tuple[bytes, list[int]]:
    """Base, and four branches from it, some built on another; the stream and the marks of the branches' tips."""
    dice = random.Random(seed)
    trees: list[Tree] = [first_tree(dice)]
    parents: list[int | None] = [None]
    for _ in range(4):
        parent = dice.choice((0, 0, 0, len(trees) - 1))
        trees.append(changed(dice, trees[parent]))
        parents.append(parent + 1)
    first = 100 * seed + 1
    stream = [
        written(first + n, None if parent is None else first + parent - 1, tree)
        for n, (parent, tree) in enumerate(zip(parents, trees, strict=True))
    ]
    return b"".join(stream), [first + n for n in range(5)]


@pytest.fixture(scope="module")
def histories(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lab, list[list[str]]]:
    """One repository with all histories in it, and the commits of each: base first."""
    root = tmp_path_factory.mktemp("differential")
    lab = Lab(root)
    lab.git("init", "-q")
    streams, marks = zip(*(history(seed) for seed in range(HISTORIES)), strict=True)
    marks_file = root / ".git" / "marks"
    subprocess.run(
        ["git", "fast-import", "--quiet", f"--export-marks={marks_file}"], cwd=root, input=b"".join(streams), check=True
    )
    ids = dict(line.split() for line in marks_file.read_text().splitlines())
    lab.git("symbolic-ref", "HEAD", "refs/heads/h1")
    return lab, [[ids[f":{mark}"] for mark in group] for group in marks]


def gits_answer(root: Path, ours: str, theirs: str) -> str | None:
    """The tree of git's own merge, None for a conflict."""
    done = subprocess.run(
        ["git", "merge-tree", "--write-tree", ours, theirs], cwd=root, capture_output=True, check=False
    )
    assert done.returncode in (0, 1), done.stderr
    return done.stdout.decode().strip() if done.returncode == 0 else None


def test_merges_are_gits_merges(histories: tuple[Lab, list[list[str]]]) -> None:
    lab, groups = histories
    repo = lab.repo
    verdicts = []
    for _, one, two, *_ in groups:
        ours = merge(repo, one, two)
        assert ours.tree == gits_answer(lab.root, one, two)
        assert bool(ours.conflicts) == (ours.tree is None)
        verdicts.append(ours.tree is None)
    assert 5 < sum(verdicts) < HISTORIES - 5


def test_chains_are_chains_of_gits_merges(histories: tuple[Lab, list[list[str]]]) -> None:
    lab, groups = histories
    repo = lab.repo
    left_out = 0
    for base, *branches in groups:
        steps, conflicts, aside = build_chain(repo, base, [(f"t{n}", commit) for n, commit in enumerate(branches)], str)
        by_task = {step.task: step for step in steps}
        tip = base
        for n, commit in enumerate(branches):
            expected = gits_answer(lab.root, tip, commit)
            step = by_task.get(f"t{n}")
            assert (step.tree if step else None) == expected
            assert (f"t{n}" in conflicts or f"t{n}" in aside) == (step is None)
            assert (f"t{n}" in conflicts) <= (gits_answer(lab.root, base, commit) is None)
            assert (f"t{n}" in aside) <= (gits_answer(lab.root, base, commit) is not None)
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
            differences += gits_answer(lab.root, tip, commit) != tree
            tip = merged
    assert drafted > HISTORIES
    assert differences > 0
