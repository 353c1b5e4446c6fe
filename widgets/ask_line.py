"""One line of input: as a dialog with a check, and as a bar at the bottom for `/` and `:`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.suggester import SuggestFromList
from textual.widgets import Input, Static

from engine.text import clean
from widgets.completions import MOST_COMPLETIONS, Completions, Taken
from widgets.dialog import Dialog, Headline
from widgets.path_completion import matching
from widgets.text import flat

Check = Callable[[str], str]
Complete = Callable[[str], Sequence[str]]
WIDEST = 76


def no_check(text: str) -> str:
    """Everything is right."""
    return ""


class Line(Input):
    """An input of one line that neither blinks nor takes control characters from the clipboard."""

    DEFAULT_CSS = """
    Line, Line:focus { background-tint: $surface 0%; }
    """

    def on_mount(self) -> None:
        """A blinking cursor costs output all the time."""
        self.cursor_blink = False

    def on_paste(self, event: events.Paste) -> None:
        """Clean what comes from outside, then let Input insert it."""
        event.text = flat(event.text)

    def put(self, text: str) -> None:
        """Replace the line; the cursor stands at its end."""
        self.value = text
        self.cursor_position = len(text)


class AskLine(Dialog[str]):
    """The text that was entered, None when it was left. `check` gives the sentence why a text will not do, or ""."""

    DEFAULT_CSS = """
    AskLine > #box { max-height: 80%; max-width: 76; }
    AskLine.-low > #box { max-width: 76; }
    AskLine #line { height: 3; padding: 0 1; border: round $foreground 25%; background: $surface; }
    AskLine #line:focus { border: round $primary; }
    AskLine #line:ansi { border: round ansi_bright_black; background: ansi_default; }
    AskLine #line:ansi:focus { border: round ansi_cyan; }
    AskLine Completions { padding: 0 2; }
    AskLine #fault { padding: 0 2; max-height: 3; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,tab", "step(1)", "next", show=False, priority=True),
        Binding("up,shift+tab", "step(-1)", "before", show=False, priority=True),
    ]

    keys_help: ClassVar[str] = "enter ok · esc leaves"

    def __init__(
        self,
        title: str,
        value: str = "",
        placeholder: str = "",
        check: Check = no_check,
        suggestions: Sequence[str] = (),
    ) -> None:
        super().__init__(title)
        self._value, self._placeholder, self._check = flat(value), flat(placeholder), check
        self._suggestions = [text for text in suggestions if text.isprintable()]

    def compose_box(self) -> ComposeResult:
        """The line, what is wrong with it, and what it may become."""
        yield Headline(self._title)
        suggester = SuggestFromList(self._suggestions, case_sensitive=True) if self._suggestions else None
        yield Line(self._value, placeholder=self._placeholder, suggester=suggester, id="line")
        yield Static("", id="fault", classes="fault", markup=False)
        yield Completions()

    def on_mount(self) -> None:
        """Type at once."""
        if self._suggestions:
            self.query_one("#box").border_subtitle = Content("enter ok · tab picks · esc leaves")
        self.query_one(Line).focus()
        self._judge(self._value)
        self._offer(self._value)

    def on_resize(self) -> None:
        """The title is read whole at every size."""
        self.query_one(Headline).fit(self.size, WIDEST)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Say at once what is wrong and what it may become."""
        self._judge(event.value)
        if event.value != self.query_one(Completions).cycle.text:
            self._offer(event.value)

    def _offer(self, value: str) -> None:
        view = self.query_one(Completions)
        view.cycle.offer(value, matching(value, self._suggestions, MOST_COMPLETIONS))
        view.show()

    def _judge(self, value: str) -> None:
        words = flat(self._check(value)) if value else ""
        fault = self.query_one("#fault", Static)
        fault.display = bool(words)
        fault.update(f"✗ {words}")

    def action_step(self, by: int) -> None:
        """The next or previous completion."""
        view = self.query_one(Completions)
        if view.cycle.found:
            self.query_one(Line).put(view.cycle.step(by))
            view.refresh()

    def on_taken(self, message: Taken) -> None:
        """A completion was clicked."""
        self.query_one(Line).put(message.text)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Take it if it is right."""
        if not event.value or not self._check(event.value):
            self.dismiss(clean(event.value))


