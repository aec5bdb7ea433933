"""Writes the report as CSV: a zip with a file a table, exact decimals, UTF-8 with the mark that Excel looks for."""

import csv
import io
import zipfile
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

from usage_pipeline.reports.document import Report
from usage_pipeline.reports.safe_text import cell
from usage_pipeline.reports.tables import tables

# The same report gives the same bytes: a zip's own times say nothing.
_NO_TIME = (1980, 1, 1, 0, 0, 0)


def write_csv(report: Report, path: Path) -> None:
    """Column names are those of the daily tables; dates are ISO 8601, times UTC with a Z."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for table in tables(report):
            text = io.StringIO()
            writer = csv.writer(text)
            writer.writerow([column.name for column in table.columns])
            writer.writerows([plain(value) for value in row] for row in table.values())
            archive.writestr(zipfile.ZipInfo(f"{table.name}.csv", _NO_TIME), text.getvalue().encode("utf-8-sig"),
                             zipfile.ZIP_DEFLATED)  # fmt: skip


def plain(value: object) -> str:
    """A cell: numbers as digits without exponents, names so that no spreadsheet runs them."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, int) else cell(str(value))
