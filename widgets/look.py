"""The names of all styles panes paint with, and how a theme's colours get to them."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from engine.text import clean
from widgets.text import expanded

NOTHING = Style()

Piece = tuple[str, str]
"""A stretch of cleaned text and the name of its style."""

STYLE_NAMES = (
    "dim", "strong", "accent", "good", "bad", "warn", "live", "title", "gutter", "key", "key-off",
    "added", "removed", "added-word", "removed-word", "hunk", "match", "match-now", "cursor", "cursor-away",
    "syn-keyword", "syn-string", "syn-comment", "syn-number", "syn-name", "syn-type", "bar", "bar-rest",
)  # fmt: skip


def safe(text: str) -> str:
    """A text no terminal obeys. What panes paint is cleaned already; this holds when one forgot."""
    return text if text.isprintable() else expanded(clean(text)).replace("\n", " ")


def component(name: str) -> str:
    """The CSS component class of a style name."""
    return f"aurora--{name}"


class Painted(Widget):
    """A widget that paints with the named styles. What a style looks like is the theme's business."""

    COMPONENT_CLASSES = {component(name) for name in STYLE_NAMES}  # noqa: RUF012 - Textual's own shape
    DEFAULT_CSS = """
    Painted {
        & .aurora--dim { color: $text-muted; }
        & .aurora--strong { text-style: bold; }
        & .aurora--accent { color: $text-accent; }
        & .aurora--good { color: $text-success; }
        & .aurora--bad { color: $text-error; }
        & .aurora--warn { color: $text-warning; }
        & .aurora--live { color: $text-primary; }
        & .aurora--title { color: $text-primary; text-style: bold; }
        & .aurora--gutter { color: $foreground 40%; }
        & .aurora--key { color: $text-accent; text-style: bold; }
        & .aurora--key-off { color: $foreground 40%; }
        & .aurora--added { background: $success 12%; }
        & .aurora--removed { background: $error 12%; }
        & .aurora--added-word { background: $success 36%; text-style: bold; }
        & .aurora--removed-word { background: $error 36%; text-style: bold; }
        & .aurora--hunk { color: $text-secondary; }
        & .aurora--match { background: $warning 40%; }
        & .aurora--match-now { background: $warning; color: $background; text-style: bold; }
        & .aurora--cursor { background: $primary 30%; text-style: bold; }
        & .aurora--cursor-away { background: $foreground 10%; }
        & .aurora--syn-keyword { color: $text-accent; }
        & .aurora--syn-string { color: $text-success; }
        & .aurora--syn-comment { color: $text-muted; text-style: italic; }
        & .aurora--syn-number { color: $text-warning; }
        & .aurora--syn-name { color: $text-primary; }
        & .aurora--syn-type { color: $text-secondary; }
        & .aurora--bar { color: $success; }
        & .aurora--bar-rest { color: $foreground 25%; }
    }
    Painted:ansi {
        & .aurora--dim { color: ansi_default; text-style: dim; }
        & .aurora--gutter { color: ansi_bright_black; }
        & .aurora--key-off { color: ansi_bright_black; }
        & .aurora--added { background: ansi_default; color: ansi_green; }
        & .aurora--removed { background: ansi_default; color: ansi_red; }
        & .aurora--added-word { background: ansi_default; color: ansi_green; text-style: bold underline; }
        & .aurora--removed-word { background: ansi_default; color: ansi_red; text-style: bold underline; }
        & .aurora--match { background: ansi_yellow; color: ansi_black; }
        & .aurora--match-now { background: ansi_bright_yellow; color: ansi_black; text-style: bold; }
        & .aurora--cursor { background: ansi_default; text-style: reverse; }
        & .aurora--cursor-away { background: ansi_default; text-style: underline; }
        & .aurora--syn-comment { color: ansi_default; text-style: dim; }
        & .aurora--bar-rest { color: ansi_bright_black; }
    }
    """

    _known: dict[str, Style] | None = None

    def style_of(self, name: str) -> Style:
        """What a style name adds to the widget's own style; nothing for "" and unknown names."""
        if self._known is None:
            self._known = {"": NOTHING}
        if name not in self._known:
            self._known[name] = self._look_up(name) if name in STYLE_NAMES else NOTHING
        return self._known[name]

    def _look_up(self, name: str) -> Style:
        """Only what the theme says of it, with see-through colours mixed with the widget's background."""
        rules = self.get_component_styles(component(name))
        whole = rules.rich_style
        color = Style(color=whole.color) if rules.has_rule("color") else NOTHING
        background = Style(bgcolor=whole.bgcolor) if rules.has_rule("background") else NOTHING
        return color + background + rules.text_style

    def notify_style_update(self) -> None:
        """Another theme: look all styles up again."""
        self._known = None
        super().notify_style_update()

    def painted(self, pieces: Sequence[Piece], width: int, base: Style, start: int = 0) -> Strip:
        """The pieces in exactly `width` cells from cell `start` on, over `base`."""
        segments = [Segment(safe(text), base + self.style_of(name) if name else base) for text, name in pieces if text]
        strip = Strip(segments)
        if start or strip.cell_length > width:
            strip = strip.crop(start, start + width)
        return strip.extend_cell_length(width, base)
