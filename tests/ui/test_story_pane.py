"""The pane of what happened to a task, driven by real keys."""

from __future__ import annotations

from pathlib import Path

import pytest
from log_stage import LARGE, SMALL, Play, Stage, player
from rich.cells import cell_len

from widgets.story_pane import forgotten, rows_of


@pytest.fixture
def play(tmp_path: Path) -> Play:
    """Plays a scene on a screen of a size."""
    return player(tmp_path)


# --- story ---

WORDS = "queued → running: w1 took it"


def test_a_story_in_words_with_glyphs(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        await stage.tell()
        assert stage.screen[0] == " nothing happened yet"
        await stage.tell("added: build the login page", WORDS, "took a.py\x1b[2J\n, which it had not declared")
        assert stage.screen[:3] == [
            " ·  added: build the login page",
            " ►  queued → running: w1 took it",
            " ·  took a.py , which it had not declared",
        ]
        assert stage.story.selected_text().count("\n") == 3

    play(scene)


def test_only_changes_of_state_have_their_glyph() -> None:
    assert rows_of("testing → landed: as 1a2b", 40)[0][0] == (" ✓  ", "good")
    assert rows_of("merging → failed: a: b", 40)[0][0] == (" ✗  ", "bad")
    assert rows_of("said: queued → running", 40)[0][0][0] == " ·  "
    assert rows_of("queued → nowhere: x", 40)[0][0][0] == " ·  "
    assert rows_of("", 40)[0][1][0] == ""


@pytest.mark.parametrize("size", [LARGE, SMALL, (20, 10)])
def test_long_entries_are_wrapped_to_the_pane(play: Play, size: tuple[int, int]) -> None:
    entry = "running → failed: " + "日本語 word 👩‍👧 " * 12

    async def scene(stage: Stage) -> None:
        await stage.tell(*[entry] * 30)
        for y in range(stage.story.size.height):
            strip = stage.story.render_line(y)
            assert sum(cell_len(segment.text) for segment in strip) == stage.story.page_width
        await stage.press("g")
        assert stage.screen[0].startswith(" ✗  running →")
        assert stage.screen[1].startswith("    ")

    play(scene, size)


def test_it_follows_at_the_bottom_and_otherwise_keeps_its_place(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        entries = [f"entry {n} " + "word " * (n % 30) for n in range(60)]
        await stage.tell(*entries)
        assert "entry 59" in "\n".join(stage.screen)
        await stage.tell(*entries, "the newest")
        assert "the newest" in "\n".join(stage.screen)
        for size in (SMALL, LARGE):
            await stage.pilot.resize_terminal(*size)
            await stage.settle()
            assert "the newest" in "\n".join(stage.screen)
        await stage.press("g", *["j"] * 20)
        top = stage.screen[0]
        await stage.tell(*entries, "the newest", "one more")
        assert stage.screen[0] == top
        await stage.press("G")
        assert "one more" in "\n".join(stage.screen)
        await stage.press("g")
        await stage.tell("another", title="ui")
        assert stage.screen[0] == " ·  another"
        await stage.tell("another", *entries, title="ui")
        assert "entry 59" in "\n".join(stage.screen)

    play(scene)


def test_the_entry_at_the_top_stays_when_the_oldest_are_forgotten_and_the_width_changes(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        entries = [f"entry {n} " + "word " * (n % 30) for n in range(200)]
        await stage.tell(*entries)
        await stage.press("g", "pagedown", "pagedown")
        while not stage.screen[0].startswith(" ·  entry"):
            await stage.press("j")
        top = stage.screen[0].split("word")[0].rstrip()
        await stage.tell(*entries[7:], *(f"new {n}" for n in range(7)))
        assert stage.screen[0].startswith(top)
        await stage.pilot.resize_terminal(*SMALL)
        await stage.settle()
        assert stage.screen[0].startswith(top)
        await stage.tell("all", "else", "is", "gone")
        assert stage.screen[0] == " ·  all"

    play(scene)


def test_how_many_entries_are_forgotten() -> None:
    assert forgotten(["a", "b", "c"], ["a", "b", "c", "d"]) == 0
    assert forgotten(["a", "b", "c"], ["c", "d"]) == 2
    assert forgotten(["a", "b", "a", "b"], ["a", "b", "c"]) == 2
    assert forgotten(["a", "b"], ["x"]) == 2
    assert forgotten([], ["x"]) == 0
