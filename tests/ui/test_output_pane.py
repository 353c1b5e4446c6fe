"""The pane of what an agent prints, driven by real keys."""

from __future__ import annotations

from pathlib import Path

import pytest
from log_stage import LARGE, SMALL, Play, Stage, player
from rich.cells import cell_len
from textual.events import MouseScrollUp

from engine.log_file import MOST_LINES


@pytest.fixture
def play(tmp_path: Path) -> Play:
    """Plays a scene on a screen of a size."""
    return player(tmp_path)


# --- output: what is shown ---


@pytest.mark.parametrize("size", [LARGE, SMALL])
def test_it_says_that_there_is_nothing_then_shows_what_comes(play: Play, size: tuple[int, int]) -> None:
    async def scene(stage: Stage) -> None:
        await stage.show()
        assert stage.screen[:2] == ["attempt 1", " nothing was printed yet"]
        await stage.grow("hello\nwor")
        assert "following" in stage.screen[0]
        assert stage.screen[1].endswith("hello")
        assert stage.screen[2].endswith("wor")
        await stage.grow("ld\n")
        assert stage.screen[2].endswith("world")
        stage.output.show(None, "", "select a task")
        await stage.settle()
        assert stage.screen[:3] == ["", " select a task", ""]

    play(scene, size)


