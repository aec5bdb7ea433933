"""Removes alerts that are older than the configuration keeps them: the only way out of the audit."""

from datetime import datetime, timedelta

from usage_pipeline.settings import Settings
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import value

_AT_ONCE = 10_000


def remove_old_alerts(connection: Connection, settings: Settings, now: datetime) -> int:
    """Removes alerts older than alerting.keep_days whose deliveries have ended; returns how many. Safe to run twice.

    The warehouse itself keeps to its rule (30 days by its own clock at the least) and puts on record what left.
    """
    before = now - timedelta(days=settings.alerting.keep_days)
    with connection.transaction():
        removed = value(connection, int, "SELECT usage.remove_alerts(%s, %s)", [before, _AT_ONCE])
        # Other tables' retention is other jobs' business, and nobody learns anything from old passes.
        connection.execute("DELETE FROM usage.pass_record WHERE started_at < %s", [now - timedelta(days=30)])
    return removed
