"""What the programs of the built-in kinds have in common: their words on the command line, their exits, their files.

    PYTHON -I -m engine.contracts.<kind> check|mock|verify [options] [FILE…]

Exit 0: all is well; 1: something differs, a sentence a line; 2: wrong use, or a library is missing.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn

from engine.errors import AuroraError, ConfigError

EXTRA = "pip install 'aurora-tui[contracts]'"
MOST_TOLD = 20


class Differs(AuroraError):
    """What the contract says and what is there are not the same: `findings` are sentences."""

    def __init__(self, findings: Sequence[str]) -> None:
        super().__init__("\n".join(findings))
        self.findings = tuple(findings)


class Missing(AuroraError):
    """A library of the extra is not installed."""

    def __init__(self, library: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs {library}", EXTRA)


@dataclass(frozen=True, slots=True)
class Call:
    """What a program was asked: `files` exist, `port` is 0 for any free one, `service` is empty when there is none."""

    files: tuple[Path, ...]
    port: int = 0
    service: str = ""
    name: str = ""
    quick: bool = False
    headers: tuple[tuple[str, str], ...] = ()
    seconds: float = 60.0
    out: Path | None = None


Act = Callable[[Call], str]
"""Does what it is asked and says in a sentence what it found. Raises Differs or another AuroraError."""


def start(purpose: str, acts: Mapping[str, Act]) -> NoReturn:
    """Be a program, whose mock ends well by SIGTERM."""
    signal.signal(signal.SIGTERM, _end)
    sys.exit(main(purpose, acts, sys.argv[1:]))


def main(purpose: str, acts: Mapping[str, Act], argv: Sequence[str]) -> int:
    """Do what a command line asks; the exit code."""
    try:
        act, call = _call(purpose, acts, argv)
        print(act(call), flush=True)
    except Differs as differs:
        told = differs.findings[:MOST_TOLD]
        more = len(differs.findings) - len(told)
        _say(*told, *([f"… and {more} more"] if more else []))
        return 1
    except AuroraError as error:
        _say(error.message, *([f"hint: {error.hint}"] if error.hint else []))
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


def _end(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


def _say(*lines: str) -> None:
    sys.stdout.flush()
    for line in lines:
        print(line, file=sys.stderr, flush=True)


def _call(purpose: str, acts: Mapping[str, Act], argv: Sequence[str]) -> tuple[Act, Call]:
    parser = argparse.ArgumentParser(prog="engine.contracts", description=purpose)
    parser.add_argument("act", choices=list(acts))
    parser.add_argument("files", nargs="*", metavar="FILE", help="default: those in AURORA_CONTRACT_FILES")
    parser.add_argument("--port", type=int, help="where a mock listens; default: AURORA_PORT, else any free port")
    parser.add_argument("--url", help="the service to verify; default: AURORA_SERVICE")
    parser.add_argument("--header", action="append", default=[], metavar="'NAME: VALUE'", help="sent to the service")
    parser.add_argument("--quick", action="store_true", help="only what needs no extra library")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long made-up requests are tried (60)")
    parser.add_argument("--out", type=Path, help="where a mock that is a file is written")
    options = parser.parse_intermixed_args(argv)
    call = Call(
        files=_files(options.files),
        port=options.port if options.port is not None else _port(),
        service=options.url or os.environ.get("AURORA_SERVICE", ""),
        name=os.environ.get("AURORA_CONTRACT", ""),
        quick=options.quick,
        headers=tuple(_header(text) for text in options.header),
        seconds=options.seconds,
        out=options.out,
    )
    return acts[options.act], call


def _port() -> int:
    text = os.environ.get("AURORA_PORT") or os.environ.get("PORT") or "0"
    if not text.isdecimal():
        raise ConfigError(f"AURORA_PORT is `{text}`, which is no port")
    return int(text)


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise ConfigError(f"--header `{text}` has no colon", "write it like 'Authorization: Bearer …'")
    return name.strip(), value.strip()


def _files(given: Sequence[str]) -> tuple[Path, ...]:
    """The files of patterns, sorted where a pattern stands for several. ConfigError when there are none."""
    patterns = list(given) or [path for path in os.environ.get("AURORA_CONTRACT_FILES", "").split(os.pathsep) if path]
    if not patterns:
        raise ConfigError("no file of a contract was named", "give it as an argument or in AURORA_CONTRACT_FILES")
    found = dict.fromkeys(path for pattern in patterns for path in _matching(pattern))
    return tuple(found)


def _matching(pattern: str) -> list[Path]:
    path = Path(pattern)
    if path.is_file():
        return [path]
    inside = pattern.strip("/")
    wanted = f"{inside}/**/*" if path.is_dir() else inside if "/" in inside else f"**/{inside}"
    here = Path.cwd()
    found = here.glob(f"{wanted}/*" if wanted.endswith("**") else wanted) if inside else iter(())
    files = sorted(one.relative_to(here) for one in found if one.is_file())
    if not files:
        raise Differs([f"{pattern}: there is no such file"])
    return files
