"""Plausible values for annotations: the part of a mock of a Python interface that makes what its methods return.

The text of this module is copied into every such mock, so it needs nothing but the standard library.
"""

from __future__ import annotations

import asyncio
import collections.abc
import contextlib
import dataclasses
import datetime
import decimal
import enum
import fractions
import inspect
import pathlib
import types
import typing
import uuid

MOST_DEPTH = 8
SIMPLE: dict[typing.Any, typing.Any] = {
    int: 1,
    float: 1.5,
    complex: 1j,
    bool: True,
    str: "string",
    bytes: b"bytes",
    bytearray: bytearray(b"bytes"),
    object: "anything",
    type(None): None,
    None: None,
    datetime.datetime: datetime.datetime(2026, 1, 15, 9, 30, tzinfo=datetime.UTC),
    datetime.date: datetime.date(2026, 1, 15),
    datetime.time: datetime.time(9, 30),
    datetime.timedelta: datetime.timedelta(minutes=90),
    decimal.Decimal: decimal.Decimal("1.5"),
    fractions.Fraction: fractions.Fraction(3, 2),
    uuid.UUID: uuid.UUID("3f2b8c1e-5d4a-4e6f-9b7a-0c1d2e3f4a5b"),
    pathlib.Path: pathlib.Path("mock"),
    pathlib.PurePath: pathlib.PurePath("mock"),
    typing.Any: "anything",
}


class CannotMock(NotImplementedError):
    """There is no plausible value; a subclass of the mock can give one."""


def plausible(wanted: typing.Any, where: str, depth: int = 0) -> typing.Any:
    """A value of the annotated type, always the same. CannotMock names `where` one is wanted."""
    if depth > MOST_DEPTH:
        raise CannotMock(f"{where}: {wanted!r} contains itself")
    if isinstance(wanted, type(None)) or (isinstance(wanted, collections.abc.Hashable) and wanted in SIMPLE):
        return SIMPLE[wanted]
    origin, inside = typing.get_origin(wanted), typing.get_args(wanted)
    if origin is not None:
        return _generic(origin, inside, wanted, where, depth)
    if isinstance(wanted, typing.NewType):
        return plausible(wanted.__supertype__, where, depth + 1)
    if isinstance(wanted, typing.TypeVar):
        return plausible(wanted.__bound__ or (wanted.__constraints__ or (object,))[0], where, depth + 1)
    return _instance(wanted, where, depth) if isinstance(wanted, type) else _cannot(wanted, where)


def _generic(
    origin: typing.Any, inside: tuple[typing.Any, ...], wanted: typing.Any, where: str, depth: int
) -> typing.Any:
    if origin in (typing.Union, types.UnionType):
        return _first_that_can(sorted(inside, key=lambda one: one is type(None)), where, depth)
    if origin is typing.Literal:
        return inside[0]
    if origin in (typing.Annotated, typing.ClassVar, typing.Final):
        return plausible(inside[0], where, depth + 1)
    if origin is tuple:
        kinds = [inside[0]] if inside[1:] == (...,) else list(inside)
        return tuple(plausible(kind, where, depth + 1) for kind in kinds)
    if origin is type:
        return inside[0]
    if not isinstance(origin, type):
        return _cannot(wanted, where)
    if issubclass(origin, collections.abc.Callable):  # type: ignore[arg-type]
        return lambda *args, **kwargs: plausible(inside[-1] if inside else None, where, depth + 1)
    return _collection(origin, inside, wanted, where, depth)


def _collection(origin: type, inside: tuple[typing.Any, ...], wanted: typing.Any, where: str, depth: int) -> typing.Any:
    values = [_or_nothing(kind, where, depth) for kind in inside]
    if issubclass(origin, collections.abc.Mapping):
        return {key: value for key in values[0] for value in values[1]} if len(values) > 1 else {}
    if issubclass(origin, collections.abc.AsyncIterator | collections.abc.AsyncIterable):
        return _later(values[0])
    if issubclass(origin, collections.abc.Awaitable):
        return _awaited(plausible(inside[-1], where, depth + 1))
    if issubclass(origin, collections.abc.Iterator):
        return iter(values[0])
    if issubclass(origin, contextlib.AbstractContextManager):
        return contextlib.nullcontext(plausible(inside[0], where, depth + 1))
    if issubclass(origin, collections.abc.Set):
        return frozenset(values[0]) if origin is frozenset else set(values[0])
    if issubclass(origin, collections.abc.Iterable) and inside:
        return values[0] if inspect.isabstract(origin) or origin is list else origin(values[0])  # type: ignore[call-arg]
    return _instance(origin, where, depth)


def _or_nothing(kind: typing.Any, where: str, depth: int) -> list[typing.Any]:
    """One element, or none where none can be made."""
    try:
        return [plausible(kind, where, depth + 1)]
    except CannotMock:
        return []


