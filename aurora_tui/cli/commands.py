"""The click group: all commands by family, and what a person who mistypes one is told."""

from __future__ import annotations

import os
from importlib import import_module

import click

FAMILIES: dict[str, tuple[str, tuple[str, ...]]] = {
    "Run": ("running", ("run", "attach", "demo")),
    "Look": ("looking", ("status", "graph", "locks", "queue", "log", "diff", "story")),
    "Steer": (
        "steering",
        (
            *("add", "pause", "resume", "stop", "message", "retry", "drop"),
            *("priority", "workers", "lock"),
            *("resolve", "undo"),
        ),
    ),
    "Contracts": ("contracting", ("contract",)),
    "Set up": ("setting_up", ("init", "check", "doctor", "clean", "slot", "hook")),
}
"""The module of each family and its commands' names: a command is imported when it is asked for."""
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

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, family by family."""
        return [name for _, names in FAMILIES.values() for name in names]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name, None when there is none."""
        family = next((family for family, (_, names) in FAMILIES.items() if cmd_name in names), None)
        commands = commands_of(family) if family is not None else ()
        return next((command for command in commands if command.name == cmd_name), None)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The help of the group."""
        for family in FAMILIES:
            commands = commands_of(family)
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
        from difflib import get_close_matches

        near = get_close_matches(name, self.list_commands(ctx), 1, 0.5)
        hint = f"did you mean `aurora {near[0]}`?" if near else "`aurora --help` lists all commands"
        raise ConfigError(f"there is no command `{name}`", hint)


def commands_of(family: str) -> tuple[click.Command, ...]:
    """The commands of a family."""
    commands: tuple[click.Command, ...] = import_module(f"aurora_tui.cli.{FAMILIES[family][0]}").COMMANDS
    return commands


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
        from aurora_tui.cli.running import run, welcome

        if _first_time():
            welcome(ctx)
        else:
            ctx.invoke(run)


def _first_time() -> bool:
    """True when there is no plan here and somebody to ask."""
    from aurora_tui.cli.reaching import PLAN_FILE, here
    from aurora_tui.cli.screen import on_a_terminal

    return on_a_terminal() and not (here().root / PLAN_FILE).exists()
