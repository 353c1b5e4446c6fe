"""Verifies a running service against an OpenAPI document: first the contract's own examples, then made-up requests."""

from __future__ import annotations

from engine.contracts.http_client import Service
from engine.contracts.openapi_fuzz import Fuzz
from engine.contracts.openapi_model import Api
from engine.contracts.openapi_walk import Walk, in_order
from engine.contracts.program import Call, Differs


def verify(api: Api, call: Call) -> str:
    """What was tried, in a sentence. Differs with everything that is not as promised."""
    service = Service.at(call.service, api.base, call.headers)
    walk = Walk(api, service)
    fuzz = None if call.quick else Fuzz(api, service, walk.judge, walk.seen, call.seconds)
    found: list[str] = []
    asked, left_out = 0, 0
    for operations in in_order(api):
        found += walk.findings(operations)
        asked += len(operations)
        if fuzz is not None and not found:
            left_out += fuzz.run(operations)
            found += fuzz.found
    if found:
        raise Differs(found)
    return f"{_walked(api, asked)}{_tried(fuzz.requests, left_out) if fuzz else ''}"


def _walked(api: Api, asked: int) -> str:
    skipped = len(api.operations) - asked
    more = f", {skipped} skipped (x-aurora-skip)" if skipped else ""
    return f"{asked} operations answer as {api.top.source.path} says{more}"


def _tried(requests: int, left_out: int) -> str:
    late = f"; no time was left for {left_out} operations (--seconds)" if left_out else ""
    return f", and so do {requests} made-up requests{late}"
