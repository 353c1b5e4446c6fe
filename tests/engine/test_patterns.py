"""Claim patterns: they mean what git means, and overlap is exact."""

from __future__ import annotations

import itertools
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.covering import outside
from engine.patterns import FileIndex, Pattern, may_overlap, overlap

NAMES = st.one_of(
    st.sampled_from(
        ["a", "b", "ab", "src", "*", "?", "a*", "*b", "?a", "[ab]", "[!a]", "[^b]x", "[a-c]*", "***", "**"]
    ),
    st.text(alphabet="ab.*?-", min_size=1, max_size=4),
    st.sampled_from(
        ["[]a]", "[!]a]", "[a-]", "[-a]", "[a-c-e]", "[[:alpha:]-z]", "[[:digit:]b]", "[[:a]", "x[[]", "é", "[é]"]
    ),
)
TEXTS = st.builds(
    lambda start, names, end: start + "/".join(names) + end,
    st.sampled_from(["", "", "/"]),
    st.lists(NAMES, min_size=1, max_size=4),
    st.sampled_from(["", "", "/", "/**"]),
)


def accepted(text: str) -> bool:
    try:
        Pattern.parse(text)
    except ValueError:
        return False
    return True


PATTERNS = TEXTS.filter(accepted)
PATHS = st.lists(
    st.one_of(
        st.sampled_from(["a", "b", "ab", "src", "x", "-", "e", "é", "]", "[", "zx", "1b", ".a"]),
        st.text(alphabet="abx.-", min_size=1, max_size=3).filter(lambda name: name not in (".", "..")),
    ),
    min_size=1,
    max_size=4,
).map("/".join)


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        *[("src/a.py", "src/"), ("src/*.py", "src/**"), ("src/deep/", "src/*"), ("*.md", "**"), ("/a.md", "*.md")],
        *[("a/b/c", "a/**/c"), ("[ab]x", "[a-c]?"), ("a/*/b", "a/**/b"), ("a/b/", "a/b"), ("x*", "*"), ("é", "?*")],
    ],
)
def test_what_lies_within(narrow: str, wide: str) -> None:
    assert outside(Pattern.parse(narrow), Pattern.parse(wide)) is None


@pytest.mark.parametrize(
    ("narrow", "wide", "example"),
    [
        ("src2/a.py", "src/", "src2/a.py"),
        ("src/", "src/*.py", "src/a"),
        ("a/**/b", "a/*/b", "a/b"),
        ("x*", "x?*", "x"),
        ("a/b", "a/b/", "a/b"),
        ("[a-c]", "[ab]", "c"),
        ("*.md", "/*.md", "a/.md"),
    ],
)
def test_what_lies_outside(narrow: str, wide: str, example: str) -> None:
    assert outside(Pattern.parse(narrow), Pattern.parse(wide)) == example


@settings(deadline=None, max_examples=600)
@given(PATTERNS, PATTERNS, st.lists(PATHS, max_size=20))
def test_inclusion_is_exact(narrow: str, wide: str, paths: list[str]) -> None:
    inner, outer = Pattern.parse(narrow), Pattern.parse(wide)
    found = outside(inner, outer)
    if found is None:
        assert all(outer.matches(path) for path in paths if inner.matches(path))
    else:
        assert inner.regex.fullmatch(found)
        assert not outer.regex.fullmatch(found)


def ignored_by_git(root: Path, cases: list[tuple[str, list[str]]]) -> set[tuple[int, str]]:
    """Git's own verdict: case n is a folder cn with the pattern in its .gitignore; one process for all cases."""
    subprocess.run(["git", "init", "-q", root], check=True)
    for number, (text, _) in enumerate(cases):
        (root / f"c{number}").mkdir()
        (root / f"c{number}" / ".gitignore").write_text(text + "\n")
    asked = "\0".join(f"c{number}/{path}" for number, (_, paths) in enumerate(cases) for path in paths)
    command = ["git", "-c", "core.ignoreCase=false", "check-ignore", "--no-index", "--stdin", "-z"]
    answer = subprocess.run(command, cwd=root, input=asked.encode(), capture_output=True, check=False)
    assert answer.returncode in (0, 1), answer.stderr
    found = (line.decode().partition("/") for line in answer.stdout.split(b"\0") if line)
    return {(int(case[1:]), path) for case, _, path in found}


