"""The contracts of the plan: what is frozen, who breaches it, how the mocks are."""

from __future__ import annotations

from engine.model import BreachView, ContractView, MockView
from widgets.columns import Column, widest
from widgets.contract_words import (
    NO_CONTRACTS,
    breach_piece,
    mock_piece,
    mock_words,
    open_breaches,
    standing,
    users,
)
from widgets.look import Piece
from widgets.moment import Moment
from widgets.table_view import TableView
from widgets.text import flat, names


class ContractList(TableView):
    """A contract, below it its open breaches and its mocks; settled breaches are told in the main pane."""

    moment: Moment | None = None

    def show(self, moment: Moment) -> None:
        """Another moment of the run."""
        self.moment = moment
        contracts = moment.snapshot.contracts
        self._rows = {key: cells for contract in contracts for key, cells in _rows_of(contract)}
        name = widest((cells[1][0] for cells in self._rows.values()), 8, 18)
        self.set_columns((Column("what", 12), Column("name", name), Column("words", 12, stretch=True)))
        self.set_keys(list(self._rows))
        frozen = sum(1 for contract in contracts if contract.frozen)
        trouble = sum(len(open_breaches(contract)) for contract in contracts)
        breaches = f"{trouble} {'breach' if trouble == 1 else 'breaches'} · " if trouble else ""
        self.set_note(f"{breaches}{frozen} of {len(contracts)} frozen" if contracts else "")

    def empty_text(self) -> str:
        """What would be here."""
        return NO_CONTRACTS if self.moment else ""

    def cells(self, key: str) -> list[Piece]:
        """What the row says."""
        return self._rows[key]

    @property
    def selected_task(self) -> str:
        """The task of the breach or the mock, or the author of the contract, under the cursor."""
        contract, _, task = (self.selected_key or "\0\0").split("\0")[:3]
        found = self._contract(contract)
        name = task or (found.by if found else "")
        return name if self.moment and name in self.moment.tasks else ""

    @property
    def selected_contract(self) -> ContractView | None:
        """The contract of the row under the cursor."""
        return self._contract((self.selected_key or "").split("\0")[0])

    @property
    def selected_breach(self) -> BreachView | None:
        """The open breach under the cursor; on another row of its contract the first one."""
        contract = self.selected_contract
        if contract is None:
            return None
        _, kind, task = (self.selected_key or "\0\0").split("\0")[:3]
        opened = open_breaches(contract)
        mine = (breach for breach in opened if kind == "breach" and breach.task == task)
        return next(mine, opened[0] if opened else None)

    def _contract(self, name: str) -> ContractView | None:
        contracts = self.moment.snapshot.contracts if self.moment else ()
        return next((contract for contract in contracts if contract.name == name), None)


def _rows_of(contract: ContractView) -> list[tuple[str, list[Piece]]]:
    """The key is contract NUL kind NUL task."""
    words = users(contract) if contract.frozen else flat(contract.reason)
    bad = not contract.frozen and bool(contract.version)
    head = (f"{contract.name}\0\0", [standing(contract), (contract.name, "strong"), (words, "bad" if bad else "dim")])
    breaches = [
        (f"{contract.name}\0breach\0{breach.task}", _breach_cells(breach)) for breach in open_breaches(contract)
    ]
    return [head, *breaches, *((f"{contract.name}\0mock\0{mock.task}", _mock_cells(mock)) for mock in contract.mocks)]


def _breach_cells(breach: BreachView) -> list[Piece]:
    return [breach_piece(breach), (breach.task, "strong"), (f"changes {names(breach.paths, 2)}", "warn")]


def _mock_cells(mock: MockView) -> list[Piece]:
    glyph, style = mock_piece(mock)
    return [(glyph, style), (mock.task, ""), (f"mock on {mock_words(mock)}", "dim")]
