"""What is said when the terminal is too small for anything else."""

from __future__ import annotations

from textual.widgets import Static

from widgets.pane_layout import LEAST_COLUMNS, LEAST_LINES


def too_small(columns: int, lines: int) -> str:
    """Pure: what a terminal of a size is told, "" when it is large enough."""
    if columns >= LEAST_COLUMNS and lines >= LEAST_LINES:
        return ""
    return f"Aurora needs {LEAST_COLUMNS}×{LEAST_LINES},\nthis is {columns}×{lines}"


class TooSmall(Static):
    """Says so, as long as the screen is too small; otherwise it is not there."""

    DEFAULT_CSS = "TooSmall { width: 100%; height: 100%; content-align: center middle; text-align: center; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__("", id=id, markup=False)
        self._words = ""

    def fit(self, columns: int, lines: int) -> bool:
        """The size as it is now; True when it is too small. Asked at every look, so only new words cost a layout."""
        words = too_small(columns, lines)
        if words != self._words:
            self._words = words
            self.update(words)
        self.display = bool(words)
        return self.display
