"""The click group: all commands by family, and what a person who mistypes one is told."""

from __future__ import annotations

import os
from difflib import get_close_matches

import click

from aurora_tui.cli.looking import COMMANDS as LOOKING
from aurora_tui.cli.running import COMMANDS as RUNNING
from aurora_tui.cli.running import run, welcome
from aurora_tui.cli.setting_up import COMMANDS as SETTING_UP
from aurora_tui.cli.steering import COMMANDS as STEERING

FAMILIES: dict[str, tuple[click.Command, ...]] = {
    "Run": RUNNING,
    "Look": LOOKING,
    "Steer": STEERING,
    "Set up": SETTING_UP,
}
SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
EPILOG = """\b
Examples:
  aurora init                        write a plan to fill in
  aurora run --workers 6             work on it
  aurora status                      from another terminal: how far it is
  aurora graph --status              what waits for what, and why
  aurora resolve auth --landed       settle a conflict
  aurora demo                        see it all on a throw-away repository

\b
Exit codes: 0 all landed · 1 something failed or was dropped · 2 wrong use or configuration ·
3 a person is needed · 130 interrupted
"""


class Families(click.Group):
    """A group that lists its commands by family and knows what is meant by a mistyped one."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The help of the group."""
        for family, commands in FAMILIES.items():
            with formatter.section(family):
                formatter.write_dl([(_usage(command), command.get_short_help_str(80)) for command in commands])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or say which one is nearest."""
        from engine.errors import ConfigError

        name = args[0]
        if self.get_command(ctx, name) is not None or name.startswith("-"):
            return super().resolve_command(ctx, args)
        near = get_close_matches(name, self.commands, 1, 0.5)
        hint = f"did you mean `aurora {near[0]}`?" if near else "`aurora --help` lists all commands"
        raise ConfigError(f"there is no command `{name}`", hint)


def _usage(command: click.Command) -> str:
    arguments = [p.make_metavar(click.Context(command)) for p in command.params if isinstance(p, click.Argument)]
    return " ".join([command.name or "", *arguments])


def _version(ctx: click.Context, param: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"aurora {version('aurora-tui')}")
        ctx.exit()


def _enter(folder: str) -> None:
    """Each -C is seen from the one before it, as with git."""
    from engine.errors import ConfigError

    try:
        os.chdir(folder)
    except OSError as error:
        raise ConfigError(f"-C {folder}: {error.strerror}") from None


@click.group(cls=Families, invoke_without_command=True, context_settings=SETTINGS, epilog=EPILOG)
@click.option("-C", "folders", metavar="DIR", multiple=True, help="Work as if started in DIR.")
@click.option("--version", is_flag=True, expose_value=False, is_eager=True, callback=_version, help="Say the version.")
@click.pass_context
def aurora(ctx: click.Context, folders: tuple[str, ...]) -> None:
    """Run several coding agents on one git repository at the same time, safely, and land their work merged and tested.

    Without a command: work on this repository's aurora.yaml, like `aurora run`.
    """
    for folder in folders:
        _enter(folder)
    if ctx.invoked_subcommand is None:
        if _first_time():
            welcome(ctx)
        else:
            ctx.invoke(run)


def _first_time() -> bool:
    """True when there is no plan here and somebody to ask."""
    from aurora_tui.cli.reaching import PLAN_FILE, here
    from aurora_tui.cli.screen import on_a_terminal

    return on_a_terminal() and not (here().root / PLAN_FILE).exists()


for _commands in FAMILIES.values():
    for _command in _commands:
        aurora.add_command(_command)
