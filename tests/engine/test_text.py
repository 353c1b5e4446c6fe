"""Outside text is harmless after cleaning."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.text import clean


@pytest.mark.parametrize(
    ("dirty", "shown"),
    [
        ("plain", "plain"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]52;c;aGk=\x07copied", "copied"),
        ("\x1b]0;title\x1b\\x", "x"),
        ("\x9b31mred\x9d52;c;x\x9cy", "redy"),
        ("\x1bP1$r\x1b\\dcs", "dcs"),
        ("10%\r50%\r100%\ndone\r\n", "100%\ndone\n"),
        ("tab\tstays\n", "tab\tstays\n"),
        ("bell\x07 null\x00", "bell null"),
        ("\u202eevil", "evil"),
        (b"\xff\xfebad", "\ufffd\ufffdbad"),
        ("\x1b", ""),
        ("a\ud800b", "a?b"),
        ("日本語 👩\u200d💻 [/markup]", "日本語 👩\u200d💻 [/markup]"),
    ],
)
def test_clean(dirty: str | bytes, shown: str) -> None:
    assert clean(dirty) == shown


@given(st.one_of(st.text(), st.binary()))
def test_no_control_character_is_left(text: str | bytes) -> None:
    cleaned = clean(text)
    assert not [c for c in cleaned if unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t"]
    assert clean(cleaned) == cleaned
