"""The frame all dialogs share: a box in the middle, its title above, what the keys do below."""

from __future__ import annotations

from typing import ClassVar, Generic, TypeVar

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.geometry import Size
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Static

from widgets.text import flat, wrap

Result = TypeVar("Result")
CORNERS = 6
"""Cells of a frame's upper line that are not its title."""
MOST_TITLE_LINES = 4


def frame(size: Size, widest: int) -> tuple[int, int]:
    """Pure: columns and lines a dialog's frame may take on a screen; where there is little room, all there is."""
    if size.width < 60 or size.height < 16:
        return min(widest, size.width), size.height
    return min(widest, size.width * 8 // 10), size.height * 8 // 10


def room(size: Size, widest: int) -> tuple[int, int]:
    """Pure: columns and lines inside that frame, without its border and padding."""
    columns, lines = frame(size, widest)
    low = size.width < 60 or size.height < 16
    return (columns - 4, lines - 2) if low else (columns - 6, lines - 4)


class Headline(Static):
    """A dialog's title in the box, where the frame is too narrow to hold all of it."""

    DEFAULT_CSS = "Headline { height: auto; text-style: bold; display: none; }"

    def __init__(self, title: str) -> None:
        super().__init__("", markup=False)
        self._title = title

    def fit(self, size: Size, widest: int) -> int:
        """Put the title where it fits on a screen of a size; how many lines it takes in the box."""
        self.display = cell_len(self._title) + CORNERS > frame(size, widest)[0]
        lines = wrap(self._title, room(size, widest)[0], MOST_TITLE_LINES) if self.display else []
        self.update("\n".join(lines))
        if self.parent is not None and isinstance(self.parent, Widget):
            self.parent.border_title = Content("" if lines else self._title)
        return len(lines)


class Dialog(ModalScreen[Result], Generic[Result]):
    """Esc always leaves with nothing chosen. Subclasses compose what is in the box."""

    DEFAULT_CSS = """
    Dialog { align: center middle; background: $background 60%; }
    Dialog:ansi { background: transparent; }
    Dialog > #box {
        width: 80%; max-width: 84; min-width: 36; height: auto; max-height: 90%;
        border: round $primary; border-title-color: $text-primary; border-title-style: bold;
        border-subtitle-color: $text-muted; background: $surface; padding: 1 2;
    }
    Dialog:ansi > #box { border: round ansi_cyan; background: ansi_default; }
    Dialog .note { color: $text-muted; height: auto; }
    Dialog .fault { color: $text-error; height: auto; }
    Dialog Input { border: tall $foreground 20%; background: $background; }
    Dialog Input:focus { border: tall $primary; }
    Dialog.-low > #box { padding: 0 1; max-height: 100%; width: 100%; max-width: 100%; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "leave", show=False)]
    keys_help: ClassVar[str] = "esc leaves"

    def __init__(self, title: str) -> None:
        super().__init__()
        self._title = flat(title)

    def compose(self) -> ComposeResult:
        """The box."""
        with Vertical(id="box") as box:
            box.border_title = Content(self._title)
            box.border_subtitle = Content(self.keys_help)
            yield from self.compose_box()

    def compose_box(self) -> ComposeResult:
        """What is in the box."""
        yield from ()

    def on_resize(self) -> None:
        """Where there is little room, no margins."""
        self.set_class(self.size.height < 16 or self.size.width < 60, "-low")

    def action_leave(self) -> None:
        """Nothing was chosen."""
        self.dismiss(None)
