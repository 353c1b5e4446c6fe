"""Measures and shapes single pieces of text by the cells they take on a terminal."""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size

from engine.text import clean


def flat(text: str) -> str:
    """Outside text on one line: no control characters, no runs of blanks."""
    return " ".join(clean(text).split())


def cut(text: str, width: int) -> str:
    """The text in at most `width` cells, with … where something is missing."""
    if cell_len(text) <= width:
        return text
    return "…"[:width] if width <= 1 else set_cell_size(text, width - 1).rstrip() + "…"


def cut_path(path: str, width: int) -> str:
    """A path or pattern in at most `width` cells; its end says most, so the middle goes."""
    if cell_len(path) <= width or width < 8:
        return cut(path, width)
    keep = width // 4
    head, tail = set_cell_size(path, keep).rstrip(), path
    while cell_len(tail) > width - keep - 1:
        tail = tail[1:]
    return f"{head}…{tail}"


def wrap(text: str, width: int, lines: int) -> list[str]:
    """The text broken at blanks into at most `lines` lines of `width` cells; the last one is cut."""
    done: list[str] = []
    rest = text
    while len(done) < lines - 1 and cell_len(rest) > width:
        head = _fitting(rest, width)
        done.append(head.rstrip())
        rest = rest[len(head) :].lstrip()
    return [*done, cut(rest, width)]


def _fitting(text: str, width: int) -> str:
    """As many whole words as fit; of a word that is too long, as much as fits."""
    end, used = 0, 0
    while end < len(text) and (used := used + cell_len(text[end])) <= width:
        end += 1
    blank = text.rfind(" ", 0, end + 1)
    return text[:blank] if blank > 0 else text[: max(1, end)]


def duration(seconds: float) -> str:
    """How long: `0.3s`, `42s`, `4m 05s`, `1h 20m`."""
    whole = max(0, round(seconds))
    if 0 < seconds < 9.95 and seconds != whole:
        return f"{seconds:.1f}s"
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02d}s"
    return f"{whole // 3600}h {whole % 3600 // 60:02d}m"


def money(usd: float, estimated: bool = False) -> str:
    """US dollars, with a `~` when they come from a price table; empty for nothing."""
    shown = "<$0.01" if usd < 0.005 else f"${usd:.2f}"
    return f"{'~' if estimated else ''}{shown}" if usd else ""


def many(number: int, noun: str) -> str:
    """A number with its noun: `1 task`, `3 tasks`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def names(values: tuple[str, ...], most: int = 3) -> str:
    """A list in words, the first `most` by name: `auth, ui, docs and 4 more`."""
    shown = ", ".join(values[:most])
    left = len(values) - most
    return f"{shown} and {left} more" if left > 0 else shown


def change_size(added: int, removed: int, files: int) -> str:
    """How much was changed: `+120 −8 in 4 files`; empty for nothing."""
    if not files:
        return ""
    size = f"+{added:,} −{removed:,} in " if added or removed else ""
    return f"{size}{many(files, 'file')}"


def expanded(text: str, tab: int = 4) -> str:
    """One line with its tabs as blanks up to the next multiple of `tab` cells."""
    if "\t" not in text:
        return text
    done, used = [], 0
    for part in text.split("\t")[:-1]:
        used += cell_len(part)
        blanks = tab - used % tab
        done.append(part + " " * blanks)
        used += blanks
    return "".join(done) + text.rsplit("\t", 1)[1]


def clock(seconds: float) -> str:
    """A running time as `h:mm:ss` or `m:ss`."""
    whole = max(0, int(seconds))
    minutes, rest = divmod(whole, 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}" if minutes >= 60 else f"{minutes}:{rest:02d}"
