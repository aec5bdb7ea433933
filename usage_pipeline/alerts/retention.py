"""Removes alerts that are older than the configuration keeps them: the only way out of the audit."""

from datetime import datetime, timedelta

from usage_pipeline.settings import Settings
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.statements import statement

_AT_ONCE = 10_000


def remove_old_alerts(connection: Connection, settings: Settings, now: datetime) -> int:
    """Removes alerts older than alerting.keep_days whose deliveries have ended; returns how many. Safe to run twice."""
    before = now - timedelta(days=settings.alerting.keep_days)
    with connection.transaction():
        connection.execute("SET LOCAL usage_pipeline.retention = 'on'")
        cursor = connection.execute(statement("alerts/remove_old"), {"before": before, "most": _AT_ONCE})
        while cursor.nextset():
            pass
        row = cursor.fetchone()
        # Other tables' retention is other jobs' business, and old passes tell nobody anything.
        connection.execute("DELETE FROM usage.pass_record WHERE started_at < %s", [now - timedelta(days=30)])
    return int(str(row[0])) if row else 0
