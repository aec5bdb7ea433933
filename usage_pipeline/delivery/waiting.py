"""What the outbox holds: what is due now, and what did not arrive."""

from dataclasses import dataclass
from datetime import datetime

from usage_pipeline.alerts.kinds.registry import kinds_that
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import row, rows
from usage_pipeline.warehouse.statements import statement


@dataclass(frozen=True)
class DueDelivery:
    """A delivery that is due: a key that changes with each attempt; and how many workers are delivering now."""

    key: str
    workers: int


@dataclass(frozen=True)
class Undelivered:
    """How many deliveries failed without anybody's acknowledgement, and how many wait for more than five minutes."""

    failed: int
    waiting: int


def due_deliveries(connection: Connection, now: datetime) -> list[DueDelivery]:
    """Returns what is due at ``now`` (aware UTC)."""
    return rows(connection, DueDelivery, statement("alerts/due_keys"), {"now": now})


def undelivered(connection: Connection) -> Undelivered:
    """Returns what did not arrive; tests are left out."""
    parameters = {"not_awaited": kinds_that(lambda kind: not kind.awaited)}
    return row(connection, Undelivered, statement("alerts/undelivered"), parameters) or Undelivered(0, 0)
