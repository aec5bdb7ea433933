"""Figures, shares and moments as a person reads them, in Chinese or English."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal, InvalidOperation, localcontext
from typing import Any
from zoneinfo import ZoneInfo

Words = Mapping[str, Any]
# Digits enough for every number that `number` returns, with its decimals.
_DIGITS = 64


def written(value: Decimal, pattern: str, rounding: str = ROUND_HALF_EVEN) -> str:
    """Returns the number by a pattern of CLDR: "#,##0.00", or "#,##0.# %" of a ratio. Chinese and English are alike."""
    from babel.numbers import format_decimal  # noqa: PLC0415  (slow to import)

    with localcontext(prec=_DIGITS, rounding=rounding):
        return format_decimal(value, pattern, locale="en")


def number(value: object) -> Decimal | None:
    """Returns a number of the facts; None for what is none, or beyond any sense."""
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return None
    return found if found.is_finite() and abs(found.adjusted()) < 30 else None


def amount(value: object, measure: str, currency: str, words: Words) -> str | None:
    """Returns money in two decimals with its currency's symbol, or a whole number with its unit; None for no number."""
    found = number(value)
    if found is None:
        return None
    if measure == "cost":
        return _money(found, currency, words)
    return f"{written(found, '#,##0')} {words['measures'].get(measure, measure)}"


def _money(value: Decimal, currency: str, words: Words) -> str:
    """The symbol is the reader's: to an English one ¥ alone may be yen, so that CNY is CN¥."""
    from babel.numbers import get_currency_symbol  # noqa: PLC0415  (slow to import)

    symbol = get_currency_symbol(currency, words["locale"])
    # A code in letters (CHF) has no symbol: a space sets it apart.
    return f"{symbol}{' ' if symbol[-1:].isalpha() else ''}{written(value, '#,##0.00')}"


def percent(value: object) -> str:
    """Returns a ratio in per cent, never rounded up: what has not reached its limit must not read as 100 %."""
    found = number(value)
    return "?" if found is None else written(found, "#,##0.# %", ROUND_DOWN)


def moment(value: object, facts: Mapping[str, object]) -> str | None:
    """Returns a time in the alert's zone, to the minute; None for no time."""
    found = _parsed(value)
    return found.astimezone(_zone(facts)).strftime("%Y-%m-%d %H:%M") if found else None


def period(facts: Mapping[str, object], words: Words) -> str | None:
    """Returns the budget's period by its first and last day, its zone, and the time that is left of it."""
    start, end = _parsed(facts.get("period_start")), _parsed(facts.get("period_end"))
    if start is None or end is None:
        return None
    zone = _zone(facts)
    first, last = start.astimezone(zone).date(), (end - timedelta(seconds=1)).astimezone(zone).date()
    shown = f"{first}" if first == last else f"{first} – {last}"
    left = end - (_parsed(facts.get("as_of")) or datetime.now(UTC))
    return f"{shown} ({zone.key}; {_time_left(left, words)})"


def _zone(facts: Mapping[str, object]) -> ZoneInfo:
    try:
        return ZoneInfo(str(facts.get("timezone")))
    except (KeyError, ValueError, OSError):
        return ZoneInfo("UTC")


def _parsed(value: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(value)) if value else None
    except ValueError:
        return None


def _time_left(left: timedelta, words: Words) -> str:
    minutes = max(0, int(left.total_seconds() // 60))
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    form = words["left_days"] if days else words["left_hours"] if hours else words["left_minutes"]
    return str(form.format(days=days, hours=hours, minutes=rest))
