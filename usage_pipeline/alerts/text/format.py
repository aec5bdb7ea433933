"""Figures, shares and moments as a person reads them, in Chinese or English."""

from datetime import UTC, datetime, timedelta
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal, localcontext
from zoneinfo import ZoneInfo

from usage_pipeline.alerts.text.words import Words

# Digits enough for every number that facts hold, with its decimals.
_DIGITS = 64


def written(value: Decimal, pattern: str, rounding: str = ROUND_HALF_EVEN) -> str:
    """Returns the number by a pattern of CLDR: "#,##0.00", or "#,##0.# %" of a ratio. Chinese and English are alike."""
    from babel.numbers import format_decimal  # noqa: PLC0415  (slow to import)

    with localcontext(prec=_DIGITS, rounding=rounding):
        return format_decimal(value, pattern, locale="en")


def amount(value: Decimal | None, measure: str | None, currency: str | None, words: Words) -> str | None:
    """Returns money in two decimals with its currency's symbol, or a whole number with its unit; None for no number."""
    if value is None:
        return None
    if measure == "cost":
        return _money(value, str(currency), words)
    return f"{written(value, '#,##0')} {_unit(value, measure, words)}"


def _unit(value: Decimal, measure: str | None, words: Words) -> str:
    every = words.measures.get(str(measure), str(measure))
    return words.measure_of_one.get(str(measure), every) if value == 1 else every


def rounded_amount(value: Decimal | None, measure: str | None, currency: str | None, words: Words) -> str | None:
    """Returns the same for a sentence: large numbers in the units that a reader of the language counts in."""
    if value is None or measure == "cost":
        return amount(value, measure, currency, words)
    unit = next(((size, name) for size, name in words.large_numbers if abs(value) >= size), None)
    if unit is None:
        return amount(value, measure, currency, words)
    size, name = unit
    return f"{written(value / size, '#,##0.##', ROUND_DOWN)}{name} {_unit(value, measure, words)}"


def _money(value: Decimal, currency: str, words: Words) -> str:
    """The symbol is the reader's: to an English one ¥ alone may be yen, so that CNY is CN¥."""
    from babel.numbers import get_currency_symbol  # noqa: PLC0415  (slow to import)

    symbol = get_currency_symbol(currency, words.locale)
    # A code in letters (CHF) has no symbol: a space sets it apart.
    return f"{symbol}{' ' if symbol[-1:].isalpha() else ''}{written(value, '#,##0.00')}"


def percent(ratio: Decimal | None) -> str:
    """Returns a ratio in per cent, never rounded up: what has not reached its limit must not read as 100 %."""
    return "?" if ratio is None else written(ratio, "#,##0.# %", ROUND_DOWN)


def moment(at: datetime | None, zone: str | None) -> str | None:
    """Returns a time (aware) in a zone (IANA name; UTC where there is no such), to the minute, with the zone's name."""
    known = _zone(zone)
    try:
        return f"{at.astimezone(known):%Y-%m-%d %H:%M} ({known.key})" if at else None
    except OverflowError:
        return None


def period(
    start: datetime | None, end: datetime | None, as_of: datetime | None, zone: str | None, words: Words
) -> str | None:
    """Returns a period by its first and last day, its zone, and the time that is left of it at ``as_of``."""
    if start is None or end is None:
        return None
    known = _zone(zone)
    try:
        first, last = start.astimezone(known).date(), (end - timedelta(seconds=1)).astimezone(known).date()
    except OverflowError:
        return None
    shown = f"{first}" if first == last else f"{first} – {last}"
    return f"{shown} ({known.key}; {_time_left(end - (as_of or datetime.now(UTC)), words)})"


def duration(length: timedelta, words: Words) -> str:
    """Returns a length of time in its two largest units, to the minute."""
    minutes = max(0, int(length.total_seconds() // 60))
    parts = ((minutes // 1440, words.days), (minutes // 60 % 24, words.hours), (minutes % 60, words.minutes))
    told = [form.format(count=count) for count, form in parts if count]
    return " ".join(told[:2]) or words.minutes.format(count=0)


def _zone(name: str | None) -> ZoneInfo:
    try:
        return ZoneInfo(str(name))
    except (KeyError, ValueError, OSError):
        return ZoneInfo("UTC")


def _time_left(left: timedelta, words: Words) -> str:
    minutes = max(0, int(left.total_seconds() // 60))
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    form = words.left_days if days else words.left_hours if hours else words.left_minutes
    return form.format(days=days, hours=hours, minutes=rest)
