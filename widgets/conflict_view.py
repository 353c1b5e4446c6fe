"""One conflicted file under keys and mouse."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from engine.conflict_model import Key, Side, Take
from widgets.conflict_canvas import ConflictCanvas
from widgets.conflict_rows import Look

SHIFT = 8


class ConflictView(ConflictCanvas):
    """The file at work."""

    DEFAULT_CSS = """
    ConflictView { height: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("h,left", "side('landed')", show=False),
        Binding("l,right", "side('branch')", show=False),
        Binding("less_than_sign", "shift(-1)", show=False),
        Binding("greater_than_sign", "shift(1)", show=False),
        Binding("enter", "unfold", show=False),
    ]

    class Taken(Message):
        """A side, a whole-file choice or one line (`pick`) was clicked."""

        def __init__(self, key: Key, take: Take | None = None, pick: tuple[Side, int] | None = None) -> None:
            super().__init__()
            self.key = key
            self.take = take
            self.pick = pick

    # --- keys and mouse ---

    def action_side(self, side: Side) -> None:
        """The other column."""
        if self.column != side:
            self.column = side
            self.refresh_rows(self.cursor, self.cursor)

    def action_shift(self, steps: int) -> None:
        """Long lines, further right or left."""
        self._shift = max(0, self._shift + steps * SHIFT)
        self.refresh()

    def action_unfold(self) -> None:
        """Show what is folded here, or fold it again."""
        row = self._rows[self.cursor] if self._rows else None
        if row is None or row.place < 0:
            return
        folds = self._unfolded.setdefault(self.file.path, set())
        folds.symmetric_difference_update({row.place})
        self.rebuild()

    def toggle_base(self) -> None:
        """Show the common ancestor of each hunk, or not."""
        key = self.key
        self.base_shown = not self.base_shown
        self.rebuild()
        if key is not None:
            self.go_to(key)

    def on_click(self, event: events.Click) -> None:
        """A click on a side's name takes it, on a line puts the cursor there, twice picks the line."""
        index = self.row_under(event)
        offset = event.get_content_offset(self)
        if index is None or offset is None:
            return
        row = self._rows[index]
        side: Side = "landed" if offset.x < self._halves(self.page_width)[0] + 2 else "branch"
        if row.look is Look.SIDES:
            self.column = side
        self.move_cursor(index)
        if row.look is Look.FOLD:
            self.action_unfold()
        elif row.look is Look.TITLES and row.key is not None:
            take = row.take or (Take.LANDED if side == "landed" else Take.BRANCH)
            self.post_message(self.Taken(row.key, take))
        elif row.look is Look.OFFER and row.key is not None:
            self.post_message(self.Taken(row.key, row.take))
        elif event.chain == 2 and self.line is not None and row.key is not None:
            self.post_message(self.Taken(row.key, None, self.line))
        self.refresh()
