"""What the warehouse's catalogue says of a table: its columns with their comments, and how many rows it has."""

from dataclasses import dataclass

from psycopg import sql

from usage_pipeline.warehouse.connection import Connection
from usage_pipeline.warehouse.rows import rows, value
from usage_pipeline.warehouse.statements import statement


@dataclass(frozen=True)
class Column:
    """A column of a table; ``kind`` as PostgreSQL writes it."""

    name: str
    kind: str
    nullable: bool
    comment: str | None


def columns(connection: Connection, table: str) -> list[Column]:
    """Returns the columns of a table of schema usage in their order; none when there is no such table."""
    return rows(connection, Column, statement("warehouse/columns"), {"table": table})


def row_count(connection: Connection, table: str) -> int:
    """Returns how many rows a table of schema usage has."""
    counted = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier("usage", table))
    return value(connection, int, counted)


def estimated_rows(connection: Connection, table: str) -> int:
    """Returns about how many rows a table of schema usage has, without reading it."""
    return value(connection, int, statement("warehouse/estimated_rows"), {"table": table})
