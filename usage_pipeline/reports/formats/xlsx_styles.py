"""How a workbook's cells look: numbers by their kind, money with its currency, heads, totals and sentences."""

from decimal import Decimal
from typing import Any

from xlsxwriter import Workbook
from xlsxwriter.format import Format

from usage_pipeline.reports.numbers import cost
from usage_pipeline.reports.tables import ColumnKind

# Excel keeps 15 digits of a number. The exact decimal stands beside each amount of money, as text.
EXACT = "_exact"
_NUMBERS: dict[ColumnKind, str] = {
    "text": "@",
    "count": "#,##0",
    "number": "#,##0.####",
    "ratio": "0.0%",
    "date": "yyyy-mm-dd",
    "time": "yyyy-mm-dd hh:mm:ss",
}
_HEAD, _SOFT = "#E8EEF4", "#55626F"
_RED, _AMBER, _GREEN = "#A3161F", "#B36B00", "#1C6132"


class Styles:
    """The formats of one workbook, made once each."""

    def __init__(self, book: Workbook, currency: str, language: str) -> None:
        symbol = cost(Decimal(0), currency, language).removesuffix("0.00")
        money = f'"{symbol}"#,##0.00'
        numbers: dict[ColumnKind, str] = {**_NUMBERS, "money": money}
        self.cell = {kind: book.add_format({"num_format": code}) for kind, code in numbers.items()}
        self.total = {
            kind: book.add_format({"num_format": code, "bold": True, "top": 1}) for kind, code in numbers.items()
        }
        self.head = book.add_format(
            {"bold": True, "bottom": 1, "bg_color": _HEAD, "text_wrap": True, "valign": "vcenter"}
        )
        self.head_right = book.add_format(
            {"bold": True, "bottom": 1, "bg_color": _HEAD, "text_wrap": True, "valign": "vcenter", "align": "right"}
        )
        self.title = book.add_format({"bold": True, "font_size": 16})
        self.soft = book.add_format({"font_color": _SOFT})
        self.sentence = book.add_format({"text_wrap": True, "valign": "top", "font_size": 11})
        self.first_sentence = book.add_format({"text_wrap": True, "valign": "top", "font_size": 12, "bold": True})
        self.section = book.add_format({"bold": True, "font_size": 13, "top": 2})
        self.over = book.add_format({"font_color": _RED, "bold": True})
        self.near = book.add_format({"font_color": _AMBER, "bold": True})
        self.fine = book.add_format({"font_color": _GREEN})

    def of(self, kind: ColumnKind) -> Format:
        """Returns the format of a cell of that kind."""
        return self.cell[kind]

    def head_of(self, kind: ColumnKind) -> Format:
        """Returns the format of a column's head: above numbers it stands to the right, as they do."""
        return self.head if kind in ("text", "date", "time") else self.head_right

    def levels(self) -> list[dict[str, Any]]:
        """Returns the rules by which a budget's part of its limit is coloured: red from 100 %, amber from 80 %."""
        return [
            {"type": "cell", "criteria": ">=", "value": 1, "format": self.over},
            {"type": "cell", "criteria": ">=", "value": 0.8, "format": self.near},
            {"type": "cell", "criteria": "<", "value": 0.8, "format": self.fine},
        ]
