"""Writes a tenant's statement as a workbook: a page to sign off, totals by formula, price basis and exchange rates."""

from collections.abc import Sequence
from pathlib import Path

from xlsxwriter import Workbook
from xlsxwriter.worksheet import Worksheet

from usage_pipeline.reports.cells import cell
from usage_pipeline.reports.chargeback import Statement
from usage_pipeline.reports.formats.xlsx_sheets import Paper, write_value
from usage_pipeline.reports.formats.xlsx_styles import EXACT, Styles
from usage_pipeline.reports.statement_terms import Terms
from usage_pipeline.reports.tables import ColumnKind
from usage_pipeline.reports.words import words

_COLUMNS: Sequence[tuple[str, ColumnKind, int]] = (
    ("project", "text", 28),
    ("environment", "text", 12),
    ("model", "text", 26),
    ("provider", "text", 22),
    ("calls", "count", 12),
    ("total_tokens", "count", 15),
    ("unpriced_tokens", "count", 13),
    ("share", "ratio", 10),
    ("amount", "money", 14),
)
_HEAD_ROW = 4


def write_statement_workbook(found: Statement, terms: Terms, path: Path) -> None:
    """Writes the workbook in the terms' language; the exact amount stands beside each rounded one, as text."""
    text = words(terms.language)
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with Workbook(str(path), options) as book:
        styles = Styles(book, found.currency, terms.language)
        paper = Paper(f"{text['chargeback']} {found.period.first:%Y-%m} · {found.tenant.name}")
        sheet = book.add_worksheet(text["chargeback"][:31])
        sheet.write_string(0, 0, text["chargeback"], styles.title)
        sheet.write_string(1, 0, cell(found.tenant.name))
        sheet.write_string(2, 0, f"{found.period.first} – {found.period.last} · {found.currency}", styles.soft)
        last = _lines(sheet, found, terms.language, styles)
        _terms(sheet, last + 4, terms, styles, found.currency)
        paper.lay_out(sheet, repeated=False)
        sheet.repeat_rows(_HEAD_ROW)
        sheet.print_area(0, 0, last + 8 + len(terms.prices) + len(terms.rates), len(_COLUMNS) - 1)


def _lines(sheet: Worksheet, found: Statement, language: str, styles: Styles) -> int:
    """Writes the lines and their total; returns the total's row."""
    text = words(language)
    for at, (name, kind, width) in enumerate(_COLUMNS):
        sheet.write_string(_HEAD_ROW, at, text[name], styles.head_of(kind))
        sheet.set_column(at, at, width)
    exact = len(_COLUMNS)
    sheet.write_string(_HEAD_ROW, exact, text["base_cost"] + text[EXACT], styles.head)
    sheet.set_column(exact, exact, 22)
    first, last = _HEAD_ROW + 1, _HEAD_ROW + len(found.lines)
    for row, line in enumerate(found.lines, start=first):
        values = (
            line.project, line.environment, line.model or text["model_unknown"], line.provider, line.calls,
            line.total_tokens, line.unpriced_tokens, found.share_of(line), line.amount,
        )  # fmt: skip
        for at, value in enumerate(values):
            write_value(sheet, row, at, value, _COLUMNS[at][1], styles, "UTC")
        sheet.write_string(row, exact, format(line.base_cost, "f"))
    total = last + 1
    sheet.write_string(total, 0, text["total"], styles.total["text"])
    sums = {"calls": 4, "total_tokens": 5, "unpriced_tokens": 6, "amount": 8}
    for name, at in sums.items():
        letter = chr(ord("A") + at)
        known = float(sum(getattr(line, name) for line in found.lines))
        formula = f"=SUM({letter}{first + 1}:{letter}{last + 1})"
        sheet.write_formula(total, at, formula, styles.total[_COLUMNS[at][1]], known)
    sheet.write_string(total, exact, format(found.base_cost, "f"), styles.total["text"])
    sheet.freeze_panes(_HEAD_ROW + 1, 1)
    sheet.autofilter(_HEAD_ROW, 0, last, exact)
    return total


def _terms(sheet: Worksheet, first: int, terms: Terms, styles: Styles, currency: str) -> None:
    text = words(terms.language)
    sheet.write_string(first, 0, text["table_prices"], styles.section)
    for at, name in enumerate(("model", "provider", "basis", "total_tokens", "currency", "per_million")):
        sheet.write_string(first + 1, at, text[name], styles.head)
    for row, price in enumerate(terms.prices, start=first + 2):
        known = price.basis != "unpriced"
        values: Sequence[tuple[object, ColumnKind]] = (
            (price.model or text["model_unknown"], "text"),
            (price.provider, "text"),
            (text[f"basis_{price.basis}"], "text"),
            (price.total_tokens, "count"),
            (price.currency, "text"),
            (price.per_million if known else None, "number"),
        )
        for at, (value, kind) in enumerate(values):
            write_value(sheet, row, at, value, kind, styles, "UTC")
    below = first + 3 + len(terms.prices)
    for row, rate in enumerate(terms.rates, start=below):
        sheet.write_string(row, 0, f"{text['rates']}: {rate.shown(currency)}")
