"""The views of `aurora contract list` and `aurora contract show`."""

from __future__ import annotations

from collections.abc import Iterator

from aurora_tui.render.look import Look
from aurora_tui.render.table import Cell, Column, table
from engine.model import BreachView, ContractView, MockView
from widgets.text import duration, flat, names

LIST = (
    Column("contract"),
    Column("version", right=True),
    Column("by"),
    Column("implements", limit=24),
    Column("consumes", limit=24),
    Column("where it stands", stretch=True),
)
COMMANDS = ("check", "mock", "verify", "serve")


def contract_list(contracts: tuple[ContractView, ...], look: Look) -> list[str]:
    """One line per contract, with its open breaches."""
    if not contracts:
        return ["the plan has no contracts"]
    return look.finish(table(LIST, [_row(one) for one in contracts], look, lines=3))


def _row(one: ContractView) -> list[Cell]:
    still_open = [breach.task for breach in one.breaches if breach.state == "open"]
    stands = f"≠ {names(tuple(still_open), 3)} changes it; {one.reason}" if still_open else one.reason
    return [
        Cell(one.name, "bold"),
        Cell(str(one.version) if one.version else ""),
        Cell(one.by),
        Cell(names(one.implementers, 3)),
        Cell(names(one.consumers, 3)),
        Cell(stands, "warn" if still_open else "good" if one.frozen else ""),
    ]


def contract_page(one: ContractView, look: Look) -> list[str]:
    """All there is to say of one contract."""
    rows = [[Cell(label, "dim"), Cell(flat(text))] for label, text in _facts(one) if text]
    columns = (Column(""), Column("", stretch=True))
    lines = [look.paint(one.name, "bold"), *table(columns, rows, look, lines=4, titles=False)]
    lines += [flat(f"mock for {mock.task}: {_mock(mock, look)}") for mock in one.mocks]
    lines += [flat(f"breach: {_breach(breach, look)}") for breach in one.breaches]
    for breach in one.breaches:
        if breach.state == "open":
            lines += ["", *_ways(one.name, breach.task)]
    return look.finish(lines)


def _facts(one: ContractView) -> Iterator[tuple[str, str]]:
    yield "stands", one.reason
    yield "version", f"{one.version} ({one.digest})" if one.version else ""
    yield "kind", one.kind
    yield "files", ", ".join(one.files)
    yield "by", one.by
    yield "implements", ", ".join(one.implementers)
    yield "consumes", ", ".join(one.consumers)
    for key in COMMANDS:
        yield key, getattr(one, key)


def _mock(mock: MockView, look: Look) -> str:
    again = f", restarted {mock.restarts} times" if mock.restarts else ""
    words = f": {flat(mock.words)}" if mock.words else ""
    return f"{mock.state} for {duration(look.now - mock.since)} on port {mock.port}{again}{words} ({mock.log})"


def _breach(breach: BreachView, look: Look) -> str:
    return f"{breach.task} changes {names(breach.paths, 3)}: {breach.state}, {duration(look.now - breach.since)} ago"


def _ways(name: str, task: str) -> list[str]:
    return [
        f"  aurora contract diff {name} {task}     shows the change",
        f"  aurora contract amend {name} {task}    lets it: a new version, everybody who uses it is told",
        f"  aurora contract reject {name} {task}   sends it back to its agent",
    ]
