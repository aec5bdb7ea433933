"""Tells the operators that a source cannot be read: what is spent there meanwhile is not watched."""

from datetime import UTC, datetime, timedelta

from usage_pipeline.alerts.outbox import NewAlert, raise_alert
from usage_pipeline.alerts.recipients import operators
from usage_pipeline.configuration import ActiveConfiguration
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.statements import statement

# Long enough that a restart of Dify's database tells nobody.
SILENT_FOR = timedelta(minutes=10)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def raise_source_alerts(connection: Connection, configuration: ActiveConfiguration, now: datetime) -> list[str]:
    """Writes one alert an outage of a source, told apart by when it was last read; returns the ids of new ones.

    A source that was never read is told at once. ``now`` is aware UTC.
    """
    settings = configuration.settings
    recipients = operators(settings)
    sources = [source.id for source in settings.sources]
    raised = []
    with connection.transaction():
        silent = connection.execute(
            statement("alerts/silent_sources"), {"sources": sources, "before": now - SILENT_FOR}
        ).fetchall()
        for source_id, last_success, error in silent:
            since = last_success if isinstance(last_success, datetime) else None
            alert = NewAlert(
                kind="source",
                budget_id=str(source_id),
                scope_value="",
                period_start=since or _EPOCH,
                period_end=None,
                tier="0",
                level="critical",
                facts={
                    "source": str(source_id),
                    "error": str(error),
                    "last_read_at": since.isoformat() if since else None,
                    "timezone": settings.timezone,
                    "level": "critical",
                    "recipients": [name for name, _ in recipients],
                },
                config_version=configuration.version,
            )
            if raise_alert(connection, alert, recipients):
                raised.append(alert.alert_id)
    return raised
