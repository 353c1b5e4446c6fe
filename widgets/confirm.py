"""A question before something that is hard to undo; "No" has the focus."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Static

from engine.text import clean
from widgets.dialog import Dialog, Headline, room
from widgets.text import flat

WIDEST = 72
ANSWER_LINES = 2


class Confirm(Dialog[bool]):
    """True only for an express yes. `loses` says what would be lost."""

    DEFAULT_CSS = """
    Confirm > #box { max-height: 80%; max-width: 72; }
    Confirm.-low > #box { max-width: 72; }
    Confirm #words { height: auto; scrollbar-size-vertical: 1; }
    Confirm #answers { height: 1; margin-top: 1; align-horizontal: right; }
    Confirm #answers Button {
        width: auto; min-width: 10; height: 1; margin-left: 2; border: none; line-pad: 1; padding: 0 1;
        background: $panel; color: $foreground; text-style: none;
    }
    Confirm #answers Button:hover { background: $foreground 20%; }
    Confirm #answers #no:focus { background: $primary; color: $background; text-style: bold; }
    Confirm #answers #yes { color: $text-error; }
    Confirm #answers #yes:focus { background: $error; color: $background; text-style: bold; }
    Confirm #answers Button:ansi { background: ansi_default; color: ansi_default; text-style: none; }
    Confirm #answers #yes:ansi { color: ansi_red; }
    Confirm #answers #no:ansi:focus, Confirm #answers #yes:ansi:focus {
        background: ansi_default; color: ansi_default; text-style: bold reverse;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "yes", show=False),
        Binding("n", "answer(False)", "no", show=False),
        Binding("left,right,h,l", "app.focus_next", "other", show=False),
        Binding("up,k", "scroll(-1)", "up", show=False),
        Binding("down,j", "scroll(1)", "down", show=False),
    ]
    keys_help: ClassVar[str] = "←→ enter · y yes · n, esc no"

    def __init__(self, question: str, loses: str, yes: str, no: str = "No") -> None:
        super().__init__(question)
        self._loses, self._yes, self._no = clean(loses).strip(), flat(yes), flat(no)

    def compose_box(self) -> ComposeResult:
        """The question where the frame cannot hold it, what would be lost, and the two answers."""
        yield Headline(self._title)
        with VerticalScroll(id="words", can_focus=False):
            yield Static(self._loses, markup=False)
        with Horizontal(id="answers"):
            yield Button(Content(self._no), id="no")
            yield Button(Content(self._yes), id="yes")

    def on_mount(self) -> None:
        """Enter means no."""
        self.query_one("#no").focus()

    def on_resize(self) -> None:
        """The question and the answers are seen at every size; what would be lost is scrolled if need be."""
        head = self.query_one(Headline).fit(self.size, WIDEST)
        self.query_one("#words").styles.max_height = max(1, room(self.size, WIDEST)[1] - head - ANSWER_LINES)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """An answer was chosen."""
        self.dismiss(event.button.id == "yes")

    def action_answer(self, yes: bool) -> None:
        """An answer was typed."""
        self.dismiss(yes)

    def action_scroll(self, lines: int) -> None:
        """See more of what would be lost, or move to the other answer when all is seen."""
        words = self.query_one("#words", VerticalScroll)
        if words.max_scroll_y:
            words.scroll_relative(y=lines, animate=False)
        else:
            self.focus_next()

    def action_leave(self) -> None:
        """No answer is no."""
        self.dismiss(False)
