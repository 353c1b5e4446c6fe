"""The frame all dialogs share: a box in the middle, its title above, what the keys do below."""

from __future__ import annotations

from typing import ClassVar, Generic, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen

from widgets.text import flat

Result = TypeVar("Result")


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
