"""A marked test alert to one recipient, so that people can see a channel work before it matters."""

from datetime import datetime

from usage_pipeline.alerts.outbox import NewAlert, raise_alert
from usage_pipeline.configuration import ActiveConfiguration
from usage_pipeline.settings.model import Level
from usage_pipeline.warehouse.connection import Connection


def raise_test_alert(
    connection: Connection, configuration: ActiveConfiguration, recipient: str, level: Level, now: datetime
) -> str:
    """Writes the alert with a pending delivery; returns its id. Raises KeyError when there is no such recipient."""
    channel = configuration.settings.recipients[recipient].channel
    alert = NewAlert(
        kind="test",
        budget_id=recipient,
        scope_value="",
        period_start=now,
        period_end=None,
        tier="0",
        level=level,
        facts={
            "recipient": recipient,
            "channel": channel,
            "as_of": now.isoformat(),
            "timezone": configuration.settings.timezone,
            "level": level,
            "recipients": [recipient],
        },
        config_version=configuration.version,
    )
    with connection.transaction():
        raise_alert(connection, alert, [(recipient, channel)])
    return alert.alert_id
