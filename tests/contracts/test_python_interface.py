"""The kind python: interfaces are checked, mocked by a module, and verified by mypy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from papers import Said, write

from engine.contracts.plausible import CannotMock, mocked, plausible
from engine.contracts.program import main
from engine.contracts.python import ACTS

CLOCK = """
from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol, TypedDict


class Tone(enum.Enum):
    LOUD = "loud"


class Place(NamedTuple):
    city: str


class Wish(TypedDict):
    minutes: int


@dataclass
class Alarm:
    name: str
    at: datetime
    tone: Tone | None


class Clock(Protocol):
    label: str

    @property
    def zone(self) -> str: ...

    def alarms(self, limit: int = 3) -> list[Alarm]: ...

    def each(self) -> Iterator[Alarm]: ...

    def by_name(self) -> Mapping[str, Place]: ...

    def wish(self) -> Wish: ...

    async def ring(self, alarm: Alarm) -> bool: ...

    def twin(self) -> Clock: ...


class Store(ABC):
    @abstractmethod
    def save(self, alarm: Alarm) -> int: ...

    def twice(self, alarm: Alarm) -> int:
        return self.save(alarm) + self.save(alarm)
"""
GOOD = """
from collections.abc import Iterator
from contracts.clock import Alarm, Clock, Place, Store, Wish


# implements: Clock
class System:
    label: str = "wall"

    @property
    def zone(self) -> str:
        return "UTC"

    def alarms(self, limit: int = 3) -> list[Alarm]:
        return []

    def each(self) -> Iterator[Alarm]:
        return iter(self.alarms())

    def by_name(self) -> dict[str, Place]:
        return {}

    def wish(self) -> Wish:
        return {"minutes": 5}

    async def ring(self, alarm: Alarm) -> bool:
        return True

    def twin(self) -> Clock:
        return self


class Kept(Store):
    def save(self, alarm: Alarm) -> int:
        return 1
"""


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with the two interfaces and an implementation of both."""
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AURORA_CONTRACT", raising=False)
    write(tmp_path, CLOCK, "contracts/clock.py")
    write(tmp_path, GOOD, "shop/system.py")
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], act: str, *more: str) -> Said:
    code = main("test", ACTS, [act, "contracts/clock.py", *more])
    said = capsys.readouterr()
    return Said(code, said.out, said.err)


def test_interfaces_are_counted(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = run(capsys, "check")
    assert said == Said(0, "protocol Clock with 7 methods; abstract class Store with 1 methods\n", "")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("class A:\n    pass\n", "there is no class with Protocol or ABC as its base"),
        ("class A(:\n", "contracts/clock.py:1: this is not Python"),
        (
            "from typing import Protocol\nclass A(Protocol):\n    def f(self, x) -> int: ...\n",
            "contracts/clock.py:3: A.f does not say its argument `x`",
        ),
        ("import typing\nclass A(typing.Protocol):\n    def f(self): ...\n", "A.f does not say what it returns"),
    ],
)
def test_what_is_wrong_with_an_interface_is_told(
    repository: Path, capsys: pytest.CaptureFixture[str], text: str, words: str
) -> None:
    write(repository, text, "contracts/clock.py")
    said = run(capsys, "check")
    assert said.code == 1
    assert words in said.err


USE = """
import asyncio, importlib.util, sys
spec = importlib.util.spec_from_file_location("clock_mock", sys.argv[1])
mock = importlib.util.module_from_spec(spec)
spec.loader.exec_module(mock)
from contracts.clock import Alarm, Store
clock = mock.MockClock()
(alarm,) = clock.alarms(limit=1)
assert isinstance(alarm, Alarm) and alarm.tone.value == "loud"
assert [one.name for one in clock.each()] == ["string"]
assert clock.by_name()["string"].city == clock.zone == clock.label == "string"
assert clock.wish() == {"minutes": 1}
assert asyncio.run(clock.ring(alarm)) is True
assert clock.twin().zone == "string"
assert isinstance(mock.MockStore(), Store) and mock.MockStore().twice(alarm) == 2
try:
    clock.alarms(limits=1)
except TypeError as error:
    print(error)
"""


@pytest.mark.slow
def test_the_mock_is_a_module_that_is_imported_without_aurora(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(capsys, "mock", "--out", "made/clock_mock.py") == Said(0, "made/clock_mock.py\n", "")
    command = [sys.executable, "-I", "-S", "-c", USE, "made/clock_mock.py"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "unexpected keyword argument 'limits'" in done.stdout


def test_where_no_value_can_be_made_up_the_mock_says_so() -> None:
    class Odd:
        def __init__(self, secret) -> None:  # type: ignore[no-untyped-def]
            self.secret = secret

    with pytest.raises(CannotMock, match=r"find: no value of .*Odd.* can be made up"):
        plausible(Odd, "find")
    assert plausible(Odd | None, "find") is None
    assert plausible(tuple[int, ...], "x") == (1,)
    assert plausible(dict[str, list[bool]], "x") == {"string": [True]}
    assert mocked(type("Empty", (), {}))().__class__.__name__ == "MockEmpty"


@pytest.mark.slow
def test_an_implementation_is_compared_with_its_interface(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = run(capsys, "verify")
    assert said.code == 0, said.err
    assert said.out == "System (shop/system.py) is a Clock; Kept (shop/system.py) is a Store\n"
    broken = GOOD.replace("def zone", "def region").replace("-> dict[str, Place]", "-> dict[str, int]")
    broken = broken.replace("    def save(self, alarm: Alarm) -> int:", "    def save(self, alarm: Alarm) -> str:")
    write(repository, broken, "shop/system.py")
    said = run(capsys, "verify")
    assert said.code == 1
    assert "shop/system.py:7: System is no Clock" in said.err
    assert "zone" in said.err
    assert 'incompatible with return type "int" in supertype "contracts.clock.Store"' in said.err
    write(repository, GOOD.replace("def save", "def keep"), "shop/system.py")
    assert "Kept is no Store" in run(capsys, "verify").err


def test_an_interface_nobody_implements_is_named(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(repository, "x = 1\n", "shop/system.py")
    said = run(capsys, "verify")
    assert said.code == 1
    assert said.err.splitlines() == [
        "nothing implements Clock (contracts/clock.py): write `# implements: Clock` above the class that does",
        "nothing implements Store (contracts/clock.py): write `# implements: Store` above the class that does",
    ]
