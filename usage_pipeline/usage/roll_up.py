"""Makes the daily tables of the days whose events changed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.locks import DayLock, lock_days_until_commit
from usage_pipeline.warehouse.rows import rows, values
from usage_pipeline.warehouse.sessions import SESSIONS, in_parts
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
_SUMS_OF_EVENTS = ("daily_usage", "daily_node_usage", "daily_hour_usage")
_SUMS_OF_DAILY_USAGE = ("daily_project_usage", "daily_key_usage", "daily_user_usage", "daily_model_usage")
_DAYS_A_TRANSACTION = 31
# Fewer days are made by one session: opening another takes as long.
_DAYS_FOR_TWO = 8


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
    connection: Connection,
    days: Sequence[date],
    *,
    anew: bool = True,
    progress: Callable[[int, int], None] | None = None,
    sessions: int = SESSIONS,
) -> None:
    """Brings every daily table of the days up to the events; other days are not touched.

    ``anew``: the days are made again from all their events. Else only those that are marked so are; of the others that
    changed, what changed is added (usage.usage_change), and what did not change stays.
    Safe to run twice, at the same time as another roll-up or an ingest, and to kill anywhere: a month of days is one
    transaction, and a day that changes meanwhile stays marked as changed. Of two that share days one waits for the
    other; two that share none do not. Many days are made by ``sessions`` at once.
    """
    parts = _parts(days, sessions)

    def make(session: Connection, part: list[date]) -> None:
        with session.transaction():
            _roll_up_together(session, part, anew)

    def done(number: int) -> None:
        if progress:
            progress(sum(len(part) for part in parts[:number]), len(days))

    in_parts(connection, parts, make, done=done, sessions=sessions)


def _parts(days: Sequence[date], sessions: int) -> list[list[date]]:
    """Returns the days in parts of at most a month, an even share for each session."""
    size = len(days) if len(days) < _DAYS_FOR_TWO else -(-len(days) // sessions)
    size = max(min(size, _DAYS_A_TRANSACTION), 1)
    return [list(days[start : start + size]) for start in range(0, len(days), size)]


@dataclass(frozen=True)
class _Mark:
    """What a source's changes of a day were marked with when the roll-up looked."""

    source: str
    usage_date: date
    change: int
    anew: bool


def _roll_up_together(connection: Connection, days: list[date], anew: bool) -> None:
    # Groups of a month are kept in memory; the default would sort them on disk.
    connection.execute("SET LOCAL work_mem = '64MB'")
    # A day is made by one at a time: two would both insert it.
    lock_days_until_commit(connection, DayLock.ROLL_UP, days)
    marks = (
        "SELECT source, usage_date, change, anew FROM usage.changed_day WHERE usage_date = ANY(%s)"
        " ORDER BY source, usage_date"
    )
    seen = rows(connection, _Mark, marks, [days])
    whole = sorted({mark.usage_date for mark in seen if mark.anew}.union(days if anew else ()))
    added_to = sorted({mark.usage_date for mark in seen}.difference(whole))
    _add_changes(connection, added_to)
    _make_anew(connection, whole)
    _sum_up(connection, [*whole, *added_to])
    if whole or added_to:
        connection.execute(statement("usage/rolled_day"), {"days": [*whole, *added_to]})
    for mark in seen:
        connection.execute(
            "DELETE FROM usage.changed_day WHERE source = %s AND usage_date = %s AND change = %s",
            [mark.source, mark.usage_date, mark.change],
        )
    # Whoever wrote into the events or the tables by another way: what was added to does not add up, and is made anew.
    wrong = sorted({difference.usage_date for difference in differences(connection, added_to)}) if added_to else []
    _make_anew(connection, wrong)
    _sum_up(connection, wrong)
    # Changes that came while a day was read may be in some of its tables and not in others.
    connection.execute("UPDATE usage.changed_day SET anew = true WHERE usage_date = ANY(%s)", [[*whole, *wrong]])


def _sum_up(connection: Connection, days: list[date]) -> None:
    if days:
        for table in _SUMS_OF_DAILY_USAGE:
            connection.execute(statement(f"usage/{table}"), {"days": days})


def _make_anew(connection: Connection, days: list[date]) -> None:
    if days:
        connection.execute("DELETE FROM usage.usage_change WHERE usage_date = ANY(%s)", [days])
        for table in _SUMS_OF_EVENTS:
            connection.execute(statement(f"usage/{table}"), {"days": days})


def _add_changes(connection: Connection, days: list[date]) -> None:
    if days:
        connection.execute(statement("usage/take_changes"), {"days": days})
        for table in _SUMS_OF_EVENTS:
            connection.execute(statement(f"usage/add_to_{table}"), {"days": days})


def differences(connection: Connection, days: Sequence[date]) -> list[Difference]:
    """Returns where the daily tables do not equal the events; nothing when all is well."""
    return rows(connection, Difference, statement("usage/daily_difference"), {"days": list(days)})
