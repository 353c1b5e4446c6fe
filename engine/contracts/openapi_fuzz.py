"""Requests made up from the document, sent to a running service. The library is schemathesis.

Always the same ones, so that a verdict stays; a random id is replaced by one that exists where one was seen.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from engine.contracts.http_client import Reply, Service
from engine.contracts.openapi_judge import Judge
from engine.contracts.openapi_model import Api, Operation
from engine.contracts.openapi_walk import Seen
from engine.contracts.program import Missing

REQUESTS = 8
"""How many are made for one operation."""
PATIENCE = 10.0


class _Stop(Exception):
    """No more requests for this operation."""


class Fuzz:
    """Tries operations for at most `seconds`. `found` is what differs, `requests` how many there were."""

    def __init__(self, api: Api, service: Service, judge: Judge, seen: Seen, seconds: float) -> None:
        self.api, self.service, self.judge, self.seen = api, service, judge, seen
        self.deadline = time.monotonic() + seconds
        self.requests = 0
        self.found: dict[str, None] = {}

    def run(self, operations: list[Operation]) -> int:
        """Try them in this order; how many no time was left for. Missing when the library is not there."""
        made = self._schema()
        left_out = 0
        for operation in operations:
            if time.monotonic() > self.deadline:
                left_out += 1
            else:
                self._try(made[operation.path][operation.method], operation)
        return left_out

    def _schema(self) -> Any:
        os.environ.setdefault("SCHEMATHESIS_HOOKS", "")
        try:
            import schemathesis
        except ImportError:
            raise Missing("schemathesis", "verifying a service with made-up requests (without --quick)") from None
        return schemathesis.openapi.from_path(str(self.api.top.source.path))

    def _try(self, promised: Any, operation: Operation) -> None:
        from hypothesis import HealthCheck, Phase, given, settings

        @settings(
            max_examples=REQUESTS,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=promised.as_strategy())
        def ask(case: Any) -> None:
            self._ask(case, operation)

        try:
            _quietly(ask)
        except _Stop:
            return

    def _ask(self, case: Any, operation: Operation) -> None:
        if time.monotonic() > self.deadline:
            raise _Stop
        self._use_what_exists(case, operation)
        self.requests += 1
        answer = case.call(base_url=self.service.url, headers=dict(self.service.headers), timeout=PATIENCE)
        kind = next(iter(answer.headers.get("content-type", [])), "")
        reply = Reply(answer.status_code, kind, answer.content)
        found = list(self.judge.findings(operation, reply))
        if found:
            self.found |= dict.fromkeys(found)
            raise _Stop

    def _use_what_exists(self, case: Any, operation: Operation) -> None:
        """Every second request is about a thing that is there."""
        if self.requests % 2:
            return
        for name in operation.path_names:
            known = self.seen.values(operation.path, name)
            if known and isinstance(case.path_parameters, dict):
                case.path_parameters[name] = quote(str(known[-1]), safe="")


def _quietly(ask: Callable[[], None]) -> None:
    """A generator that finds nothing to make is no difference."""
    from hypothesis.errors import Unsatisfiable

    try:
        ask()
    except Unsatisfiable:
        return
