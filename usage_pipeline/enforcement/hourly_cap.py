"""No more than so many actions begin within an hour: a mistake in a budget must not stop a whole company."""

from datetime import datetime, timedelta

from usage_pipeline.settings import Settings
from usage_pipeline.warehouse.connection import Connection


def may_begin(connection: Connection, settings: Settings, now: datetime) -> bool:
    """Whether one more may begin; the caller's transaction, which notes that it has, holds back others until then."""
    connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('usage.enforcement_cap', 0))")
    row = connection.execute(
        "SELECT count(*) FROM usage.enforcement_action WHERE began_at > %s", [now - timedelta(hours=1)]
    ).fetchone()
    begun = int(str(row[0])) if row else 0
    return begun < settings.enforcement.most_actions_per_hour
