"""Commands around a run: init, check, doctor, clean, slot, hook."""

from __future__ import annotations

import os
from pathlib import Path

import click

from engine.errors import AuroraError, ConfigError

UNTOUCHED = {"ignore_unknown_options": True, "allow_interspersed_args": False}


@click.command(short_help="Write an aurora.yaml to fill in.")
def init() -> None:
    """Write a small commented aurora.yaml at the top of this repository."""
    from aurora_tui.cli.reaching import PLAN_FILE, here
    from engine.config import starter

    path = here().root / PLAN_FILE
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(starter())
    except FileExistsError:
        raise ConfigError(f"{path} exists already", "`aurora check` says what is wrong with it") from None
    click.echo(f"wrote {path}")
    click.echo("next: put your tasks into it, then `aurora check` and `aurora run`")


@click.command(short_help="Say everything that is wrong with the plan.")
@click.argument("plan", required=False)
@click.option("--json", "as_json", is_flag=True, help="As JSON, for programs.")
@click.pass_context
def check(ctx: click.Context, plan: str | None, as_json: bool) -> None:
    """Check PLAN (default: the repository's aurora.yaml) without running anything."""
    from aurora_tui.cli.checking import good_news, notes
    from aurora_tui.cli.errors import WRONG, say_error
    from aurora_tui.cli.output import show, show_json
    from aurora_tui.cli.reaching import branch_of, here, load, plan_file
    from engine.config import problems

    repo = here()
    found = problems(plan_file(repo, plan), root=repo.root, target=branch_of(repo))
    loaded = None if found else load(repo, plan)
    hints = notes(loaded) if loaded else []
    if as_json:
        show_json(dict[str, object], {"ok": not found, "problems": found, "notes": hints})
    elif loaded:
        show([good_news(loaded), *(f"note: {hint}" for hint in hints)])
    else:
        for problem in found:
            say_error(problem, None)
    ctx.exit(WRONG if found else 0)


@click.command(short_help="Say whether this machine and repository are fit for Aurora.")
@click.pass_context
def doctor(ctx: click.Context) -> None:
    """Look at git, the repository, the plan, the agents and what else a run needs."""
    from aurora_tui.cli.checking import diagnose
    from aurora_tui.cli.errors import WRONG
    from aurora_tui.cli.finding import Health
    from aurora_tui.cli.output import look, show
    from aurora_tui.render.table import Cell, Column, table

    found = list(diagnose())
    style = look()
    styles = {Health.GOOD: "good", Health.NOTE: "warn", Health.BAD: "bad"}
    rows = [[Cell(one.health.value, styles[one.health]), Cell(one.what), Cell(one.words)] for one in found]
    columns = (Column("health"), Column("what"), Column("words", stretch=True))
    show(style.finish(table(columns, rows, style, lines=3, titles=False)))
    ctx.exit(WRONG if any(one.health is Health.BAD for one in found) else 0)


@click.command(short_help="Remove the worktrees and branches Aurora no longer needs.")
@click.option("--force", is_flag=True, help="Also when the last run is not finished.")
def clean(force: bool) -> None:
    """Remove what Aurora made and no longer needs; kept work stays under refs/aurora."""
    from aurora_tui.cli.reaching import here
    from engine.cleaning import clean as remove

    removed = remove(here(), force)
    for line in removed:
        click.echo(f"removed {line}")
    if not removed:
        click.echo("there is nothing to remove")


@click.command(context_settings=UNTOUCHED, short_help="Run a command when a heavy slot is free.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@click.pass_context
def slot(ctx: click.Context, command: tuple[str, ...]) -> None:
    """Run COMMAND as one of the max_concurrency heavy commands; without an engine it starts at once.

    \b
    Example:
      aurora slot -- docker build -t shop .
    """
    from aurora_tui.cli.errors import say_error
    from engine.heavy import run_with_slot

    folder = _aurora_folder()
    try:
        if folder is None:
            os.execvp(command[0], command)
        run_with_slot(folder / "slots", folder / "shims", list(command))
    except FileNotFoundError:
        say_error(f"there is no command `{command[0]}`", None)
        ctx.exit(127)
    except OSError as error:
        say_error(f"`{command[0]}` cannot be started: {error.strerror}", None)
        ctx.exit(126)


@click.command(short_help="Ask whether an agent may edit; its settings call this.")
@click.argument("dialect", type=click.Choice(["claude", "codex", "gemini", "qwen", "copilot", "opencode", "pi"]))
@click.pass_context
def hook(ctx: click.Context, dialect: str) -> None:
    """Read what the agent program DIALECT says before a tool is used, and let the edit through (exit 0) or not (exit 2,
    with the reason on standard error). Aurora installs it for every agent it starts; for others it lets all through.
    """
    from engine import write_hook

    ctx.exit(write_hook.main([dialect]))


def _aurora_folder() -> Path | None:
    """Aurora's folder: an agent is told, anybody else is in a repository or needs no slot."""
    told = os.environ.get("AURORA_SLOTS")
    if told:
        return Path(told).parent
    from engine.repo import Repo

    try:
        return Repo.open(Path.cwd()).aurora_dir
    except (AuroraError, OSError):
        return None


COMMANDS = (init, check, doctor, clean, slot, hook)
