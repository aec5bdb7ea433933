"""What enforcement has to do now, and where Dify is not as it is recorded."""

from datetime import datetime, timedelta

from usage_pipeline.settings import Settings
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import values
from usage_pipeline.warehouse.statements import statement


def due_keys(connection: Connection, settings: Settings, now: datetime) -> list[str]:
    """Returns a key of each thing that is to be done at ``now`` (aware UTC), which changes once it was tried."""
    look_before = now - _every(settings)
    return values(connection, str, statement("enforcement/anything_due"), {"now": now, "look_before": look_before})


def drift(connection: Connection, settings: Settings, now: datetime) -> list[str]:
    """Returns in words where Dify is not, or may not be, as our rows say."""
    return values(connection, str, statement("enforcement/drift"), {"now": now, "look_every": _every(settings)})


def _every(settings: Settings) -> timedelta:
    return timedelta(minutes=settings.enforcement.look_every_minutes)
