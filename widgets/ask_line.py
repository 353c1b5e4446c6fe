"""One line of input: as a dialog with a check, and as a bar at the bottom for `/` and `:`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.suggester import SuggestFromList
from textual.widgets import Input, Static

from engine.text import clean
from widgets.dialog import Dialog
from widgets.text import flat

Check = Callable[[str], str]
MOST_COMPLETIONS = 6


def no_check(text: str) -> str:
    """Everything is right."""
    return ""


class AskLine(Dialog[str]):
    """The text that was entered, None when it was left. `check` gives the sentence why a text will not do, or ""."""

    keys_help: ClassVar[str] = "enter takes it · esc leaves"

    def __init__(
        self,
        title: str,
        value: str = "",
        placeholder: str = "",
        check: Check = no_check,
        suggestions: Sequence[str] = (),
    ) -> None:
        super().__init__(title)
        self._value, self._placeholder, self._check = clean(value), clean(placeholder), check
        self._suggestions = list(suggestions)

    def compose_box(self) -> ComposeResult:
        """The line, and what is wrong with it."""
        suggester = SuggestFromList(self._suggestions) if self._suggestions else None
        line = Input(self._value, placeholder=self._placeholder, suggester=suggester, id="line")
        line.cursor_blink = False
        yield line
        yield Static("", id="fault", classes="fault", markup=False)

    def on_mount(self) -> None:
        """Type at once."""
        self.query_one(Input).focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Say at once what is wrong."""
        self.query_one("#fault", Static).update(flat(self._check(event.value)) if event.value else "")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Take it if it is right."""
        if not event.value or not self._check(event.value):
            self.dismiss(event.value)


class LineBar(Vertical):
    """A line at the bottom that is there only while something is typed into it."""

    DEFAULT_CSS = """
    LineBar { height: auto; dock: bottom; margin-bottom: 1; display: none; background: $panel; layer: over; }
    LineBar.-open { display: block; }
    LineBar Input { border: none; height: 1; padding: 0 1; background: $panel; }
    LineBar Input:focus { border: none; }
    LineBar Static { height: auto; padding: 0 1; color: $text-muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "cancel", show=False),
        Binding("tab", "complete", "complete", show=False),
        Binding("up", "history(-1)", "before", show=False),
        Binding("down", "history(1)", "after", show=False),
    ]

    class Changed(Message):
        """Another letter."""

        def __init__(self, bar: LineBar, value: str) -> None:
            super().__init__()
            self.bar = bar
            self.value = value

        @property
        def control(self) -> LineBar:
            """The bar."""
            return self.bar

    class Submitted(Changed):
        """Enter."""

    class Cancelled(Changed):
        """Esc."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._complete: Callable[[str], Sequence[str]] | None = None
        self._history: list[str] = []
        self._at = 0

    def compose(self) -> ComposeResult:
        """Completions above, the line below."""
        yield Static("", markup=False)
        line = Input()
        line.cursor_blink = False
        yield line

    def open(self, sign: str, hint: str, complete: Callable[[str], Sequence[str]] | None = None) -> None:
        """Ask for a line; `sign` is the key that opened it."""
        self._complete, self._at = complete, len(self._history)
        line = self.query_one(Input)
        line.value = ""
        line.placeholder = f"{sign} {hint}"
        self.query_one(Static).display = False
        self.add_class("-open")
        self.screen.set_focus(line)

    def close(self) -> None:
        """Take the bar away."""
        self.remove_class("-open")

    @property
    def is_open(self) -> bool:
        """True while something is typed."""
        return self.has_class("-open")

    def on_input_changed(self, event: Input.Changed) -> None:
        """Tell it, and show what it may become."""
        event.stop()
        if self.is_open:
            self._show_completions(event.value)
            self.post_message(self.Changed(self, event.value))

    def _show_completions(self, value: str) -> None:
        found = list(self._complete(value))[:MOST_COMPLETIONS] if self._complete and value else []
        above = self.query_one(Static)
        above.display = bool(found)
        above.update("  ".join(flat(text) for text in found))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Take the line."""
        event.stop()
        if event.value and self._complete is not None:
            self._history = [text for text in self._history if text != event.value] + [event.value]
        self.close()
        self.post_message(self.Submitted(self, event.value))

    def on_descendant_blur(self, event: events.DescendantBlur) -> None:
        """The focus went elsewhere: what was typed stays in force."""
        if self.is_open:
            self.close()
            self.post_message(self.Submitted(self, self.query_one(Input).value if self._complete is None else ""))

    def action_cancel(self) -> None:
        """Leave."""
        self.close()
        self.post_message(self.Cancelled(self, ""))

    def action_complete(self) -> None:
        """The first completion."""
        line = self.query_one(Input)
        found = list(self._complete(line.value)) if self._complete else []
        if found:
            line.value = found[0]
            line.cursor_position = len(found[0])

    def action_history(self, step: int) -> None:
        """What was typed before."""
        if self._complete is None or not self._history:
            return
        self._at = max(0, min(len(self._history) - 1, self._at + step))
        line = self.query_one(Input)
        line.value = self._history[self._at]
        line.cursor_position = len(line.value)
