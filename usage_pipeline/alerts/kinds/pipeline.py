"""Tells the operators when the pipeline itself fails: its passes, a channel, or a source that has gone quiet."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from usage_pipeline.alerts.outbox import NewAlert, raise_alert
from usage_pipeline.alerts.recipients import operators
from usage_pipeline.configuration import ActiveConfiguration
from usage_pipeline.settings import Settings
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.statements import statement

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_Found = tuple[str, str, datetime, Mapping[str, object], list[tuple[str, str]]]


def raise_watch_alerts(connection: Connection, configuration: ActiveConfiguration, now: datetime) -> list[str]:
    """Writes one alert an outage of each kind; returns the ids of those that are new. ``now`` is aware UTC.

    An outage is told apart by when all was last well, so that the next one is a new alert.
    """
    settings, raised = configuration.settings, []
    with connection.transaction():
        for what, about, since, facts, recipients in _found(connection, settings, now):
            alert = NewAlert(
                kind="watch",
                budget_id=f"{what}:{about}",
                scope_value="",
                period_start=since,
                period_end=None,
                tier="0",
                level="critical",
                facts={
                    "watch": what,
                    "about": about,
                    "well_until": since.isoformat() if since != _EPOCH else None,
                    "timezone": settings.timezone,
                    "level": "critical",
                    "recipients": [name for name, _ in recipients],
                    **facts,
                },
                config_version=configuration.version,
            )
            if raise_alert(connection, alert, recipients):
                raised.append(alert.alert_id)
    return raised


def _found(connection: Connection, settings: Settings, now: datetime) -> Iterator[_Found]:
    row = connection.execute(statement("alerts/passes_failed"), {"now": now}).fetchone()
    if row:
        yield "passes_failed", "", _since(row[3]), {"answer": str(row[2] or "")}, operators(settings)
    for name, channel, _, count, answer, last in connection.execute(
        statement("alerts/channels_failing"), {"now": now}
    ).fetchall():
        facts = {"recipient": str(name), "channel": str(channel), "attempts": str(count), "answer": str(answer or "")}
        yield "channel_failing", str(name), _since(last), facts, by_another_way(settings, str(name), str(channel))
    sources = [source.id for source in settings.sources]
    for source, last, usual in connection.execute(
        statement("alerts/quiet_sources"), {"now": now, "sources": sources}
    ).fetchall():
        yield "source_quiet", str(source), _since(last), {"usual": str(usual)}, operators(settings)


def _since(value: object) -> datetime:
    return value if isinstance(value, datetime) else _EPOCH


def by_another_way(settings: Settings, name: str, channel: str) -> list[tuple[str, str]]:
    """The operators whom another channel reaches; else other operators; else whom another channel reaches."""
    told = operators(settings)
    everyone: list[tuple[str, str]] = [(who, recipient.channel) for who, recipient in settings.recipients.items()]
    ways = (
        [each for each in told if each[1] != channel],
        [each for each in told if each[0] != name],
        [each for each in everyone if each[1] != channel],
    )
    return next((way for way in ways if way), told)