def test_a_picture_of_a_page(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        stage.log.number(1, 1200)
        stage.log.add("\x1b[31mError: 日本語\x1b[0m\tund 👩‍👧\r\nlast without end")
        await stage.show()
        assert stage.screen[0] == "attempt 1  following  1,202 lines"
        assert stage.body[-4:] == [
            "  1199 line 1199",
            "  1200 line 1200",
            "  1201 Error: 日本語   und 👩‍👧",
            "  1202 last without end",
        ]
        assert stage.screen[-1] == "below"

    play(scene)


def test_a_small_screen_has_no_numbers(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        stage.log.number(1, 50)
        await stage.show()
        assert stage.body == [f"line {n}" for n in range(41, 51)]

    play(scene, SMALL)


@pytest.mark.parametrize("size", [LARGE, SMALL, (81, 24), (5, 5)])
def test_nothing_is_wider_than_the_pane_nor_obeyed_by_a_terminal(play: Play, size: tuple[int, int]) -> None:
    evil = "日本語" * 60 + "\n\x1b]52;c;aGk=\x07👩‍👧" + "e\u0301" * 90 + "\x9b2J\n" + "a日" * 80 + "\ttab\n"

    async def scene(stage: Stage) -> None:
        stage.log.add(evil * 10)
        await stage.show()
        for keys in ((), ("l",), ("l", "l"), ("h",), ("k",)):
            await stage.press(*keys)
            for y in range(stage.output.size.height):
                strip = stage.output.render_line(y)
                assert sum(cell_len(segment.text) for segment in strip) == stage.output.page_width
                assert strip.text.isprintable() or "\u200d" in strip.text

    play(scene, size)


def test_sideways_as_far_as_the_lines_reach(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        stage.log.add("a" * 60 + "END\nshort\n")
        await stage.show()
        assert not any("END" in line for line in stage.body)
        await stage.press(*["l"] * 10)
        assert "END" in stage.body[0]
        await stage.press(*["h"] * 10)
        assert stage.body[1] == "short"

    play(scene, SMALL)


def test_lines_that_tell_of_trouble_are_coloured(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        bad = ["error: x", "  Error: x", "FAILED tests/a.py", "Traceback (most recent call last)", "E   assert 1"]
        stage.log.add("\n".join([*bad, "warning: x", "errors are fine", "no error", "Everything"]) + "\n")
        await stage.show()
        styles = [stage.output.row_pieces(row, 80)[-1][1] for row in range(stage.output.count_rows())]
        assert styles == ["bad"] * 5 + ["warn", "", "", ""]

    play(scene)


# --- output: following ---


@pytest.mark.parametrize("size", [LARGE, SMALL])
def test_it_follows_until_scrolled_up_and_again_from_the_end(play: Play, size: tuple[int, int]) -> None:
    async def scene(stage: Stage) -> None:
        stage.log.number(1, 100)
        await stage.show()
        await stage.grow("line 101\n")
        assert stage.body[-1].endswith("line 101")
        await stage.press("k")
        page = stage.output.page_rows
        assert f"paused at line {101 - page:,}, 1 below" in stage.screen[0]
        there = stage.body
        await stage.grow("".join(f"line {n}\n" for n in range(102, 2102)))
        assert stage.body == there
        assert "2,001 below" in stage.screen[0]
        await stage.press("G")
        assert "following" in stage.screen[0]
        assert stage.body[-1].endswith("line 2101")
        await stage.grow("more\n")
        assert stage.body[-1].endswith("more")
        await stage.press("g")
        assert "paused at line 1," in stage.screen[0]
        await stage.press("end")
        assert "following" in stage.screen[0]

    play(scene, size)


def test_following_can_be_switched_at_the_end_too(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        stage.log.number(1, 100)
        await stage.show()
        stage.output.toggle_follow()
        await stage.grow("line 101\nline 102\n")
        assert stage.body[-1].endswith("line 100")
        assert "2 below" in stage.screen[0]
        stage.output.toggle_follow()
        await stage.settle()
        assert stage.body[-1].endswith("line 102")
        assert "following" in stage.screen[0]
        stage.output.toggle_follow()
        await stage.press("G")
        assert stage.output.follow

    play(scene)


def test_the_wheel_pauses_too(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        stage.log.number(1, 100)
        await stage.show()
        await stage.pilot._post_mouse_events([MouseScrollUp], stage.output, offset=(3, 3))
        await stage.settle()
        assert not stage.output.follow

    play(scene)


def test_the_end_stays_in_view_when_the_size_changes(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        stage.log.number(1, 100)
        await stage.show()
        for size in (SMALL, (100, 30), LARGE):
            await stage.pilot.resize_terminal(*size)
            await stage.settle()
            assert stage.body[-1].endswith("line 100")
            assert stage.output.follow

    play(scene)


def test_a_pane_that_was_hidden_follows_when_it_is_seen(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        stage.output.add_class("hidden")
        await stage.settle()
        stage.log.number(1, 100)
        await stage.show()
        await stage.grow("line 101\n")
        stage.output.remove_class("hidden")
        await stage.settle()
        assert stage.body[-1].endswith("line 101")
        assert stage.output.follow

    play(scene)


def test_a_hidden_pane_keeps_its_place(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        stage.log.number(1, 100)
        await stage.show()
        await stage.press("k")
        there = stage.body
        stage.output.add_class("hidden")
        await stage.settle()
        await stage.grow("more\n" * 100)
        stage.output.remove_class("hidden")
        await stage.settle()
        assert stage.body == there
        assert "101 below" in stage.screen[0]
        entries = [f"entry {n} " + "word " * 30 for n in range(60)]
        await stage.tell(*entries)
        await stage.press("k", "k")
        top = stage.screen[0]
        for hide in (stage.story.add_class, stage.story.remove_class):
            hide("hidden")
            stage.story.show(entries + entries, "auth", "")
            await stage.settle()
        assert stage.screen[0] == top
        assert stage.screen[0].startswith("    word")

    play(scene)


def test_the_place_is_kept_while_the_oldest_lines_go(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        stage.log.number(1, MOST_LINES)
        await stage.show()
        await stage.press("k", "k", "k")
        there = stage.body
        await stage.grow("".join(f"new {n}\n" for n in range(500)))
        assert stage.log.file.dropped == 500
        assert stage.body == there
        assert "503 below" in stage.screen[0]
        await stage.press("g")
        assert stage.body[0] == "   501 line 501"
        await stage.grow("next\n")
        assert stage.body[:2] == ["   502 line 502", "   503 line 503"]
        await stage.press("G")
        assert stage.body[-2:] == ["100500 new 499", "100501 next"]
        await stage.grow("newest\n")
        assert stage.body[-2:] == ["100501 next", "100502 newest"]

    play(scene)


def test_a_log_that_starts_over_is_shown_from_its_beginning(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        stage.log.number(1, 100)
        await stage.show()
        await stage.press("k")
        stage.log.path.write_text("")
        await stage.grow("anew\n")
        assert stage.body[0].endswith("anew")
        assert stage.body[1] == ""
        assert "following" in stage.screen[0]

    play(scene)


def test_what_grows_out_of_sight_paints_next_to_nothing(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        stage.log.number(1, 1000)
        await stage.show()
        page = stage.output.page_rows
        for count in (1, 50, 5000):
            assert await stage.grow("line\n" * count) <= 2 * page
        await stage.press("k")
        for count in (1, 50, 5000):
            assert await stage.grow("line\n" * count) <= page
        await stage.press("g")
        for count in (1, 50, 5000):
            assert await stage.grow("line\n" * count) == 0

    play(scene)


# --- output: searching ---


def test_searching_marks_and_goes_round(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        stage.log.add("".join(f"line {n}{' Needle needle' if n % 100 == 0 else ''}\n" for n in range(1, 1001)))
        await stage.show()
        assert stage.output.search("needle") == 10
        await stage.settle()
        assert stage.marked("match-now") == ["Needle", "needle"]
        assert stage.output.selected_text() == "line 1000 Needle needle"
        assert "match 10 of 10" in stage.screen[0]
        assert "paused" in stage.screen[0]
        stage.output.next_match(-1)
        await stage.settle()
        assert "match 9 of 10" in stage.screen[0]
        assert any(line.endswith("line 900 Needle needle") for line in stage.body)
        for number in (10, 1, 2):
            stage.output.next_match(1)
            await stage.settle()
            assert f"match {number} of 10" in stage.screen[0]
        stage.output.next_match(-1)
        stage.output.next_match(-1)
        await stage.settle()
        assert "match 10 of 10" in stage.screen[0]
        stage.output.clear_search()
        await stage.settle()
        assert "match" not in stage.screen[0]
        assert stage.marked("match") == []
        assert "line 1000" in stage.output.selected_text()
        assert "\n" in stage.output.selected_text()

    play(scene)


def test_capitals_count_where_they_are_typed(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        stage.log.add("Needle\nneedle\nNEEDLE\nİneedle İ needle\n")
        await stage.show()
        assert stage.output.search("needle") == 4
        await stage.settle()
        assert sorted(stage.marked("match") + stage.marked("match-now")) == [
            "NEEDLE", "Needle", "needle", "needle", "needle",
        ]  # fmt: skip
        assert stage.output.search("Needle") == 1
        await stage.settle()
        assert stage.marked("match-now") == ["Needle"]

    play(scene)


def test_every_letter_typed_searches_from_the_same_place(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        stage.log.add("fail first\n" + "f\n" * 100 + "fail second\n" + "x\n" * 200 + "fail third\n" + "x\n" * 100)
        await stage.show()
        for typed in ("f", "fa", "fai", "fail"):
            stage.output.search(typed)
        await stage.settle()
        assert stage.output.selected_text() == "fail third"
        stage.output.search("fail s")
        assert stage.output.selected_text() == "fail second"
        stage.output.search("fail t")
        assert stage.output.selected_text() == "fail third"
        assert stage.output.search("nowhere") == 0
        await stage.settle()
        assert "no match" in stage.screen[0]
        stage.output.next_match(1)

    play(scene)


def test_what_comes_during_a_search_is_counted(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        stage.log.add("needle\nhay\nnee")
        await stage.show()
        assert stage.output.search("needle") == 1
        await stage.grow("dle\nhay\nneedle\n")
        assert "match 1 of 3" in stage.screen[0]
        await stage.grow("needle" + "x" * 5)
        await stage.grow("x needle\n")
        assert "match 1 of 4" in stage.screen[0]
        assert len(stage.marked("match")) == 4
        stage.output.next_match(1)
        await stage.settle()
        assert "match 2 of 4" in stage.screen[0]
        stage.output.show(stage.log.file, "attempt 2", "")
        await stage.settle()
        assert "4 matching lines" in stage.screen[0]

    play(scene)
