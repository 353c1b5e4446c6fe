"""Texts that match a regular expression, always the same ones. The library is rstr."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

from engine.contracts.program import Missing

TRIES = 200


def matching(pattern: str, fits: Callable[[str], bool]) -> str | None:
    """The first of some texts that matches and fits, None when none does. Missing when the library is not there."""
    try:
        from rstr import Rstr
    except ImportError:
        raise Missing("rstr", f"making up a text that matches `{pattern}`") from None
    maker = Rstr(random.Random(7))
    wanted = re.compile(pattern)
    for _ in range(TRIES):
        text = str(maker.xeger(pattern))
        if text.isprintable() and wanted.search(text) and fits(text):
            return text
    return None
