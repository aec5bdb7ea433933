"""Decides before each round what is not sent, or not yet, and what is sent besides: set by set, in the warehouse."""

from datetime import datetime

from usage_pipeline.settings import Settings
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.statements import statement


def plan(connection: Connection, settings: Settings, now: datetime) -> None:
    """Applies every rule to the outbox as of ``now`` (aware UTC). Safe to run twice and at once."""
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('usage.plan', 3))")
        connection.execute(statement("delivery/inhibit"), {"now": now})
