"""Cells of files: numbers as digits, and names that no spreadsheet takes for a formula."""

import unicodedata
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache

# What makes a spreadsheet read a cell as a formula, full-width forms included: some spreadsheets take those too.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_LONGEST_CELL = 32_000  # Excel takes 32,767 characters


@lru_cache(maxsize=100_000)
def cell(text: str) -> str:
    """Returns text that no spreadsheet takes for a formula: such a beginning gets an apostrophe before it.

    Spaces before it do not hide it. Characters that no file format keeps (controls) become spaces.
    """
    plain = "".join(" " if unicodedata.category(c) in ("Cc", "Cs") else c for c in text)[:_LONGEST_CELL]
    return "'" + plain if is_formula(text) else plain


def is_formula(text: str) -> bool:
    """Returns whether a spreadsheet would take the text for a formula."""
    return text.lstrip(" ").startswith(_FORMULA)


def plain(value: object) -> str:
    """Returns a cell of a text file: digits without exponents, ISO 8601 dates, UTC times with a Z, safe names."""
    if isinstance(value, str):
        return cell(value)
    match value:
        case None:
            return ""
        case Decimal():
            return format(value, "f")
        case datetime():
            return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        case date():
            return value.isoformat()
    return str(value) if isinstance(value, int) else cell(str(value))
