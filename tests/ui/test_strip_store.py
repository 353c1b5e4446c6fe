"""What is painted from remembered strips is what is painted without them."""

from __future__ import annotations

from typing import ClassVar

import pytest
from screen import play
from textual._styles_cache import StylesCache
from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.pilot import Pilot
from textual.strip import Strip

from widgets.line_view import LineView
from widgets.look import Piece


class Rows(LineView):
    """Two hundred rows, of which every seventh looks alike."""

    DEFAULT_CSS = "Rows { border: round $foreground; padding: 0 1; height: 12; &:focus { border: round $primary; } }"
    shown: ClassVar[int] = 0

    def count_rows(self) -> int:
        return 200

    def row_pieces(self, index: int, width: int) -> list[Piece]:
        return [(f"row {index % 7}", "accent"), (" of many, longer than the pane is wide" * 2, "")]


class Stage(App[None]):
    def compose(self) -> ComposeResult:
        yield Rows(id="kept")
        yield Rows(id="plain")

    def on_mount(self) -> None:
        self.query_one("#plain")._styles_cache = StylesCache()
        for rows in self.query(Rows):
            rows.rows_changed()


def lines(rows: Rows) -> list[Strip]:
    return rows.render_lines(Region(0, 0, *rows.outer_size))


@pytest.mark.parametrize("keys", ["", "jjj", "G", ["pagedown", "l"], "llh"])
def test_remembered_lines_look_like_fresh_ones(keys: str | list[str]) -> None:
    app = Stage()

    async def scene(pilot: Pilot[object]) -> None:
        kept, plain = app.query_one("#kept", Rows), app.query_one("#plain", Rows)
        for rows in (plain, kept):
            rows.focus()
            await pilot.press(*keys)
        await pilot.pause()
        app.set_focus(None)
        await pilot.pause()
        assert [list(strip) for strip in lines(kept)] == [list(strip) for strip in lines(plain)]
        for theme in ("textual-light", "nord"):
            app.theme = theme
            await pilot.pause()
            assert [list(strip) for strip in lines(kept)] == [list(strip) for strip in lines(plain)]
        await pilot.resize_terminal(44, 30)
        await pilot.pause()
        assert [list(strip) for strip in lines(kept)] == [list(strip) for strip in lines(plain)]

    play(app, scene, (60, 30))


def test_a_frame_that_changes_is_not_remembered() -> None:
    app = Stage()

    async def scene(pilot: Pilot[object]) -> None:
        kept = app.query_one("#kept", Rows)
        app.set_focus(None)
        await pilot.pause()
        before = lines(kept)[1]
        kept.focus()
        await pilot.pause()
        assert next(iter(lines(kept)[1])).style != next(iter(before)).style

    play(app, scene, (60, 30))


def test_a_line_that_scrolls_is_the_same_strip() -> None:
    app = Stage()

    async def scene(pilot: Pilot[object]) -> None:
        kept = app.query_one("#kept", Rows)
        kept.focus()
        await pilot.press("pagedown")
        await pilot.pause()
        before = lines(kept)
        kept.scroll_to(y=kept.scroll_offset.y + 1, animate=False, force=True)
        await pilot.pause()
        after = lines(kept)
        assert sum(one is other for one, other in zip(before[2:-1], after[1:-2], strict=True)) >= 8

    play(app, scene, (60, 30))
