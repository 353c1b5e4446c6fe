"""A question before something that is hard to undo; "No" has the focus."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Button, Static

from engine.text import clean
from widgets.dialog import Dialog


class Confirm(Dialog[bool]):
    """True only for an express yes. `loses` says what would be lost."""

    DEFAULT_CSS = """
    Confirm #answers { height: auto; margin-top: 1; align-horizontal: right; }
    Confirm Button { min-width: 12; margin-left: 2; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "yes", show=False),
        Binding("n", "answer(False)", "no", show=False),
        Binding("left,right,h,l", "app.focus_next", "other", show=False),
    ]
    keys_help = "y yes · n, esc no"

    def __init__(self, question: str, loses: str, yes: str, no: str = "No") -> None:
        super().__init__(question)
        self._loses, self._yes, self._no = clean(loses), clean(yes), clean(no)

    def compose_box(self) -> ComposeResult:
        """What would be lost, and the two answers."""
        yield Static(self._loses, classes="note", markup=False)
        with Horizontal(id="answers"):
            yield Button(self._no, id="no", variant="primary", flat=True)
            yield Button(self._yes, id="yes", variant="error", flat=True)

    def on_mount(self) -> None:
        """Enter means no."""
        self.query_one("#no").focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """An answer was clicked."""
        self.dismiss(event.button.id == "yes")

    def action_answer(self, yes: bool) -> None:
        """An answer was typed."""
        self.dismiss(yes)

    def action_leave(self) -> None:
        """No answer is no."""
        self.dismiss(False)
