"""A log another process appends to: an index of where its lines begin, and the lines as they are asked for."""

from __future__ import annotations

import os
import re
import threading
from array import array
from bisect import bisect_left, bisect_right
from codecs import utf_8_decode
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from engine.text import clean

MOST_LINES = 100_000
GROWN_AT_ONCE = 1 << 22
"""Bytes taken in at most by one `grow`."""
SEARCHED_AT_ONCE = 1 << 18
"""Bytes in memory while searching; of a line longer than that only the beginning is searched."""
LONGEST = 4_000
"""Characters of a line that are shown."""
LOOKED_AT = 4 * LONGEST
"""Bytes of a line that are read to show it."""
CACHED = 512
MARK = 64
"""Bytes before the known end that must still be the same; otherwise the file was written anew."""

_COLOURS = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
_ACROSS_LINES = re.compile("\x1b[PX^_]|[\x90\x98\x9e\x9f\u2028\u2029]")


class LogFile:
    """Lines of a growing file, numbered from 0, of which the newest `MOST_LINES` can be read.

    Takes no more memory than their offsets and a few hundred lines. `grow` may run on another thread than the rest. A
    file that is replaced, cut or gone starts over with no lines."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._file: BinaryIO | None = None
        self._forget()

    def _forget(self) -> None:
        """Know nothing; `_starts` holds where each line begins, the one that is still to come included."""
        self._starts = array("Q", [0])
        self._end = 0
        self._mark = b""
        self._dropped = 0
        self._texts: OrderedDict[int, str] = OrderedDict()

    def close(self) -> None:
        """Let go of the file; `grow` opens it again."""
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None

    # --- size ---

    @property
    def count(self) -> int:
        """The lines there are, an unfinished last one included; those that were dropped count too."""
        with self._lock:
            return self._dropped + len(self._starts) - (self._end == self._starts[-1])

    @property
    def dropped(self) -> int:
        """The lines before the first that can be read."""
        with self._lock:
            return self._dropped

    def grow(self) -> bool:
        """Take in what was appended, at most `GROWN_AT_ONCE` bytes; True when there is anything new to see."""
        with self._lock:
            had = self._end > 0
            if not self._opened():
                self._forget()
                return had
            data = self._bytes(self._end - len(self._mark), MARK + GROWN_AT_ONCE)
            if not data.startswith(self._mark):
                self._forget()
                data = self._bytes(0, GROWN_AT_ONCE)
            fresh = data[len(self._mark) :]
            self._index(fresh)
            self._mark = data[-MARK:]
            return bool(fresh) or (had and not self._end)

    def _opened(self) -> bool:
        """Open the file, anew when another took its place; False when there is none."""
        try:
            found = self.path.stat()
            if self._file is not None and os.path.samestat(found, os.fstat(self._file.fileno())):
                return True
            fresh = self.path.open("rb")
        except OSError:
            self.close()
            return False
        if self._file is not None:
            self._forget()
            self.close()
        self._file = fresh
        return True

    def _bytes(self, start: int, size: int) -> bytes:
        return os.pread(self._file.fileno(), size, start) if self._file is not None else b""

    def _index(self, data: bytes) -> None:
        self._texts.pop(self.count - 1, None)
        at = data.find(b"\n")
        while at >= 0:
            self._starts.append(self._end + at + 1)
            at = data.find(b"\n", at + 1)
        self._end += len(data)
        over = self.count - self._dropped - MOST_LINES
        if over > 0:
            del self._starts[:over]
            self._dropped += over

    def _start_of(self, number: int) -> int:
        """Where a line begins, or the end of the last one."""
        index = number - self._dropped
        return self._starts[index] if index < len(self._starts) else self._end

    # --- lines ---

    def line(self, number: int) -> str:
        """One line, cleaned and cut to `LONGEST` characters (and then its size is told); "" for one that was dropped
        or is not there."""
        with self._lock:
            if not self._dropped <= number < self.count:
                return ""
            if number not in self._texts:
                self._texts[number] = self._read(number)
            self._texts.move_to_end(number)
            if len(self._texts) > CACHED:
                self._texts.popitem(last=False)
            return self._texts[number]

    def _read(self, number: int) -> str:
        start, end = self._start_of(number), self._start_of(number + 1)
        if end - start <= LOOKED_AT:
            data = self._bytes(start, end - start)
            text = _one_line(data)
            return text if len(text) <= LONGEST else _cut(text, end - start)
        tail = self._bytes(end - LOOKED_AT, LOOKED_AT).rstrip(b"\r\n")
        if b"\r" in tail and len(text := _one_line(tail)) <= LONGEST:
            return text
        return _cut(_one_line(self._bytes(start, LOOKED_AT)), end - start)

    # --- searching ---

    def find(self, text: str, from_line: int, step: int) -> int | None:
        """The nearest line with a text at or after `from_line` (before it for a negative step); capitals count only
        where `text` has some."""
        low, high = (from_line, self.count) if step > 0 else (0, from_line + 1)
        for number, block in self._blocks(low, high, step):
            if found := _lines_with(text, block, number):
                return found[0 if step > 0 else -1]
        return None

    def matches(self, text: str, limit: int = 10_000, first: int = 0) -> list[int]:
        """The newest `limit` lines with a text, from line `first` on, oldest first; capitals as in `find`."""
        found: list[int] = []
        for number, block in self._blocks(first, self.count, -1):
            found = _lines_with(text, block, number) + found
            if len(found) >= limit:
                break
        return found[-limit:]

    def _blocks(self, low: int, high: int, step: int) -> Iterator[tuple[int, str]]:
        """The lines from `low` up to `high`, cleaned, some at a time with the number of their first; the newest first
        for a negative step."""
        while True:
            with self._lock:
                low, high = max(low, self._dropped), min(high, self.count)
                if low >= high:
                    return
                first, last = self._block(low, high, step)
                start = self._start_of(first)
                data = self._bytes(start, min(self._start_of(last) - start, SEARCHED_AT_ONCE))
            yield first, _cleaned(data)
            low, high = (last, high) if step > 0 else (low, first)

    def _block(self, low: int, high: int, step: int) -> tuple[int, int]:
        """As many lines as are searched at once, but at least one."""
        if step > 0:
            fitting = bisect_right(self._starts, self._start_of(low) + SEARCHED_AT_ONCE) - 1 + self._dropped
            return low, max(low + 1, min(high, fitting))
        fitting = bisect_left(self._starts, self._start_of(high) - SEARCHED_AT_ONCE) + self._dropped
        return min(high - 1, max(low, fitting)), high


def decoded(data: bytes) -> str:
    """UTF-8 without a last character of which some bytes are still to come."""
    return utf_8_decode(data, "replace")[0]


def _one_line(data: bytes) -> str:
    finished = data.endswith(b"\n")
    return clean(data[:-1] if finished else decoded(data)).replace("\n", " ")


def _cut(text: str, size: int) -> str:
    return f"{text[:LONGEST]} … (a line of {size:,} bytes)"


def _cleaned(data: bytes) -> str:
    """Many lines, each cleaned as if it were alone; what most are made of is recognised without looking at each."""
    text = data.decode("utf-8", "replace")
    plain = (_COLOURS.sub("", text) if "\x1b" in text else text).replace("\r\n", "\n")
    if plain.replace("\n", "").replace("\t", "").isprintable():
        return plain
    if not _ACROSS_LINES.search(text):
        return clean(text)
    return "\n".join(clean(line).replace("\n", " ") for line in text.split("\n"))


def _lines_with(wanted: str, text: str, first: int) -> list[int]:
    """The numbers of the lines of a text that contain another, when its own first line is number `first`."""
    found: list[int] = []
    if not wanted or "\n" in wanted:
        return found
    text = text.lower() if wanted == wanted.lower() else text
    number, line = first, 0
    while line >= 0 and (at := text.find(wanted, line)) >= 0:
        number += text.count("\n", line, at)
        found.append(number)
        line = text.find("\n", at)
    return found
