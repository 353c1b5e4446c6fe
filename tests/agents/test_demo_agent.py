"""The scripted agent of the demo: what it says, how fast it types, and what it keeps of what is merged meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from aurora_tui.demo.agent import Agent, Pace, Step, Stuck, parse, pieces

AT_ONCE = 1000.0


def test_a_header_says_what_where_and_how_long() -> None:
    steps = list(parse("=== insert a.py after     x = 1 ~2>=0.5\n    y = 2\n=== test\n"))
    assert steps == [Step("insert", "a.py after     x = 1", 2.0, 0.5, "    y = 2\n"), Step("test", "", 0.0, 0.0, "")]


def test_speed_divides_every_pause_but_the_least_remains_until_nothing_does() -> None:
    assert Pace(1).real(3) == 3
    assert Pace(20).real(3, least=2) == 2
    assert Pace(100).real(3, least=2) == 0


def test_text_is_typed_in_whole_lines_and_nothing_is_lost() -> None:
    text = "".join(f"line {number}\n" for number in range(7))
    for count in (1, 3, 7):
        typed = pieces(text, count)
        assert len(typed) == count
        assert "".join(typed) == text
        assert all(piece.endswith("\n") for piece in typed)


class Interrupted(Pace):
    """A pace at which somebody else edits `path` between any two chunks."""

    path: Path

    def chunks(self, text: str, seconds: float, least: float = 0.0) -> Iterator[str]:
        for chunk in text.splitlines(keepends=True):
            yield chunk
            self.path.write_text("# merged\n" + self.path.read_text(encoding="utf-8") + "# end\n", encoding="utf-8")


@pytest.mark.parametrize(
    ("verb", "where", "result"),
    [("insert", "after one", "one\nA\nB\ntwo\n"), ("insert", "before two", "one\nA\nB\ntwo\n")],
)
def test_what_is_merged_while_the_agent_types_is_kept(tmp_path: Path, verb: str, where: str, result: str) -> None:
    path = tmp_path / "file.txt"
    path.write_text("one\ntwo\n", encoding="utf-8")
    Interrupted.path = path
    Agent(Interrupted(AT_ONCE)).play(iter([Step(verb, f"{path} {where}", 0, 0, "A\nB\n")]))
    assert path.read_text(encoding="utf-8") == f"# merged\n# merged\n{result}# end\n# end\n"


def test_what_is_appended_stays_together_whatever_is_merged_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("one\n", encoding="utf-8")
    Interrupted.path = path
    Agent(Interrupted(AT_ONCE)).play(iter([Step("append", str(path), 0, 0, "A\nB\n")]))
    assert path.read_text(encoding="utf-8") == "# merged\n# merged\none\nA\nB\n# end\n# end\n"


def test_a_missing_anchor_stops_the_agent(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("one\n", encoding="utf-8")
    with pytest.raises(Stuck, match="has no line 'two'"):
        Agent(Pace(AT_ONCE)).play(iter([Step("insert", f"{path} after two", 0, 0, "A\n")]))
