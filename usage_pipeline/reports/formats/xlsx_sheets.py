"""A table as a sheet: numbers as such, the exact amounts beside, totals by formula, and how it goes onto paper."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from xlsxwriter.utility import xl_col_to_name
from xlsxwriter.worksheet import Worksheet

from usage_pipeline.reports.cells import cell
from usage_pipeline.reports.formats.xlsx_styles import EXACT, Styles
from usage_pipeline.reports.measures import ZERO
from usage_pipeline.reports.numbers import count, money
from usage_pipeline.reports.tables import ColumnKind, ReportColumn, Table

# Excel has 1,048,576 rows a sheet; the totals are of all of them.
ROW_LIMIT = 1_000_000
_WIDTHS: Mapping[ColumnKind, int] = {"text": 22, "date": 11, "time": 19, "money": 13, "count": 12, "ratio": 10}
_EXACT_WIDTH = 22
_A4 = 9
_MARGINS = {"left": 0.4, "right": 0.4, "top": 0.7, "bottom": 0.6}
# Beyond every table: nothing stands there, so that nothing of the sheet is printed.
_NOTHING = (0, 200, 0, 200)
_LAST_PRINTED_COLUMN = 12
# A page of A4 across holds about so many rows.
_PRINTED_ROWS = 40
# Excel takes 255 characters of a foot: the totals that people ask for, no others.
_TOTALS_AT_FOOT = ("base_cost", "total_tokens", "calls")


class Paper:
    """How sheets are printed: A4 across, as wide as a page, heads that repeat, title and page numbers."""

    def __init__(self, title: str) -> None:
        self.title = title.replace("&", "&&")

    def lay_out(self, sheet: Worksheet, *, printed: bool = True, repeated: bool = True, foot: str = "") -> None:
        """Sets a sheet's paper, with ``foot`` at its foot. What is not printed is for the screen: its area is empty."""
        sheet.set_paper(_A4)
        sheet.set_landscape()
        sheet.set_margins(**_MARGINS)
        sheet.set_header(f"&L&9{self.title}&R&9&A")
        # A space, for a figure that follows a size at once would be part of it.
        sheet.set_footer(f"&L&9 {foot.replace('&', '&&')}&R&9&P / &N" if foot else "&R&9&P / &N")
        sheet.fit_to_pages(1, 0)
        if repeated:
            sheet.repeat_rows(0)
        if not printed:
            sheet.print_area(*_NOTHING)


def table_sheet(sheet: Worksheet, table: Table, zone: str, styles: Styles, text: Mapping[str, str]) -> str:
    """Writes header, rows and totals; the header stays in sight and filters.

    Returns what paper has to say at its foot: how many rows are not printed, and the totals of all; empty for none.
    """
    _TableSheet(sheet, table, zone, styles).write(text)
    return _not_printed(table, text)


def _not_printed(table: Table, text: Mapping[str, str]) -> str:
    """Rows and totals that stand below the printed page."""
    rows = table.rows[:ROW_LIMIT]
    if len(rows) + 2 <= _PRINTED_ROWS:
        return ""
    parts = [text["rows_not_printed"].format(n=count(max(len(rows) - _PRINTED_ROWS, 0)))]
    for column in sorted((c for c in table.columns if c.name in _TOTALS_AT_FOOT), key=_place_at_foot):
        value = _sum(column, rows)
        parts.append(f"{text[column.name]} {money(value, 2) if column.kind == 'money' else count(value)}")
    return f"  {text['total']}: ".join((parts[0], "  ".join(parts[1:]))) if parts[1:] else parts[0]


def _place_at_foot(column: ReportColumn) -> int:
    return _TOTALS_AT_FOOT.index(column.name)


class _TableSheet:
    def __init__(self, sheet: Worksheet, table: Table, zone: str, styles: Styles) -> None:
        self.sheet, self.table, self.zone, self.styles = sheet, table, zone, styles
        self.money = [column for column in table.columns if column.kind == "money"]

    def write(self, text: Mapping[str, str]) -> None:
        columns, rows = self.table.columns, self.table.rows[:ROW_LIMIT]
        for at, column in enumerate(columns):
            self.sheet.write_string(0, at, text[column.name], self.styles.head_of(column.kind))
            self.sheet.set_column(at, at, _WIDTHS.get(column.kind, 14))
        for at, column in enumerate(self.money, start=len(columns)):
            self.sheet.write_string(0, at, text[column.name] + text[EXACT], self.styles.head)
            self.sheet.set_column(at, at, _EXACT_WIDTH)
        for number, row in enumerate(rows, start=1):
            self._row(number, row)
        last = len(rows)
        self.sheet.freeze_panes(1, 1)
        self.sheet.autofilter(0, 0, max(last, 1), len(columns) + len(self.money) - 1)
        if last:
            self._totals(last, text, rows)
        for at, column in enumerate(columns):
            if column.name in ("ratio", "highest_ratio") and last:
                for rule in self.styles.levels():
                    self.sheet.conditional_format(1, at, last, at, rule)
        # Exact amounts and keys stand to the right of what is printed, the least of many rows below.
        shown = min(len(columns), _LAST_PRINTED_COLUMN) - 1
        self.sheet.print_area(0, 0, min(last + 2, _PRINTED_ROWS), shown)

    def _row(self, number: int, row: object) -> None:
        for at, column in enumerate(self.table.columns):
            write_value(self.sheet, number, at, column.value(row), column.kind, self.styles, self.zone)
        for at, column in enumerate(self.money, start=len(self.table.columns)):
            value = column.value(row)
            self.sheet.write_string(number, at, format(value, "f") if isinstance(value, Decimal) else "")

    def _totals(self, last: int, text: Mapping[str, str], rows: Sequence[object]) -> None:
        """One row below, an empty one between, so that sorting and filtering leave it alone."""
        summed = [column for column in self.table.columns if column.total]
        if not summed:
            return
        sums = {column.name: _sum(column, rows) for column in summed}
        row = last + 2
        self.sheet.write_string(row, 0, text["total"], self.styles.total["count"])
        for at, column in enumerate(self.table.columns):
            if column.total:
                name = xl_col_to_name(at)
                formula = f"=SUM({name}2:{name}{last + 1})"
                self.sheet.write_formula(row, at, formula, self.styles.total[column.kind], float(sums[column.name]))
        for at, column in enumerate(self.money, start=len(self.table.columns)):
            if column.total:
                self.sheet.write_string(row, at, format(sums[column.name], "f"), self.styles.total["count"])


def _sum(column: ReportColumn, rows: Sequence[object]) -> Decimal:
    values = (column.value(row) for row in rows)
    return sum((Decimal(str(value)) for value in values if value is not None), ZERO)


def write_value(
    sheet: Worksheet, row: int, at: int, value: object, kind: ColumnKind, styles: Styles, zone: str
) -> None:
    """Writes a cell as what it is; times are the report's, for a workbook knows no zones."""
    match value:
        case None:
            return
        case datetime():
            sheet.write_datetime(row, at, value.astimezone(ZoneInfo(zone)).replace(tzinfo=None), styles.of("time"))
        case date():
            sheet.write_datetime(row, at, value, styles.of("date"))
        case int() | Decimal():
            sheet.write_number(row, at, float(value), styles.of(kind))
        case _:
            sheet.write_string(row, at, cell(str(value)))
