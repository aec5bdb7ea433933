"""The morning report: when it is made, in which formats, and who gets it."""

from enum import StrEnum
from typing import Literal

from usage_pipeline.settings.values import Names, StrictModel, TimeOfDay, WebAddress


class ReportFormat(StrEnum):
    """A file of usage_pipeline/reports/formats each; its base.py says how one is added."""

    HTML = "html"
    XLSX = "xlsx"
    CSV = "csv"
    PARQUET = "parquet"
    FOCUS = "focus"


# Of the format focus; the first where nothing else is asked for.
FOCUS_VERSIONS = ("1.2", "1.0")


class Reports(StrictModel):
    """The morning report: the day's, on Mondays also the week's, on the first of a month also the month's."""

    daily_at: TimeOfDay = "08:30"
    editions: tuple[Literal["day", "week", "month"], ...] = ("day", "week", "month")
    formats: tuple[ReportFormat, ...] = (ReportFormat.HTML, ReportFormat.XLSX)
    recipients: Names = ()  # get the report of all tenants
    to_tenants: bool = True  # each tenant's recipients get their tenant's report
    link: WebAddress | None = None  # where the reports' folder is served
