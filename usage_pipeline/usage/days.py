"""What the daily tables hold of each day, and which older days are to be made again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import rows, values
from usage_pipeline.warehouse.statements import statement


@dataclass(frozen=True)
class MeasuredDay:
    """A table's rows of a day and their sums; cost in the configuration's currency."""

    table: str
    day: date
    rows: int
    total_tokens: int
    base_cost: Decimal
    calls: int


@dataclass(frozen=True)
class LateDay:
    """An older day of a source whose events changed; another ``change`` each time."""

    usage_date: date
    source: str
    change: int


def measured_days(connection: Connection, days: Sequence[date]) -> list[MeasuredDay]:
    """Returns a row a daily table and day, also of a day without usage."""
    return rows(connection, MeasuredDay, statement("usage/measured_days"), {"days": list(days)})


def newest_days(connection: Connection, limit: int) -> list[date]:
    """Returns the newest days on which there was usage, the newest first."""
    newest = "SELECT DISTINCT usage_date FROM usage.daily_project_usage ORDER BY 1 DESC LIMIT %s"
    return values(connection, date, newest, [limit])


def late_days(connection: Connection, first: date, before: date) -> list[LateDay]:
    """Returns the days from ``first`` on and before ``before`` that wait for a roll-up, oldest first."""
    return rows(connection, LateDay, statement("usage/late_days"), {"from": first, "before": before})