def _first_that_can(kinds: list[typing.Any], where: str, depth: int) -> typing.Any:
    for kind in kinds:
        with contextlib.suppress(CannotMock):
            return plausible(kind, where, depth + 1)
    return _cannot(kinds, where)


async def _later(values: list[typing.Any]) -> collections.abc.AsyncIterator[typing.Any]:
    for value in values:
        await asyncio.sleep(0)
        yield value


async def _awaited(value: typing.Any) -> typing.Any:
    return value


def _instance(kind: type, where: str, depth: int) -> typing.Any:
    if issubclass(kind, enum.Enum):
        return next(iter(kind))
    if typing.is_typeddict(kind):
        return {name: plausible(hint, f"{where}, {name}", depth + 1) for name, hint in _hints(kind).items()}
    if getattr(kind, "_is_protocol", False) or inspect.isabstract(kind):
        return mocked(kind)()
    if kind in (list, dict, set, tuple, frozenset):
        return kind()
    if dataclasses.is_dataclass(kind) or issubclass(kind, tuple):
        return kind(**{name: plausible(hint, f"{where}, {name}", depth + 1) for name, hint in _fields(kind).items()})
    return _built(kind, where, depth)


def _fields(kind: type) -> dict[str, typing.Any]:
    """The fields a data class or a named tuple is made with."""
    hints = _hints(kind)
    if dataclasses.is_dataclass(kind):
        return {one.name: hints[one.name] for one in dataclasses.fields(kind) if one.init}
    return {name: hints.get(name, object) for name in getattr(kind, "_fields", ())}


def _built(kind: type, where: str, depth: int) -> typing.Any:
    """Any other class, by the annotations of its `__init__`."""
    try:
        wanted = inspect.signature(kind).parameters.values()
        hints = _hints(inspect.getattr_static(kind, "__init__"))
    except (TypeError, ValueError, NameError):
        return _cannot(kind, where)
    needed = [
        one for one in wanted if one.default is one.empty and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
    ]
    if any(one.name not in hints for one in needed):
        return _cannot(kind, where)
    try:
        return kind(**{one.name: plausible(hints[one.name], f"{where}, {one.name}", depth + 1) for one in needed})
    except (TypeError, ValueError) as error:
        raise CannotMock(f"{where}: {kind.__name__} refuses made-up values ({error})") from error


def _cannot(wanted: typing.Any, where: str) -> typing.NoReturn:
    raise CannotMock(f"{where}: no value of {wanted!r} can be made up; override it in a subclass of the mock")


def _hints(kind: typing.Any) -> dict[str, typing.Any]:
    return typing.get_type_hints(kind)


def mocked(contract: type) -> type:
    """A class that is a `contract`: every abstract member returns a plausible value."""
    names = [name for name in dir(contract) if _is_wanted(contract, name)]
    members: dict[str, typing.Any] = {name: _member(contract, name) for name in names}
    for name, hint in _hints(contract).items():
        if not name.startswith("_") and name not in members and not hasattr(contract, name):
            members[name] = _attribute(hint, f"{contract.__name__}.{name}")
    members["__init__"] = lambda self: None
    return type(contract)(f"Mock{contract.__name__}", (contract,), members)


def _attribute(hint: typing.Any, where: str) -> property:
    return property(lambda self: plausible(hint, where))


def _is_wanted(contract: type, name: str) -> bool:
    """What an implementer must give: abstract members, and the public ones of a protocol."""
    found = inspect.getattr_static(contract, name)
    if getattr(found, "__isabstractmethod__", False):
        return True
    declared = any(name in vars(base) for base in contract.__mro__ if getattr(base, "_is_protocol", False))
    return (
        declared
        and not name.startswith("_")
        and (callable(found) or isinstance(found, property | staticmethod | classmethod))
    )


def _member(contract: type, name: str) -> typing.Any:
    found = inspect.getattr_static(contract, name)
    where = f"{contract.__name__}.{name}"
    if isinstance(found, property):
        return property(lambda self: plausible(_returned(found.fget), where))
    plain = getattr(found, "__func__", found)
    if inspect.iscoroutinefunction(plain):

        async def later(*args: typing.Any, **kwargs: typing.Any) -> typing.Any:
            inspect.signature(plain).bind(*args, **kwargs)
            return plausible(_returned(plain), where)

        return later

    def now(*args: typing.Any, **kwargs: typing.Any) -> typing.Any:
        inspect.signature(plain).bind(*args, **kwargs)
        return plausible(_returned(plain), where)

    return type(found)(now) if isinstance(found, staticmethod | classmethod) else now


def _returned(function: typing.Any) -> typing.Any:
    hints = typing.get_type_hints(function)
    if "return" not in hints:
        raise CannotMock(f"{function.__qualname__} has no return annotation")
    return hints["return"]
