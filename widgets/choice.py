"""A short list to choose from; options that cannot be chosen now stay and say why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.message import Message
from textual.widgets import Static

from widgets.dialog import Dialog, Headline, room
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


def letter_places(labels: Sequence[str]) -> list[int]:
    """Pure: where in each label the letter stands that chooses it, -1 where none is left; words' first go first."""
    taken: set[str] = set(RESERVED)
    places: list[int] = []
    for label in labels:
        starts = [at for at in range(len(label)) if at == 0 or label[at - 1] == " "]
        free = (at for at in [*starts, *range(len(label))] if _letter(label[at]) and label[at].lower() not in taken)
        places.append(next(free, -1))
        taken |= {label[at].lower() for at in places[-1:] if at >= 0}
    return places


def _letter(character: str) -> bool:
    return character.isascii() and character.isalpha()


class OptionList(LineView):
    """The options: a label each and, where there is room, its help below it. `marks` are the keys painted before
    the labels; the letters in the labels choose too when there are none."""

    DEFAULT_CSS = """
    OptionList { background: $surface; }
    OptionList:ansi { background: ansi_default; }
    """

    class Picked(Message):
        """An option was clicked."""

        def __init__(self, row: int) -> None:
            super().__init__()
            self.row = row

    def __init__(self, options: Sequence[Option], marks: Sequence[str] = ()) -> None:
        super().__init__(id="options")
        self.options = tuple(options)
        labels = [flat(option.label) for option in options]
        self._places = [-1] * len(labels) if marks else letter_places(labels)
        self._letters = [label[at].lower() if at >= 0 else "" for label, at in zip(labels, self._places, strict=True)]
        self._marks = list(marks) or [str(number) if number < 10 else "" for number in range(1, len(options) + 1)]

    def helps(self, width: int) -> list[list[str]]:
        """The lines of help of each option in a list of so many cells."""
        wide = max(8, width - 4)
        return [wrap(option.sentence, wide, MOST_HELP_LINES) if option.sentence else [] for option in self.options]

    def fit_into(self, width: int, lines: int) -> bool:
        """Take at most so many lines; False when there is no room for the helps."""
        helps = [len(help) for help in self.helps(width)] or [0]
        full = 1 + max(helps)
        needs = len(self.options) * full - (max(helps) - helps[-1])
        fits = needs <= lines
        self.tall = full if fits else 1
        self.styles.height = max(1, needs if fits else min(len(self.options), lines))
        self.styles.overflow_y = "hidden" if fits else "auto"
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
        pieces += _label(cut(flat(option.label), max(1, width - 4)), self._places[index], off)
        return [*pieces, (" (not now)", off)] if off and self.tall == 1 else pieces

    def on_click(self, event: events.Click) -> None:
        """Pick what is there; the cursor goes there too."""
        row = self.row_under(event)
        if row is not None:
            self.post_message(self.Picked(row))

    def row_of(self, key: str) -> int | None:
        """The option a key chooses."""
        for keys in (self._marks, self._letters):
            if key and key in keys:
                return keys.index(key)
        return None


def _label(label: str, at: int, off: str) -> list[Piece]:
    """A label with the letter that chooses it painted as a key."""
    if off or not 0 <= at < len(label):
        return [(label, off or "strong")]
    return [(label[:at], "strong"), (label[at], "key"), (label[at + 1 :], "strong")]


class Choice(Dialog[str]):
    """The id of the chosen option, None for none."""

    DEFAULT_CSS = """
    Choice > #box { max-height: 80%; }
    Choice.-low > #box { max-width: 84; }
    Choice #words { height: auto; color: $text-muted; }
    Choice #words.apart { margin-top: 1; }
    Choice #words.fault { color: $text-error; text-style: bold; }
    """
    keys_help: ClassVar[str] = "enter, number, letter · esc leaves"

    def __init__(self, title: str, options: Sequence[Option], note: str = "") -> None:
        super().__init__(title)
        self._options, self._note = tuple(options), flat(note)
        self._refused = -1
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
        width, lines = room(self.size, WIDEST)
        head = self.query_one(Headline).fit(self.size, WIDEST)
        note = wrap(self._note, width, 3) if self._note else []
        self.query_one("#note", Static).update("\n".join(note))
        self.query_one("#note").display = bool(note)
        gap = bool(note) and lines >= MOST_HELP_LINES + len(self._options) + head + len(note) + 1
        self.query_one("#note").styles.margin = (0, 0, int(gap), 0)
        self._share(width, lines - head - len(note) - gap)
        self._say()

    def _share(self, width: int, lines: int) -> None:
        """Divide what is left between the list and the words below it."""
        view, words = self.query_one(OptionList), self.query_one("#words")
        self._helps_shown = view.fit_into(width, lines - FAULT_LINES)
        if not self._helps_shown:
            below = min(max(map(len, view.helps(width)), default=0), max(1, lines - min(4, len(self._options))))
            view.fit_into(width, max(2, lines - below))
            words.styles.min_height = below
        words.set_class(not self._helps_shown and lines > len(self._options) + MOST_HELP_LINES, "apart")

    def on_line_view_moved(self) -> None:
        """Another option, another help."""
        self._say()

    def _say(self) -> None:
        """The help of the option under the cursor where the list has no room for it; or why it was refused."""
        if not self._options:
            return
        words, row = self.query_one("#words", Static), self.query_one(OptionList).cursor
        refused = row == self._refused
        shown = f"✗ {self._options[row].sentence}" if refused else self._options[row].sentence
        words.display = refused or not self._helps_shown
        words.set_class(refused, "fault")
        words.update("\n".join(wrap(shown, room(self.size, WIDEST)[0], MOST_HELP_LINES)))

    def on_key(self, event: events.Key) -> None:
        """Enter, numbers and letters choose."""
        view = self.query_one(OptionList)
        row = view.cursor if event.key == "enter" else view.row_of(event.key)
        if row is not None and self._options:
            event.stop()
            view.move_cursor(row)
            self._choose(row)

    def on_option_list_picked(self, message: OptionList.Picked) -> None:
        """A click on an option chooses it."""
        self._choose(message.row)

    def _choose(self, row: int) -> None:
        option = self._options[row]
        if not option.disabled_reason:
            self.dismiss(option.id)
            return
        self._refused = row
        self._say()
