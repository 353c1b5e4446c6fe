"""How the jobs of all builds are shared: max-min fair, nothing idle while somebody is hungry, never too many."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.job_tokens import Build, poured, shares, tokens


@st.composite
def some_builds(draw: st.DrawFn) -> list[Build]:
    builds = []
    for n in range(draw(st.integers(0, 6))):
        issued = draw(st.integers(0, 12))
        lying, most = draw(st.integers(0, issued)), draw(st.integers(0, 15))
        builds.append(Build(f"b{n}", most, issued, lying, draw(st.booleans())))
    return builds


@given(st.integers(1, 32), some_builds(), st.integers(0, 8))
def test_the_jobs_of_all_builds_are_no_more_than_may_run(total: int, builds: list[Build], busy: int) -> None:
    due = shares(total, builds, busy)
    active = [build for build in builds if not build.paused]
    assert sum(due[build.id] for build in active) <= tokens(total, builds, busy)
    assert sum(1 + due[build.id] for build in active) <= max(total, len(active))
    assert due.keys() == {build.id for build in builds}


@given(st.integers(1, 32), some_builds(), st.integers(0, 8))
def test_nobody_gets_more_than_it_asked_for_and_nothing_is_left_while_somebody_can_use_it(
    total: int, builds: list[Build], busy: int
) -> None:
    due = shares(total, builds, busy)
    active = [build for build in builds if not build.paused]
    assert all(0 <= due[build.id] <= build.most for build in active)
    left = tokens(total, builds, busy) - sum(due[build.id] for build in active)
    assert left == 0 or all(due[build.id] == build.most for build in active)


@given(st.integers(1, 32), some_builds())
def test_a_hungry_build_has_as_many_as_any_other_that_uses_them(total: int, builds: list[Build]) -> None:
    due = shares(total, builds)
    for hungry in (build for build in builds if not build.paused and not build.lying):
        for other in (build for build in builds if not build.paused):
            satisfied = due[hungry.id] == hungry.most
            assert satisfied or due[other.id] <= due[hungry.id] + 1, due


@given(some_builds())
def test_a_paused_build_keeps_what_its_jobs_hold_and_nothing_else(builds: list[Build]) -> None:
    due = shares(8, builds)
    assert all(due[build.id] == build.used for build in builds if build.paused)


def test_what_one_build_leaves_lying_goes_to_the_one_that_needs_it() -> None:
    lazy, hungry = Build("lazy", 7, 3, 3), Build("hungry", 7, 3, 0)
    assert shares(8, [lazy, hungry]) == {"lazy": 1, "hungry": 5}


@given(st.integers(0, 50), st.dictionaries(st.text(max_size=2), st.integers(0, 20), max_size=6))
def test_pouring_gives_out_all_that_is_wanted(amount: int, wanted: dict[str, int]) -> None:
    given_out = poured(amount, wanted)
    assert sum(given_out.values()) == min(amount, sum(wanted.values()))
    assert all(given_out[name] <= wanted[name] for name in wanted)
