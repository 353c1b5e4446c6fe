"""Runs the terminal UI for a command, and what follows when it has ended."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from aurora_tui.app import AuroraApp, Ended
    from aurora_tui.opening import Opened, Opener

FOR_EVER = "1e9"
UP_SECONDS = 20.0
"""How long the engine of the background may take to answer."""


def on_a_terminal() -> bool:
    """True when somebody can see a screen and press keys."""
    try:
        return (
            all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)) and os.environ.get("TERM") != "dumb"
        )
    except ValueError:
        return False


def run_screen(opener: Opener, *, read_only: bool = False, plan: Path | None = None) -> tuple[int, bool]:
    """Show the run until the developer leaves. The exit code, and whether the run goes on without this process."""
    from aurora_tui import terminal

    profile = terminal.prepare(os.environ)
    with _no_collection_during_the_start():
        from aurora_tui.app import AuroraApp, Ended

        app = AuroraApp(opener, profile, read_only=read_only)
        with _hang_up_ends_only_the_picture(app):
            ended = app.run() or Ended(app.return_code or 0)
    return _after(app, ended, plan)


@contextmanager
def _no_collection_during_the_start() -> Iterator[None]:
    """What a start makes lives on: to look through it for garbage again and again takes a tenth of the start. The app
    turns collecting on again when the run is open."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@contextmanager
def _hang_up_ends_only_the_picture(app: AuroraApp) -> Iterator[None]:
    """A lost terminal: what is written goes nowhere from now on, and the app ends."""
    from aurora_tui.app import Ended

    def hang_up(number: int, frame: FrameType | None) -> None:
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            with suppress(OSError):
                os.dup2(nowhere, stream)
        os.close(nowhere)
        app.hung_up = True
        app.exit(Ended(0, hung_up=True, opened=app.bridge.opened if app.bridge else None))

    before = signal.signal(signal.SIGHUP, hang_up)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, signal.SIG_IGN if app.hung_up else before)


def _after(app: AuroraApp, ended: Ended, plan: Path | None) -> tuple[int, bool]:
    opened = ended.opened or (app.bridge.opened if app.bridge else None)
    if ended.error is not None:
        raise ended.error
    if opened is None:
        return ended.code, False
    if opened.own is None:
        opened.handle.close()
        return ended.code, True
    if ended.hung_up:
        return _go_on_unseen(opened), False
    opened.own.close()
    if ended.background:
        _start_in_background(opened, plan, app)
        return ended.code, True
    _say_goodbye(app)
    return ended.code, False


def _go_on_unseen(opened: Opened) -> int:
    """The terminal is gone: the same engine works on until nothing can move."""
    from aurora_tui.cli.headless import HeadlessRun
    from aurora_tui.cli.telling import LineTeller

    assert opened.own is not None
    return HeadlessRun(opened.own, LineTeller(), float(FOR_EVER)).run()


def _start_in_background(opened: Opened, plan: Path | None, app: AuroraApp) -> None:
    """A process of its own takes the run over; its lines go to a file in the git directory."""
    root = opened.repo.root
    log = opened.repo.aurora_dir / "background.log"
    now = app.bridge.snapshot if app.bridge else None
    workers = now.workers_limit if now and not now.workers_auto else None
    command = [sys.executable, "-P", "-m", "aurora_tui", "-C", str(root), "run", "--headless", "--wait", FOR_EVER]
    command += ["--handed-over"]
    command += [str(plan)] if plan is not None else []
    command += ["--workers", str(workers)] if workers else []
    with log.open("ab") as out:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)
    if not _at_work(opened.repo.aurora_dir, process):
        click.echo(
            f"The run could not go on in the background: {log} says why; `aurora run` takes it up again.", err=True
        )
        return
    click.echo(f"The run goes on in the background (pid {process.pid}).")
    where = "" if os.environ.get("PWD") == str(root) else f" -C {root}"  # where the developer's shell is
    click.echo(f"`aurora{where} attach` shows it again; what it says lies in {log}.")


def _at_work(aurora_dir: Path, process: subprocess.Popen[bytes]) -> bool:
    """Wait until the engine of the background answers, so that `attach` finds it; False when it ended instead. A run
    that is soon over may end first: then all went well."""
    from engine.control import connect
    from engine.errors import AuroraError

    end = time.monotonic() + UP_SECONDS
    while process.poll() is None and time.monotonic() < end:
        with suppress(AuroraError):  # it may be there, but too busy to greet
            found = connect(aurora_dir)
            if found is not None:
                found.close()
                return True
        time.sleep(0.05)
    return process.poll() in (None, 0, 1, 3)


def _say_goodbye(app: AuroraApp) -> None:
    """The end of the run, as the command line tells it."""
    from aurora_tui.cli.output import look, show
    from aurora_tui.render.closing import closing

    snapshot = app.bridge.snapshot if app.bridge else None
    if snapshot is not None and snapshot.tasks:
        show(closing(snapshot, look()))
