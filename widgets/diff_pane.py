"""The diff pane: the changes of a branch, unified or side by side, staying where the reader is while they change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from engine.diff_model import BranchDiff, DiffHunk
from widgets.diff_anchor import Anchor, anchor_of, find_anchor
from widgets.diff_canvas import NO_DIFF, DiffCanvas
from widgets.diff_rows import DiffRows, Place, RowKind, key_of

LEAST_FOR_TWO = 60


class DiffPane(DiffCanvas):
    """A file list, then file after file with their hunks. Folding, searching and jumping are methods for the app."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "enter", "open", show=False)]
    side_by_side = False
    """What the reader asked for; a pane that has become too narrow shows one column all the same."""

    class Said(Message):
        """A sentence for the person: why nothing happened."""

        def __init__(self, pane: DiffPane, sentence: str) -> None:
            super().__init__()
            self.pane = pane
            self.sentence = sentence

        @property
        def control(self) -> DiffPane:
            """The pane."""
            return self.pane

    _folded: frozenset[str] = frozenset()

    # --- what is shown ---

    @property
    def diff(self) -> BranchDiff | None:
        """What is shown, None for nothing."""
        return None if self._rows.diff is NO_DIFF else self._rows.diff

    def show(self, diff: BranchDiff | None, empty: str, title: str = "") -> None:
        """Another diff, or the same one as it is now: then what the reader looks at stays where it is.

        `empty` is said where there are no changes; `title` is the branch or task.
        """
        if diff is None or diff.task != self._rows.diff.task:
            self._folded, self._now, self._shift = frozenset(), None, 0
        heading, said = self.heading_pieces(self.page_width), self._empty
        self._title, self._empty = title, (diff.error if diff is not None and diff.error else empty)
        self._show_rows(diff or NO_DIFF)
        if heading != self.heading_pieces(self.page_width):
            self.refresh_heading()
        if said != self._empty and not self.count_rows():
            self.refresh()

    def _show_rows(self, diff: BranchDiff) -> None:
        """Make the rows anew from what is shown, folded and asked for."""
        before = self._rows
        rows = DiffRows(diff, side_by_side=self._two, folded=self._folded, before=before)
        if diff.task != before.diff.task:
            self._rows = rows
            self._go_to(0, 0)
        elif not _same_layout(before, rows):
            self._keep_place(rows)
        else:
            self._rows = rows
            self._refresh_changed(before)
        if self._sought:
            self._found = self._rows.find(self._sought)
            self._now = self._now if self._now in self._found else None

    def _keep_place(self, rows: DiffRows) -> None:
        """The row under the cursor, or the top one when that is out of sight, stays on its line of the screen."""
        before, top = self._rows, self.top_row
        visible = top <= self.cursor < top + self.page_rows
        held = self.cursor if visible else top
        cursor, anchor = anchor_of(before, self.cursor), anchor_of(before, held)
        self._rows = rows
        at_top = top == 0 and (anchor is None or anchor.kind is RowKind.ENTRY)
        found = find_anchor(rows, anchor) if anchor is not None else held
        self._go_to(_found(rows, cursor, self.cursor), 0 if at_top else found - (held - top))

    def _go_to(self, cursor: int, top: int) -> None:
        self.rows_changed()
        self.cursor = max(0, min(cursor, self._rows.count - 1))
        self.scroll_to(y=max(0, top), animate=False, force=True)

    def _refresh_changed(self, before: DiffRows) -> None:
        """Paint those hunks again that are not the same, and their files' headers and lines in the list."""
        if before.most != self._rows.most:
            self.refresh_rows(0, self._rows.entries)
        for at, block in enumerate(self._rows.blocks):
            old = before.blocks[at]
            if old is block:
                continue
            self.refresh_rows(at, at)
            start = self._rows.starts[at]
            self.refresh_rows(start, start + block.starts[0] - 1)
            for number, hunk in enumerate(block.file.hunks if not block.folded else ()):
                if hunk != old.file.hunks[number]:
                    self.refresh_rows(start + block.starts[number], start + block.starts[number + 1] - 1)

    @property
    def _two(self) -> bool:
        return self.side_by_side and self.page_width >= LEAST_FOR_TWO

    def on_resize(self) -> None:
        """One column or two, as fits."""
        if self._two != self._rows.side_by_side:
            self._show_rows(self._rows.diff)

    # --- what the app binds keys to ---

    def next_file(self) -> None:
        """To the header of the next file."""
        self._jump(self._rows.next_file(self.cursor, 1))

    def previous_file(self) -> None:
        """To the header of this file, or of the one before."""
        self._jump(self._rows.next_file(self.cursor, -1))

    def next_hunk(self) -> None:
        """To the next hunk of an open file."""
        self._jump(self._rows.next_hunk(self.cursor, 1))

    def previous_hunk(self) -> None:
        """To the beginning of this hunk, or to the one before."""
        self._jump(self._rows.next_hunk(self.cursor, -1))

    def _jump(self, row: int | None) -> None:
        """Put the cursor there, a third of a page below the top unless all of it is in view already."""
        if row is None:
            return
        if not self.top_row <= row < self.top_row + self.page_rows * 2 // 3:
            self.scroll_to(y=max(0, row - self.page_rows // 3), animate=False)
        self.move_cursor(row)

    def toggle_fold(self) -> None:
        """Fold the file under the cursor, or open it."""
        at = self._file_at(self.cursor)
        if at is None:
            return
        key = key_of(self._rows.blocks[at].file)
        in_list = self._rows.row(self.cursor).kind is RowKind.ENTRY
        if not in_list and key not in self._folded:
            self.move_cursor(self._rows.index(Place(at)))
        self._fold(self._folded ^ {key})

    def fold_all(self) -> None:
        """Fold every file, or open them all when none is open."""
        keys = frozenset(key_of(block.file) for block in self._rows.blocks)
        at = self._file_at(self.cursor)
        if at is not None and keys != self._folded and self._rows.row(self.cursor).kind is not RowKind.ENTRY:
            self.move_cursor(self._rows.index(Place(at)))
        self._fold(frozenset() if keys == self._folded else keys)

    def _fold(self, folded: frozenset[str]) -> None:
        self._folded = folded
        self._show_rows(self._rows.diff)
        self.bring_into_view(self.cursor)

    def toggle_side_by_side(self) -> None:
        """One column, or old and new beside each other; refused where that has no room."""
        if not self.side_by_side and self.page_width < LEAST_FOR_TWO:
            sentence = f"Side by side needs {LEAST_FOR_TWO} columns; this pane has {self.page_width}."
            self.post_message(self.Said(self, sentence))
            return
        self.side_by_side = not self.side_by_side
        self._show_rows(self._rows.diff)
        self.refresh_heading()

    def search(self, text: str) -> int:
        """Mark a text everywhere and go to the first place from the cursor on; how often it is there. "" ends that.

        Capitals count when the text has any. Folded files are searched too, and opened when they are gone to.
        """
        self._sought, self._now = text, None
        self._found = self._rows.find(text)
        self.refresh()
        if self._found:
            here = next((at for at, one in enumerate(self._found) if self._rows.index(one) >= self.cursor), 0)
            self._go_to_match(here)
        return len(self._found)

    def next_match(self, step: int = 1) -> None:
        """To the next place of the text (-1: the one before), from the last to the first."""
        if not self._found:
            return
        if self._now in self._found:
            self._go_to_match((self._found.index(self._now) + step) % len(self._found))
            return
        rows = [self._rows.index(place) for place in self._found]
        later = sum(row <= self.cursor for row in rows) if step > 0 else sum(row < self.cursor for row in rows) - 1
        self._go_to_match(later % len(rows))

    def _go_to_match(self, at: int) -> None:
        place = self._now = self._found[at]
        key = key_of(self._rows.blocks[place.file].file)
        if place.hunk >= 0 and key in self._folded:
            self._fold(self._folded - {key})
        self._jump(self._rows.index(place))
        self.refresh()

    def current_place(self) -> tuple[str, int] | None:
        """The file under the cursor (its path as the file system has it) and the line it has there now, 1 at least."""
        at = self._file_at(self.cursor)
        if at is None:
            return None
        place = self._rows.place(self.cursor) or Place(at)
        file = self._rows.blocks[at].file
        if not file.hunks:
            return key_of(file), 1
        hunk = file.hunks[max(0, place.hunk)]
        first = next((number for number, line in enumerate(hunk.lines) if line.kind != " "), 0)
        line = place.line if place.line >= 0 else first
        return key_of(file), max(1, hunk.new_start + sum(one.kind != "-" for one in hunk.lines[:line]))

    def selected_text(self) -> str:
        """What to copy: the line under the cursor, the whole hunk from its header, else the file's path."""
        at = self._file_at(self.cursor)
        if at is None:
            return ""
        file, row = self._rows.blocks[at].file, self._rows.row(self.cursor)
        if row.kind is RowKind.HUNK:
            return "\n".join(_printed(file.hunks[row.hunk]))
        if row.kind is RowKind.LINE:
            place = self._rows.place(self.cursor)
            assert place is not None
            return file.hunks[place.hunk].lines[place.line].text
        return file.path

    def _file_at(self, index: int) -> int | None:
        return self._rows.row(index).file if index < self._rows.count and self._rows.row(index).file >= 0 else None

    # --- keys and mouse of its own ---

    def action_enter(self) -> None:
        """In the file list to the file, which opens; on its header fold or open it."""
        at = self._file_at(self.cursor)
        if at is None:
            return
        kind = self._rows.row(self.cursor).kind
        if kind is RowKind.FILE:
            self.toggle_fold()
        elif kind is RowKind.ENTRY:
            self._fold(self._folded - {key_of(self._rows.blocks[at].file)})
            header = self._rows.index(Place(at))
            self.scroll_to(y=header, animate=False)
            self.move_cursor(header)

    def on_click(self, event: events.Click) -> None:
        """A click on a file's header folds it; one in the file list goes there."""
        row = self.row_at(event.y)
        if row is not None and event.chain == 1 and self._rows.row(row).kind in (RowKind.FILE, RowKind.ENTRY):
            event.prevent_default()
            self.move_cursor(row)
            self.action_enter()


def _printed(hunk: DiffHunk) -> Iterator[str]:
    """A hunk as a patch has it."""
    yield f"@@ -{hunk.old_start},{hunk.old_count} +{hunk.new_start},{hunk.new_count} @@ {hunk.heading}".rstrip()
    for line in hunk.lines:
        yield line.kind + line.text


def _found(rows: DiffRows, anchor: Anchor | None, otherwise: int) -> int:
    return find_anchor(rows, anchor) if anchor is not None else otherwise


def _same_layout(one: DiffRows, other: DiffRows) -> bool:
    """True when every row is of the same kind, file and hunk."""
    if one.side_by_side != other.side_by_side or one.starts != other.starts:
        return False
    pairs = zip(one.blocks, other.blocks, strict=True)
    return all(a is b or (a.starts == b.starts and key_of(a.file) == key_of(b.file)) for a, b in pairs)
