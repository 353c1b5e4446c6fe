"""Whether a document keeps the OpenAPI specification. The library is openapi-spec-validator."""

from __future__ import annotations

import os
from collections.abc import Iterator

from engine.contracts.documents import Node
from engine.contracts.program import Missing


def findings(top: Node) -> Iterator[str]:
    """What is wrong, sentence by sentence, with file and line."""
    os.environ.setdefault("OPENAPI_SPEC_VALIDATOR_SCHEMA_VALIDATOR_BACKEND", "jsonschema")
    try:
        from openapi_spec_validator import OpenAPIV30SpecValidator, OpenAPIV31SpecValidator
    except ImportError:
        raise Missing("openapi-spec-validator", "checking an OpenAPI document (without --quick)") from None
    kind = OpenAPIV30SpecValidator if str(top.data("openapi")).startswith("3.0") else OpenAPIV31SpecValidator
    base = top.source.path.absolute().as_uri()
    for error in kind(top.source.raw, base_uri=base).iter_errors():
        where = tuple(getattr(error, "absolute_path", ()))
        words = str(error.message).partition("\n")[0]
        shown = "/".join(str(step) for step in where)
        yield f"{top.source.place(where)}: {shown}: {words}" if shown else f"{top.source.path}: {words}"
