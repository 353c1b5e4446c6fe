"""One contract at length: where it stands, its files and commands, who uses it, its mocks, what breaches change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from engine.diff_model import BranchDiff, FileDiff
from engine.model import BreachView, ContractView, TaskView
from widgets.contract_words import NO_CONTRACTS, breach_piece, mock_piece, mock_words, standing
from widgets.diff_syntax import Coloured, HunkColours, lexer_for
from widgets.line_view import LineView
from widgets.look import Piece
from widgets.text import duration, expanded, flat, wrap
from widgets.words import STYLES, state_words

Row = list[Piece]
LABEL = 13
BUILT_IN = " -m engine.contracts."
KINDS = {"+": "added", "-": "removed"}


class ContractPane(LineView):
    """Rows of facts. It scrolls; what can be decided is decided by the keys of the table."""

    DEFAULT_CSS = "ContractPane { overflow-y: scroll; }"
    show_cursor: ClassVar[bool] = False

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._contract: ContractView | None = None
        self._tasks: Mapping[str, TaskView] = {}
        self._diffs: Mapping[BreachView, BranchDiff] = {}
        self._now = 0.0
        self._rows: Sequence[Row] = ()

    def show(
        self,
        contract: ContractView | None,
        tasks: Mapping[str, TaskView],
        diffs: Mapping[BreachView, BranchDiff],
        now: float,
    ) -> None:
        """Another contract, or the same one as it is now; `diffs` are of its breaches, as far as they were read."""
        another = (contract.name if contract else "") != (self._contract.name if self._contract else "")
        self._contract, self._tasks, self._diffs, self._now = contract, tasks, diffs, now
        rows = self._made()
        if rows != self._rows:
            self._rows = rows
            self.rows_changed()
        if another:
            self.scroll_to(y=0, animate=False, force=True)

    def on_resize(self) -> None:
        """Other lines fit."""
        self._rows = self._made()
        self.rows_changed()

    def _made(self) -> list[Row]:
        if self._contract is None:
            return []
        return rows_of(self._contract, self._tasks, self._diffs, self._now, max(20, self.page_width))

    def count_rows(self) -> int:
        """All lines."""
        return len(self._rows)

    def row_pieces(self, index: int, width: int) -> Row:
        """One of them."""
        return self._rows[index]

    def row_style(self, index: int) -> str:
        """Added and removed lines have their ground over the whole width."""
        style = self._rows[index][0][1] if self._rows[index] else ""
        return style if style in KINDS.values() else ""

    def empty_text(self) -> str:
        """What would be here."""
        return NO_CONTRACTS

    def selected_text(self) -> str:
        """The contract's files, for the clipboard."""
        return "\n".join(self._contract.files) if self._contract else ""


def rows_of(
    contract: ContractView,
    tasks: Mapping[str, TaskView],
    diffs: Mapping[BreachView, BranchDiff],
    now: float,
    width: int,
) -> list[Row]:
    """All that is known of a contract: who has to do with it and what must be decided first."""
    rows: list[Row] = [[(" ", ""), standing(contract), (_stands(contract, now), "dim")]]
    rows += _people("written by", (contract.by,), tasks)
    rows += _people("implemented", contract.implementers, tasks)
    rows += _people("consumed", contract.consumers, tasks)
    for breach in contract.breaches:
        rows += _open_rows(breach, diffs.get(breach), width) if breach.state == "open" else []
    rows.append([])
    for label, words in (
        ("kind", contract.kind),
        ("files", ", ".join(contract.files)),
        ("digest", contract.digest),
        ("check", _command(contract.check)),
        ("mock", _command(contract.mock)),
        ("verify", _command(contract.verify)),
        ("serve", _command(contract.serve)),
    ):
        rows += _fact(label, flat(words), width)
    for mock in contract.mocks:
        glyph, style = mock_piece(mock)
        first, *rest = wrap(f"mock for {mock.task} on {mock_words(mock)}", max(8, width - LABEL - 2), 3)
        rows.append([(_label(glyph), style), (first, "")])
        rows += [[(_label(""), ""), (line, "dim")] for line in rest]
    rows += [_settled_row(breach) for breach in contract.breaches if breach.state != "open"]
    return rows


