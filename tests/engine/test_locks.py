"""The lock table: grants, edits, reservations, and that no sequence of them lets two tasks own one file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.locks import Blocker, Claim, Lock, LockTable, Write, WriteResult
from engine.model import LockMode
from engine.patterns import Pattern, overlap, view

X, S, R = LockMode.EXCLUSIVE, LockMode.SHARED, LockMode.READS


def claims(*texts: str, mode: LockMode = X) -> tuple[Claim, ...]:
    return tuple(Claim(text, mode) for text in texts)


# --- claims -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("held", "asked", "blocked"),
    [
        ("src/**", "src/a.py", True),
        ("src/a.py", "src/b.py", False),
        ("a", "a/b", True),
        ("a/b", "a", True),
        ("/a", "a/b", True),
        ("src/**", "lib/**", False),
        ("src/x*.py", "src/*.py", True),
        ("*.md", "docs/guide.md", True),
        ("**", "anything", True),
    ],
)
def test_a_claim_waits_for_an_overlapping_one(held: str, asked: str, blocked: bool) -> None:
    table = LockTable(["src/a.py", "src/b.py", "docs/guide.md"])
    table.grant("one", claims(held), 1.0)
    expected = (Blocker(asked, "one", held, reserved=False),) if blocked else ()
    assert table.conflicts("two", claims(asked)) == expected
    assert table.conflicts("one", claims(asked)) == ()


@pytest.mark.parametrize("held", list(LockMode))
@pytest.mark.parametrize("asked", list(LockMode))
def test_only_equal_shared_or_reads_modes_go_together(held: LockMode, asked: LockMode) -> None:
    table = LockTable()
    table.grant("one", claims("f", mode=held), 1.0)
    assert bool(table.conflicts("two", claims("f", mode=asked))) == (held is not asked or held is X)


def test_a_grant_is_all_or_nothing() -> None:
    table = LockTable()
    table.grant("one", claims("src/a.py"), 1.0)
    with pytest.raises(ValueError, match=r"two cannot have `src/a.py`: one has `src/a.py`"):
        table.grant("two", claims("src/b.py", "src/a.py"), 2.0)
    assert table.held() == (Lock("src/a.py", X, "one", 1.0, grown=False),)
    assert not table.conflicts("two", claims("src/b.py"))


def test_granting_again_changes_nothing() -> None:
    table = LockTable()
    for at in (1.0, 2.0):
        table.grant("one", claims("src/**", "src/**"), at)
    assert table.held_by("one") == (Lock("src/**", X, "one", 1.0, grown=False),)


def test_release_frees_one_pattern_or_everything() -> None:
    table = LockTable()
    table.grant("one", claims("a/x", "a/y"), 1.0)
    table.reserve("one", claims("b"), 1.0)
    assert table.release("one", "a/x")
    assert not table.release("one", "a/x")
    assert [lock.pattern for lock in table.held()] == ["a/y"]
    assert table.release("one")
    assert not table.release("one")
    assert table.held() == ()
    assert table.reserved() == ()


# --- edits --------------------------------------------------------------------------------------------------------


def test_an_edit_of_a_claimed_file_is_the_tasks_own() -> None:
    table = LockTable()
    table.grant("one", claims("src/**"), 1.0)
    assert table.write("one", "src/deep/new.py", 2.0) == WriteResult(Write.OWN)
    assert len(table.held()) == 1


def test_a_lock_grows_where_the_path_is_free() -> None:
    table = LockTable()
    assert table.write("one", "README.md", 2.0) == WriteResult(Write.GROWN)
    assert table.write("one", "README.md", 3.0) == WriteResult(Write.OWN)
    assert table.held() == (Lock("/README.md", X, "one", 2.0, grown=True),)
    assert table.conflicts("two", claims("docs/README.md")) == ()
    assert table.release("one", "/README.md")


def test_an_edit_of_anothers_file_collides_and_changes_nothing() -> None:
    table = LockTable()
    table.grant("one", claims("src/**"), 1.0)
    table.grant("two", claims("api.md", mode=R), 1.0)
    before = table.held()
    assert table.write("two", "src/a.py", 2.0) == WriteResult(Write.COLLISION, "one", "src/**")
    assert table.write("one", "api.md", 2.0) == WriteResult(Write.COLLISION, "two", "api.md")
    assert table.held() == before


def test_a_file_and_a_directory_of_one_name_collide() -> None:
    table = LockTable()
    table.write("one", "a/b", 1.0)
    assert table.write("two", "a", 2.0) == WriteResult(Write.COLLISION, "one", "a/b")


def test_of_two_globs_on_a_new_file_the_first_writer_wins() -> None:
    table = LockTable()
    table.grant("one", claims("src/x*"), 1.0)
    table.grant("two", claims("src/*y"), 1.0)
    assert table.write("two", "src/xy", 2.0).outcome is Write.OWN
    assert table.write("one", "src/xy", 3.0) == WriteResult(Write.COLLISION, "two", "src/xy")
    assert table.write("one", "src/xz", 3.0).outcome is Write.OWN
    assert table.conflicts("three", claims("src/x?")) != ()


def test_a_written_file_exists_for_later_claims() -> None:
    table = LockTable()
    table.grant("one", claims("src/x*"), 1.0)
    assert table.conflicts("two", claims("src/*y")) == ()
    table.write("one", "src/xy", 2.0)
    assert table.conflicts("two", claims("src/*y")) == (Blocker("src/*y", "one", "src/x*", reserved=False),)


def test_shared_holders_edit_together() -> None:
    table = LockTable()
    table.grant("one", claims("log", mode=S), 1.0)
    table.grant("two", claims("log", mode=S), 1.0)
    assert table.write("one", "log", 2.0).outcome is Write.OWN
    assert table.write("three", "log", 2.0).outcome is Write.SHARED
    assert table.write("three", "log", 3.0).outcome is Write.OWN
    assert {blocker.holder for blocker in table.conflicts("four", claims("log"))} == {"one", "two", "three"}


def test_paths_shared_by_all_stand_in_nobodys_way() -> None:
    table = LockTable(["CHANGELOG.md", "docs/CHANGELOG.md", "docs/a.txt"], shared=["CHANGELOG.md", "*.lock"])
    table.grant("one", claims("CHANGELOG.md", "**"), 1.0)
    table.grant("two", claims("CHANGELOG.md"), 1.0)
    assert table.write("two", "CHANGELOG.md", 2.0).outcome is Write.OWN
    assert table.write("three", "CHANGELOG.md", 2.0).outcome is Write.SHARED
    assert table.write("three", "CHANGELOG.md", 2.0).outcome is Write.OWN
    assert table.write("one", "deep/poetry.lock", 2.0).outcome is Write.OWN
    assert table.take("two", "CHANGELOG.md", 2.0) == ()
    assert table.conflicts("three", claims("deep/x")) == (Blocker("deep/x", "one", "**", reserved=False),)
    table.release("one")
    table.grant("one", claims("docs/**"), 3.0)
    assert table.conflicts("three", claims("*.md")) == ()


def test_allow_lets_both_edit_until_they_let_go() -> None:
    table = LockTable()
    table.grant("one", claims("src/**"), 1.0)
    table.allow("two", "src/a.py", 2.0)
    assert table.write("two", "src/a.py", 3.0).outcome is Write.OWN
    assert table.write("one", "src/a.py", 3.0).outcome is Write.OWN
    assert table.write("two", "src/b.py", 3.0).outcome is Write.COLLISION
    table.release("one")
    assert table.write("three", "src/a.py", 4.0).outcome is Write.SHARED
    assert [blocker.holder for blocker in table.conflicts("four", claims("src/a.py"))] == ["two", "three"]


def test_take_moves_one_path_and_leaves_the_rest() -> None:
    table = LockTable()
    table.grant("one", claims("src/**"), 1.0)
    table.allow("three", "src/a.py", 1.0)
    assert table.take("two", "src/a.py", 2.0) == ("one", "three")
    assert table.write("two", "src/a.py", 3.0).outcome is Write.OWN
    assert table.write("one", "src/a.py", 3.0) == WriteResult(Write.COLLISION, "two", "src/a.py")
    assert table.write("three", "src/a.py", 3.0).outcome is Write.COLLISION
    assert table.write("one", "src/b.py", 3.0).outcome is Write.OWN
    table.release("two")
    assert table.conflicts("four", claims("src/a.py")) == ()
    assert table.write("one", "src/a.py", 4.0).outcome is Write.GROWN


def test_a_task_that_was_let_in_can_take_the_path() -> None:
    table = LockTable()
    table.grant("one", claims("src/a.py"), 1.0)
    table.allow("two", "src/a.py", 2.0)
    assert table.take("two", "src/a.py", 3.0) == ("one",)
    assert table.held() == (Lock("src/a.py", X, "two", 3.0, grown=True),)


def test_take_moves_what_is_below_too() -> None:
    table = LockTable()
    table.grant("one", claims("src/**", "/docs/old"), 1.0)
    table.write("one", "src/new/a.py", 1.0)
    assert table.take("two", "src/new", 2.0) == ("one",)
    assert table.take("two", "docs", 2.0) == ("one",)
    assert table.write("one", "src/new/a.py", 3.0) == WriteResult(Write.COLLISION, "two", "src/new")
    assert table.write("two", "src/new/a.py", 3.0).outcome is Write.OWN
    assert [lock.pattern for lock in table.held_by("one")] == ["src/**"]


def test_odd_file_names_are_literal() -> None:
    table = LockTable()
    for number, path in enumerate(["app/[id]/page.tsx", "what?", "é/ü.md", "a*b", "b\\c", "!x", "tail "]):
        assert table.write(f"t{number}", path, 1.0).outcome is Write.GROWN
        assert table.write("other", path, 2.0).outcome is Write.COLLISION
        assert table.take("other", path, 2.0) == (f"t{number}",)
        assert table.write("other", path, 3.0).outcome is Write.OWN
    table.check()


# --- reservations -------------------------------------------------------------------------------------------------


def test_a_reservation_keeps_later_claims_out_but_neither_holders_nor_its_owner() -> None:
    table = LockTable()
    table.grant("one", claims("src/a.py"), 1.0)
    table.reserve("big", claims("src/**"), 2.0)
    assert table.conflicts("late", claims("src/b.py")) == (Blocker("src/b.py", "big", "src/**", reserved=True),)
    assert table.write("one", "src/a.py", 3.0).outcome is Write.OWN
    assert table.conflicts("big", claims("src/**")) == (Blocker("src/**", "one", "src/a.py", reserved=False),)
    table.release("one")
    table.grant("big", claims("src/**"), 4.0)
    assert table.reserved() == ()


def test_two_reservations_do_not_block_each_other_for_ever() -> None:
    table = LockTable()
    table.reserve("old", claims("a", "b"), 1.0)
    table.reserve("young", claims("b", "c"), 2.0)
    table.reserve("old", claims("a", "b"), 3.0)
    assert table.reserved() == ("old", "young")
    assert table.conflicts("old", claims("a", "b")) == ()
    assert [blocker.holder for blocker in table.conflicts("young", claims("b", "c"))] == ["old"]
    table.unreserve("old")
    assert table.conflicts("young", claims("b", "c")) == ()


# --- every sequence -----------------------------------------------------------------------------------------------

TASKS = ["t1", "t2", "t3", "t4"]
TEXTS = ["a/**", "a/x*", "a/*y", "a/xy", "/a", "b/x", "b/*/z", "*.md", "m.md", "**/z", "**", "b/?", "CHANGES", "a/"]
PATHS = ["a/xy", "a/xyy", "a/k", "b/x", "b/x/z", "b/q/z", "m.md", "a/m.md", "CHANGES", "b/y", "a"]
task = st.sampled_from(TASKS)
path = st.sampled_from(PATHS)
asked = st.lists(st.builds(Claim, st.sampled_from(TEXTS), st.sampled_from([X, X, S, R])), min_size=1, max_size=3)
step = st.one_of(
    st.tuples(st.just("grant"), task, asked),
    st.tuples(st.just("write"), task, path),
    st.tuples(st.just("write"), task, path),
    st.tuples(st.just("release"), task, st.none() | st.sampled_from([*TEXTS, "/m.md", "/CHANGES"]) | path),
    st.tuples(st.just("reserve"), task, asked),
    st.tuples(st.just("unreserve"), task, st.none()),
    st.tuples(st.just("take"), task, path),
    st.tuples(st.just("allow"), task, path),
    st.tuples(st.just("add_files"), task, st.lists(path, max_size=3)),
)


def is_below(path: str, top: str) -> bool:
    return f"{path}/".startswith(f"{top}/")


def speaks_for(text: str) -> Callable[[str], object]:
    """Whether a pattern covers a path (a view)."""
    return Pattern.parse(text).regex.fullmatch


class Model:
    """A table beside the plainest account of who edits what, who lost what, and what is reserved."""

    def __init__(self, files: list[str]) -> None:
        self.table = LockTable(files, shared=["CHANGES"])
        self.editors: dict[str, set[str]] = {path: set() for path in PATHS}
        self.allowed: set[tuple[str, str]] = set()
        self.lost: set[tuple[Lock, str]] = set()
        self.reserved: dict[str, list[Claim]] = {}
        self.now = 0.0

    def run(self, name: str, who: str, what: Any) -> None:
        self.now += 1.0
        act: Callable[[str, Any], None] = getattr(self, name)
        act(who, what)
        self.table.check()
        assert self.table.reserved() == tuple(self.reserved)

    def grant(self, who: str, what: list[Claim]) -> None:
        before = self.table.held()
        if self.table.conflicts(who, what):
            with pytest.raises(ValueError, match="cannot have"):
                self.table.grant(who, what, self.now)
            assert self.table.held() == before
        else:
            self.table.grant(who, what, self.now)
            self.reserved.pop(who, None)

    def write(self, who: str, path: str) -> None:
        before = self.table.held()
        result = self.table.write(who, path, self.now)
        if result.outcome is Write.COLLISION:
            assert self.table.held() == before
            assert result.holder != who
        else:
            self.editors[path].add(who)
            assert self.table.write(who, path, self.now) == WriteResult(Write.OWN)

    def release(self, who: str, pattern: str | None) -> None:
        self.table.release(who, pattern)
        if pattern is None:
            self.reserved.pop(who, None)
        for path in PATHS:
            if pattern is None or Pattern.parse(pattern).matches(path):
                self.editors[path].discard(who)
        self.allowed = {(t, p) for t, p in self.allowed if t != who or pattern not in (None, p, "/" + p)}
        self.lost = {(k, p) for k, p in self.lost if k.holder != who or pattern not in (None, k.pattern)}

    def reserve(self, who: str, what: list[Claim]) -> None:
        self.table.reserve(who, what, self.now)
        self.reserved[who] = what

    def unreserve(self, who: str, _: None) -> None:
        self.table.unreserve(who)
        self.reserved.pop(who, None)

    def take(self, who: str, path: str) -> None:
        losers = self.table.take(who, path, self.now)
        if path != "CHANGES":
            for below in (below for below in PATHS if is_below(below, path)):
                assert self.editors[below] - {who} <= set(losers)
                self.editors[below] &= {who}
            self.allowed = {(t, p) for t, p in self.allowed if not is_below(p, path)}
            left = {lock for lock in self.table.held() if lock.holder in losers}
            at_stake = {view(path), *self.table.files.below(view(path))}
            self.lost |= {(lock, path) for lock in left if any(map(speaks_for(lock.pattern), at_stake))}
        self.write(who, path)
        assert path == "CHANGES" or self.editors[path] == {who}

    def allow(self, who: str, path: str) -> None:
        self.table.allow(who, path, self.now)
        self.allowed.add((who, path))
        assert self.table.write(who, path, self.now) == WriteResult(Write.OWN)
        self.editors[path].add(who)

    def add_files(self, _: str, paths: list[str]) -> None:
        self.table.add_files(paths)

    def shares(self, who: str, path: str) -> bool:
        return any(lock.mode is S and Pattern.parse(lock.pattern).matches(path) for lock in self.table.held_by(who))

    def let_in(self, who: str, path: str) -> bool:
        """Whether a person let `who` edit the path, or a directory above it, beside its holders."""
        return any(
            who == task and is_below(path, let) and not self.gave_up(path, who, Pattern.exact(let).text, S)
            for task, let in self.allowed
        )

    def assert_one_owner_each(self) -> None:
        """Of all editors of one file at most one neither shares it nor was let in; beside it all others were let in."""
        for path, editors in self.editors.items():
            owners = [who for who in editors if not self.shares(who, path) and not self.let_in(who, path)]
            guests = {who for who in editors if self.let_in(who, path)}
            assert path == "CHANGES" or not owners or editors - guests == set(owners[:1]), (path, editors)

    def naive_conflicts(self, who: str, what: list[Claim]) -> list[Blocker]:
        """Every claim against every lock and reservation, one by one."""
        found: list[Blocker] = []
        for claim in dict.fromkeys(what):
            own = {(lock.pattern, lock.mode) for lock in self.table.held_by(who)}
            if claim.pattern == "CHANGES" or {(claim.pattern, claim.mode), (claim.pattern, X)} & own:
                continue
            found += [
                Blocker(claim.pattern, lock.holder, lock.pattern, reserved=False)
                for lock in self.table.held()
                if lock.holder != who and self.clash(claim, lock.pattern, lock.mode) and not self.gave_way(claim, lock)
            ]
            older = list(self.reserved)[: list(self.reserved).index(who)] if who in self.reserved else self.reserved
            found += [
                Blocker(claim.pattern, other, wanted.pattern, reserved=True)
                for other in older
                for wanted in dict.fromkeys(self.reserved[other])
                if other != who and self.clash(claim, wanted.pattern, wanted.mode)
            ]
        return found

    def clash(self, claim: Claim, pattern: str, mode: LockMode) -> bool:
        a, b = Pattern.parse(claim.pattern), Pattern.parse(pattern)
        compatible = claim.mode is mode and mode is not X
        return not compatible and pattern not in ("CHANGES", "/CHANGES") and overlap(a, b, self.table.files)

    def gave_way(self, claim: Claim, lock: Lock) -> bool:
        pattern = Pattern.parse(claim.pattern)
        return pattern.literal and self.gave_up("/".join(pattern.prefix), lock.holder, lock.pattern, lock.mode)

    def gave_up(self, path: str, holder: str, text: str, mode: LockMode) -> bool:
        had = (holder, text, mode)
        return any((k.holder, k.pattern, k.mode) == had and is_below(path, taken) for k, taken in self.lost)


def test_a_path_taken_is_taken_from_those_who_write_below_it() -> None:
    table = LockTable([], shared=[])
    table.grant("t2", [Claim("a/", X)], 1.0)
    table.write("t2", "a/xy", 2.0)
    assert table.take("t1", "a", 3.0) == ("t2",)
    assert table.write("t2", "a/xy", 4.0).outcome is Write.COLLISION


@settings(max_examples=250, deadline=None)
@given(st.lists(path, max_size=4), st.lists(step, max_size=25))
def test_no_sequence_leaves_two_owners_of_one_file(files: list[str], steps: list[tuple[str, str, Any]]) -> None:
    model = Model([path for path in files if path != "a"])
    for name, who, what in steps:
        model.run(name, who, what)
        model.assert_one_owner_each()


@settings(max_examples=150, deadline=None)
@given(st.lists(path, max_size=4), st.lists(st.tuples(step, task, asked), max_size=20))
def test_conflicts_is_what_comparing_with_every_lock_says(
    files: list[str], steps: list[tuple[tuple[str, str, Any], str, list[Claim]]]
) -> None:
    model = Model([path for path in files if path != "a"])
    questions: list[tuple[str, list[Claim]]] = []
    for (name, who, what), asker, wanted in steps:
        model.run(name, who, what)
        questions.append((asker, wanted))
        for by, claim_list in questions:
            assert Counter(model.table.conflicts(by, claim_list)) == Counter(model.naive_conflicts(by, claim_list))
