"""Writes the report as a workbook: a sheet a table, real numbers and dates, filters, totals by formula."""

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

from xlsxwriter import Workbook
from xlsxwriter.format import Format
from xlsxwriter.utility import xl_col_to_name
from xlsxwriter.worksheet import Worksheet

from usage_pipeline.reports.cells import cell
from usage_pipeline.reports.document import Report
from usage_pipeline.reports.formats.base import FormatWriter
from usage_pipeline.reports.measures import ZERO
from usage_pipeline.reports.tables import ColumnKind, Table, tables
from usage_pipeline.reports.words import words

# Excel has 1,048,576 rows a sheet; the totals are of all of them.
ROW_LIMIT = 1_000_000
# Excel keeps 15 digits of a number. The exact decimal stands beside each amount of money, as text.
EXACT = "_exact"
_FORMATS: dict[ColumnKind, str] = {
    "count": "#,##0",
    "money": "#,##0.00####",
    "number": "#,##0.######",
    "ratio": "0.0%",
    "date": "yyyy-mm-dd",
    "time": "yyyy-mm-dd hh:mm:ss",
}
_WIDTHS: dict[ColumnKind, int] = {"text": 24, "date": 12, "time": 20}


def write_xlsx(report: Report, language: str, path: Path) -> None:
    """Writes the workbook. Sheet and column names are in the language, numbers are numbers, names are text."""
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with Workbook(str(path), options) as book:
        book.set_properties({"title": f"{words(language)['title']} {report.edition.name}"})
        styles = {kind: book.add_format({"num_format": code}) for kind, code in _FORMATS.items()}
        head = book.add_format({"bold": True, "bottom": 1, "bg_color": "#E8EEF4"})
        total = {kind: book.add_format({"num_format": code, "bold": True, "top": 1}) for kind, code in _FORMATS.items()}
        _summary(book.add_worksheet(words(language)["summary"]), report, language, styles, head)
        for table in tables(report):
            if not table.detail:
                sheet = book.add_worksheet(words(language)[f"table_{table.name}"][:31])
                _Sheet(sheet, table, report.zone, styles, head, total).write(words(language))


def _summary(sheet: Worksheet, report: Report, language: str, styles: dict[ColumnKind, Format], head: Format) -> None:
    text = words(language)
    sheet.set_column(0, 0, 34)
    sheet.set_column(1, 1, 26)
    sheet.write_string(0, 0, f"{text['title']} {report.edition.name}", head)
    sheet.write_string(0, 1, cell(report.tenant.name if report.tenant else text["all_tenants"]), head)
    totals = report.totals
    lines: list[tuple[str, object, ColumnKind]] = [
        ("state", text["provisional"] if report.provisional else text["final"], "text"),
        ("currency", report.currency, "text"),
        ("base_cost", totals.base_cost, "money"),
        ("base_cost" + EXACT, format(totals.base_cost, "f"), "text"),
        ("calls", totals.calls, "count"),
        ("failed_calls", totals.failed_calls, "count"),
        ("total_tokens", totals.total_tokens, "count"),
        ("unpriced_tokens", totals.unpriced_tokens, "count"),
        ("cost_per_call", totals.cost_per_call, "number"),
        ("cost_per_1000_tokens", totals.cost_per_thousand_tokens, "number"),
        ("month_to_date", report.month.base_cost, "money"),
        ("month_forecast", report.month.forecast, "money"),
    ]
    for row, (name, value, kind) in enumerate(lines, start=1):
        sheet.write_string(row, 0, text[name.removesuffix(EXACT)] + (text[EXACT] if name.endswith(EXACT) else ""))
        _write(sheet, row, 1, value, kind, styles, report.zone)


class _Sheet:
    """One table in one sheet."""

    def __init__(
        self,
        sheet: Worksheet,
        table: Table,
        zone: str,
        styles: dict[ColumnKind, Format],
        head: Format,
        total: dict[ColumnKind, Format],
    ) -> None:
        self.sheet, self.table, self.zone = sheet, table, zone
        self.styles, self.head, self.total = styles, head, total
        self.money = [column for column in table.columns if column.kind == "money"]

    def write(self, text: dict[str, str]) -> None:
        """Header, rows and totals; the header stays in sight and filters."""
        columns = self.table.columns
        for at, column in enumerate(columns):
            self.sheet.write_string(0, at, text[column.name], self.head)
            self.sheet.set_column(at, at, _WIDTHS.get(column.kind, 15))
        for at, column in enumerate(self.money, start=len(columns)):
            self.sheet.write_string(0, at, text[column.name] + text[EXACT], self.head)
            self.sheet.set_column(at, at, 22)
        frame = self.table.frame()
        last = min(len(frame), ROW_LIMIT)
        for at, column in enumerate(columns):
            for row, value in enumerate(frame[column.name].head(last), start=1):
                _write(self.sheet, row, at, value, column.kind, self.styles, self.zone)
        for at, column in enumerate(self.money, start=len(columns)):
            for row, value in enumerate(frame[column.name].head(last), start=1):
                self.sheet.write_string(row, at, _exact(value))
        self.sheet.freeze_panes(1, 1)
        self.sheet.autofilter(0, 0, max(last, 1), len(columns) + len(self.money) - 1)
        if last:
            self._totals(last, text, {column.name: sum(frame[column.name], ZERO) for column in columns if column.total})

    def _totals(self, last: int, text: dict[str, str], sums: dict[str, Decimal]) -> None:
        """One row below, an empty one between, so that sorting and filtering leave it alone."""
        if not sums:
            return
        row = last + 2
        self.sheet.write_string(row, 0, text["total"], self.total["count"])
        for at, column in enumerate(self.table.columns):
            if column.total:
                name = xl_col_to_name(at)
                formula = f"=SUM({name}2:{name}{last + 1})"
                self.sheet.write_formula(row, at, formula, self.total[column.kind], float(sums[column.name]))
        for at, column in enumerate(self.money, start=len(self.table.columns)):
            if column.total:
                self.sheet.write_string(row, at, format(sums[column.name], "f"), self.total["count"])


def _exact(value: object) -> str:
    return format(value, "f") if isinstance(value, Decimal) else ""


def _write(
    sheet: Worksheet, row: int, at: int, value: object, kind: ColumnKind, styles: dict[ColumnKind, Format], zone: str
) -> None:
    match value:
        case None:
            return
        case datetime():
            # A workbook knows no zones: times are the report's.
            local = value.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
            sheet.write_datetime(row, at, local, styles["time"])
        case date():
            sheet.write_datetime(row, at, value, styles["date"])
        case int() | Decimal():
            sheet.write_number(row, at, float(value), styles[kind])
        case _:
            sheet.write_string(row, at, cell(str(value)))


FORMAT = FormatWriter(".xlsx", write_xlsx)
