"""The diff of a branch is what git says, in any state an agent may leave its worktree in, and as it happens."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest
from git_lab import Lab, photograph, shell_git
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.diff_model import FileDiff, FileStatus
from engine.diff_parse import parse_diff, shown
from engine.diffing import ALL_BYTES, FILE_BYTES, committed, working
from engine.errors import AuroraError, RepoError
from engine.live_diff import KnownFiles

DEADLINE = 20.0


def by_key(files: tuple[FileDiff, ...]) -> dict[str, FileDiff]:
    found = {file.key: file for file in files}
    assert len(found) == len(files)
    return found


def side(file: FileDiff, *kinds: str) -> str:
    """The text of one side, as far as the hunks show it."""
    return "".join(line.text + line.ending for hunk in file.hunks for line in hunk.lines if line.kind in (" ", *kinds))


def applied(old: str, file: FileDiff) -> str:
    """The new text, made from the old one and the hunks; every hunk must fit exactly where it says."""
    lines = old.split("\n")
    before = [line + "\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])
    after: list[str] = []
    at = 0
    for hunk in file.hunks:
        start = hunk.old_start - 1 if hunk.old_count else hunk.old_start
        after += before[at:start]
        at = start
        assert len(after) == (hunk.new_start - 1 if hunk.new_count else hunk.new_start)
        for line in hunk.lines:
            if line.kind != "+":
                assert before[at] == line.text + line.ending
                at += 1
                assert line.old == at
            if line.kind != "-":
                after.append(line.text + line.ending)
                assert line.new == len(after)
        assert sum(line.kind != "+" for line in hunk.lines) == hunk.old_count
        assert sum(line.kind != "-" for line in hunk.lines) == hunk.new_count
    return "".join(after + before[at:])


# --- what git writes, read ---

ODD_LINES = st.sampled_from(
    ["", "a", "b", "-- a", "++ b", "@@ -1 +1 @@", "diff --git a/x b/x", "\\ No newline", "\tx", "é", "b\r", " "]
)
TEXTS = st.tuples(st.lists(ODD_LINES, max_size=12), st.booleans()).map(
    lambda made: "\n".join(made[0]) + ("\n" if made[1] and made[0] else "")
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(old=TEXTS, new=TEXTS)
def test_the_hunks_make_the_new_file_out_of_the_old_one(tmp_path: Path, old: str, new: str) -> None:
    (tmp_path / "old").write_text(old, newline="")
    (tmp_path / "new").write_text(new, newline="")
    asked = ["git", "diff", "--no-index", "--no-color", "old", "new"]
    files = parse_diff(subprocess.run(asked, cwd=tmp_path, capture_output=True, check=False).stdout)
    assert len(files) == (old != new)
    for file in files:
        assert (file.added, file.removed) == (count(file, "+"), count(file, "-"))
        if not old.endswith("\r") and not new.endswith("\r"):  # without a line feed it is shown as a picture
            assert applied(old, file) == new


def count(file: FileDiff, kind: str) -> int:
    return sum(line.kind == kind for hunk in file.hunks for line in hunk.lines)


@given(st.binary(max_size=300))
def test_no_bytes_stop_the_parser(noise: bytes) -> None:
    for start in (b"", b"diff --git ", b'diff --git "a/\\', b"diff --git a/x b/x\n@@ -1,2 +3 @@\n"):
        for file in parse_diff(start + noise):
            for text in (file.path, *(line.text for hunk in file.hunks for line in hunk.lines)):
                assert not any((ord(char) < 32 and char != "\t") or 0x7F <= ord(char) < 0xA0 for char in text)
                assert "\n" not in text


def test_nothing_can_hide_in_a_line() -> None:
    assert shown(b"rm -rf /\rprint('hi')") == "rm -rf /␍print('hi')"
    assert shown("a\x1b[2Kb\x9bm\u202ec") == "a␛[2Kb<U+009B>m<U+202E>c"
    assert shown(b"caf\xe9 \xf0\x9f\x91\xa9") == "caf\ufffd 👩"


def test_every_status_between_two_commits(lab: Lab) -> None:
    long = "".join(f"row {n}\n" for n in range(40))
    inner = lab.root / "sub"
    before = lab.commit(
        {
            "gone.txt": "gone\n",
            "old name.txt": long,
            "run.sh": "echo\n",
            "pic": b"\0\1",
            "turns": "file\n",
            "crlf": "a\r\nb\r\n",
        }
    )
    inner.mkdir()
    shell_git(inner, "init", "-q")
    lab.commit({"x": "x\n"}, where=inner)
    (lab.root / "run.sh").chmod(0o755)
    (lab.root / "turns").unlink()
    (lab.root / "turns").symlink_to("a.txt")
    after = lab.commit(
        {
            "gone.txt": None, "old name.txt": None, "new name.txt": long + "more\n", "pic": b"\0\2",
            "fresh/é.txt": "é\n", "a.txt": "only\n", "crlf": "a\nb\r\n", "empty": "",
        }
    )  # fmt: skip
    files = by_key(committed(lab.repo, before, after))
    assert {key: str(file.status) for key, file in files.items()} == {
        "a.txt": "modified", "crlf": "modified", "empty": "added", "fresh/é.txt": "added", "gone.txt": "deleted",
        "new name.txt": "renamed", "pic": "binary", "run.sh": "mode", "sub": "submodule", "turns": "modified",
    }  # fmt: skip
    renamed = files["new name.txt"]
    assert (renamed.old_path, renamed.old_key, renamed.added, renamed.removed) == ("old name.txt", "old name.txt", 1, 0)
    assert files["a.txt"].removed == 10
    assert files["turns"].note == "file → link"
    assert files["run.sh"].note == "plain file → executable"
    assert files["sub"].note == "added"
    (hunk,) = files["crlf"].hunks
    assert [(line.kind, line.text, line.ending) for line in hunk.lines] == [
        ("-", "a", "\r\n"), ("+", "a", "\n"), (" ", "b", "\r\n"),
    ]  # fmt: skip
    assert list(files) == sorted(files, key=os.fsencode)
    assert committed(lab.repo, after, after) == ()


def test_a_missing_last_line_feed_is_told(lab: Lab) -> None:
    before = lab.branch({"f": "one\ntwo"})
    after = lab.branch({"f": "one\ntwo\n"})
    (file,) = committed(lab.repo, before, after)
    assert [(line.kind, line.ending) for line in file.hunks[0].lines] == [(" ", "\n"), ("-", ""), ("+", "\n")]


ODD_NAMES = ("a b.txt", "tab\tend", "new\nline", "esc\x1b[31m", 'quo"te\\', "-x", ":(top)y", "*", "é", "caf\udce9", " ")


def test_odd_names_are_the_same_between_commits_and_in_a_worktree(lab: Lab, tree: Path) -> None:
    base = lab.at("main")
    lab.write({f"{n}/{name}": "one\n" for n, name in enumerate(ODD_NAMES)}, tree)
    keys = [f"{n}/{name}" for n, name in enumerate(ODD_NAMES)]
    new = working(tree, base, keys)
    assert sorted(file.key for file in new) == sorted(keys)
    for file in new:
        assert file.status is FileStatus.ADDED
        assert file.path.isprintable(), file.path
    assert {"3/esc␛[31m", "2/new␊line", "1/tab␉end", "9/caf\ufffd"} <= {file.path for file in new}
    done = lab.commit({}, where=tree)
    assert committed(lab.repo, base, done) == new == working(tree, base, keys)
    lab.write(dict.fromkeys(keys, "two\n"), tree)
    assert {side(file, "+") for file in working(tree, done, keys)} == {"two\n"}


@pytest.mark.parametrize(
    "name", ["diff.noprefix", "diff.mnemonicPrefix", "diff.suppressBlankEmpty", "color.ui", "diff.orderFile"]
)
def test_no_setting_of_the_user_changes_what_is_read(lab: Lab, tree: Path, name: str) -> None:
    base = lab.commit({"f": "one\n\ntwo\n", "g": "g\n"}, where=tree)
    lab.write({"f": "one\n\n2\n", "g": "G\n"}, tree)
    expected = working(tree, base, ["f", "g"])
    (lab.root / "order").write_text("g\nf\n")
    lab.git("config", name, {"color.ui": "always", "diff.orderFile": str(lab.root / "order")}.get(name, "true"))
    assert working(tree, base, ["f", "g"]) == expected
    done = lab.commit({}, where=tree)
    assert committed(lab.repo, base, done) == expected


# --- limits ---


def test_large_files_are_named_not_shown(lab: Lab, tree: Path) -> None:
    base = lab.at("main")
    lab.write({"big": "x" * (FILE_BYTES + 1), "many": "".join(f"{n}\n" for n in range(30_000)), "few": "1\n"}, tree)
    files = by_key(working(tree, base, ["big", "many", "few"]))
    assert {key: str(file.status) for key, file in files.items()} == {
        "big": "too large", "few": "added", "many": "too large",
    }  # fmt: skip
    assert files["big"].note == "1.0 MB; the file was added"
    assert (files["many"].note, files["many"].added) == ("30,000 changed lines; the file was added", 30_000)
    done = lab.commit({}, where=tree)
    assert by_key(committed(lab.repo, base, done)) == files
    os.utime(tree / "big")
    assert working(tree, done, ["big"]) == ()
    (tree / "big").unlink()
    assert working(tree, done, ["big"])[0].note == "1.0 MB; the file was deleted"
    assert working(tree, base, ["big"]) == ()


def test_all_files_together_are_bounded(lab: Lab, tree: Path) -> None:
    base = lab.at("main")
    half = "".join(f"{n:07}\n" for n in range(FILE_BYTES // 16))[: FILE_BYTES // 2]
    names = [f"f{n:03}" for n in range(ALL_BYTES // len(half) + 3)]
    lab.write(dict.fromkeys(names, "\x00" + half), tree)
    for files in (working(tree, base, names), committed(lab.repo, base, lab.commit({}, where=tree))):
        assert [file.key for file in files] == names
        words = [file.status for file in files]
        assert words[:10] == [FileStatus.BINARY] * 10
        assert words[-2:] == [FileStatus.TOO_LARGE] * 2


# --- a worktree in every state ---


def everything(tree: Path, base: str) -> tuple[FileDiff, ...]:
    known = KnownFiles(tree, base)
    known.look()
    return known.in_order()


def test_a_worktree_shows_what_is_committed_staged_edited_and_new_but_not_what_is_ignored(lab: Lab, tree: Path) -> None:
    base = lab.at("main")
    lab.commit({"done.txt": "done\n"}, where=tree)
    lab.write({"staged.txt": "s\n", "forced.ign": "f\n", "cache.ign": "c\n"}, tree)
    shell_git(tree, "add", "-f", "staged.txt", "forced.ign")
    lab.write({"new/deep/er.txt": "n\n", "new/x.ign": "", "a.txt": "edited\n", "dir/b.txt": None}, tree)
    before = photograph(tree, git_index=tree), (index_of(tree)).read_bytes()
    paths = ["done.txt", "staged.txt", "forced.ign", "cache.ign", "new", "a.txt", "dir", "no/such"]
    files = working(tree, base, paths)
    assert [(file.key, str(file.status)) for file in files] == [
        ("a.txt", "modified"), ("dir/b.txt", "deleted"), ("done.txt", "added"), ("forced.ign", "added"),
        ("new/deep/er.txt", "added"), ("staged.txt", "added"),
    ]  # fmt: skip
    assert (photograph(tree, git_index=tree), index_of(tree).read_bytes()) == before
    assert files == everything(tree, base)
    assert not list(lab.repo.aurora_dir.glob("index-*"))


def index_of(tree: Path) -> Path:
    return Path(shell_git(tree, "rev-parse", "--path-format=absolute", "--git-path", "index"))


def test_only_the_asked_paths_are_told(lab: Lab, tree: Path) -> None:
    lab.write({"a.txt": "x\n", "dir/b.txt": "x\n", "dirt": "x\n"}, tree)
    assert [file.key for file in working(tree, lab.at("main"), ["dir"])] == ["dir/b.txt"]
    assert working(tree, lab.at("main"), []) == ()


def test_what_git_no_longer_tracks_is_compared_all_the_same(lab: Lab, tree: Path) -> None:
    lab.write({"a.txt": "line 0\n"}, tree)
    shell_git(tree, "rm", "-q", "--cached", "a.txt")
    index_of(tree).with_name("index.lock").touch()
    (file,) = working(tree, lab.at("main"), ["a.txt"])
    assert (file.status, file.added, file.removed) == (FileStatus.MODIFIED, 0, 9)


def test_a_file_that_becomes_a_folder_and_a_folder_that_becomes_a_file(lab: Lab, tree: Path) -> None:
    lab.write({"a.txt": None, "dir/b.txt": None}, tree)
    (tree / "dir").rmdir()
    lab.write({"a.txt/inside": "in\n", "dir": "now a file\n"}, tree)
    files = {(file.key, str(file.status)) for file in everything(tree, lab.at("main"))}
    assert files == {("a.txt", "deleted"), ("a.txt/inside", "added"), ("dir", "added"), ("dir/b.txt", "deleted")}


def test_strange_things_in_a_worktree_are_no_trouble(lab: Lab, tree: Path) -> None:
    os.mkfifo(tree / "fifo")
    (tree / "loop").symlink_to("loop")
    (tree / "inner").mkdir()
    shell_git(tree / "inner", "init", "-q")
    lab.commit({"mine": "x\n"}, where=tree / "inner")
    (tree / "away").symlink_to("dir")
    paths = ["fifo", "loop", "inner", "inner/mine", "away", "away/b.txt", "away/new", "dir/new"]
    lab.write({"dir/new": "n\n"}, tree)
    files = working(tree, lab.at("main"), paths)
    assert [(file.key, file.note) for file in files] == [("away", "link"), ("dir/new", ""), ("loop", "link")]


def test_a_worktree_that_is_gone_is_a_sentence(lab: Lab, tree: Path) -> None:
    shutil.rmtree(tree)
    with pytest.raises(RepoError, match="gone"):
        working(tree, lab.at("main"), ["a.txt"])
    with pytest.raises(AuroraError):
        committed(lab.repo, lab.at("main"), "0" * 40)


# --- known files: what changes step by step is what one look at everything sees ---


@pytest.mark.parametrize("seed", range(3))
def test_step_by_step_is_the_same_as_at_once(lab: Lab, tree: Path, seed: int) -> None:
    rng = random.Random(seed)
    base = lab.commit({f"d{n % 3}/f{n}": "".join(f"{n} {row}\n" for row in range(20)) for n in range(9)}, where=tree)
    known = KnownFiles(tree, base)
    known.look()
    for _ in range(20):
        known.look(step(rng, tree))
        assert known.in_order() == everything(tree, base)


def step(rng: random.Random, tree: Path) -> list[str]:
    """Something an agent might do; the paths a watcher would tell."""
    files = sorted(str(path.relative_to(tree)) for path in tree.glob("d*/*"))
    name, other = rng.choice(files or ["d0/f0"]), f"d{rng.randrange(4)}/g{rng.randrange(6)}"
    act = rng.randrange(6)
    if act == 0 or not files:
        (tree / other).parent.mkdir(exist_ok=True)
        (tree / other).write_text(f"{rng.random()}\n")
        return [other]
    if act == 1:
        with (tree / name).open("a") as file:
            file.write("more\n")
    elif act == 2:
        (tree / name).unlink()
    elif act == 3:
        (tree / other).parent.mkdir(exist_ok=True)
        (tree / name).rename(tree / other)
        return [name, other]
    elif act == 4:
        shell_git(tree, "add", "-A")
        shell_git(tree, "commit", "-qm", "step", "--allow-empty")
        return []
    else:
        shutil.rmtree((tree / name).parent)
        return [name.split("/")[0]]
    return [name]


def test_a_rename_is_seen_when_its_halves_come_one_by_one(lab: Lab, tree: Path) -> None:
    known = KnownFiles(tree, lab.at("main"))
    lab.write({"b.txt": (tree / "a.txt").read_bytes()}, tree)
    known.look(["b.txt"])
    assert [str(file.status) for file in known.in_order()] == ["added"]
    (tree / "a.txt").unlink()
    known.look(["a.txt"])
    (file,) = known.in_order()
    assert (file.status, file.old_path) == (FileStatus.RENAMED, "a.txt")
    lab.write({"b.txt": "line 0\n" + (tree / "b.txt").read_text()}, tree)
    known.look(["b.txt"])
    (file,) = known.in_order()
    assert (file.status, file.added) == (FileStatus.RENAMED, 1)


def test_files_that_stay_the_same_stay_the_same_objects(lab: Lab, tree: Path) -> None:
    known = KnownFiles(tree, lab.at("main"))
    lab.write({"a.txt": "1\n", "n": "n\n"}, tree)
    assert known.look()
    first = known.in_order()
    assert not known.look()
    assert not known.look(["n", "no/such"])
    lab.write({"a.txt": "2\n"}, tree)
    assert known.look(["a.txt"])
    second = known.in_order()
    assert second[1] is first[1]
    assert second[0] != first[0]


def test_a_changed_gitignore_changes_what_is_new(lab: Lab, tree: Path) -> None:
    known = KnownFiles(tree, lab.at("main"))
    lab.write({"x.log": "x\n"}, tree)
    known.look()
    lab.write({".gitignore": "*.log\n"}, tree)
    known.look([".gitignore"])
    assert [file.key for file in known.in_order()] == [".gitignore"]
