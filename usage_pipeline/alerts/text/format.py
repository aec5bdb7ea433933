"""Figures, shares and moments of an alert as a person reads them."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import ROUND_DOWN, Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

_SYMBOLS = {"CNY": "¥", "USD": "$", "EUR": "€", "GBP": "£"}

Words = Mapping[str, Any]


def number(value: object) -> Decimal | None:
    """A number of the facts; None for what is none, or beyond any sense."""
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return None
    return found if found.is_finite() and abs(found.adjusted()) < 30 else None


def amount(value: object, measure: str, currency: str, words: Words) -> str | None:
    """Money with its currency, or a count with its unit."""
    found = number(value)
    if found is None:
        return None
    if measure == "cost":
        return f"{_SYMBOLS.get(currency, currency + ' ')}{found:,.2f}"
    return f"{found:,.0f} {words['measures'].get(measure, measure)}"


def percent(value: object) -> str:
    """A ratio in per cent, never rounded up: what has not reached its limit must not read as 100 %."""
    found = number(value)
    if found is None:
        return "?"
    rounded = (found * 100).quantize(Decimal("0.1"), ROUND_DOWN)
    return f"{rounded:,f}".removesuffix(".0") + " %"


def moment(value: object, facts: Mapping[str, object]) -> str | None:
    """A time in the alert's zone, to the minute."""
    found = _parsed(value)
    return found.astimezone(_zone(facts)).strftime("%Y-%m-%d %H:%M") if found else None


def period(facts: Mapping[str, object], words: Words) -> str | None:
    """The budget's period by its first and last day, its zone, and the time that is left of it."""
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
