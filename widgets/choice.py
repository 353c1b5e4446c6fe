"""A short list of options; one that cannot be chosen now stays, greyed, and says why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.widgets import Static

from engine.text import clean
from widgets.dialog import Dialog
from widgets.line_view import LineView
from widgets.look import Piece
from widgets.text import cut, flat, wrap


@dataclass(frozen=True, slots=True)
class Option:
    """One option: its id is the answer, `help` a sentence, `disabled_reason` why it cannot be chosen, "" if it can."""

    id: str
    label: str
    help: str = ""
    disabled_reason: str = ""


class OptionList(LineView):
    """The options, two lines each: label and help."""

    DEFAULT_CSS = """
    OptionList { height: auto; max-height: 24; background: $surface; }
    OptionList:ansi { background: ansi_default; }
    """
    tall = 2

    def __init__(self, options: Sequence[Option]) -> None:
        super().__init__(id="options")
        self.options = tuple(options)
        self.tall = 2 if any(option.help or option.disabled_reason for option in options) else 1

    def count_rows(self) -> int:
        """The options."""
        return len(self.options)

    def line_pieces(self, index: int, line: int, width: int) -> list[Piece]:
        """The number and label, or the help."""
        option = self.options[index]
        off = "key-off" if option.disabled_reason else ""
        if line == 0:
            number = f"{index + 1}" if index < 9 else " "
            return [(f" {number} ", off or "key"), (flat(option.label), off or "strong")]
        words = f"cannot be chosen: {option.disabled_reason}" if option.disabled_reason else option.help
        return [("   ", ""), (cut(flat(words), max(1, width - 4)), "dim")]

    def on_mount(self) -> None:
        """As high as its options."""
        self.styles.height = len(self.options) * self.tall
        self.rows_changed()


class Choice(Dialog[str]):
    """The id of the chosen option, None for none."""

    DEFAULT_CSS = "Choice .note { margin-bottom: 1; }"
    keys_help: ClassVar[str] = "↑↓ move · enter or number chooses · esc leaves"

    def __init__(self, title: str, options: Sequence[Option], note: str = "") -> None:
        super().__init__(title)
        self._options, self._note = tuple(options), clean(note)

    def compose_box(self) -> ComposeResult:
        """The note, the options, and where a reason is said."""
        yield Static(self._full_title(), classes="note", id="long", markup=False)
        if self._note:
            yield Static(self._note, classes="note", markup=False)
        yield OptionList(self._options)
        yield Static("", classes="fault", id="fault", markup=False)

    def _full_title(self) -> str:
        """A title too long for the frame is said in the box as well."""
        return "\n".join(wrap(self._title, 76, 3)) if len(self._title) > 60 else ""

    def on_mount(self) -> None:
        """The list has the focus."""
        self.query_one("#long").display = bool(self._full_title())
        self.query_one(OptionList).focus()

    def on_key(self, event: events.Key) -> None:
        """Enter and digits choose."""
        view = self.query_one(OptionList)
        if event.key == "enter":
            event.stop()
            self._choose(view.cursor)
        elif event.key.isdigit() and 1 <= int(event.key) <= len(self._options):
            event.stop()
            view.move_cursor(int(event.key) - 1)
            self._choose(view.cursor)

    def on_click(self, event: events.Click) -> None:
        """A click on an option chooses it."""
        view = self.query_one(OptionList)
        if event.widget is view:
            row = view.row_at(event.y)
            if row is not None:
                self._choose(row)

    def _choose(self, row: int) -> None:
        option = self._options[row]
        if option.disabled_reason:
            self.query_one("#fault", Static).update(f"{flat(option.label)}: {flat(option.disabled_reason)}")
        else:
            self.dismiss(option.id)
