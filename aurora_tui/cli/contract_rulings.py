"""What is said and done about the contracts of a run: list, show, diff, amend, reject."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from engine.contracts.records import Breach
    from engine.intents import Intent
    from engine.model import ContractView, Snapshot
    from engine.repo import Repo
    from engine.state import State

as_json = click.option("--json", "as_json", is_flag=True, help="As JSON, for programs.")
name_of = click.argument("name")


@click.command("list", short_help="All contracts: version, who writes and uses them, breaches.")
@as_json
def list_contracts(as_json: bool) -> None:
    """Show where every contract of the run stands."""
    from aurora_tui.cli.output import look, show, show_json
    from aurora_tui.cli.reaching import reached
    from aurora_tui.render.contracts import contract_list
    from engine.model import ContractView

    with reached() as run:
        contracts = run.snapshot().contracts
        if as_json:
            show_json(tuple[ContractView, ...], contracts)
        else:
            show(contract_list(contracts, look()))


@click.command("show", short_help="One contract: its files, commands, mocks and breaches.")
@name_of
@as_json
def show_contract(name: str, as_json: bool) -> None:
    """Show all there is to say of the contract NAME, and which commands help."""
    from aurora_tui.cli.output import look, show, show_json
    from aurora_tui.cli.reaching import reached
    from aurora_tui.render.contracts import contract_page
    from engine.model import ContractView

    with reached() as run:
        found = _view(run.snapshot(), name)
        if as_json:
            show_json(ContractView, found)
        else:
            show(contract_page(found, look()))


@click.command("diff", short_help="How a branch changes a frozen contract.")
@name_of
@click.argument("task", required=False)
def diff_contract(name: str, task: str | None) -> None:
    """Show how TASK changes the files of the contract NAME. Without TASK: the first that waits for your ruling."""
    from aurora_tui.cli.diffs import show_diff
    from aurora_tui.cli.reaching import here, last_state

    repo = here()
    state = last_state(repo)
    show_diff(_diff(repo, state, _breach_of(state, name, task)))


@click.command("amend", short_help="Let a branch change a frozen contract: a new version.")
@name_of
@click.argument("task")
def amend(name: str, task: str) -> None:
    """Let the branch of TASK change the frozen contract NAME.

    It is checked and goes on to the merge queue. When it lands the contract has a new version: everybody who implements
    or consumes it is told what changed, and what was done for the old version is checked again.
    """
    from aurora_tui.cli.reaching import now
    from engine.intents import AmendContract

    _send(AmendContract(at=now(), contract=name, task=task))


@click.command("reject", short_help="Send a branch that changes a frozen contract back to its agent.")
@name_of
@click.argument("task")
@click.option("--note", default="", metavar="TEXT", help="What the agent should know.")
def reject(name: str, task: str, note: str) -> None:
    """Send TASK, whose branch changes the frozen contract NAME, back to its agent.

    The agent is told what to take back, with your note; what it did is kept.
    """
    from aurora_tui.cli.reaching import now
    from engine.intents import RejectBreach

    _send(RejectBreach(at=now(), contract=name, task=task, note=note))


def _send(intent: Intent) -> None:
    from aurora_tui.cli.reaching import reached
    from engine.text import clean

    with reached() as run:
        click.echo(clean(run.ask(intent)))


def _view(snapshot: Snapshot, name: str) -> ContractView:
    from engine.errors import Refused

    for one in snapshot.contracts:
        if one.name == name:
            return one
    names = ", ".join(one.name for one in snapshot.contracts)
    raise Refused(f"there is no contract {name!r} in this run", f"there are: {names}" if names else None)


def _breach_of(state: State, name: str, task: str | None) -> Breach:
    from engine.errors import Refused

    if name not in state.contracts:
        raise Refused(f"there is no contract {name!r} in this run", "`aurora contract list` shows all")
    breaches = [one for one in state.contracts[name].breaches if task is None or one.task == task]
    waiting = [one for one in breaches if one.state == "open"]
    if not breaches or (task is None and not waiting):
        words = f"{task} does not change the contract {name}"
        raise Refused(words if task else f"no branch that changes the contract {name} waits for your ruling")
    return waiting[0] if waiting else breaches[-1]


def _diff(repo: Repo, state: State, breach: Breach) -> bytes:
    if breach.commit:
        return repo.diff_text(breach.base, breach.commit, breach.paths)
    from engine.checkout import checkout_at
    from engine.session import worktrees_of

    worktree = worktrees_of(repo, state.plan).path(state.record(breach.task).attempt.worker)
    commit, _ = checkout_at(worktree).photograph("What an agent is working on")
    return repo.diff_text(breach.base, commit, breach.paths)


RULINGS: tuple[click.Command, ...] = (list_contracts, show_contract, diff_contract, amend, reject)
