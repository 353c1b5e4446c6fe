"""Lines that look the same are the same strip: what was made of it once (frame, cuts, escape codes) is used again."""

from __future__ import annotations

from typing import Any

from textual._styles_cache import StylesCache
from textual.strip import Strip

MOST = 400
"""Lines that are remembered; then all are forgotten."""


class FramedLines(StylesCache):
    """Textual's lines of a widget, which puts the frame round a strip it has seen only once. Scrolling paints lines
    anew that were painted before, one line higher."""

    def __init__(self) -> None:
        super().__init__()
        self._framed: dict[int, tuple[Strip, Strip]] = {}
        self._look: object = None

    def render_line(
        self,
        styles: Any,
        y: int,
        size: Any,
        content_size: Any,
        padding: Any,
        ground: Any,
        own: Any,
        line: Any,
        *more: Any,
    ) -> Strip:
        """One line; between the upper and the lower edge that of its content's strip, when it is known."""
        above = styles.gutter.top
        if not above <= y < above + content_size.height:
            return super().render_line(styles, y, size, content_size, padding, ground, own, line, *more)
        look = (styles.border, padding, size.width, content_size.width, ground, own, more[2:])
        if look != self._look or len(self._framed) > MOST:
            self._framed.clear()
            self._look = look
        strip = line(y - above)
        if (known := self._framed.get(id(strip))) is not None:
            return known[1]
        framed = super().render_line(styles, y, size, content_size, padding, ground, own, lambda _: strip, *more)
        self._framed[id(strip)] = (strip, framed)
        return framed
