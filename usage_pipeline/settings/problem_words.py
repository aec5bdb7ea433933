"""What is wrong with a value of the configuration, and how it is mended: pydantic's errors in plain words."""

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation, Overflow
from difflib import get_close_matches
from functools import cache

from pydantic_core import ErrorDetails

from usage_pipeline.settings.model import Settings
from usage_pipeline.settings.recipients import channel_names
from usage_pipeline.settings.values import FIRST_DAY, LAST_DAY
from usage_pipeline.settings.yaml_positions import Path as FieldPath
from usage_pipeline.settings.yaml_positions import dotted

_LARGEST_PROPOSED = 10**15
_Fix = str | Callable[[ErrorDetails, FieldPath], str]
_VARIABLE = ("is not a variable's name", "write the NAME of the environment variable, such as WECOM_OPS_URL")
_NUMBER = ("is not a number", "write digits such as 300 or 7.10")
_DATE = ("is not a date", "write it as 2026-01-31")
FAR_DAY = ("is out of reach", f"write a day from {FIRST_DAY} to {LAST_DAY}")
_LIST = ("is not a list", "write items with `- `, or [a, b]")


def problem_words(detail: ErrorDetails, path: FieldPath) -> tuple[str, str]:
    """What is wrong, and what to write instead."""
    kind = detail["type"]
    if _name(path).endswith("_env"):
        return _VARIABLE
    if kind == "value_error":
        message, _, fix = str(detail["msg"]).removeprefix("Value error, ").partition("; ")
        return message, fix or "correct it"
    if isinstance(_limit(detail, "le", "ge"), date):
        return FAR_DAY
    if kind in _WORDS:
        problem, mending = _WORDS[kind]
        return problem, mending if isinstance(mending, str) else mending(detail, path)
    if kind.startswith("date"):
        return _DATE
    return _LIST if kind.endswith("_type") else (str(detail["msg"]).lower(), "correct it")


def _name(path: FieldPath) -> str:
    return str(path[-1]) if path else ""


def _limit(detail: ErrorDetails, *names: str) -> object:
    context = detail.get("ctx") or {}
    return next((context[name] for name in names if name in context), None)


def _channels() -> str:
    """Every channel by name, with "or" before the last."""
    *others, last = channel_names()
    return f"{', '.join(others)} or {last}"


def _pattern_words(name: str) -> str:
    if name in ("daily_at", "from", "to"):
        return 'write a time of day such as "08:30"'
    if name == "mention":
        return "write ids as the channel gives them, or @all where it knows that"
    if name in ("mobiles", "to"):
        return 'write a phone number such as "+8613800000000"'
    return "write lower-case letters, digits, - and _, such as dev-daily"


def _as_whole(value: object) -> str:
    text = str(value).strip().lower().replace("_", "").replace(",", "")
    scale = {"k": 1_000, "m": 1_000_000}.get(text[-1:], 1)
    try:
        number = Decimal(text.rstrip("km")) * scale
    except (InvalidOperation, Overflow):
        return "digits such as 50000"
    sensible = number.is_finite() and 0 < number <= _LARGEST_PROPOSED
    return str(int(number)) if sensible else "digits such as 50000"


def _did_you_mean(name: str, path: FieldPath) -> str:
    known = _known_keys()
    close = get_close_matches(name, known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"remove it, or move it to where it belongs ({dotted(path)})"


@cache
def _known_keys() -> list[str]:
    schema = Settings.model_json_schema(by_alias=True)
    keys = set(schema.get("properties", {}))
    for part in schema.get("$defs", {}).values():
        keys |= set(part.get("properties", {}))
    return sorted(keys)


_WHOLE: tuple[str, _Fix] = ("is not a whole number", lambda detail, _: f"write {_as_whole(detail.get('input'))}")
_CHANNEL: tuple[str, _Fix] = ("has no channel that is known", lambda *_: f"write channel: {_channels()}")
_TOO_LARGE: tuple[str, _Fix] = ("is too large", lambda detail, _: f"write at most {_limit(detail, 'le', 'lt')}")
_TOO_EXACT: tuple[str, _Fix] = (
    "has too many decimals",
    lambda detail, _: f"write at most {_limit(detail, 'decimal_places', 'max_digits')} digits after the point",
)
_TOO_LONG: tuple[str, _Fix] = (
    "is too long",
    lambda detail, _: f"write at most {_limit(detail, 'max_length')} characters",
)
_MAPPING: tuple[str, _Fix] = ("is not a mapping", "write `name: value` pairs, indented")
_YES_OR_NO: tuple[str, _Fix] = ("is not true or false", "write true or false")
_WORDS: Mapping[str, tuple[str, _Fix]] = {
    "missing": ("is missing", lambda _, path: f"add `{_name(path)}:`"),
    "extra_forbidden": ("is not a key that is known here", lambda _, path: _did_you_mean(_name(path), path)),
    "int_parsing": _WHOLE,
    "int_type": _WHOLE,
    "int_from_float": _WHOLE,
    "decimal_parsing": _NUMBER,
    "decimal_type": _NUMBER,
    "is_instance_of": _NUMBER,
    "greater_than": ("is too small", lambda detail, _: f"write a number above {_limit(detail, 'gt')}"),
    "greater_than_equal": ("is too small", lambda detail, _: f"write {_limit(detail, 'ge')} or more"),
    "decimal_max_places": _TOO_EXACT,
    "string_too_long": _TOO_LONG,
    "int_parsing_size": ("is too large", "write digits such as 50000"),
    "less_than": _TOO_LARGE,
    "less_than_equal": _TOO_LARGE,
    "literal_error": (
        "is not one of the words that are known here",
        lambda detail, _: f"write {_limit(detail, 'expected')}",
    ),
    "union_tag_invalid": _CHANNEL,
    "union_tag_not_found": _CHANNEL,
    "string_pattern_mismatch": (
        "is not written as it must be",
        lambda _, path: _pattern_words(next((part for part in path[::-1] if isinstance(part, str)), "")),
    ),
    "bool_parsing": _YES_OR_NO,
    "bool_type": _YES_OR_NO,
    "string_type": ("is not a text", 'put it in quotes, such as "08:30"'),
    "too_short": ("is empty", "write at least one"),
    "model_type": _MAPPING,
    "dict_type": _MAPPING,
    "model_attributes_type": _MAPPING,
}
