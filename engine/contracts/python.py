"""The kind `python`: a module of Protocols or abstract classes.

    PYTHON -I -m engine.contracts.python check|mock|verify FILE…

`check`: it parses, holds an interface, and every method says what it takes and returns. The mock is a module with a
class `MockX` for every interface `X`, whose methods return plausible values; AURORA_MOCK_<NAME> is its path. `verify`
has mypy compare every class with the interface it implements: one that has it as a base class, or says so by
`# implements: X` on its line or right above it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from engine.contracts.interfaces import (
    Implementation,
    Interface,
    implementations,
    interfaces,
    own_methods,
    unannotated,
)
from engine.contracts.kinds import mock_module, with_commands
from engine.contracts.program import Call, Differs, Missing, start
from engine.plan import Contract

PROBE = "aurora_contract_probe"
_LINE = re.compile(r"(?P<path>[^:]+):(?P<line>\d+): (?P<kind>error|note): (?P<words>.*?)(?:  \[(?P<code>[\w-]+)\])?$")
_OF_A_CONTRACT = ("override", "abstract", "type-abstract", "syntax")
"""What mypy says of an implementer's own file that concerns the contract; the rest is its own affair."""


def check(call: Call) -> str:
    """Whether the interfaces are complete."""
    found = _interfaces(call)
    wrong = [
        f"{one.path}:{line}: {one.name}.{name} does not say {what}: add an annotation"
        for one in found
        for name, line, what in unannotated(one.methods)
    ]
    if wrong:
        raise Differs(wrong)
    return "; ".join(f"{one.kind} {one.name} with {len(one.methods)} methods" for one in found)


def mock(call: Call) -> str:
    """Write the module, and show it on a port until ended."""
    from engine.contracts.http_server import Answer, serve

    text = module_text(_interfaces(call), Path.cwd())
    path = call.out or _place(call.name or "contract")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    if call.out:
        return str(path)
    answer = Answer(200, text.encode(), "text/x-python; charset=utf-8")
    serve(lambda request: answer, call.port, lambda address: print(f"{address}\n{path}", flush=True))
    return ""


def _place(name: str) -> Path:
    """Where the engine tells the consumer to look."""
    usual = with_commands(Contract(name, (), "", kind="python"))
    found = mock_module(usual, Path(tempfile.gettempdir()))
    assert found is not None
    return found


def module_text(found: list[Interface], root: Path) -> str:
    """The text of a mock of interfaces of the repository at `root`."""
    helper = Path(__file__).with_name("plausible.py").read_text(encoding="utf-8")
    modules = dict.fromkeys(one.module for one in found)
    parts = [helper, "import importlib  # noqa: E402", "import sys  # noqa: E402"]
    parts.append(f"for _root in ({str(root / 'src')!r}, {str(root)!r}):\n    sys.path.insert(0, _root)")
    parts += [f"_{number} = importlib.import_module({module!r})" for number, module in enumerate(modules)]
    for one in found:
        parts.append(f"Mock{one.name} = mocked(_{list(modules).index(one.module)}.{one.name})")
    return "\n\n".join(parts) + "\n"


def verify(call: Call) -> str:
    """Whether every class that implements an interface satisfies it, and there is one."""
    wanted = [one for one in _interfaces(call) if one.methods]
    pairs = [pair for path in _modules() for pair in implementations(path, wanted, call.name)]
    lonely = [one for one in wanted if one not in [interface for interface, _ in pairs]]
    wrong = [
        f"nothing implements {one.name} ({one.path}): write `# implements: {one.name}` above the class that does"
        for one in lonely
    ]
    for interface, made in pairs:
        names = {method.name for method in interface.methods}
        for name, line, what in unannotated(own_methods(made, names)):
            wrong.append(f"{made.path}:{line}: {made.name}.{name} does not say {what}, so it cannot be verified")
    wrong += _compared(pairs) if pairs else []
    if wrong:
        raise Differs(wrong)
    return "; ".join(f"{made.name} ({made.path}) is a {interface.name}" for interface, made in pairs)


