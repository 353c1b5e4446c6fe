"""A short list of options; one that cannot be chosen now stays, greyed, and says why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.geometry import Size
from textual.widgets import Static

from widgets.confirm import Headline
from widgets.dialog import Dialog
from widgets.line_view import LineView
from widgets.look import Piece
from widgets.text import cut, flat, wrap

RESERVED = frozenset("jkhlg")
"""Letters that move."""
MOST_HELP_LINES = 3
FAULT_LINES = 2
WIDEST = 84


@dataclass(frozen=True, slots=True)
class Option:
    """One option: its id is the answer, `help` a sentence, `disabled_reason` why it cannot be chosen, "" if it can."""

    id: str
    label: str
    help: str = ""
    disabled_reason: str = ""

    @property
    def sentence(self) -> str:
        """What it does, or why it cannot be chosen."""
        return flat(f"cannot be chosen: {self.disabled_reason}" if self.disabled_reason else self.help)


def letters(labels: Sequence[str]) -> list[str]:
    """Pure: for each label a letter of its own that chooses it, "" where none is left. First letters of words first."""
    taken: set[str] = set(RESERVED)
    found: list[str] = []
    for label in labels:
        lower = label.lower()
        starts = [word[0] for word in lower.split()]
        letter = next((c for c in [*starts, *lower] if c.isascii() and c.isalpha() and c not in taken), "")
        taken.add(letter)
        found.append(letter)
    return found


class OptionList(LineView):
    """The options: a label each and, where there is room, its help below it. `marks` are the keys painted before
    the labels; the letters in the labels choose too when there are none."""

    DEFAULT_CSS = """
    OptionList { background: $surface; }
    OptionList:ansi { background: ansi_default; }
    """

    def __init__(self, options: Sequence[Option], marks: Sequence[str] = ()) -> None:
        super().__init__(id="options")
        self.options = tuple(options)
        self.letters = [""] * len(options) if marks else letters([flat(option.label) for option in options])
        self._marks = list(marks) or [str(number) if number < 10 else "" for number in range(1, len(options) + 1)]

    def helps(self, width: int) -> list[list[str]]:
        """The lines of help of each option in a list of so many cells."""
        wide = max(8, width - 4)
        return [wrap(option.sentence, wide, MOST_HELP_LINES) if option.sentence else [] for option in self.options]

    def arrange(self, width: int, lines: int) -> bool:
        """Take at most so many lines; False when there is no room for the helps."""
        full = 1 + max((len(help) for help in self.helps(width)), default=0)
        fits = len(self.options) * full <= lines
        self.tall = full if fits else 1
        self.styles.height = max(1, min(len(self.options) * self.tall, lines))
        self.rows_changed()
        self.bring_into_view(self.cursor)
        return fits

    def count_rows(self) -> int:
        """The options."""
        return len(self.options)

    def line_pieces(self, index: int, line: int, width: int) -> list[Piece]:
        """The keys and the label, or a line of the help."""
        option = self.options[index]
        if line:
            help = self.helps(width)[index]
            return [("   ", ""), (help[line - 1] if line <= len(help) else "", "dim")]
        off = "key-off" if option.disabled_reason else ""
        pieces: list[Piece] = [(f" {self._marks[index] or ' '} ", off or "key")]
        pieces += _label(cut(flat(option.label), max(1, width - 4)), self.letters[index], off)
        return [*pieces, (" (not now)", off)] if off and self.tall == 1 else pieces

    def row_of(self, key: str) -> int | None:
        """The option a key chooses."""
        for keys in (self._marks, self.letters):
            if key and key in keys:
                return keys.index(key)
        return None


def _label(label: str, letter: str, off: str) -> list[Piece]:
    """A label with the letter that chooses it painted as a key."""
    at = label.lower().find(letter) if letter and not off else -1
    starts = [label.lower().find(f" {letter}") + 1] if f" {letter}" in label.lower() else []
    if at > 0 and starts and starts[0] > 0:
        at = starts[0]
    if at < 0:
        return [(label, off or "strong")]
    return [(label[:at], "strong"), (label[at], "key"), (label[at + 1 :], "strong")]


class Choice(Dialog[str]):
    """The id of the chosen option, None for none."""

    DEFAULT_CSS = """
    Choice > #box { max-height: 80%; }
    Choice.-low > #box { max-width: 84; }
    Choice #note { margin-bottom: 1; }
    Choice #words { height: auto; color: $text-muted; }
    Choice #words.fault { color: $text-error; text-style: bold; }
    """
    keys_help: ClassVar[str] = "enter, number or letter · esc leaves"

    def __init__(self, title: str, options: Sequence[Option], note: str = "") -> None:
        super().__init__(title)
        self._options, self._note = tuple(options), flat(note)
        self._fault = ""
        self._helps_shown = True

    def compose_box(self) -> ComposeResult:
        """The note, the options, and where help or a reason is said."""
        yield Headline(self._title)
        yield Static("", classes="note", id="note", markup=False)
        yield OptionList(self._options)
        yield Static("", id="words", markup=False)

    def on_mount(self) -> None:
        """The list has the focus."""
        self.query_one(OptionList).focus()

    def on_resize(self) -> None:
        """Show what there is room for."""
        width, lines = room(self.size)
        used = min(3, len(wrap(self._title, width, 3))) if self.query_one(Headline).fit(width + 4) else 0
        note = wrap(self._note, width, 3) if self._note else []
        self.query_one("#note", Static).update("\n".join(note))
        self.query_one("#note").display = bool(note)
        left = lines - used - len(note) - bool(note)
        view = self.query_one(OptionList)
        self._helps_shown = view.arrange(width, left - FAULT_LINES)
        if not self._helps_shown:
            view.arrange(width, max(2, left - min(MOST_HELP_LINES, max(1, left - len(self._options)))))
        self._say()

    def on_line_view_moved(self) -> None:
        """Another option: what was wrong is forgotten."""
        self._fault = ""
        self._say()

    def _say(self) -> None:
        words = self.query_one("#words", Static)
        sentence = "" if self._helps_shown else self._options[self.query_one(OptionList).cursor].sentence
        shown = self._fault or sentence
        words.display = bool(shown)
        words.set_class(bool(self._fault), "fault")
        words.update("\n".join(wrap(shown, room(self.size)[0], FAULT_LINES if self._fault else MOST_HELP_LINES)))

    def on_key(self, event: events.Key) -> None:
        """Enter, numbers and letters choose."""
        view = self.query_one(OptionList)
        row = view.cursor if event.key == "enter" else view.row_of(event.key)
        if row is not None and self._options:
            event.stop()
            view.move_cursor(row)
            self._choose(row)

    def on_click(self, event: events.Click) -> None:
        """A click on an option chooses it."""
        view = self.query_one(OptionList)
        row = view.row_at(event.y) if event.widget is view else None
        if row is not None:
            self._choose(row)

    def _choose(self, row: int) -> None:
        option = self._options[row]
        if option.disabled_reason:
            self.call_after_refresh(self._refuse, option)
        else:
            self.dismiss(option.id)

    def _refuse(self, option: Option) -> None:
        self._fault = flat(f"✗ {option.label}: {option.disabled_reason}")
        self._say()


def room(size: Size, widest: int = WIDEST) -> tuple[int, int]:
    """Cells of a line and lines in a dialog's box on a screen: what the frame's style leaves."""
    if size.width < 60 or size.height < 16:
        return min(widest, size.width) - 4, size.height - 2
    return min(widest, size.width * 8 // 10) - 6, size.height * 8 // 10 - 4
