"""The reports of a day: its own, and the week's and month's that end with it."""

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from usage_pipeline.configuration import ActiveConfiguration
from usage_pipeline.reports.document import Report
from usage_pipeline.reports.edition import Edition, EditionKind, edition_of, ended_with
from usage_pipeline.reports.files import reports_folder, write_report
from usage_pipeline.reports.make import make_report
from usage_pipeline.reports.recipients import notify_recipients
from usage_pipeline.reports.said import keep_said
from usage_pipeline.reports.statement_files import write_statements
from usage_pipeline.settings import Settings
from usage_pipeline.warehouse.connection import Connection

_LONGER: tuple[EditionKind, ...] = ("week", "month")


@dataclass(frozen=True)
class WrittenDay:
    """A day's report, its files, and the longer editions that were written with it."""

    report: Report
    folder: Path
    files: list[Path]
    longer: list[Report]


def write_day(connection: Connection, settings: Settings, day: date) -> WrittenDay:
    """Writes the day's report; with the last day of a week or month that edition, the month's with its statements."""
    report = make_report(connection, settings, edition_of("day", day))
    keep_said(connection, report)
    folder = reports_folder(report)
    files = write_report(report, settings.reports.formats, folder, settings.language)
    longer = [_write_longer(connection, settings, edition) for edition in ended_with(day, _LONGER)]
    return WrittenDay(report, folder, files, longer)


def send_day(connection: Connection, configuration: ActiveConfiguration, written: WrittenDay) -> list[str] | None:
    """Puts the editions that ended yesterday into the outbox; returns their recipients, None for any other day."""
    settings = configuration.settings
    if written.report.edition.period.last != settings.today() - timedelta(days=1):
        return None
    editions = [each for each in (written.report, *written.longer) if each.edition.kind in settings.reports.editions]
    return [name for each in editions for name in notify_recipients(connection, configuration, each)]


def _write_longer(connection: Connection, settings: Settings, edition: Edition) -> Report:
    report = make_report(connection, settings, edition)
    keep_said(connection, report)
    write_report(report, settings.reports.formats, reports_folder(report), settings.language)
    if edition.kind == "month":
        write_statements(connection, settings, edition.period.first, reports_folder(report))
    return report
