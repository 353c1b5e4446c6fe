"""All programs that run tests which Aurora knows, in the order their output is tried."""

from __future__ import annotations

from engine.testers.go import GO
from engine.testers.java import JUNIT
from engine.testers.javascript import JEST, VITEST
from engine.testers.node import NODE, TAP
from engine.testers.python import PYTEST, UNITTEST
from engine.testers.rust import CARGO, CARGO_NEXTEST
from engine.testers.tester import Tester

TESTERS: dict[str, Tester] = {
    "pytest": PYTEST,
    "unittest": UNITTEST,
    "go": GO,
    "cargo": CARGO,
    "nextest": CARGO_NEXTEST,
    "jest": JEST,
    "vitest": VITEST,
    "node": NODE,
    "tap": TAP,
    "junit": JUNIT,
}
