"""Who spent what in a period, and how it went beside spans like it: left out where reading it takes too long."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TypeVar
from zoneinfo import ZoneInfo

import psycopg

from usage_pipeline.budgets.evaluate import in_scope_parameters
from usage_pipeline.budgets.explain import Explanation, explain
from usage_pipeline.budgets.scope import in_scope
from usage_pipeline.settings import Budget
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import rows

T = TypeVar("T")
_PATIENCE_MS = 3000
_JOINED = "JOIN span s ON d.occurred_at >= s.begins AND d.occurred_at < s.ends"
_HOURLY_UP_TO = timedelta(days=2)
_WEEK = timedelta(days=7)
_WEEKS_COMPARED = 4
_LONGEST = timedelta(days=92)


@dataclass(frozen=True)
class Bucket:
    """An hour or a day of a period: what was spent in it, and what is usual, in the measure's unit."""

    bucket: int
    spent: Decimal
    usual: Decimal


@dataclass(frozen=True)
class Course:
    """The buckets of a period in order, how long each is, and how many of them have begun."""

    buckets: Sequence[Bucket]
    bucket: timedelta
    begun: int


def parts_of(connection: Connection, budget: Budget, scope_value: str, at: datetime) -> Explanation | None:
    """Returns the value's period at a moment (aware) by its largest parts; None without one, or where it takes long."""
    found = if_in_time(connection, lambda: explain(connection, budget, at, limit=1, scope_value=scope_value))
    return found[0] if found else None


def course_of(connection: Connection, budget: Budget, scope: dict[str, str], found: Explanation) -> Course | None:
    """Returns how the period of an explained value went; None where it is too long, or reading it takes too long.

    A day is compared with the same weekday of the four weeks before; a longer period with the one before it.
    """
    length = found.period_end - found.period_start
    if length > _LONGEST:
        return None
    hourly = length <= _HOURLY_UP_TO
    bucket = timedelta(hours=1) if hourly else timedelta(days=1)
    step, spans = (_WEEK, _WEEKS_COMPARED) if length <= _WEEK else (length, 1)
    parameters = {
        **in_scope_parameters(connection, budget, scope),
        "period_start": found.period_start,
        "period_end": found.period_end,
        "measure": found.measure,
        "bucket": bucket,
        "buckets": -(-length // bucket),
        "step": step,
        "spans": spans,
        "days": _days(found, step, spans),
    }
    query = in_scope("web/period_course", _JOINED)
    buckets = if_in_time(connection, lambda: rows(connection, Bucket, query, parameters))
    if buckets is None:
        return None
    return Course(buckets, bucket, min(-(-(found.at - found.period_start) // bucket), len(buckets)))


def _days(found: Explanation, step: timedelta, spans: int) -> list[date]:
    """The usage dates that the spans may lie on: a day more at each end, since days are of the tenants' zones."""
    zone, days = ZoneInfo(found.zone), set()
    for number in range(spans + 1):
        day = _day(found.period_start - number * step, zone) - timedelta(days=1)
        last = _day(found.period_end - number * step, zone) + timedelta(days=1)
        while day <= last:
            days.add(day)
            day += timedelta(days=1)
    return sorted(days)


def _day(moment: datetime, zone: ZoneInfo) -> date:
    return moment.astimezone(zone).date()


def if_in_time(connection: Connection, read: Callable[[], T]) -> T | None:
    """Returns what was read; None when one of its statements takes longer than three seconds. Only for reading."""
    try:
        with connection.transaction():
            connection.execute(f"SET LOCAL statement_timeout = {_PATIENCE_MS}")
            return read()
    except psycopg.errors.QueryCanceled:
        return None
