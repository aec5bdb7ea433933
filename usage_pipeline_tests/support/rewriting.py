"""What only a test may do with history: rewrite it, or empty its tables, behind the triggers that guard them."""

from collections.abc import Sequence
from typing import LiteralString

from psycopg.sql import SQL, Identifier

from usage_pipeline.warehouse.connection import Connection


def rewrite(connection: Connection, statement: LiteralString, parameters: Sequence[object] = ()) -> None:
    """Changes what is history: guards and seals are off meanwhile, as only a superuser can have it."""
    with connection.transaction():
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute(statement, parameters)


def forget(connection: Connection, *tables: str) -> None:
    """Empties tables of schema usage and all that hangs on them; what the chain sealed of them is forgotten, too."""
    with connection.transaction():
        connection.execute("SET LOCAL session_replication_role = replica")
        named = SQL(", ").join(Identifier("usage", table) for table in (*tables, "audit_chain"))
        connection.execute(SQL("TRUNCATE {} CASCADE").format(named))
