"""The fragments of SQL by which statements take in what lies in a budget's scope, and rank it."""

from functools import cache
from typing import LiteralString

from psycopg import sql

from usage_pipeline.budgets.dimension_sql import with_dimensions
from usage_pipeline.warehouse.statements import statement


def fits_scope() -> LiteralString:
    """Whether a row fits the scope (sql/budgets/fits_scope.sql)."""
    return with_dimensions("budgets/fits_scope")


def in_scope(name: LiteralString, also: LiteralString = "") -> sql.SQL:
    """Returns a statement in which :in_scope became the events of one value of a budget, :in_period those of a period.

    ``also`` is joined to them.
    """
    return _of_value(name, "usage.usage_event", also)


def counted_in_scope(name: LiteralString, *, by_event: bool) -> sql.SQL:
    """Returns a statement in which :in_scope became the rows by which budgets count, of days or of events."""
    counted = with_dimensions("budgets/rows_of_events" if by_event else "budgets/rows_of_days")
    return _of_value(name, f"({counted})", "")


@cache
def _of_value(name: LiteralString, rows: LiteralString, also: LiteralString) -> sql.SQL:
    of_value = (
        with_dimensions("budgets/in_scope")
        .replace("\nWHERE ", f"\n{also}\nWHERE ", 1)
        .replace(":fits_scope", fits_scope())
        .replace(":rows", rows)
    )
    return sql.SQL(
        with_dimensions(name)
        .replace(":in_scope", of_value)
        .replace(":in_period", statement("budgets/in_period"))
        .replace(":largest", statement("alerts/largest"))
    )
