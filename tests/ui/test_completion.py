"""What is completed, and how (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

from hypothesis import given
from hypothesis import strategies as st

from widgets.path_completion import Cycle, complete_names, complete_paths, matching, segments

# --- pure ---------------------------------------------------------------------------------------------------------


class Counted(Sequence[str]):
    """A list that counts how often it is looked into."""

    def __init__(self, values: list[str]) -> None:
        self.values, self.looks = values, 0

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...
    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        self.looks += 1
        return self.values[index]

    def __len__(self) -> int:
        return len(self.values)


def test_fifty_thousand_files_are_hardly_looked_at() -> None:
    files = Counted(sorted(f"src/part{n % 50}/module{n}.py" for n in range(50_000)))
    assert segments("src/", files, 8)[0] == "src/**"
    assert segments("src/part7/module7", files, 8)
    assert files.looks < 400


@given(
    st.lists(st.from_regex(r"[ab]{1,2}(/[ab]{1,2}){0,2}", fullmatch=True)), st.from_regex(r"[ab/]{0,4}", fullmatch=True)
)
def test_every_completion_begins_with_what_was_typed_and_leads_to_a_file(files: list[str], typed: str) -> None:
    ordered = sorted(set(files))
    for text in segments(typed, ordered, 100):
        assert text.startswith(typed)
        assert text != typed
        folder = text.removesuffix("**")
        assert text in ordered or any(path.startswith(folder) for path in ordered if folder.endswith("/"))


def test_every_file_is_reached_by_completions() -> None:
    files = sorted(["a/b/c.py", "a/b/d.py", "a/e.py", "a.py", "z"])
    reached, todo = set(), [""]
    while todo:
        for text in segments(todo.pop(), files, 100):
            if text.endswith("/"):
                todo.append(text)
            elif not text.endswith("**"):
                reached.add(text)
    assert reached == set(files)


def test_paths_go_on_one_segment_at_a_time() -> None:
    files = sorted(["src/a/x.py", "src/a/y.py", "src/b.py", "docs/z.md"])
    assert segments("", files) == ["docs/", "src/"]
    assert segments("sr", files) == ["src/", "src/**"]
    assert segments("src/", files) == ["src/**", "src/a/", "src/b.py"]
    assert segments("src/a", files) == ["src/a/", "src/a/**"]
    assert segments("src/a/x", files) == ["src/a/x.py"]
    assert segments("src/a/x.py", files) == []
    assert segments("nothing", files) == []


def test_lists_are_completed_at_their_last_part() -> None:
    files = sorted(["src/a.py", "src/b.py"])
    assert complete_paths("x/**, src/", files) == ["x/**, src/**", "x/**, src/a.py", "x/**, src/b.py"]
    assert complete_paths("src/a.py,src/", files) == ["src/a.py,src/**", "src/a.py,src/b.py"]
    assert complete_names("ui, a", ["api", "auth", "ui"]) == ["ui, api", "ui, auth"]
    assert complete_names("ui, ", ["auth", "ui"]) == ["ui, auth"]


def test_matching_puts_beginnings_first() -> None:
    assert matching("ui", ["gui", "UI kit", "ui", "docs"]) == ["UI kit", "gui"]


def test_a_cycle_comes_back_to_what_was_typed() -> None:
    cycle = Cycle()
    cycle.offer("p", ["pause", "bad\x1bname", "pool"])
    assert [cycle.step(1) for _ in range(3)] == ["pause", "pool", "p"]
    assert [cycle.step(-1) for _ in range(3)] == ["pool", "pause", "p"]
