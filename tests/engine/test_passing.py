"""Files that are there only for a moment are no work; those that stay are."""

from __future__ import annotations

import pytest

from engine.passing import SECONDS, Passing, passing


@pytest.mark.parametrize(
    "path",
    [
        "lib/hello.py.tmp.31692.1a497d30822e", "hello.py.tmp", "hello.py.tmp-1", "package.json.1834598123", "a/b~",
        "src/.main.rs.swp", "4913", "a/.#notes", "sedXa81bQ", "tmpab12cd_9", ".goutputstream-X7Q1",
    ],
)  # fmt: skip
def test_names_of_passing_files(path: str) -> None:
    assert passing(path)


@pytest.mark.parametrize(
    "path", ["tmp/keep.py", "tmp.py", "a.tmpl", "sedan.py", "v1.2024", "x.tmp/real.py", "Cargo.lock", "template.md"]
)
def test_names_of_files_that_stay(path: str) -> None:
    assert not passing(path)


def test_a_passing_file_counts_once_it_has_stayed_and_others_count_at_once() -> None:
    seen = Passing()
    assert seen.settled(["a.py", "a.py.tmp.1"], (), 10.0) == ("a.py",)
    assert seen.settled(["a.py.tmp.1"], (), 10.0 + SECONDS / 2) == ()
    assert seen.settled(["a.py.tmp.1"], (), 10.0 + SECONDS) == ("a.py.tmp.1",)


def test_a_file_that_is_gone_counts_as_removed_only_if_it_is_still_missed_later() -> None:
    seen = Passing()
    assert seen.settled(["old.py"], {"old.py"}, 10.0) == ()
    assert seen.paths == ("old.py",)
    assert seen.settled(["old.py"], {"old.py"}, 10.0 + SECONDS) == ("old.py",)
