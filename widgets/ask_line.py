"""One line of input: as a dialog with a check, and as a bar at the bottom for `/` and `:`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.geometry import Size
from textual.message import Message
from textual.suggester import SuggestFromList
from textual.widgets import Input, Static

from engine.text import clean
from widgets.confirm import Headline
from widgets.dialog import Dialog
from widgets.line_view import LineView
from widgets.look import Painted, Piece
from widgets.text import cut, flat

Check = Callable[[str], str]
Complete = Callable[[str], Sequence[str]]
MOST_COMPLETIONS = 6


def no_check(text: str) -> str:
    """Everything is right."""
    return ""


def matching(typed: str, texts: Sequence[str], most: int = MOST_COMPLETIONS) -> list[str]:
    """Pure: the texts that begin with what was typed, then those that contain it; not the very same one."""
    wanted = typed.lower()
    begin = [text for text in texts if text.lower().startswith(wanted) and text != typed]
    inside = [text for text in texts if wanted in text.lower() and not text.lower().startswith(wanted)]
    return (begin + inside)[:most]


class Line(Input):
    """An input of one line that neither blinks nor takes control characters from the clipboard."""

    DEFAULT_CSS = """
    Line { border: round $foreground 25%; background: $surface; padding: 0 1; background-tint: $surface 0%; }
    Line:focus { border: round $primary; background-tint: $surface 0%; }
    Line:ansi { border: round ansi_bright_black; }
    Line:ansi:focus { border: round ansi_cyan; }
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


class Cycle:
    """Pure: what may be meant by what was typed, and which of it stands in the line; `at` is -1 for the typed text."""

    def __init__(self) -> None:
        self.typed = ""
        self.found: tuple[str, ...] = ()
        self.at = -1

    @property
    def text(self) -> str:
        """What stands in the line."""
        return self.found[self.at] if self.at >= 0 else self.typed

    def offer(self, typed: str, found: Sequence[str]) -> None:
        """Something else was typed. Completions that a terminal cannot show as they are, are left out."""
        self.typed, self.at = typed, -1
        self.found = tuple(text for text in found if text.isprintable())

    def step(self, by: int) -> str:
        """The next or previous text; the typed one is between the last and the first."""
        self.at = (self.at + 1 + by) % (len(self.found) + 1) - 1
        return self.text


class Completions(LineView):
    """Up to six completions, one a line; the one that stands in the input is marked."""

    DEFAULT_CSS = "Completions { height: auto; padding: 0 2; } Completions:ansi { background: ansi_default; }"
    can_focus = False
    show_cursor: ClassVar[bool] = False

    class Taken(Message):
        """A completion was clicked."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self) -> None:
        super().__init__(id="completions", can_focus=False)
        self.cycle = Cycle()

    def show(self) -> None:
        """The cycle changed."""
        self.display = bool(self.cycle.found)
        self.styles.height = min(MOST_COMPLETIONS, len(self.cycle.found))
        self.rows_changed()

    def count_rows(self) -> int:
        """The completions."""
        return len(self.cycle.found)

    def row_pieces(self, index: int, width: int) -> list[Piece]:
        """One completion."""
        here = index == self.cycle.at
        return [("▸ " if here else "  ", "key"), (cut(self.cycle.found[index], width - 2), "strong" if here else "dim")]

    def on_click(self, event: events.Click) -> None:
        """Take it."""
        row = self.row_at(event.y)
        if row is not None:
            self.post_message(self.Taken(self.cycle.found[row]))


class AskLine(Dialog[str]):
    """The text that was entered, None when it was left. `check` gives the sentence why a text will not do, or ""."""

    DEFAULT_CSS = """
    AskLine > #box { max-height: 80%; max-width: 76; }
    AskLine.-low > #box { max-width: 76; }
    AskLine Line, AskLine Line:focus { height: 3; }
    AskLine #fault { padding: 0 2; max-height: 3; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,tab", "step(1)", "next", show=False, priority=True),
        Binding("up,shift+tab", "step(-1)", "before", show=False, priority=True),
    ]

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
        self.keys_help = "enter takes · tab picks · esc leaves" if self._suggestions else "enter takes it · esc leaves"

    def compose_box(self) -> ComposeResult:
        """The line, what is wrong with it, and what it may become."""
        yield Headline(self._title)
        suggester = SuggestFromList(self._suggestions, case_sensitive=True) if self._suggestions else None
        yield Line(self._value, placeholder=self._placeholder, suggester=suggester, id="line")
        yield Static("", id="fault", classes="fault", markup=False)
        yield Completions()

    def on_mount(self) -> None:
        """Type at once."""
        self.query_one(Line).focus()
        self._judge(self._value)
        self._offer(self._value)

    def on_resize(self) -> None:
        """The title is read whole at every size."""
        self.query_one(Headline).fit(min(76, frame_width(self.size)))

    def on_input_changed(self, event: Input.Changed) -> None:
        """Say at once what is wrong and what it may become."""
        self._judge(event.value)
        if event.value != self.query_one(Completions).cycle.text:
            self._offer(event.value)

    def _offer(self, value: str) -> None:
        view = self.query_one(Completions)
        view.cycle.offer(value, matching(value, self._suggestions))
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

    def on_completions_taken(self, message: Completions.Taken) -> None:
        """A completion was clicked."""
        self.query_one(Line).put(message.text)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Take it if it is right."""
        if not event.value or not self._check(event.value):
            self.dismiss(clean(event.value))


def frame_width(size: Size) -> int:
    """Cells of a dialog's frame on a screen, before its own limit."""
    return size.width if size.width < 60 or size.height < 16 else size.width * 8 // 10
