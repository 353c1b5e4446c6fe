"""`aurora run`, `aurora attach` and `aurora demo`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from aurora_tui.opening import Opened
    from engine.plan import Plan
    from engine.repo import Repo
    from engine.session import LocalEngine

WAIT_SECONDS = 30.0


@click.command(short_help="Work on a plan until nothing can move any more.")
@click.argument("plan", required=False)
@click.option("--headless", is_flag=True, help="A line per change instead of the screen.")
@click.option("--json", "as_json", is_flag=True, help="One event per line, as the journal has them.")
@click.option("--workers", type=int, metavar="N", help="How many tasks run at the same time.")
@click.option("--fresh", is_flag=True, help="Run everything again, also what has landed.")
@click.option(
    "--wait", "patience", type=click.FloatRange(0), default=WAIT_SECONDS, metavar="SECONDS", show_default=True,
    help="How long to wait for you when only you can help.",
)  # fmt: skip
@click.option("--handed-over", is_flag=True, hidden=True, help="Go on as the screen left it: failed tasks stay so.")
@click.pass_context
def run(
    ctx: click.Context,
    plan: str | None = None,
    headless: bool = False,
    as_json: bool = False,
    workers: int | None = None,
    fresh: bool = False,
    patience: float = WAIT_SECONDS,
    handed_over: bool = False,
) -> None:
    """Work on PLAN (default: the repository's aurora.yaml).

    An unfinished run goes on: live agents are taken over, what has landed stays. After a finished one, what is new or
    changed runs. Ctrl-C stops the agents and keeps their work.
    """
    from aurora_tui.cli.reaching import here, load, plan_file
    from aurora_tui.cli.screen import on_a_terminal, run_screen

    repo = here()
    if headless or as_json or not on_a_terminal():
        engine = _engine(repo, load(repo, plan, workers), fresh, handed_over)
        ctx.exit(_work(*engine, as_json=as_json, patience=patience))
    file = plan_file(repo, plan)
    from aurora_tui.opening import open_run

    code, _ = run_screen(lambda: open_run(plan, workers, fresh), plan=file)
    ctx.exit(code)


@click.command(short_help="Show a run that was started elsewhere, with the same screens.")
@click.option("--read-only", is_flag=True, help="Look, but steer nothing.")
@click.pass_context
def attach(ctx: click.Context, read_only: bool) -> None:
    """Show the run of this repository's engine, which another terminal (or the background) started.

    Leaving ends nothing. The first screen shows who is attached.
    """
    from aurora_tui.cli.screen import on_a_terminal, run_screen
    from aurora_tui.opening import open_attached
    from engine.errors import ConfigError

    if not on_a_terminal():
        raise ConfigError("`attach` needs a terminal", "`aurora status` and `aurora log -f` work without one")
    code, _ = run_screen(lambda: open_attached(read_only))
    ctx.exit(code)


def welcome(ctx: click.Context) -> None:
    """No plan here yet: offer to write one, or to see the demo."""
    from aurora_tui.cli.reaching import here
    from aurora_tui.cli.setting_up import init
    from aurora_tui.screens.first import ask_first

    chosen = ask_first(str(here().root))
    if chosen == "init":
        ctx.invoke(init)
    elif chosen == "demo":
        ctx.invoke(demo)


def _engine(repo: Repo, plan: Plan, fresh: bool = False, handed_over: bool = False) -> tuple[LocalEngine, int]:
    """An engine at work, and the number of the last event before it began."""
    from engine.session import journal_of, start_engine

    journal = journal_of(repo)
    last = journal.last_seq()
    journal.close()
    return start_engine(repo, plan, fresh=fresh, handed_over=handed_over), last


def _work(engine: LocalEngine, last: int, *, as_json: bool, patience: float, ruling_after: float | None = None) -> int:
    """Work without a screen; in the demo, breaches of contracts are ruled on after that many seconds."""
    from aurora_tui.cli.headless import HeadlessRun
    from aurora_tui.cli.telling import JsonTeller, LineTeller
    from aurora_tui.demo.developer import Developer

    teller = JsonTeller(engine, last) if as_json else LineTeller()
    somebody = None if ruling_after is None else Developer(engine, ruling_after).will_rule
    return HeadlessRun(engine, teller, patience, somebody).run()


def _open_demo(ruling_after: float) -> Opened:
    from aurora_tui.demo.developer import Developer
    from aurora_tui.opening import open_run

    opened = open_run()
    Developer(opened.handle, ruling_after).watch()
    return opened


@click.command(short_help="The whole story on a throw-away repository, with scripted agents.")
@click.option("--headless", is_flag=True, help="A line per change instead of the screen.")
@click.option("--speed", type=click.FloatRange(0.1, 100), default=1.0, show_default=True, help="How fast agents are.")
@click.option("--keep", is_flag=True, help="Leave the repository there to look at.")
@click.option("--wait", "patience", type=click.FloatRange(0), default=WAIT_SECONDS, hidden=True)
@click.pass_context
def demo(ctx: click.Context, headless: bool, speed: float, keep: bool, patience: float) -> None:
    """Build a small shop in a temporary folder and let scripted agents work on it; no key and no network is needed."""
    import os
    import shutil
    import tempfile

    from aurora_tui.cli.reaching import here, load
    from aurora_tui.cli.screen import on_a_terminal, run_screen
    from aurora_tui.demo.builder import build
    from aurora_tui.demo.developer import PATIENCE

    folder = Path(tempfile.mkdtemp(prefix="aurora-demo-"))
    code, goes_on = 2, False
    try:
        shop = build(folder, speed)
        os.chdir(shop.repo)
        repo = here()
        if headless or not on_a_terminal():
            engine = _engine(repo, load(repo, None))
            code = _work(*engine, as_json=False, patience=patience, ruling_after=PATIENCE / speed)
        else:
            code, goes_on = run_screen(lambda: _open_demo(PATIENCE / speed))
        if keep or goes_on or code in (1, 3):
            click.echo(f"\nThe demo lies in {shop.repo}; `aurora -C {shop.repo} status` looks at it.", err=True)
    finally:
        os.chdir("/")
        if not (keep or goes_on or code in (1, 3)):
            shutil.rmtree(folder, ignore_errors=True)
    ctx.exit(code)


COMMANDS = (run, attach, demo)
