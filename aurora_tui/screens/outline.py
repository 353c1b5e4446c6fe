"""The first frame: the boxes of the main screen, still empty, shown while the panes are being loaded."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.screen import Screen
from textual.widgets import Static

from widgets.pane_layout import Shape, heights, shape_of, side_columns

SIDE = ("1 Workers", "2 Queue", "3 Locks", "4 Merges")


class Outline(Screen[None]):
    """Imports no pane: all it needs is where the boxes are."""

    DEFAULT_CSS = """
    Outline { background: $background; }
    Outline > #head { height: 2; background: $panel; padding: 0 1; color: $foreground 62%; }
    Outline Vertical { height: 1fr; }
    Outline .box {
        height: 1fr;
        border: round $foreground 25%;
        border-title-color: $text-muted;
        border-title-style: bold;
        background: $surface;
    }
    Outline:ansi .box { border: round ansi_bright_black; border-title-color: ansi_default; }
    Outline > #keys { height: 1; background: $panel; }
    """

    def compose(self) -> ComposeResult:
        """Header, boxes, key bar."""
        yield Static("aurora ── starting the engine …", id="head", markup=False)
        with Horizontal(id="body"):
            with Vertical(id="side"):
                for title in SIDE:
                    yield _box(title)
            yield _box("0 Main", "main")
        yield Static("", id="keys")

    def on_resize(self) -> None:
        """Divide the screen as the main one will, as far as it fits."""
        columns, lines = self.size
        shape = shape_of(columns, lines)
        self.query_one("#body").display = shape is not Shape.TOO_SMALL
        self.query_one("#main").display = shape is Shape.FULL
        self.query_one("#side").styles.width = side_columns(columns) if shape is Shape.FULL else "1fr"
        boxes = self.query("#side > .box")
        for box, height in zip(boxes, heights(max(4, lines - 3), [3] * len(SIDE), 0, 4), strict=True):
            box.styles.height = height
            box.display = shape is Shape.FULL or box is boxes.first()
        if shape is not Shape.FULL:
            boxes.first().styles.height = "1fr"


def _box(title: str, name: str | None = None) -> Static:
    box = Static("", id=name, classes="box")
    box.border_title = title
    return box
