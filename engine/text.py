"""Make outside text safe to show: no escape sequence, no control character, nothing that breaks a layout."""

from __future__ import annotations

import re

_STRING = "[^\x07\x1b\x90\x98\x9c-\x9f"
_SEQUENCES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    rf"|(?:\x1b\]|\x9d){_STRING}\n]*+(?:\x1b\\|\x07|\x9c)?"  # OSC: title, link, clipboard
    r"|(?:\x1b[PX^_]|[\x90\x98\x9e\x9f])"  # DCS, SOS, PM, APC to their end, or to the line's
    rf"(?:{_STRING}]*+(?:\x1b\\|\x07|\x9c)|{_STRING}\n]*+)"
    r"|\x1b[ -/]*[0-~]?"
)
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb]")
_LONE_SURROGATES = re.compile("[\ud800-\udfff]")
_SEPARATORS = re.compile("[\u2028\u2029]")
_ODD = re.compile("[^\n\t -~]")


def clean(text: str | bytes) -> str:
    """The text as a person would read it; `\\n` and `\\t` are the only controls left.

    A line drawn over (`\\r`) shows what was drawn last; bidirectional overrides are removed, bytes that are not UTF-8
    become U+FFFD. A command string that is never ended hides no more than its own line. Linear in the text's length.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    if text.isascii() and not _ODD.search(text):
        return text
    text = _SEPARATORS.sub("\n", _LONE_SURROGATES.sub("\ufffd", text))
    text = _SEQUENCES.sub("", text)
    lines = (line.rstrip("\r").rsplit("\r", 1)[-1] for line in text.split("\n"))
    return _CONTROLS.sub("", "\n".join(lines))
