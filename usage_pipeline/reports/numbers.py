"""Numbers as people read them, Chinese and English alike; exact ones stand in the files."""

from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal

from usage_pipeline.alerts.text.format import written

_UNKNOWN = "–"


def money(value: Decimal | None) -> str:
    """Returns two decimals, four below one; a dash for nothing known."""
    if value is None:
        return _UNKNOWN
    return written(value, "#,##0.00" if abs(value) >= 1 or not value else "0.0000", ROUND_HALF_UP)


def count(value: int | Decimal | None) -> str:
    """Returns a whole number with separators; a dash for nothing known."""
    return _UNKNOWN if value is None else written(Decimal(value), "#,##0", ROUND_HALF_UP)


def change(value: Decimal | None) -> str:
    """Returns a ratio's change as per cent with its sign; a dash for nothing to compare with."""
    return _UNKNOWN if value is None else written(value, "+#,##0.0 %;-#,##0.0 %", ROUND_HALF_EVEN)


def share(value: Decimal) -> str:
    """Returns a ratio as per cent, never rounded up: what has not reached its limit must not read as 100 %."""
    return written(value, "#,##0.0 %", ROUND_DOWN)


def trimmed(value: Decimal) -> str:
    """Returns digits without zeros at the end."""
    return f"{value.normalize():f}"