class LineBar(Vertical):
    """A line at the bottom that is there only while something is typed into it."""

    DEFAULT_CSS = """
    LineBar { height: auto; dock: bottom; margin-bottom: 1; display: none; background: $panel; layer: over; }
    LineBar.-open { display: block; }
    LineBar Completions { background: $panel; }
    LineBar Horizontal { height: 1; }
    LineBar #sign { width: 3; height: 1; padding: 0 1; color: $text-accent; text-style: bold; }
    LineBar Line, LineBar Line:focus { border: none; height: 1; padding: 0; background: $panel; }
    LineBar:ansi Line, LineBar:ansi Line:focus { border: none; background: ansi_default; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "cancel", show=False),
        Binding("tab", "complete(1)", "complete", show=False),
        Binding("shift+tab", "complete(-1)", "completion before", show=False),
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
        self._complete: Complete | None = None
        self._sign = ""
        self._histories: dict[str, list[str]] = {}
        self._at = 0
        self._draft = ""

    def compose(self) -> ComposeResult:
        """Completions above, the sign and the line below."""
        yield Completions(beside=True)
        with Horizontal():
            yield Static("", id="sign", markup=False)
            yield Line(select_on_focus=False)

    def open(self, sign: str, hint: str, complete: Complete | None = None) -> None:
        """Ask for a line; `sign` is the key that opened it, and has a history of its own."""
        self._sign, self._complete, self._draft = sign, complete, ""
        self._at = len(self._history)
        line = self.query_one(Line)
        with line.prevent(Input.Changed):
            line.value = ""
        line.placeholder = flat(hint)
        self.query_one("#sign", Static).update(flat(sign))
        self._offer("")
        self.add_class("-open")
        self.screen.set_focus(line)

    def close(self) -> None:
        """Take the bar away."""
        self.remove_class("-open")

    @property
    def is_open(self) -> bool:
        """True while something is typed."""
        return self.has_class("-open")

    @property
    def _history(self) -> list[str]:
        return self._histories.setdefault(self._sign, [])

    def on_input_changed(self, event: Input.Changed) -> None:
        """Tell it, and show what it may become."""
        event.stop()
        if not self.is_open:
            return
        if event.value != self.query_one(Completions).cycle.text:
            self._offer(event.value)
        self.post_message(self.Changed(self, event.value))

    def _offer(self, value: str) -> None:
        above = self.query_one(Completions)
        found = self._complete(value) if self._complete is not None and value else ()
        above.cycle.offer(value, [text for text in found if text != value])
        above.show()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Take the line."""
        event.stop()
        if event.value:
            self._histories[self._sign] = [text for text in self._history if text != event.value] + [event.value]
        self.close()
        self.post_message(self.Submitted(self, event.value))

    def on_descendant_blur(self, event: events.DescendantBlur) -> None:
        """The focus went elsewhere: what was typed stays in force."""
        if self.is_open:
            self.close()
            self.post_message(self.Submitted(self, self.query_one(Line).value if self._complete is None else ""))

    def on_taken(self, message: Taken) -> None:
        """A completion was clicked."""
        message.stop()
        self.query_one(Line).put(message.text)

    def action_cancel(self) -> None:
        """Leave."""
        self.close()
        self.post_message(self.Cancelled(self, ""))

    def action_complete(self, by: int) -> None:
        """The next or previous completion."""
        above = self.query_one(Completions)
        if not above.cycle.found and self._complete is not None:
            above.cycle.offer(self.query_one(Line).value, self._complete(self.query_one(Line).value))
            above.show()
        if above.cycle.found:
            self.query_one(Line).put(above.cycle.step(by))
            above.refresh()

    def action_history(self, step: int) -> None:
        """What was typed before; below the newest, what was being typed."""
        line = self.query_one(Line)
        if self._at == len(self._history):
            self._draft = line.value
        self._at = max(0, min(len(self._history), self._at + step))
        line.put(self._history[self._at] if self._at < len(self._history) else self._draft)