def _label(words: str) -> str:
    return f" {words:<{LABEL}}"


def _fact(label: str, words: str, width: int) -> list[Row]:
    """A labelled fact, wrapped; nothing when there is none."""
    lines = wrap(words, max(8, width - LABEL - 2), 4) if words else []
    return [[(_label("" if number else label), "dim"), (line, "")] for number, line in enumerate(lines)]


def _command(words: str) -> str:
    """A command; of a built-in one only what it does, not how Python finds it."""
    _, ours, rest = words.partition(BUILT_IN)
    return f"built in: {rest}" if ours else words


def _stands(contract: ContractView, now: float) -> str:
    if contract.frozen:
        return f"  for {duration(now - contract.since)}" if contract.since else ""
    return f"  {flat(contract.reason)}"


def _people(label: str, names: Sequence[str], tasks: Mapping[str, TaskView]) -> list[Row]:
    rows: list[Row] = []
    for number, name in enumerate(names):
        task = tasks.get(name)
        row: Row = [(_label("" if number else label), "dim"), (f"{name}  ", "strong")]
        if task is not None:
            row += [(state_words(task.state), STYLES[task.state]), (f": {flat(task.reason)}", "dim")]
        rows.append(row)
    return rows


def _settled_row(breach: BreachView) -> Row:
    glyph, style = breach_piece(breach)
    return [(_label(glyph), style), (f"{breach.task} (attempt {breach.attempt}): {', '.join(breach.paths)}", "dim")]


def _open_rows(breach: BreachView, diff: BranchDiff | None, width: int) -> list[Row]:
    """A breach nobody has ruled on: whose it is, what can be done, and what it changes."""
    glyph, style = breach_piece(breach)
    words = f"  {breach.task} (attempt {breach.attempt}) changes {', '.join(breach.paths)}"
    rows: list[Row] = [[], [(f" {glyph}", style), (words, "strong")]]
    rows += [[(f"   {line}", "dim")] for line in wrap(CHOICES, width - 4, 4)]
    if diff is None:
        return [*rows, [("   the change is being read …", "dim")]]
    if diff.error:
        return [*rows, [(f"   {flat(diff.error)}", "bad")]]
    for file in diff.files:
        rows += _file_rows(file)
    return rows


CHOICES = "A amends: a new version when it lands, and all who use it are checked again. R rejects: back to its agent."


def _file_rows(file: FileDiff) -> list[Row]:
    head: Row = [
        (f"   {file.path} ", "strong"),
        (f"{file.status} ", "dim"),
        (f"+{file.added} ", "good"),
        (f"−{file.removed}", "bad"),
    ]
    rows = [head]
    lexer = lexer_for(file.path)
    for hunk in file.hunks:
        place = f"@@ −{hunk.old_start},{hunk.old_count} +{hunk.new_start},{hunk.new_count} @@ {flat(hunk.heading)}"
        rows.append([(f"   {place}", "hunk")])
        colours = HunkColours(hunk, lexer)
        for number, line in enumerate(hunk.lines):
            ground = KINDS.get(line.kind, "")
            rows.append([(f"   {line.kind} ", ground), *_coloured(line.text, colours.of(number))])
    return rows


def _coloured(text: str, colours: Coloured) -> Row:
    """A line of code; one with tabs, which shift what comes after them, has no colours."""
    if "\t" in text:
        return [(expanded(text), "")]
    pieces: Row = []
    done = 0
    for first, end, style in colours:
        pieces += [(text[done:first], "")] if first > done else []
        pieces.append((text[first:end], style))
        done = end
    return [*pieces, (text[done:], "")]