def assert_agrees_with_git(cases: list[tuple[str, list[str]]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        verdict = ignored_by_git(Path(folder), cases)
    for number, (text, paths) in enumerate(cases):
        for path in paths:
            assert Pattern.parse(text).matches(path) == ((number, path) in verdict), (text, path)


def test_the_documented_cases_agree_with_git() -> None:
    texts = ["src/a.py", "src/", "src/**", "*.md", "/x", "**", "**/", "a/**/b", "a/**/**/b", "a/**/", "/a/*", "a/***/b"]
    texts += [
        "?.md",
        "[a-c]*",
        "[!a]b",
        "[^a]b",
        "[]-]x",
        "a b",
        "README.md",
        "**/x",
        "x/*/y",
        ".*",
        "[[:space:]]x",
        "[a-c-e]x",
    ]
    paths = [
        "src/a.py",
        "src/a.py/x",
        "lib/src/a.py",
        "src",
        "src/b/c",
        "x",
        "y/x",
        "a",
        "a/b",
        "a/x/b",
        "a/x/y/b",
        "a/x",
    ]
    paths += [
        "r.md",
        "d/r.md",
        "r.md/z",
        "é.md",
        "bb",
        "ab",
        "-x",
        "]x",
        "a b",
        "README.md",
        "x/1/y",
        "x/1/2/y",
        ".a",
    ]
    assert_agrees_with_git([(text, [*paths, " x", "dx", "ex"]) for text in texts])


@pytest.mark.slow
@settings(max_examples=12, deadline=None)
@given(
    st.lists(
        st.tuples(PATTERNS.filter(lambda t: not t.startswith("#")), st.lists(PATHS, min_size=8, max_size=16)),
        min_size=24,
        max_size=40,
    )
)
def test_matches_is_what_git_decides(cases: list[tuple[str, list[str]]]) -> None:
    assert_agrees_with_git(cases)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        ("  ", "empty"),
        ("/", "empty"),
        ("~/x", "absolute"),
        ("//x", "absolute"),
        ("C:/x", "absolute"),
        ("../x", "`..`"),
        ("a/../x", "`..`"),
        ("./x", "`.`"),
        ("!x", "negates"),
        ("a\\b", "backslash"),
        ("a\0b", "NUL"),
        ("a\nb", "control"),
        ("a//b", "empty name"),
        ("x/a**", "beside other characters"),
        ("[a", "without its `]`"),
        ("[[:nope:]]", "unknown class"),
    ],
)
def test_what_cannot_be_a_claim_is_refused_in_one_sentence(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        Pattern.parse(text)
    assert why in str(refused.value)
    assert "\n" not in str(refused.value)


def test_prefix_and_literal() -> None:
    assert Pattern.parse("src/a.py").prefix == ("src", "a.py")
    assert Pattern.parse("src/a.py").literal
    assert Pattern.parse("src/api/*.py").prefix == ("src", "api")
    assert Pattern.parse("/README.md").literal
    assert not Pattern.parse("README.md").literal
    assert Pattern.parse("README.md").prefix == ()
    assert Pattern.parse("src/**") is Pattern.parse("src/**")


@given(st.lists(st.text(alphabet="ab*?[]! ~#é:C", min_size=1, max_size=4), min_size=1, max_size=3).map("/".join))
@example("~/x")
@example("C:/x")
@example("app/[id]/page.tsx")
@example("a ")
def test_an_exact_pattern_is_one_path_and_can_be_read_back(path: str) -> None:
    pattern = Pattern.exact(path)
    assert pattern.literal
    for again in (pattern, Pattern.parse(pattern.text)):
        assert again.matches(path)
        assert again.matches(path + "/below")
        assert not again.matches("x/" + path)
        assert not again.matches(path + "x")


NAMES_OF_AB = ["".join(letters) for size in (1, 2) for letters in itertools.product("ab", repeat=size)]
EVERY_PATH = ["/".join(names) for depth in (1, 2, 3, 4) for names in itertools.product(NAMES_OF_AB, repeat=depth)]
TWO_LETTERS = ["a", "b", "ab", "*", "?", "a*", "*b", "*a", "?a", "b?", "??", "[ab]", "[!a]", "[!a]*", "**"]
SMALL_NAMES = st.sampled_from([*TWO_LETTERS, "*a*", "a?b", "a*b"])
TWO_NAMES = st.one_of(
    st.builds("{}{}/{}".format, st.sampled_from(["", "/"]), *[st.sampled_from(TWO_LETTERS)] * 2),
    st.builds(
        "{}{}{}".format, st.sampled_from(["", "/", "**/"]), st.sampled_from(TWO_LETTERS), st.sampled_from(["", "/"])
    ),
).map(Pattern.parse)
SMALL = st.builds(
    lambda start, names, end: start + "/".join(names) + end,
    st.sampled_from(["", "/"]),
    st.lists(SMALL_NAMES, min_size=1, max_size=3),
    st.sampled_from(["", "", "/"]),
).map(Pattern.parse)


@settings(max_examples=400, deadline=None)
@given(TWO_NAMES, TWO_NAMES)
def test_may_overlap_is_what_trying_every_path_says(a: Pattern, b: Pattern) -> None:
    """A shortest common path has no more names than both patterns together (4), a shortest common name two letters."""
    tried = any(a.matches(path) and b.matches(path) for path in EVERY_PATH)
    assert may_overlap(a, b) == may_overlap(b, a) == tried


@settings(max_examples=150, deadline=None)
@given(SMALL, SMALL)
def test_may_overlap_never_misses_a_common_path(a: Pattern, b: Pattern) -> None:
    if any(a.matches(path) and b.matches(path) for path in EVERY_PATH):
        assert may_overlap(a, b)


FILES = st.lists(st.lists(st.sampled_from(["a", "b", "ab"]), min_size=1, max_size=3).map("/".join), max_size=6)


@settings(deadline=None)
@given(SMALL, SMALL, FILES, FILES)
def test_overlap_sees_every_existing_file_and_nothing_impossible(
    a: Pattern, b: Pattern, before: list[str], after: list[str]
) -> None:
    files = FileIndex(before)
    overlap(a, b, files)
    files.add(after)
    meets = overlap(a, b, files)
    assert meets == overlap(b, a, files)
    assert not meets or may_overlap(a, b)
    assert meets or not any(a.matches(path) and b.matches(path) for path in (*before, *after))
    assert files.matching(a) == {path for path in (*before, *after) if a.matches(path)}


@given(SMALL)
def test_a_pattern_overlaps_itself_and_everything_overlaps_it(pattern: Pattern) -> None:
    assert overlap(pattern, pattern, FileIndex())
    assert overlap(Pattern.parse("**"), pattern, FileIndex())


@pytest.mark.parametrize(
    ("a", "b", "meet"),
    [
        ("src/**", "src/a.py", True),
        ("src/a.py", "src/b.py", False),
        ("a", "a/b", True),
        ("/a", "a/b", True),
        ("a/b", "ab", False),
        ("a/b", "a/bc", False),
        ("src/**", "src/x*.py", True),
        ("src/new.py", "src/*.py", True),
        ("src/x*.py", "src/*y.py", False),
        ("src/o*.py", "src/*d.py", True),
        ("*.md", "docs/**", True),
        ("*.md", "src/**", False),
        ("*.md", "/src", False),
        ("*.py", "lib/x*.py", True),
        ("new.py", "new.py", True),
        ("README.md", "/README.md", True),
    ],
)
def test_overlap_on_a_repository(a: str, b: str, meet: bool) -> None:
    files = FileIndex(["src/old.py", "docs/guide.md"])
    assert overlap(Pattern.parse(a), Pattern.parse(b), files) is meet
    assert overlap(Pattern.parse(b), Pattern.parse(a), files) is meet


def test_globs_that_meet_only_in_new_files_overlap_once_such_a_file_exists() -> None:
    a, b, files = Pattern.parse("src/x*.py"), Pattern.parse("src/*y.py"), FileIndex()
    assert may_overlap(a, b)
    assert not overlap(a, b, files)
    files.add(["src/xy.py"])
    assert overlap(a, b, files)