def _interfaces(call: Call) -> list[Interface]:
    files = [path for path in call.files if path.suffix == ".py"]
    root = Path.cwd().resolve()
    inside = [path.resolve().relative_to(root) if path.resolve().is_relative_to(root) else path for path in files]
    found = [one for path in inside for one in interfaces(path)]
    if not found:
        named = ", ".join(map(str, call.files))
        raise Differs([f"{named}: there is no class with Protocol or ABC as its base"])
    return found


def _modules() -> list[Path]:
    """The Python files git knows or would add."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "*.py"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise Differs([f"the files of the repository cannot be listed: {done.stderr.strip()}"])
    return [Path(name) for name in sorted(set(done.stdout.split("\0"))) if name and Path(name).is_file()]


def _compared(pairs: list[tuple[Interface, Implementation]]) -> list[str]:
    """What mypy finds wrong, a sentence each."""
    with tempfile.TemporaryDirectory(prefix="aurora-verify-") as folder:
        probe = Path(folder, f"{PROBE}.py")
        probe.write_text(_probe(pairs), encoding="utf-8")
        files = dict.fromkeys(str(made.path) for _, made in pairs)
        output = _mypy([str(probe), *files], folder)
        return list(_sentences(output, pairs, probe))


def _probe(pairs: list[tuple[Interface, Implementation]]) -> str:
    """A module in which every class is used as what it says it is, two lines each."""
    lines = ["from __future__ import annotations"]
    lines += [f"import {module}" for module in dict.fromkeys(one.module for pair in pairs for one in pair)]
    for number, (interface, made) in enumerate(pairs):
        wanted, given = f"{interface.module}.{interface.name}", f"{made.module}.{made.name}"
        lines.append(f"def use_{number}(it: {given}) -> {wanted}: return it")
        lines.append(f"type_{number}: type[{wanted}] = {given}")
    return "\n".join(lines) + "\n"


def _mypy(files: list[str], cache: str) -> str:
    own = Path(".venv/bin/python")
    options = ["--no-error-summary", "--hide-error-context", "--show-error-codes", "--no-pretty", "--no-color-output"]
    options += ["--ignore-missing-imports", "--follow-imports=silent", "--explicit-package-bases"]
    options += [f"--cache-dir={cache}", *(["--python-executable", str(own)] if own.exists() else [])]
    roots = os.pathsep.join(str(path) for path in (Path("src").resolve(), Path.cwd()) if path.is_dir())
    environment = {**os.environ, "MYPYPATH": roots}
    command = [sys.executable, "-I", "-m", "mypy", *options, *files]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if "No module named mypy" in done.stderr:
        raise Missing("mypy", "verifying a Python interface")
    if done.returncode not in (0, 1):
        raise Differs([f"mypy could not look: {(done.stdout + done.stderr).strip()[-300:]}"])
    return done.stdout


def _sentences(output: str, pairs: list[tuple[Interface, Implementation]], probe: Path) -> Iterator[str]:
    first = 1 + len({one.module for pair in pairs for one in pair})
    last_counts = False
    for line in output.splitlines():
        found = _LINE.match(line)
        if not found:
            continue
        if found["kind"] == "note":
            if last_counts and not found["words"].startswith(("See https", "Use ")):
                yield f"  {found['words']}"
            continue
        at_probe = Path(found["path"]).name == probe.name
        last_counts = at_probe or found["code"] in _OF_A_CONTRACT
        if at_probe and int(found["line"]) > first:
            pair, is_type = divmod(int(found["line"]) - first - 1, 2)
            last_counts = not is_type or found["code"] == "type-abstract"
            if not last_counts:
                continue
            interface, made = pairs[pair]
            yield f"{made.path}:{made.node.lineno}: {made.name} is no {interface.name}: {found['words']}"
        elif last_counts:
            yield f"{found['path']}:{found['line']}: {found['words']}"


ACTS = {"check": check, "mock": mock, "verify": verify}

if __name__ == "__main__":
    start(__doc__.partition("\n")[0], ACTS)
