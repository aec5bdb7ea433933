"""What changed between two configurations, in words."""

from collections.abc import Iterator

from usage_pipeline.settings.model import Settings

_LIMIT = 200
_NAMED_BY = ("id", "tenant", "environment", "model", "project", "from_date", "at")


def differences(before: Settings, after: Settings) -> list[str]:
    """Returns a line for each value that is new, gone or changed, as ``budgets dev-daily: limit.tokens 5 -> 9``."""
    old, new = before.model_dump(by_alias=True, mode="json"), after.model_dump(by_alias=True, mode="json")
    lines = [line for name in new for line in _of_section(name, old[name], new[name])]
    return lines if len(lines) <= _LIMIT else [*lines[:_LIMIT], f"and {len(lines) - _LIMIT} more"]


def _of_section(section: str, old: object, new: object) -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict) and section == "recipients":
        yield from _of_items(section, old, new)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _of_items(section, _by_name(old), _by_name(new))
    else:
        yield from (f"{section}{line}" for line in _values("", old, new))


def _by_name(items: list[object]) -> dict[str, object]:
    """Items by what names them; several of one name are told apart by their place."""
    found: dict[str, object] = {}
    for item in items:
        name = next((str(item[key]) for key in _NAMED_BY if key in item), "") if isinstance(item, dict) else str(item)
        unique, number = name, 1
        while unique in found:
            number += 1
            unique = f"{name} ({number})"
        found[unique] = item
    return found


def _of_items(section: str, old: dict[str, object], new: dict[str, object]) -> Iterator[str]:
    for name in [*old, *(name for name in new if name not in old)]:
        if name not in new:
            yield f"{section} {name}: removed"
        elif name not in old:
            yield f"{section} {name}: added"
        else:
            yield from (f"{section} {name}:{line}" for line in _values("", old[name], new[name]))


def _values(path: str, old: object, new: object) -> Iterator[str]:
    if old == new:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            yield from _values(f"{path}.{key}" if path else str(key), old.get(key), new.get(key))
    else:
        yield f" {path + ' ' if path else ''}{_shown(old)} -> {_shown(new)}"


def _shown(value: object) -> str:
    return "nothing" if value in (None, [], {}) else str(value)
