"""How to run only some tests with the project's own command, and what such a run says of each.

pytest is told through its environment, whatever script calls it. Other runners get arguments, and only where the
command is plainly a call of that runner: nothing is added to a command whose meaning is not known.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine import pytest_only
from engine.failing_tests import failures

NOT_SIMPLE = re.compile(r"[;&|<>`$(){}\n\\*?#~]")
PLUGIN = "aurora_only"


@dataclass(frozen=True, slots=True)
class Narrowed:
    """A command and what its environment has besides; `outcomes` is the file a pytest run writes, if it is one."""

    command: str
    env: dict[str, str]
    outcomes: Path | None = None


@dataclass(frozen=True, slots=True)
class Ran:
    """What a narrowed run says of the wanted tests. `told` is False when it says nothing that can be relied on."""

    failed: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    told: bool = False


def can_narrow(command: str, runner: str, names: Collection[str], folder: Path) -> bool:
    """True when `narrow` will do."""
    if not names or any(name.startswith("-") or "\n" in name for name in names):
        return False
    return runner == "pytest" or _arguments(command, runner, names, folder) is not None


def narrow(
    command: str, runner: str, names: Sequence[str], scratch: Path, env: Mapping[str, str], folder: Path
) -> Narrowed | None:
    """The command and environment that run only `names`; None when that cannot be had.

    `scratch` is a folder of Aurora's for the plug-in and its files, `folder` the checkout the command runs in.
    """
    if not can_narrow(command, runner, names, folder):
        return None
    if runner == "pytest":
        return _pytest(command, names, scratch, env)
    added = _arguments(command, runner, names, folder)
    return None if added is None else Narrowed(f"{command} {shlex.join(added)}", {})


def ran(narrowed: Narrowed, code_green: bool, output: str, names: Collection[str]) -> Ran:
    """Who failed and who is not there, by the outcomes written down or by what was printed."""
    if narrowed.outcomes is not None:
        return _ran_pytest(narrowed.outcomes, names)
    if code_green:
        return Ran(told=True)
    failed = tuple(name for name in failures(output).names if name in names)
    return Ran(failed, told=bool(failed))


# --- pytest -------------------------------------------------------------------------------------------------------


def _pytest(command: str, names: Sequence[str], scratch: Path, env: Mapping[str, str]) -> Narrowed:
    folder = scratch / "only"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shutil.copyfile(Path(pytest_only.__file__), folder / f"{PLUGIN}.py")
    wanted = folder / "names.json"
    wanted.write_text(json.dumps(sorted(names)), encoding="utf-8")
    paths = [str(folder), *([env["PYTHONPATH"]] if env.get("PYTHONPATH") else [])]
    options = f"{env.get('PYTEST_ADDOPTS', '')} -p {PLUGIN}".strip()
    added = {"PYTHONPATH": ":".join(paths), "PYTEST_ADDOPTS": options, pytest_only.WANTED: str(wanted)}
    return Narrowed(command, added, Path(f"{wanted}.out"))


def _ran_pytest(outcomes: Path, names: Collection[str]) -> Ran:
    """A test that failed once (in its body, its set-up or on another worker) failed."""
    try:
        lines = outcomes.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return Ran()
    told = [_pair(line) for line in lines]
    seen = {name for name, _ in told}
    failed = {name for name, outcome in told if outcome == "failed"}
    ended = ("", "end") in told
    return Ran(tuple(sorted(failed & set(names))), tuple(sorted(set(names) - seen)), ended)


def _pair(line: str) -> tuple[str, str]:
    try:
        name, outcome = json.loads(line)
    except (ValueError, TypeError):
        return "?", ""
    return str(name), str(outcome)


# --- the others: arguments ----------------------------------------------------------------------------------------


def _arguments(command: str, runner: str, names: Collection[str], folder: Path) -> list[str] | None:
    if NOT_SIMPLE.search(command):
        return None
    try:
        words = [word for word in shlex.split(command) if not re.match(r"^\w+=", word)]
    except ValueError:
        return None
    add = ARGUMENTS.get(runner)
    return add(words, sorted(names), folder) if add is not None and words else None


def _starts(words: Sequence[str], *calls: str) -> bool:
    return any(list(words[: len(call.split())]) == call.split() for call in calls)


def _unittest(words: list[str], names: list[str], folder: Path) -> list[str] | None:
    if not (re.fullmatch(r"python[\d.]*", Path(words[0]).name) and _starts(words[1:], "-m unittest")):
        return None
    return [word for name in names for word in ("-k", name)]


def _go(words: list[str], names: list[str], folder: Path) -> list[str] | None:
    if not _starts(words, "go test") or "-run" in words or "-args" in words:
        return None
    tests = sorted({re.escape(name.split(" ")[-1].split("/")[0]) for name in names})
    return ["-run", f"^({'|'.join(tests)})$"]


def _cargo(words: list[str], names: list[str], folder: Path) -> list[str] | None:
    if not _starts(words, "cargo test"):
        return None
    return [*([] if "--" in words else ["--"]), "--exact", *names]


def _nextest(words: list[str], names: list[str], folder: Path) -> list[str] | None:
    if not _starts(words, "cargo nextest run") or "--" in words or "-E" in words:
        return None
    return ["-E", " + ".join(f"test(={name})" for name in names)]


def _javascript(words: list[str], names: list[str], folder: Path) -> list[str] | None:
    """jest and vitest take the same option: a pattern on the full name."""
    pattern = ["-t", f"^({'|'.join(re.escape(name).replace(chr(92) + ' ', ' ') for name in names)})$"]
    if _starts(words, "jest", "npx jest", "yarn jest", "vitest run", "npx vitest run", "yarn vitest run"):
        return None if "-t" in words else pattern
    if _starts(words, "npm test", "npm run test", "yarn test", "pnpm test") and _plain_script(folder):
        return [*(["--"] if words[0] == "npm" and "--" not in words else []), *pattern]
    return None


def _plain_script(folder: Path) -> bool:
    try:
        script = json.loads((folder / "package.json").read_text(encoding="utf-8"))["scripts"]["test"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    plain = isinstance(script, str) and not NOT_SIMPLE.search(script)
    return plain and _starts(script.split(), "jest", "vitest run", "npx jest", "npx vitest run")


def _junit(words: list[str], names: list[str], folder: Path) -> list[str] | None:
    """Maven and Gradle, whose reports name classes and methods."""
    pairs = [name.rpartition("::") for name in names]
    if any(not re.fullmatch(r"[\w.$]+", group) or not re.fullmatch(r"\w+", test) for group, _, test in pairs):
        return None
    if _starts(words, "mvn test", "./mvnw test", "mvn verify", "./mvnw verify"):
        tests = ",".join(f"{group}#{test}" for group, _, test in pairs)
        return [f"-Dtest={tests}", "-DfailIfNoTests=false", "-Dsurefire.failIfNoSpecifiedTests=false"]
    if _starts(words, "gradle test", "./gradlew test"):
        return [word for group, _, test in pairs for word in ("--tests", f"{group}.{test}")]
    return None


ARGUMENTS: dict[str, Callable[[list[str], list[str], Path], list[str] | None]] = {
    "unittest": _unittest,
    "go": _go,
    "cargo": _cargo,
    "nextest": _nextest,
    "jest": _javascript,
    "vitest": _javascript,
    "junit": _junit,
}
