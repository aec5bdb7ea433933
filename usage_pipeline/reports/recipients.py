"""Puts a report into the outbox: everybody's for finance, each tenant's own for that tenant's people."""

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from usage_pipeline.alerts.kinds.report import ReportFacts, ReportKey, raise_report_alert
from usage_pipeline.alerts.recipients import Addressee
from usage_pipeline.configuration import ActiveConfiguration
from usage_pipeline.reports.document import Report
from usage_pipeline.reports.files import atomically, base_name, reports_folder, write_report
from usage_pipeline.reports.make import make_report
from usage_pipeline.reports.owner_card import card_png, project_ranks
from usage_pipeline.reports.said import keep_said
from usage_pipeline.reports.scope import tenants
from usage_pipeline.reports.summary import summary_lines, summary_title
from usage_pipeline.reports.trend_picture import trend_png
from usage_pipeline.reports.words import words
from usage_pipeline.settings import Settings
from usage_pipeline.settings.environment import home_dir
from usage_pipeline.settings.extras import MissingExtraError
from usage_pipeline.warehouse.connection import Connection

Language = Literal["zh", "en"]
Draw = Callable[[Report], bytes]
_LOG = logging.getLogger(__name__)
LANGUAGES: tuple[Language, ...] = ("zh", "en")
# A phone that rings for what is critical is not for a report.
_NOT_BY = ("sms", "pagerduty")


def notify_recipients(
    connection: Connection, configuration: ActiveConfiguration, report: Report, now: datetime | None = None
) -> list[str]:
    """Writes one row a report and audience into usage.alert with its deliveries; returns the names newly notified.

    ``report`` is everybody's and goes to `reports.recipients`. For each tenant that has recipients and spent anything
    its own report is made, of its rows only. The same report again notifies nobody.
    """
    settings = configuration.settings
    notified = _notify(connection, configuration, report, settings.reports.recipients)
    if not settings.reports.to_tenants:
        return notified
    for tenant in tenants(connection):
        rule = settings.tenant_rule(tenant.tenant_id, tenant.name)
        names = rule.recipients if rule else ()
        if not names:
            continue
        own = make_report(connection, settings, report.edition, tenant=tenant, now=now)
        if own.rows:
            notified += _notify(connection, configuration, own, names)
    return notified


def _notify(
    connection: Connection, configuration: ActiveConfiguration, report: Report, names: tuple[str, ...]
) -> list[str]:
    """One row for each language that is read."""
    settings = configuration.settings
    notified = []
    for language in LANGUAGES:
        recipients = [
            (name, known.channel)
            for name in names
            if (known := settings.recipients[name]).channel not in _NOT_BY
            and (known.language or settings.language) == language
        ]
        if recipients and _raise(connection, configuration, report, recipients, language):
            notified += [name for name, _ in recipients]
    return notified


def _raise(
    connection: Connection,
    configuration: ActiveConfiguration,
    report: Report,
    recipients: Sequence[Addressee],
    language: Language,
) -> bool:
    edition, whose = report.edition, report.tenant
    key = ReportKey(
        edition=edition.kind,
        language=language,
        first_day=datetime.combine(edition.period.first, time(), ZoneInfo(report.zone)).astimezone(UTC),
        tenant=(whose.source, whose.tenant_id) if whose else None,
    )
    facts = _facts(report, configuration.settings, language, _drawing(connection, report, language))
    # Either both stand or neither: what was sent is what a later report is held against.
    with connection.transaction():
        raised = raise_report_alert(connection, key, facts, configuration.version, recipients)
        if raised:
            keep_said(connection, report, sent=True)
    return raised


def _drawing(connection: Connection, report: Report, language: Language) -> Draw:
    """What draws the picture: for an owner's month the card for chats, else the trend."""
    if report.tenant is None or report.edition.kind != "month":
        return trend_png
    return lambda found: card_png(found, project_ranks(connection, found), language)


def _facts(report: Report, settings: Settings, language: Language, draw: Draw = trend_png) -> ReportFacts:
    """What the message says, and the files that it carries: their names under the folder of reports."""
    folder, root = reports_folder(report), home_dir() / "reports"
    paths = write_report(report, settings.reports.formats, folder / language, language)
    picture = _picture(report, folder / language / f"{base_name(report)}.png", draw)
    link = settings.reports.link
    files = [path.relative_to(root).as_posix() for path in paths]
    # A card is for chats, which show no files: it is named, or linked, with the others.
    shown = [*paths, picture] if picture and draw is not trend_png else paths
    where = ", ".join(
        f"{link.rstrip('/')}/{path.relative_to(root).as_posix()}" if link else path.name for path in shown
    )
    return ReportFacts(
        title=summary_title(report, language),
        lines=(*summary_lines(report, language)[:9], (words(language)["files"], where)),
        scope_name=report.tenant.name if report.tenant else None,
        tenant_name=report.tenant.name if report.tenant else None,
        timezone=report.zone,
        provisional=report.provisional,
        files=tuple(files),
        picture=picture.relative_to(root).as_posix() if picture else None,
    )


def _picture(report: Report, path: Path, draw: Draw) -> Path | None:
    """The file with the picture; None, with a warning in the log, where pictures cannot be drawn."""
    try:
        png = draw(report)
    except MissingExtraError as error:
        _LOG.warning("the report goes out without its picture: %s", error)
        return None
    atomically(path, lambda place: place.write_bytes(png))
    return path
