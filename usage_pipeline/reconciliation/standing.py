"""How the newest days came out when they were reconciled last, and which to reconcile again."""

from dataclasses import dataclass
from datetime import date

from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import row, rows, values
from usage_pipeline.warehouse.statements import statement


@dataclass(frozen=True)
class Standing:
    """The newest days together; ``do_not_fit`` in words."""

    days: int
    gone_events: int
    do_not_fit: list[str]


@dataclass(frozen=True)
class NotCompared:
    """A day of a source that could not be compared, and why."""

    source: str
    usage_date: date
    says: str


def standing(connection: Connection, days: int) -> Standing:
    """Returns how the newest ``days`` days came out."""
    return row(connection, Standing, statement("reconciliation/standing"), {"days": days}) or Standing(0, 0, [])


def not_compared(connection: Connection) -> list[NotCompared]:
    """Returns the sources of which yesterday or the day before could not be compared."""
    return rows(connection, NotCompared, statement("reconciliation/not_compared"))


def days_to_repeat(connection: Connection, *, after: date, before: date) -> list[date]:
    """Returns the days between the two, without them, that did not fit when they were compared last; oldest first."""
    return values(connection, date, statement("reconciliation/days_to_repeat"), {"after": after, "before": before})
