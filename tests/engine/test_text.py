"""Outside text is harmless after cleaning."""

from __future__ import annotations

import time
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
        ("\x1b[38;2;1;2;3mtrue\x1b[m \x1b[4:3mcurly", "true curly"),
        ("\x1b(Bcharset \x1b7\x1b8\x1bc\x1b=", "charset "),
        ("\x1b]52;c;aGk=\x07copied", "copied"),
        ("\x1b]0;title\x1b\\x", "x"),
        ("\x1b]8;;http://x/\x1b\\link\x1b]8;;\x1b\\.", "link."),
        ("\x9b31mred\x9d52;c;x\x9cy", "redy"),
        ("\x1bP1$r\x1b\\dcs", "dcs"),
        ("\x1bPq#0\n#1~~\x1b\\six\x1b_lines\nof apc\x9c.", "six."),
        ("\x1b]0;never ended\nnext line", "\nnext line"),
        ("\x1b]0;ended\nlate\x07", "\nlate"),
        ("\x1b]0;broken off\x1b[1mon", "on"),
        ("\x1b\x1b[0m[31mnot a colour", "[31mnot a colour"),
        ("\x1b[\x1b[31m31mnested", "31mnested"),
        ("10%\r50%\r100%\ndone\r\n", "100%\ndone\n"),
        ("a long line\r\x1b[Kshort\r\r\n", "short\n"),
        ("tab\tstays\n", "tab\tstays\n"),
        ("bell\x07 null\x00 back\x08space\x0b\x0c\x7f", "bell null backspace"),
        ("\u202eevil\u2066\u2069\u200f\u061c", "evil"),
        ("one\u2028two\u2029three\x85", "one\ntwo\nthree"),
        ("\ufeffmark", "mark"),
        (b"\xff\xfebad \xc3", "\ufffd\ufffdbad \ufffd"),
        (b"\x9b31mraw", "\ufffd31mraw"),
        ("\x1b", ""),
        ("a\ud800b", "a\ufffdb"),
        ("日本語 👩\u200d💻 e\u0301 [/markup]", "日本語 👩\u200d💻 e\u0301 [/markup]"),
    ],
)
def test_clean(dirty: str | bytes, shown: str) -> None:
    assert clean(dirty) == shown


HOSTILE = st.text(st.sampled_from("\x1b\x9b\x9d\x90\x9c[]P^_\\;031mK \x07\r\n\tab\u202e\u2028\ud800"), max_size=60)


@given(st.one_of(st.text(), st.binary(), HOSTILE))
def test_no_control_character_is_left(text: str | bytes) -> None:
    cleaned = clean(text)
    assert not [c for c in cleaned if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") and c not in "\n\t"]
    assert clean(cleaned) == cleaned


@given(st.text(st.characters(exclude_categories=["C", "Zl", "Zp"])))
def test_plain_text_is_not_touched(text: str) -> None:
    assert clean(text) == text
    assert clean(text.encode()) == text


@given(st.lists(HOSTILE.filter(lambda text: not set(text) & set("\n\u2028P^_\x90"))))
def test_a_line_never_hides_another(lines: list[str]) -> None:
    assert len(clean("\n".join(lines)).split("\n")) == max(len(lines), 1)


@pytest.mark.parametrize(
    "piece", ["\x90\n", "\x1bP\n", "\x1b]a", "\x1b[", "\x1b[0", "\x1b ", "\x9d", "\r", "\x1bPa\x1b", "\x1b[0 "]
)
def test_cleaning_takes_linear_time(piece: str) -> None:
    def seconds(length: int) -> float:
        text = piece * length
        started = time.process_time()
        clean(text)
        return time.process_time() - started

    assert min(seconds(80_000) for _ in range(3)) < 24 * max(min(seconds(10_000) for _ in range(3)), 0.0005)
