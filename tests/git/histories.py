"""Random histories as agents and people make them, written by `git fast-import`: every kind of change git merges."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

Tree = dict[str, tuple[str, bytes]]
"""Path, then mode and content; of a submodule its commit."""
FILES, LINK, EXEC, SUBMODULE = "100644", "120000", "100755", "160000"
TIPS = 5
"""Commits of one history: where the branches begin, then four branches."""
seen: Counter[str] = Counter()
"""How often each kind of change was made."""


def first_tree(dice: random.Random) -> Tree:
    """Files in folders, a deep one, a binary, an empty one, a link, a submodule, odd names; sometimes attributes."""
    names = [f"{folder}f{n}.txt" for folder in ("", "src/", "docs/") for n in range(2)]
    tree = {name: (FILES, lines(dice, 12)) for name in names}
    tree["bin.dat"] = (FILES, b"\0" + lines(dice, 3))
    tree["link"] = (LINK, b"f0.txt")
    tree["a/b/c/d/e/f/g.txt"] = (FILES, lines(dice, 6))
    tree["empty"] = (FILES, b"")
    tree["d\u00e9j\u00e0 \u65e5.txt"] = (FILES, lines(dice, 6))
    tree["crlf.txt"] = (FILES, lines(dice, 8).replace(b"\n", b"\r\n"))
    tree["lib"] = (SUBMODULE, commit_id(dice))
    if dice.random() < 0.3:
        set_attributes(dice, tree)
    return tree


def lines(dice: random.Random, count: int) -> bytes:
    """Lines that differ from all others."""
    return b"".join(b"%d\n" % dice.randrange(10**6) for _ in range(count))


def commit_id(dice: random.Random) -> bytes:
    """The commit of a submodule; nobody looks for it."""
    return b"%040x" % dice.randrange(16**40)


def changed(dice: random.Random, tree: Tree) -> Tree:
    """A few random edits."""
    after = dict(tree)
    for _ in range(dice.randint(1, 5)):
        change = dice.choice(CHANGES)
        change(dice, after)
        seen[change.__name__] += 1
    return after


def _texts(tree: Tree) -> list[str]:
    return sorted(name for name, (mode, _) in tree.items() if mode in (FILES, EXEC))


def edit(dice: random.Random, tree: Tree) -> None:
    name = dice.choice(_texts(tree))
    mode, content = tree[name]
    rows = content.splitlines(keepends=True) or [b""]
    place = dice.randrange(len(rows))
    rows[place : place + dice.choice((0, 1, 1, 2))] = lines(dice, dice.randint(0, 2)).splitlines(keepends=True)
    tree[name] = (mode, b"".join(rows) or b"empty")


def edit_blanks(dice: random.Random, tree: Tree) -> None:
    name = dice.choice(_texts(tree))
    mode, content = tree[name]
    rows = content.split(b"\n")
    place = dice.randrange(len(rows))
    rows[place] = rows[place] + b"  " if dice.random() < 0.5 else b"\t" + rows[place]
    tree[name] = (mode, b"\n".join(rows))


def edit_last_line_end(dice: random.Random, tree: Tree) -> None:
    name = dice.choice(_texts(tree))
    mode, content = tree[name]
    tree[name] = (mode, content[:-1] if content.endswith(b"\n") else content + b"\n")


def turn_line_ends(dice: random.Random, tree: Tree) -> None:
    name = dice.choice(_texts(tree))
    mode, content = tree[name]
    crlf = b"\r\n" in content
    tree[name] = (mode, content.replace(b"\r\n", b"\n") if crlf else content.replace(b"\n", b"\r\n"))


def make_empty(dice: random.Random, tree: Tree) -> None:
    name = dice.choice(_texts(tree))
    tree[name] = (tree[name][0], b"")


def edit_binary(dice: random.Random, tree: Tree) -> None:
    tree["bin.dat"] = (FILES, b"\0" + lines(dice, 3))


def add(dice: random.Random, tree: Tree) -> None:
    tree[f"{dice.choice(('', 'src/', 'docs/'))}n{dice.randrange(3)}.txt"] = (FILES, lines(dice, 3))


def add_the_same(dice: random.Random, tree: Tree) -> None:
    tree["src/same.txt"] = (FILES, b"same\non both sides\n")


def delete(dice: random.Random, tree: Tree) -> None:
    if len(tree) > 6:
        del tree[dice.choice(_texts(tree))]


def rename(dice: random.Random, tree: Tree) -> None:
    name = dice.choice(_texts(tree))
    tree[f"moved{dice.randrange(2)}/{name.replace('/', '-')}"] = tree.pop(name)


def rename_onto_one_name(dice: random.Random, tree: Tree) -> None:
    tree["taken.txt"] = tree.pop(dice.choice(_texts(tree)))


def rename_and_edit(dice: random.Random, tree: Tree) -> None:
    name = dice.choice(_texts(tree))
    mode, content = tree.pop(name)
    tree[f"moved/{name.replace('/', '-')}"] = (mode, content + lines(dice, 1))


def rename_folder(dice: random.Random, tree: Tree) -> None:
    folder = dice.choice(("src/", "docs/", "a/b/"))
    for name in [name for name in tree if name.startswith(folder)]:
        tree[f"renamed-{name}"] = tree.pop(name)


def turn_mode(dice: random.Random, tree: Tree) -> None:
    name = dice.choice(sorted(tree))
    mode, content = tree[name]
    tree[name] = (EXEC if mode == FILES else mode, content)


def turn_link(dice: random.Random, tree: Tree) -> None:
    tree["link"] = (LINK, dice.choice((b"f1.txt", b"src", b"nowhere")))


def link_becomes_file(dice: random.Random, tree: Tree) -> None:
    tree["link"] = (FILES, lines(dice, 2))


def move_submodule(dice: random.Random, tree: Tree) -> None:
    tree["lib"] = (SUBMODULE, commit_id(dice))


def submodule_becomes_file(dice: random.Random, tree: Tree) -> None:
    tree["lib"] = (FILES, lines(dice, 2))


def file_becomes_folder(dice: random.Random, tree: Tree) -> None:
    tree.pop("docs/f0.txt", None)
    tree["docs/f0.txt/inner.txt"] = (FILES, lines(dice, 2))


def set_attributes(dice: random.Random, tree: Tree) -> None:
    rules = (
        b"*.txt merge=union",
        b"*.txt -merge",
        b"f*.txt merge=mine",
        b"*.txt text eol=crlf",
        b"*.dat binary",
        b"* text=auto",
    )
    chosen = dice.sample(rules, dice.randint(1, 3))
    tree[dice.choice((".gitattributes", "src/.gitattributes"))] = (FILES, b"\n".join(chosen) + b"\n")


Change = Callable[[random.Random, Tree], None]
RARE: list[Change] = [
    *(edit_blanks, edit_last_line_end, turn_line_ends, make_empty, edit_binary, add, add, add_the_same, delete),
    *(rename, rename_onto_one_name, rename_and_edit, rename_folder, rename_folder, turn_mode, turn_link),
    *(link_becomes_file, move_submodule, submodule_becomes_file, file_becomes_folder, set_attributes),
]
CHANGES: list[Change] = [edit] * 12 + RARE


def written(mark: int, parents: tuple[int, ...], tree: Tree) -> bytes:
    """One commit in the language of git fast-import; with two parents a merge, with none a root."""
    head = f"commit refs/heads/h{mark}\nmark :{mark}\ncommitter A <a@b> {mark} +0000\ndata 0\n".encode()
    links = b"".join(b"%s :%d\n" % (word, parent) for word, parent in zip((b"from", b"merge"), parents, strict=False))
    return head + links + b"deleteall\n" + b"".join(_row(name, *entry) for name, entry in sorted(tree.items())) + b"\n"


def _row(name: str, mode: str, content: bytes) -> bytes:
    quoted = b'"' + name.encode().replace(b'"', b'\\"') + b'"'
    if mode == SUBMODULE:
        return b"M %s %s %s\n" % (mode.encode(), content, quoted)
    return b"M %s inline %s\ndata %d\n%s\n" % (mode.encode(), quoted, len(content), content)


def history(seed: int) -> tuple[bytes, list[int]]:
    """Base, and four branches from it, some built on another, sometimes crosswise merges of two (so that there are two
    merge bases) or one without a common ancestor; the stream and the marks of the five tips."""
    dice = random.Random(seed)
    trees: list[Tree] = [first_tree(dice)]
    parents: list[tuple[int, ...]] = [()]
    for _ in range(4):
        parent = dice.choice((0, 0, 0, len(trees) - 1))
        trees.append(changed(dice, trees[parent]))
        parents.append((parent,))
    shape = dice.random()
    if shape < 0.15:
        seen["criss-cross"] += 1
        trees[3], parents[3] = changed(dice, trees[1]), (1, 2)
        trees[4], parents[4] = changed(dice, trees[2]), (2, 1)
    elif shape < 0.2:
        seen["unrelated"] += 1
        parents[4] = ()
    first = 100 * seed + 1
    stream = [
        written(first + n, tuple(first + p for p in before), tree)
        for n, (before, tree) in enumerate(zip(parents, trees, strict=True))
    ]
    return b"".join(stream), [first + n for n in range(TIPS)]
