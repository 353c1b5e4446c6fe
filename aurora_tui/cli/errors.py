"""How a command ends: what goes wrong becomes a sentence on stderr and an exit code, never a traceback."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

import click

from engine.errors import AuroraError, InvalidTransition

OK, FAILED, WRONG, PERSON, INTERRUPTED = 0, 1, 2, 3, 130


def run_command_line(arguments: Sequence[str]) -> int:
    """Run one command line; its exit code."""
    for stream in (sys.stdout, sys.stderr):
        _never_fail_to_encode(stream)
    code = _run(list(arguments))
    try:
        sys.stdout.flush()
    except OSError:
        silence(sys.stdout)
    return code


def _run(arguments: list[str]) -> int:
    try:
        from aurora_tui.cli.commands import aurora

        code = aurora.main(arguments, prog_name="aurora", standalone_mode=False)
        return code if isinstance(code, int) else OK
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return WRONG
    except click.UsageError as error:
        return _wrong_use(error)
    except click.ClickException as error:
        return say_error(error.format_message(), None)
    except (click.Abort, KeyboardInterrupt):
        say("interrupted")
        return INTERRUPTED
    except InvalidTransition as error:
        return _unexpected(error)
    except AuroraError as error:
        return say_error(error.message, error.hint)
    except OSError as error:
        if error.errno != errno.EPIPE:
            return _unexpected(error)
        silence(sys.stdout)
        return FAILED
    except Exception as error:  # noqa: BLE001 - the last place before a traceback on the terminal
        return _unexpected(error)


def say_error(message: str, hint: str | None) -> int:
    """Write an error to stderr; the exit code for it."""
    colour = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    say(f"{_painted('error:', 31, colour)} {_printable(message)}")
    if hint:
        say(f"{_painted('hint:', 36, colour)} {_printable(hint)}")
    return WRONG


def say(line: str) -> None:
    """One line to stderr; nobody may be listening."""
    try:
        print(line, file=sys.stderr, flush=True)
    except OSError:
        silence(sys.stderr)


def silence(stream: TextIO) -> None:
    """Send what is written to a stream from now on nowhere: its other end is gone."""
    try:
        number = os.open(os.devnull, os.O_WRONLY)
        os.dup2(number, stream.fileno())
        os.close(number)
    except (OSError, ValueError):
        pass


def _printable(text: str) -> str:
    """Outside text without anything a terminal would obey."""
    from engine.text import clean

    return clean(text)


def _painted(word: str, code: int, colour: bool) -> str:
    return f"\x1b[{code}m{word}\x1b[0m" if colour else word


def _never_fail_to_encode(stream: TextIO) -> None:
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")


def _wrong_use(error: click.UsageError) -> int:
    message = error.format_message().rstrip(".")
    path = error.ctx.command_path if error.ctx else "aurora"
    return say_error(message[:1].lower() + message[1:], f"`{path} --help` says how it is used")


def _unexpected(error: BaseException) -> int:
    """A bug, or a machine in trouble: the traceback goes to a file."""
    import time  # only a bug needs these, and every start would pay for them
    import traceback

    text = "".join(traceback.format_exception(error))
    path = _log(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {' '.join(sys.argv)}\n{text}\n")
    sentence = str(error).split("\n", 1)[0] or type(error).__name__
    where = f"your work is not touched; details in {path}" if path else "your work is not touched"
    return say_error(f"something unexpected went wrong: {sentence}", where)


def _log(text: str) -> Path | None:
    import tempfile

    try:
        try:
            from engine.repo import Repo

            path = Repo.open(Path.cwd()).aurora_dir / "error.log"
        except Exception:  # noqa: BLE001 - whatever is broken, the log goes somewhere
            path = Path(tempfile.mkdtemp(prefix="aurora-")) / "error.log"
        with path.open("a", encoding="utf-8", errors="backslashreplace") as log:
            log.write(text)
    except OSError:
        return None
    return path
