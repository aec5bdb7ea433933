"""Reads rows of the warehouse as what they are: a dataclass a row, or one value of a known type."""

from collections.abc import Mapping, Sequence
from typing import LiteralString, TypeVar

import psycopg
from psycopg import sql
from psycopg.rows import RowFactory, class_row, scalar_row

from usage_pipeline.warehouse.connection import Connection

T = TypeVar("T")
V = TypeVar("V")
Query = LiteralString | bytes | sql.SQL | sql.Composed
Parameters = Sequence[object] | Mapping[str, object] | None


def rows(connection: Connection, row_type: type[T], query: Query, parameters: Parameters = None) -> list[T]:
    """Returns each row of the file's last statement as ``row_type``, whose fields are named as the columns are."""
    return _last(connection, class_row(row_type), query, parameters).fetchall()


def row(connection: Connection, row_type: type[T], query: Query, parameters: Parameters = None) -> T | None:
    """Returns the first row as ``row_type``; None when there is none."""
    return _last(connection, class_row(row_type), query, parameters).fetchone()


def values(connection: Connection, kind: type[V], query: Query, parameters: Parameters = None) -> list[V]:
    """Returns the first column of each row. Raises TypeError when one is not of that kind (or is null)."""
    return [checked(kind, found) for found in _last(connection, scalar_row, query, parameters).fetchall()]


def value(connection: Connection, kind: type[V], query: Query, parameters: Parameters = None) -> V:
    """Returns the one value of a query that always has one. Raises TypeError when it has none of that kind."""
    return checked(kind, _last(connection, scalar_row, query, parameters).fetchone())


def value_or_none(connection: Connection, kind: type[V], query: Query, parameters: Parameters = None) -> V | None:
    """Returns the one value of a query; None when there is no row, or null in it."""
    found = _last(connection, scalar_row, query, parameters).fetchone()
    return None if found is None else checked(kind, found)


def _last(connection: Connection, factory: RowFactory[T], query: Query, parameters: Parameters) -> psycopg.Cursor[T]:
    """The cursor at the result of the last statement: a file may hold several."""
    cursor = connection.cursor(row_factory=factory)
    cursor.execute(query, parameters)
    while cursor.nextset():
        pass
    return cursor


def checked(kind: type[V], found: object) -> V:
    """Returns what was found as what it is. Raises TypeError when it is not of that kind (or is null)."""
    if not isinstance(found, kind):
        raise TypeError(f"{kind.__name__} was expected of the database, {type(found).__name__} came")
    return found
