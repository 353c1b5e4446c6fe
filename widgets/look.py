"""The names of all styles panes paint with, and how a theme's colours get to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.strip import Strip
from textual.widget import Widget

from engine.text import clean
from widgets.text import expanded

Piece = tuple[str, str]
"""A stretch of cleaned text and the name of its style."""
NOTHING = Style()


@dataclass(frozen=True, slots=True)
class Ink:
    """One style: a theme's variable for the letters and one for the ground, each mixed in at so many percent."""

    letters: str = ""
    strength: int = 100
    ground: str = ""
    cover: int = 100
    attributes: str = ""


INKS: dict[str, Ink] = {
    "dim": Ink("foreground", 62),
    "strong": Ink(attributes="bold"),
    "accent": Ink("text-accent"),
    "good": Ink("text-success"),
    "bad": Ink("text-error"),
    "warn": Ink("text-warning"),
    "live": Ink("text-primary"),
    "title": Ink("text-primary", attributes="bold"),
    "gutter": Ink("foreground", 40),
    "key": Ink("text-accent", attributes="bold"),
    "key-off": Ink("foreground", 40),
    "added": Ink(ground="success", cover=12),
    "removed": Ink(ground="error", cover=12),
    "added-word": Ink(ground="success", cover=36, attributes="bold"),
    "removed-word": Ink(ground="error", cover=36, attributes="bold"),
    "hunk": Ink("text-secondary"),
    "landed": Ink(ground="secondary", cover=14),
    "landed-word": Ink(ground="secondary", cover=42, attributes="bold"),
    "landed-name": Ink("text-secondary", attributes="bold"),
    "branch": Ink(ground="accent", cover=14),
    "branch-word": Ink(ground="accent", cover=42, attributes="bold"),
    "branch-name": Ink("text-accent", attributes="bold"),
    "result": Ink(ground="success", cover=10),
    "result-bar": Ink("text-success", ground="success", cover=10),
    "match": Ink(ground="warning", cover=40),
    "match-now": Ink("background", ground="warning", attributes="bold"),
    "cursor": Ink(ground="primary", cover=30, attributes="bold"),
    "cursor-away": Ink(ground="foreground", cover=10),
    "syn-keyword": Ink("text-accent"),
    "syn-string": Ink("text-success"),
    "syn-comment": Ink("foreground", 55, attributes="italic"),
    "syn-number": Ink("text-warning"),
    "syn-name": Ink("text-primary"),
    "syn-type": Ink("text-secondary"),
    "bar": Ink("success"),
    "bar-rest": Ink("foreground", 25),
}
"""For themes of many colours."""
SIXTEEN: dict[str, Ink] = {
    **INKS,
    "dim": Ink(attributes="dim"),
    "gutter": Ink("ansi_bright_black"),
    "key-off": Ink("ansi_bright_black"),
    "added": Ink("success"),
    "removed": Ink("error"),
    "added-word": Ink("success", attributes="bold underline"),
    "removed-word": Ink("error", attributes="bold underline"),
    "landed": Ink("secondary"),
    "landed-word": Ink("secondary", attributes="bold underline"),
    "landed-name": Ink("secondary", attributes="bold"),
    "branch": Ink("accent"),
    "branch-word": Ink("accent", attributes="bold underline"),
    "branch-name": Ink("accent", attributes="bold"),
    "result": Ink("success"),
    "result-bar": Ink("success"),
    "match": Ink("ansi_black", ground="ansi_yellow"),
    "match-now": Ink("ansi_black", ground="ansi_bright_yellow", attributes="bold"),
    "cursor": Ink(attributes="reverse"),
    "cursor-away": Ink(attributes="underline"),
    "syn-comment": Ink(attributes="dim"),
    "bar-rest": Ink("ansi_bright_black"),
}
"""For the terminal's own colours, which cannot be mixed."""


def style_from(ink: Ink, variables: Mapping[str, str], ground: Color) -> Style:
    """Pure: an ink with a theme's colours over a ground."""
    attributes = Style.parse(ink.attributes) if ink.attributes else NOTHING
    letters = Style(color=_mixed(ink.letters, ink.strength, variables, ground)) if ink.letters else NOTHING
    below = Style(bgcolor=_mixed(ink.ground, ink.cover, variables, ground)) if ink.ground else NOTHING
    return letters + below + attributes


def _mixed(name: str, percent: int, variables: Mapping[str, str], ground: Color):  # type: ignore[no-untyped-def]
    color = Color.parse(variables.get(name, name))
    if color.ansi is not None or percent == 100:
        return color.rich_color
    return ground.blend(color, percent / 100, 1.0).rich_color


def safe(text: str) -> str:
    """A text no terminal obeys. What panes paint is cleaned already; this holds when one forgot."""
    return text if text.isprintable() else expanded(clean(text)).replace("\n", " ")


class Painted(Widget):
    """A widget that paints with the named styles. What a style looks like is the theme's business."""

    _known: dict[str, Style] | None = None

    def style_of(self, name: str) -> Style:
        """What a style name adds to the widget's own style; nothing for "" and unknown names."""
        known = self._styles()
        if name not in known:
            inks = SIXTEEN if self.app.native_ansi_color else INKS
            ground = self.background_colors[1]
            known[name] = style_from(inks[name], self.app.theme_variables, ground) if name in inks else NOTHING
        return known[name]

    @property
    def base_style(self) -> Style:
        """The widget's own letters on its own ground."""
        known = self._styles()
        if BASE not in known:
            known[BASE] = self.rich_style
        return known[BASE]

    def _styles(self) -> dict[str, Style]:
        if self._known is None:
            self._known = {"": NOTHING}
        return self._known

    def painted(self, pieces: Sequence[Piece], width: int, base: Style, start: int = 0) -> Strip:
        """The pieces in exactly `width` cells from cell `start` on, over `base`."""
        segments = [Segment(safe(text), base + self.style_of(name) if name else base) for text, name in pieces if text]
        strip = Strip(segments)
        if start or strip.cell_length > width:
            strip = strip.crop(start, start + width)
        return strip.extend_cell_length(width, base)

    def notify_style_update(self) -> None:
        """Another theme: look all styles up again."""
        self._known = None
        super().notify_style_update()


BASE = "\0base"
