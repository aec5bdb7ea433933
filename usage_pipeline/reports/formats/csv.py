"""Writes the report as CSV: a zip with a file a table, exact decimals, UTF-8 with the mark that Excel looks for."""

import csv
import io
import zipfile
from pathlib import Path

from usage_pipeline.reports.cells import plain
from usage_pipeline.reports.document import Report
from usage_pipeline.reports.formats.base import FormatWriter
from usage_pipeline.reports.tables import tables

# The same report makes the same bytes: a zip's own times say nothing.
_NO_TIME = (1980, 1, 1, 0, 0, 0)


def write_csv(report: Report, _language: str, path: Path) -> None:
    """Column names are those of the daily tables, in every language; dates are ISO 8601, times UTC with a Z."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for table in tables(report):
            entry = zipfile.ZipInfo(f"{table.name}.csv", _NO_TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(entry, "w") as raw, io.TextIOWrapper(raw, encoding="utf-8-sig", newline="") as file:
                writer = csv.writer(file)
                writer.writerow([column.name for column in table.columns])
                read = [column.value for column in table.columns]
                writer.writerows([plain(value(row)) for value in read] for row in table.rows)


FORMAT = FormatWriter(".csv.zip", write_csv)
