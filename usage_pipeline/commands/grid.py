"""Lets Dagster know which days a command made, where this installation has an instance of it."""

from collections.abc import Sequence
from datetime import date

from usage_pipeline.commands.output import complain
from usage_pipeline.settings import Settings
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.location import has_dagster


def report_made(connection: Connection, settings: Settings, days: Sequence[date]) -> None:
    """Reports days whose daily tables and budgets were made; nothing where there is no instance or no day."""
    if days and has_dagster():
        try:
            from usage_pipeline.defs.made_days import report_days  # noqa: PLC0415  (imports Dagster: seconds)

            report_days(connection, settings, days)
        except Exception as error:
            _say(error)


def report_reconciled(settings: Settings, days: Sequence[date]) -> None:
    """Reports days that were held against the sources; nothing where there is no instance or no day."""
    if days and has_dagster():
        try:
            from usage_pipeline.defs import made_days  # noqa: PLC0415

            made_days.report_reconciled(settings, days)
        except Exception as error:
            _say(error)


def _say(error: Exception) -> None:
    """The work is done; that Dagster's storage cannot be reached spoils nothing of it."""
    complain(
        f"Dagster could not be told which days were made ({type(error).__name__}); `usage-pipeline up` does so"
        " when it starts"
    )
