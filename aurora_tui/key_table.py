"""The README's table of keys, made from the table of actions: `python -m aurora_tui.key_table` writes it there."""

from __future__ import annotations

from pathlib import Path

from aurora_tui.actions import ACTIONS, EVERYWHERE, LISTS, Action, key_name

BEGIN, END = "<!-- keys -->", "<!-- end of keys -->"
README = Path(__file__).parents[1] / "README.md"


def rows() -> list[str]:
    """The table, as Markdown."""
    lines = ["| key | does | where |", "|---|---|---|"]
    for group in dict.fromkeys(action.group for action in ACTIONS):
        lines.append(f"| **{group}** | | |")
        lines += [_row(action) for action in ACTIONS if action.group == group]
    return lines


def _row(action: Action) -> str:
    keys = " ".join(f"`{key_name(key)}`" for key in action.keys)
    return f"| {keys} | {action.help} | {_where(action)} |"


def _where(action: Action) -> str:
    if action.places == EVERYWHERE:
        return "everywhere"
    if action.places == LISTS:
        return "lists"
    return ", ".join(place.value for place in type(next(iter(action.places))) if place in action.places)


def written_into(text: str) -> str:
    """A README with the table as it is now between its two marks."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return "\n".join([before + BEGIN, *rows(), END + after])


if __name__ == "__main__":
    README.write_text(written_into(README.read_text(encoding="utf-8")), encoding="utf-8")
