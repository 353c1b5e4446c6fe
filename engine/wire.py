"""Events, intents and snapshots as JSON and back, by pydantic; the journal and the control socket share this form."""

from __future__ import annotations

from pydantic import TypeAdapter, ValidationError

from engine import events, intents
from engine.errors import EngineError
from engine.model import Snapshot

TYPE_OF_EVENT: dict[str, type[events.Event]] = {
    name: value
    for name, value in (vars(events) | vars(intents)).items()
    if isinstance(value, type) and issubclass(value, events.Event) and not value.__subclasses__()
}


_adapters: dict[type, TypeAdapter[object]] = {}


def _adapter(kind: type) -> TypeAdapter[object]:
    if kind not in _adapters:
        _adapters[kind] = TypeAdapter(kind)
    return _adapters[kind]


def kind_of(event: events.Event) -> str:
    """The name under which an event is stored."""
    return type(event).__name__


def encode_event(event: events.Event) -> str:
    """One event as a JSON object without its kind."""
    return _adapter(type(event)).dump_json(event).decode()


def decode_event(kind: str, body: str) -> events.Event:
    """The event stored as `kind`; EngineError when this version does not know it or it is damaged."""
    wanted = TYPE_OF_EVENT.get(kind)
    if wanted is None:
        raise EngineError(f"unknown event {kind!r}", "it was written by another version of Aurora")
    try:
        event = _adapter(wanted).validate_json(body)
    except ValidationError as error:
        raise EngineError(f"damaged {kind} event: {error.error_count()} wrong fields") from error
    assert isinstance(event, events.Event)
    return event


def encode_snapshot(snapshot: Snapshot) -> str:
    """A whole snapshot as a JSON object."""
    return _adapter(Snapshot).dump_json(snapshot).decode()


def decode_snapshot(body: str) -> Snapshot:
    """The snapshot another engine sent."""
    snapshot = _adapter(Snapshot).validate_json(body)
    assert isinstance(snapshot, Snapshot)
    return snapshot
