"""Pure rules: contracts. When they freeze, what a breach is, and how a person rules on it."""

from __future__ import annotations

from collections.abc import Generator

from engine import events as ev
from engine.effects import Effect
from engine.errors import Refused
from engine.state import State

Answer = Generator[Effect, None, str]


def amend_contract(state: State, intent: ev.AmendContract) -> Answer:
    """The branch may change the contract."""
    raise Refused(f"{intent.task} does not change the contract {intent.contract}")
    yield


def reject_breach(state: State, intent: ev.RejectBreach) -> Answer:
    """The branch may not change the contract."""
    raise Refused(f"{intent.task} does not change the contract {intent.contract}")
    yield
