"""The formats that a report can be written in, by name."""

from enum import StrEnum


class ReportFormat(StrEnum):
    """A file of usage_pipeline/reports/formats each; its base.py says how one is added."""

    HTML = "html"
    XLSX = "xlsx"
    CSV = "csv"
    PARQUET = "parquet"
    FOCUS = "focus"
