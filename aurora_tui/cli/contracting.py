"""Commands about contracts: `aurora contract …`."""

from __future__ import annotations

import click

from aurora_tui.cli.contract_rulings import RULINGS
from engine.errors import ConfigError

KINDS = ("openapi", "json-schema", "python")


@click.group(short_help="Interfaces that are fixed before the tasks on both sides start.")
def contract() -> None:
    """Work with the contracts of this repository's plan."""


@contract.command(short_help="Write a contract to start from.")
@click.argument("name")
@click.option("--kind", type=click.Choice(KINDS), required=True, help="What it is written in.")
@click.option("--by", metavar="TASK", default="", help="The task that will write it.")
def new(name: str, kind: str, by: str) -> None:
    """Write a small commented contract NAME below contracts/, and show what belongs into aurora.yaml.

    \b
    Examples:
      aurora contract new orders-api --kind openapi --by spec
      aurora contract new clock --kind python
    """
    from aurora_tui.cli.reaching import here
    from engine.contracts.starters import starter

    made = starter(name, kind, by)
    path = here().root / made.path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(made.text)
    except FileExistsError:
        raise ConfigError(f"{made.path} exists already", "choose another name, or remove it") from None
    except OSError as error:
        raise ConfigError(f"{made.path} cannot be written: {error.strerror}") from None
    click.echo(f"wrote {made.path}")
    click.echo(f"this belongs into aurora.yaml:\n\n{made.entry}")
    click.echo("next: `aurora check`, and commit both")


for ruling in RULINGS:
    contract.add_command(ruling)

COMMANDS = (contract,)
