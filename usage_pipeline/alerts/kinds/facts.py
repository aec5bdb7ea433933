"""The facts of an alert as a dataclass: written as JSON once, read back typed whatever a row holds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Self, get_type_hints

Reader = Callable[[object], Any]
# Metadata of a field: left out of the row where it is not known. `key` names it otherwise in JSON, `read` reads it.
ONLY_IF_KNOWN: Mapping[str, object] = {"only_if_known": True}


@dataclass(frozen=True, kw_only=True)
class AlertFacts:
    """What is known of an alert as it was raised. Each kind adds its own; every field has a default.

    A row may be of an older version, or hold anything: what is missing, or is no value of the field's type, is read as
    nothing. The outbox writes ``level`` and ``recipients`` where they are missing. ``timezone`` is an IANA name.
    """

    level: str | None = None
    recipients: tuple[str, ...] = ()

    @classmethod
    def read(cls, stored: Mapping[str, object]) -> Self:
        """Returns the facts of a row of usage.alert."""
        readers = _readers(cls)
        return cls(**{name: read(stored.get(key)) for name, (key, read) in readers.items()})

    def stored(self) -> dict[str, object]:
        """Returns the facts as they stand in usage.alert: numbers as decimal text, times as ISO 8601."""
        found = {}
        for each in fields(self):
            value = getattr(self, each.name)
            if value is not None or not each.metadata.get("only_if_known"):
                found[_key(each.name, each.metadata)] = as_json(value)
        return found

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Returns the names of the facts as they stand in usage.alert and in templates."""
        return tuple(_key(each.name, each.metadata) for each in fields(cls))


def text(value: object) -> str | None:
    """A value as text; None for none."""
    return None if value is None else str(value)


def number(value: object) -> Decimal | None:
    """A number; None for what is none, or beyond any sense."""
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return None
    return found if found.is_finite() and abs(found.adjusted()) < 30 else None


def whole(value: object) -> int | None:
    """A whole number; None for what is none."""
    found = number(value)
    return int(found) if found is not None and found == found.to_integral_value() else None


def moment(value: object) -> datetime | None:
    """A time, aware; None for what is none."""
    try:
        found = datetime.fromisoformat(str(value)) if value else None
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found and found.tzinfo is None else found


def texts(value: object) -> tuple[str, ...]:
    """A list of texts; a single value counts as one."""
    every = value if isinstance(value, list | tuple) else [value]
    return tuple(str(each) for each in every if each is not None)


def pairs(value: object) -> tuple[tuple[str, str], ...]:
    """A list of labels and values; what is no pair is left out."""
    every = value if isinstance(value, list | tuple) else ()
    listed = (pair for pair in every if isinstance(pair, list | tuple) and len(pair) == 2)
    return tuple(("" if label is None else str(label), "" if said is None else str(said)) for label, said in listed)


_READERS: Mapping[object, Reader] = {
    str | None: text,
    Decimal | None: number,
    int | None: whole,
    datetime | None: moment,
    bool: lambda value: value is True,
    tuple[str, ...]: texts,
    tuple[tuple[str, str], ...]: pairs,
}


_READERS_OF: dict[type[AlertFacts], Mapping[str, tuple[str, Reader]]] = {}


def _readers(facts: type[AlertFacts]) -> Mapping[str, tuple[str, Reader]]:
    """The key and the reader of each field by its name. Raises KeyError for a type that nothing reads."""
    if facts not in _READERS_OF:
        types = get_type_hints(facts)
        _READERS_OF[facts] = {
            each.name: (_key(each.name, each.metadata), each.metadata.get("read") or _READERS[types[each.name]])
            for each in fields(facts)
        }
    return _READERS_OF[facts]


def _key(name: str, metadata: Mapping[str, Any]) -> str:
    return str(metadata.get("key", name))


def as_json(value: object) -> object:
    """A value as it stands in usage.alert: numbers as decimal text, times as ISO 8601."""
    match value:
        case Decimal():
            return f"{value:f}"
        case datetime():
            return value.isoformat()
        case Mapping():
            return {str(key): as_json(part) for key, part in value.items()}
        case list() | tuple():
            return [as_json(part) for part in value]
    return value
