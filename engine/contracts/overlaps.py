"""Pure: which patterns of a plan meet the files of contracts, as far as the patterns alone tell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from engine.covering import outside
from engine.patterns import Pattern
from engine.plan import Plan


def within(narrow: str, wide: str) -> bool:
    """True when all one pattern can match is matched by the other."""
    return outside(Pattern.parse(narrow), Pattern.parse(wide)) is None


def surely_meet(one: str, other: str) -> bool:
    """True when one of two patterns lies within the other."""
    return within(one, other) or within(other, one)


def shared_files(contracts: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, int, str]]:
    """Contracts whose file at this position belongs to an earlier contract, too."""
    before: list[tuple[str, str]] = []
    for name, patterns in contracts.items():
        for position, pattern in enumerate(patterns):
            other = next((of for of, earlier in before if surely_meet(pattern, earlier)), "")
            if other:
                yield name, position, other
        before += [(name, pattern) for pattern in patterns]


def frozen_claims(plan: Plan) -> Iterator[tuple[str, str, str]]:
    """Claims of tasks that cover files a contract of others freezes: task, claim, contract."""
    for spec in plan.tasks:
        for contract in plan.contracts:
            if contract.by == spec.id:
                continue
            for claim in (*spec.files, *spec.shared):
                if any(surely_meet(claim, pattern) for pattern in contract.files):
                    yield spec.id, claim, contract.name
