"""The kind `json-schema`: files of examples that keep a JSON Schema, on both sides of an interface.

    PYTHON -I -m engine.contracts.json_schema check|mock|verify FILE…

`order.schema.json` is a schema. Its examples are called `order.CASE.json` (or .yaml), wherever they lie; one called
`order.CASE.invalid.json` must not keep it. `check` looks at the contract's own, `verify` at all in the repository,
of which one must lie outside the contract. The mock serves them: GET /order, /order.CASE.json, and / lists all.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from engine.contracts.documents import Library, Node
from engine.contracts.program import Call, Differs, start

_ENDS = (".json", ".yaml", ".yml")
_SCHEMA = ".schema"


@dataclass(frozen=True, eq=False)
class Paper:
    """A schema with the example files that were found for it."""

    name: str
    schema: Node
    examples: tuple[Path, ...]


def check(call: Call) -> str:
    """Whether the schemas are schemas, and the contract's own examples keep them."""
    papers = _papers(call.files, call.files)
    _judge(papers)
    return _told(papers)


def verify(call: Call) -> str:
    """Whether all examples in the repository keep the schemas, and there are some beside the contract's own."""
    everywhere = _repository_files()
    papers = _papers(call.files, everywhere)
    own = {path.resolve() for path in call.files}
    for paper in papers:
        if all(path.resolve() in own for path in paper.examples):
            file = paper.schema.source.path
            raise Differs([f"no example of {file} was found: call it {paper.name}.CASE.json, wherever it lies"])
    _judge(papers)
    return _told(papers)


def mock(call: Call) -> str:
    """Serve the examples until ended."""
    from engine.contracts.http_server import serve
    from engine.contracts.json_mock import ExampleMock

    served = ExampleMock([(paper.name, paper.schema, paper.examples) for paper in _papers(call.files, call.files)])
    serve(
        served.answer, call.port, lambda address: print(f"{address}\nexamples: {', '.join(served.files)}", flush=True)
    )
    return ""


def _papers(files: tuple[Path, ...], among: tuple[Path, ...]) -> list[Paper]:
    library = Library()
    schemas = [path for path in files if _is_schema(path)]
    schemas = schemas or [path for path in files if path.suffix in _ENDS and len(files) == 1]
    if not schemas:
        raise Differs(["the contract has no schema: a file called NAME.schema.json or NAME.schema.yaml"])
    return [
        Paper(_name(path), library.open_all(path), tuple(one for one in among if _is_example(one, path)))
        for path in schemas
    ]


def _is_schema(path: Path) -> bool:
    return path.suffix in _ENDS and path.stem.endswith(_SCHEMA)


def _name(schema: Path) -> str:
    return schema.stem.removesuffix(_SCHEMA)


def _is_example(path: Path, schema: Path) -> bool:
    named = path.name.startswith(f"{_name(schema)}.") and path.suffix in _ENDS
    return named and not _is_schema(path) and path.resolve() != schema.resolve()


def _repository_files() -> tuple[Path, ...]:
    """Every file git knows or would add."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise Differs([f"the files of the repository cannot be listed: {done.stderr.strip()}"])
    return tuple(Path(name) for name in sorted(done.stdout.split("\0")) if name and Path(name).is_file())


def _judge(papers: list[Paper]) -> None:
    """Differs with everything that is wrong."""
    found = [words for paper in papers for words in _findings(paper)]
    if found:
        raise Differs(found)


def _findings(paper: Paper) -> Iterator[str]:
    from engine.contracts.schemas import Schemas, Way, schema_problems

    wrong = schema_problems(paper.schema)
    if wrong:
        yield from wrong
        return
    schemas = Schemas(paper.schema.library, Way.GIVEN)
    for path in paper.examples:
        try:
            value = Library().open(path).value
        except Differs as differs:
            yield from differs.findings
            continue
        problems = schemas.problems(paper.schema, value)
        if ".invalid." in path.name:
            yield from [] if problems else [f"{path}: keeps {paper.schema.source.path}, though it should be invalid"]
        else:
            yield from (f"{path}: {words}" for words in problems)


def _told(papers: list[Paper]) -> str:
    return "; ".join(f"{one.schema.source.path}: {len(one.examples)} examples" for one in papers)


ACTS = {"check": check, "mock": mock, "verify": verify}

if __name__ == "__main__":
    start(__doc__.partition("\n")[0], ACTS)
