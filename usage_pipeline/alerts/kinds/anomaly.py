"""Turns unusual usage into alerts: one a rule, value and day, or week."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from usage_pipeline.alerts.kinds.budget import resolved_names
from usage_pipeline.alerts.outbox import NewAlert, raise_alert
from usage_pipeline.alerts.recipients import operators
from usage_pipeline.budgets.anomalies import Unusual
from usage_pipeline.settings import Settings
from usage_pipeline.warehouse.connection import Connection


def raise_anomaly_alerts(
    connection: Connection, settings: Settings, version: int, unusual: Sequence[Unusual], now: datetime
) -> list[str]:
    """Writes the alerts of rules in mode `alert`; returns the ids of those that are new.

    Runs inside the transaction that found them. ``now`` is aware UTC.
    """
    raised = []
    for found in unusual:
        if found.rule.mode != "alert":
            continue
        recipients = _recipients(connection, settings, found)
        alert = NewAlert(
            kind="anomaly",
            budget_id=found.rule.id,
            scope_value=found.value,
            period_start=_day_of(found, settings.timezone),
            period_end=None,
            tier="0",
            level=found.rule.level,
            facts={
                "rule": found.rule.id,
                "scope_name": found.name,
                "window": found.rule.window,
                "window_start": found.window.starts.isoformat(),
                "window_end": found.window.ends.isoformat(),
                "measure": found.rule.measure,
                "amount": str(found.amount),
                "usual": str(found.usual),
                "score": str(found.score),
                "currency": settings.currency,
                "timezone": settings.timezone,
                "level": found.rule.level,
                "recipients": [name for name, _ in recipients],
            },
            config_version=version,
            at=now,
        )
        if raise_alert(connection, alert, recipients):
            raised.append(alert.alert_id)
    return raised


def _day_of(found: Unusual, zone: str) -> datetime:
    """What makes the next one another alert: an hour's day, a day itself, a week's Monday."""
    day = (found.window.ends - timedelta(microseconds=1)).astimezone(ZoneInfo(zone)).date()
    if found.rule.window == "week":
        day -= timedelta(days=day.weekday())
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


def _recipients(connection: Connection, settings: Settings, found: Unusual) -> list[tuple[str, str]]:
    """`owner` stands for the one tenant that the value lies in; the configuration has it for no other values."""
    source, _, given = found.value.partition("/")
    row = connection.execute(
        "SELECT t.tenant_id, t.name FROM usage.tenant t"
        " LEFT JOIN usage.project p USING (source, tenant_id) LEFT JOIN usage.api_key k USING (source, app_id)"
        " WHERE t.source = %s AND %s IN (t.tenant_id, p.app_id, k.api_key_id) LIMIT 1",
        [source, given],
    ).fetchone()
    tenant = (str(row[0]), str(row[1])) if row else ("", "")
    names = resolved_names(settings, found.rule.notify, tenant)
    return [(name, settings.recipients[name].channel) for name in names] or operators(settings)
