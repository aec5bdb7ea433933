"""Writes the report as a workbook: a sheet a table, real numbers and dates, filters, totals by formula."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

from xlsxwriter import Workbook
from xlsxwriter.format import Format
from xlsxwriter.utility import xl_col_to_name
from xlsxwriter.worksheet import Worksheet

from usage_pipeline.reports.document import ZERO, Report
from usage_pipeline.reports.safe_text import cell
from usage_pipeline.reports.tables import Kind, Table, tables
from usage_pipeline.reports.words import words

# Excel has 1,048,576 rows a sheet; what does not fit is summed in one last row.
MOST_ROWS = 1_000_000
# Excel keeps 15 digits of a number. The exact decimal stands beside each amount of money, as text.
EXACT = "_exact"
_FORMATS: dict[Kind, str] = {
    "count": "#,##0",
    "money": "#,##0.00####",
    "number": "#,##0.######",
    "ratio": "0.0%",
    "date": "yyyy-mm-dd",
    "time": "yyyy-mm-dd hh:mm:ss",
}
_WIDTHS: dict[Kind, int] = {"text": 24, "date": 12, "time": 20}


def write_xlsx(report: Report, path: Path, language: str) -> None:
    """The workbook. Sheet and column names are in the language, numbers are numbers, names are text."""
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


def _summary(sheet: Worksheet, report: Report, language: str, styles: dict[Kind, Format], head: Format) -> None:
    text = words(language)
    sheet.set_column(0, 0, 34)
    sheet.set_column(1, 1, 26)
    sheet.write_string(0, 0, f"{text['title']} {report.edition.name}", head)
    sheet.write_string(0, 1, cell(report.tenant.name if report.tenant else text["all_tenants"]), head)
    totals = report.totals
    lines: list[tuple[str, object, Kind]] = [
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
        table: Table,  # type: ignore[type-arg]
        zone: str,
        styles: dict[Kind, Format],
        head: Format,
        total: dict[Kind, Format],
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
        last = 0
        rows = self.table.values()
        for last, values in enumerate(rows[:MOST_ROWS], start=1):
            for at, (column, value) in enumerate(zip(columns, values, strict=True)):
                _write(self.sheet, last, at, value, column.kind, self.styles, self.zone)
            for at, column in enumerate(self.money, start=len(columns)):
                self.sheet.write_string(last, at, _exact(column.value(self.table.rows[last - 1])))
        self.sheet.freeze_panes(1, 1)
        self.sheet.autofilter(0, 0, max(last, 1), len(columns) + len(self.money) - 1)
        if any(column.total for column in columns) and last:
            self._totals(last, text, rows)

    def _totals(self, last: int, text: dict[str, str], rows: list[list[object]]) -> None:
        """One row below, an empty one between, so that sorting and filtering leave it alone."""
        row = last + 2
        self.sheet.write_string(row, 0, text["total"], self.total["count"])
        for at, column in enumerate(self.table.columns):
            if column.total:
                name = xl_col_to_name(at)
                value = _sum(rows, at)
                formula = f"=SUM({name}2:{name}{last + 1})"
                self.sheet.write_formula(row, at, formula, self.total[column.kind], float(value))
        for at, column in enumerate(self.money, start=len(self.table.columns)):
            if column.total:
                place = self.table.columns.index(column)
                self.sheet.write_string(row, at, format(_sum(rows, place), "f"), self.total["count"])


def _sum(rows: list[list[object]], at: int) -> Decimal:
    return sum((Decimal(str(row[at])) for row in rows), ZERO)


def _exact(value: object) -> str:
    return format(value, "f") if isinstance(value, Decimal) else ""


def _write(
    sheet: Worksheet, row: int, at: int, value: object, kind: Kind, styles: dict[Kind, Format], zone: str
) -> None:
    if value is None:
        return
    if isinstance(value, datetime):
        # A workbook knows no zones: times are the report's.
        local = value.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        sheet.write_datetime(row, at, local, styles["time"])
    elif isinstance(value, date):
        sheet.write_datetime(row, at, datetime(value.year, value.month, value.day, tzinfo=UTC).replace(tzinfo=None),
                             styles["date"])  # fmt: skip
    elif isinstance(value, int | Decimal):
        sheet.write_number(row, at, float(value), styles[kind])
    else:
        sheet.write_string(row, at, cell(str(value)))
