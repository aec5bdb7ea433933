"""Makes the daily tables of the days whose events changed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.locks import Lock, lock_until_commit
from usage_pipeline.warehouse.rows import rows, values
from usage_pipeline.warehouse.statements import statement

# daily_usage comes first: the narrower tables are sums of it.
DAILY_TABLES = (
    "daily_usage",
    "daily_project_usage",
    "daily_key_usage",
    "daily_user_usage",
    "daily_model_usage",
    "daily_node_usage",
)
_DAYS_A_TRANSACTION = 31


@dataclass(frozen=True)
class Difference:
    """A daily table that does not equal the events of a day; tokens and cost in the base currency."""

    table: str
    usage_date: date
    event_tokens: int
    table_tokens: int
    event_cost: Decimal
    table_cost: Decimal


def changed_days(connection: Connection) -> list[date]:
    """Returns the days (of the tenants' zones) whose events changed since they were last rolled up, oldest first."""
    return values(connection, date, "SELECT DISTINCT usage_date FROM usage.changed_day ORDER BY 1")


def roll_up(
    connection: Connection, days: Sequence[date], *, progress: Callable[[int, int], None] | None = None
) -> None:
    """Makes every daily table of the days again from the events; other days are not touched.

    Safe to run twice, at the same time as another roll-up or an ingest, and to kill anywhere: a month of days is one
    transaction, and a day that changes meanwhile stays marked as changed.
    """
    for start in range(0, len(days), _DAYS_A_TRANSACTION):
        part = list(days[start : start + _DAYS_A_TRANSACTION])
        with connection.transaction():
            _roll_up_together(connection, part)
        if progress:
            progress(min(start + _DAYS_A_TRANSACTION, len(days)), len(days))


def _roll_up_together(connection: Connection, days: list[date]) -> None:
    # One roll-up at a time: two that make the same day would both insert it.
    lock_until_commit(connection, Lock.ROLL_UP)
    seen = connection.execute(
        "SELECT source, usage_date, change FROM usage.changed_day WHERE usage_date = ANY(%s)", [days]
    ).fetchall()
    for table in DAILY_TABLES:
        connection.execute(statement(f"usage/{table}"), {"days": days})
    connection.execute(statement("usage/daily_hour_usage"), {"days": days})
    connection.execute(statement("usage/rolled_day"), {"days": days})
    for mark in seen:
        connection.execute(
            "DELETE FROM usage.changed_day WHERE source = %s AND usage_date = %s AND change = %s", list(mark)
        )


def differences(connection: Connection, days: Sequence[date]) -> list[Difference]:
    """Returns where the daily tables do not equal the events; nothing when all is well."""
    return rows(connection, Difference, statement("usage/daily_difference"), {"days": list(days)})
