"""Writes the report as CSV: a zip with a file a table, exact decimals, UTF-8 with the mark that Excel looks for."""

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
            text = table.frame().map(plain).to_csv(index=False, lineterminator="\r\n")
            file = zipfile.ZipInfo(f"{table.name}.csv", _NO_TIME)
            archive.writestr(file, text.encode("utf-8-sig"), zipfile.ZIP_DEFLATED)


FORMAT = FormatWriter(".csv.zip", write_csv)
