"""What the daily tables hold of each day, and which older days are to be made again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from usage_pipeline.settings.first_day import keep_first_day
from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import row, rows, value_or_none, values
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


@dataclass(frozen=True)
class _Span:
    first: date | None
    last: date | None


@dataclass(frozen=True)
class UnpricedModel:
    """A model whose tokens have no price in the configuration's currency, and the days on which it was called."""

    provider: str | None
    model: str | None
    currency: str | None
    tokens: int
    first_day: date
    last_day: date


def unpriced_models(connection: Connection) -> list[UnpricedModel]:
    """Returns the models of the last 30 days without a price, the largest first."""
    return rows(connection, UnpricedModel, statement("usage/unpriced_models"))


def measured_days(connection: Connection, days: Sequence[date]) -> list[MeasuredDay]:
    """Returns a row a daily table and day, also of a day without usage."""
    return rows(connection, MeasuredDay, statement("usage/measured_days"), {"days": list(days)})


def newest_days(connection: Connection, limit: int) -> list[date]:
    """Returns the newest days on which there was usage, the newest first."""
    newest = "SELECT DISTINCT usage_date FROM usage.daily_project_usage ORDER BY 1 DESC LIMIT %s"
    return values(connection, date, newest, [limit])


def days_to_make(connection: Connection, days: Sequence[date]) -> list[date]:
    """Returns those of the days for which the warehouse holds anything to make again."""
    span = row(connection, _Span, statement("usage/known_span"))
    if span is None or span.first is None or span.last is None:
        return []
    return [day for day in days if span.first <= day <= span.last]


def rolled_days(connection: Connection) -> list[date]:
    """Returns every day whose daily tables were ever made, oldest first."""
    return values(connection, date, "SELECT usage_date FROM usage.rolled_day ORDER BY 1")


def reconciled_days(connection: Connection) -> list[date]:
    """Returns every day that was ever held against a source's own sums, oldest first."""
    return values(connection, date, "SELECT DISTINCT usage_date FROM usage.reconciliation ORDER BY 1")


def keep_first_day_of(connection: Connection) -> None:
    """Keeps the first usage date where the code location looks for it; nothing where there was no usage."""
    first = value_or_none(connection, date, statement("usage/first_day"))
    if first is not None:
        keep_first_day(first)


def late_days(connection: Connection, first: date, before: date) -> list[LateDay]:
    """Returns the days from ``first`` on and before ``before`` that wait for a roll-up, oldest first."""
    return rows(connection, LateDay, statement("usage/late_days"), {"from": first, "before": before})
