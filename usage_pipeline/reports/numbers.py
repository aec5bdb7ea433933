"""Numbers as people read them, in Chinese and English; exact ones stand in the files."""

from collections.abc import Iterable
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from functools import cache

from usage_pipeline.alerts.text.format import written

_UNKNOWN = "–"
_TEN_THOUSAND = 10_000
# From here on Chinese readers count in 万.
_LONG = 100_000


def money(value: Decimal | None, places: int | None = None) -> str:
    """Returns an amount in so many decimals; left out: two, and four below one. A dash for nothing known."""
    if value is None:
        return _UNKNOWN
    decimals = places if places is not None else places_of([value])
    return written(value, "#,##0." + "0" * decimals, ROUND_HALF_UP)


def places_of(values: Iterable[Decimal | None]) -> int:
    """Returns the decimals of a column of amounts: two, or four where all of them are below one."""
    known = [abs(value) for value in values if value is not None and value]
    return 4 if known and all(value < 1 for value in known) else 2


def cost(value: Decimal | None, currency: str, language: str, *, signed: bool = False, places: int = 2) -> str:
    """Returns an amount with its currency's symbol as the language writes it: ¥79.19, CN¥79.19."""
    if value is None:
        return _UNKNOWN
    sign = "-" if value < 0 else "+" if signed else ""
    return f"{sign}{_symbol(currency, language)}{written(abs(value), '#,##0.' + '0' * places, ROUND_HALF_UP)}"


@cache
def _symbol(currency: str, language: str) -> str:
    from babel.numbers import get_currency_symbol  # noqa: PLC0415  (slow to import)

    symbol = get_currency_symbol(currency, "zh_CN" if language == "zh" else "en")
    # A code in letters (CHF) has no symbol: a space sets it apart.
    return f"{symbol} " if symbol[-1:].isalpha() else symbol


def count(value: int | Decimal | None) -> str:
    """Returns a whole number with separators; a dash for nothing known."""
    return _UNKNOWN if value is None else written(Decimal(value), "#,##0", ROUND_HALF_UP)


def short_count(value: int | Decimal | None, language: str) -> str:
    """Returns a whole number with separators, in Chinese in 万 from 100,000 on: 308.3 万."""
    exact = Decimal(value or 0)
    if language != "zh" or abs(exact) < _LONG:
        return count(value)
    return f"{written(exact / _TEN_THOUSAND, '#,##0.#', ROUND_HALF_UP)} 万"


def measured(value: Decimal | None, measure: str, currency: str, language: str, *, signed: bool = False) -> str:
    """Returns an amount of a budget's measure: money with its symbol, anything else as a number without its unit."""
    if measure == "cost":
        return cost(value, currency, language, signed=signed)
    sign = "+" if signed and value is not None and value > 0 else ""
    return f"{sign}{short_count(value, language)}"


def change(value: Decimal | None) -> str:
    """Returns a ratio's change as per cent with its sign; a dash for nothing to compare with."""
    return _UNKNOWN if value is None else written(value, "+#,##0.0 %;-#,##0.0 %", ROUND_HALF_EVEN)


def share(value: Decimal) -> str:
    """Returns a ratio as per cent, never rounded up: what has not reached its limit must not read as 100 %."""
    return written(value, "#,##0.0 %", ROUND_DOWN)


def part(value: Decimal) -> str:
    """Returns a ratio as per cent, rounded as parts of a whole are."""
    return written(value, "#,##0.0 %", ROUND_HALF_UP)


def trimmed(value: Decimal) -> str:
    """Returns digits without zeros at the end."""
    return f"{value.normalize():f}"
