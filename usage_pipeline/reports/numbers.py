"""Numbers as people read them; exact ones stand in the files."""

from decimal import ROUND_HALF_UP, Decimal


def money(value: Decimal | None) -> str:
    """Two decimals, four below one; a dash for nothing known."""
    if value is None:
        return "–"
    places = Decimal("0.01") if abs(value) >= 1 or not value else Decimal("0.0001")
    return f"{value.quantize(places, ROUND_HALF_UP):,f}"


def count(value: int | Decimal | None) -> str:
    """A whole number with separators."""
    return "–" if value is None else f"{Decimal(value).quantize(Decimal(1), ROUND_HALF_UP):,f}"


def percent(value: Decimal | None) -> str:
    """A ratio as per cent with its sign; a dash for nothing to compare with."""
    return "–" if value is None else f"{value * 100:+.1f} %"


def trimmed(value: Decimal) -> str:
    """Digits without zeros at the end."""
    return f"{value.normalize():f}"
