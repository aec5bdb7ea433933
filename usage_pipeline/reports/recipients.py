"""Puts a report into the outbox: everybody's for finance, each tenant's own for that tenant's people."""

from datetime import UTC, datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

from usage_pipeline.alerts.record import NewAlert, raise_alert
from usage_pipeline.configuration import InForce
from usage_pipeline.reports.document import Report
from usage_pipeline.reports.files import reports_folder, write_report
from usage_pipeline.reports.make import make_report
from usage_pipeline.reports.scope import tenants
from usage_pipeline.reports.summary import summary_lines, summary_title
from usage_pipeline.reports.words import words
from usage_pipeline.settings import Settings
from usage_pipeline.settings.environment import home_dir
from usage_pipeline.warehouse.connection import Connection

_LANGUAGES = ("zh", "en")
# A phone that rings for what is critical is not for a report.
_NOT_BY = ("sms", "pagerduty")


def tell_recipients(
    connection: Connection, configuration: InForce, report: Report, now: datetime | None = None
) -> list[str]:
    """Writes one row a report and audience into usage.alert with its deliveries; gives who is newly told, by name.

    ``report`` is everybody's and goes to `reports.recipients`. For each tenant that has recipients and spent anything
    its own report is made, of its rows only. Telling the same report again tells nobody.
    """
    settings = configuration.settings
    told = _tell(connection, configuration, report, settings.reports.recipients)
    if not settings.reports.to_tenants:
        return told
    for tenant in tenants(connection):
        rule = settings.tenant_rule(tenant.tenant_id, tenant.name)
        names = rule.recipients if rule else ()
        if not names:
            continue
        own = make_report(connection, settings, report.edition, tenant=tenant, now=now)
        if own.rows:
            told += _tell(connection, configuration, own, names)
    return told


def _tell(connection: Connection, configuration: InForce, report: Report, names: tuple[str, ...]) -> list[str]:
    settings = configuration.settings
    recipients = [
        (name, settings.recipients[name].channel) for name in names if settings.recipients[name].channel not in _NOT_BY
    ]
    if not recipients:
        return []
    start, whose = report.edition.span.first, report.tenant
    alert = NewAlert(
        kind="report",
        budget_id=f"{report.edition.kind}-report",
        scope_value=f"tenant={whose.source}/{whose.tenant_id}" if whose else "",
        period_start=datetime.combine(start, time(), ZoneInfo(report.zone)).astimezone(UTC),
        period_end=None,
        tier="0",
        level="info",
        facts=_facts(report, settings, [name for name, _ in recipients]),
        config_version=configuration.version,
    )
    with connection.transaction():
        new = raise_alert(connection, alert, recipients)
    return [name for name, _ in recipients] if new else []


def _facts(report: Report, settings: Settings, names: list[str]) -> dict[str, object]:
    folder = reports_folder(report)
    paths = write_report(report, settings.reports.formats, folder, settings.language)
    return {
        "scope_name": report.tenant.name if report.tenant else None,
        "tenant_name": report.tenant.name if report.tenant else None,
        "timezone": report.zone,
        "level": "info",
        "recipients": names,
        "provisional": report.provisional,
        "files": [str(path) for path in paths],
        **{f"title_{language}": summary_title(report, language) for language in _LANGUAGES},
        **{f"lines_{language}": _lines(report, settings, paths, language) for language in _LANGUAGES},
    }


def _lines(report: Report, settings: Settings, paths: list[Path], language: str) -> list[list[str]]:
    """Label and value of each line; the last says where the files are."""
    base = settings.reports.link
    root = home_dir() / "reports"
    where = [f"{base.rstrip('/')}/{path.relative_to(root).as_posix()}" if base else path.name for path in paths]
    lines = summary_lines(report, language)[:9]
    return [list(pair) for pair in [*lines, (words(language)["files"], ", ".join(where))]]
