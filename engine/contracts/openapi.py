"""The kind `openapi`: check, mock and verify of an OpenAPI 3.0 or 3.1 document.

    PYTHON -I -m engine.contracts.openapi check|mock|verify FILE

A contract of several files is the one with `openapi:` in it; it refers to the others by `$ref`.
"""

from __future__ import annotations

from pathlib import Path

from engine.contracts.documents import Library
from engine.contracts.openapi_model import Api
from engine.contracts.program import Call, Differs, start


def check(call: Call) -> str:
    """Whether the document is complete and right."""
    from engine.contracts import openapi_check, openapi_lint

    api = _api(call)
    found = list(openapi_check.findings(api))
    if not call.quick:
        found += [one for one in openapi_lint.findings(api.top) if one not in found]
    if found:
        raise Differs(found)
    return f"{api.top.source.path}: {len(api.operations)} operations"


def mock(call: Call) -> str:
    """Serve examples until ended."""
    from engine.contracts.http_server import serve
    from engine.contracts.openapi_mock import OpenApiMock

    api = _api(call)
    answer = OpenApiMock(api).answer
    words = f"mock of {api.top.source.path}, {len(api.operations)} operations"
    serve(answer, call.port, lambda address: print(f"{address}\n{words}", flush=True))
    return ""


def verify(call: Call) -> str:
    """Ask the service for everything the document promises."""
    from engine.contracts.openapi_verify import verify as verify_service

    return verify_service(_api(call), call)


def _api(call: Call) -> Api:
    return Api.of(Library().open_all(_main_file(call.files)))


def _main_file(files: tuple[Path, ...]) -> Path:
    """The file with `openapi:` (or `swagger:`) at its top."""
    if len(files) == 1:
        return files[0]
    library = Library()
    documents = [path for path in files if path.suffix in (".yaml", ".yml", ".json")]
    tops = [path for path in documents if {"openapi", "swagger"} & set(library.open(path).value)]
    if len(tops) != 1:
        which = ", ".join(map(str, tops)) or "none"
        raise Differs([f"one file of the contract should have `openapi:` at its top, and here it is {which}"])
    return tops[0]


ACTS = {"check": check, "mock": mock, "verify": verify}

if __name__ == "__main__":
    start(__doc__.partition("\n")[0], ACTS)
